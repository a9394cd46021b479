"""Speaks held-out sentences with the trained models."""

import math
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from peewee_model.audio.clip import decode_flac, resample
from peewee_model.audio.mel import MelConfig
from peewee_model.errors import ConfigError
from peewee_model.synthesizer.alignment import coverage, diagonality, focus_rate
from peewee_model.synthesizer.model import load_synthesizer
from peewee_model.text.config import TextConfig
from peewee_model.text.symbols import Tokenizer
from peewee_model.vocoder.vocoder import load_vocoder
from pipeline.evaluation.config import SpeechTestConfig
from pipeline.evaluation.sentences import Samples, Sentence, Spoken


@dataclass
class Clock:
    """Seconds that speech took to make. Goes to timings.json, which is no output that anything depends on."""

    speech_s: float = 0.0
    synthesizer_s: float = 0.0
    vocoder_s: float = 0.0

    def document(self) -> dict[str, float]:
        """Real-time factors (seconds a second of speech; below 1 is faster than speech) and what they are made of."""
        total_s = self.synthesizer_s + self.vocoder_s
        per_s = 1 / self.speech_s if self.speech_s else math.nan
        return vars(self) | {
            "real_time_factor_synthesizer": self.synthesizer_s * per_s,
            "real_time_factor_vocoder": self.vocoder_s * per_s,
            "real_time_factor": total_s * per_s,
        }


class Speaker:
    """The trained synthesizer and vocoder, speaking one sentence at a time.

    Raises:
        ConfigError: If they were not trained on the same mels.
    """

    def __init__(self, synthesizer: Path, vocoder: Path, config: SpeechTestConfig, seed: int, device: str) -> None:
        self._synthesizer = load_synthesizer(synthesizer).to(device)
        self._vocoder = load_vocoder(vocoder).to(device)
        self.mel: MelConfig = self._synthesizer.config.mel
        if self.mel != self._vocoder.config.mel:
            raise ConfigError(f"{synthesizer} and {vocoder} were made for different mels; run `dvc repro`")
        text = TextConfig.model_validate(self._synthesizer.config.text)
        self.language = text.language
        self._tokenizer = Tokenizer(text)
        self._config, self._seed, self._device = config, seed, device
        self.clock = Clock()

    def speak(
        self, sentence: Sentence, embedding: NDArray[np.float32], mel: NDArray[np.float32], flac: bytes
    ) -> Spoken:
        """Make the three rows of a sentence.

        Args:
            sentence: What to say.
            embedding: Of the reference. (E,)
            mel: Of the recording. (M, T)
            flac: The recording.
        """
        clip = decode_flac(flac)
        copy = self._vocoder.synthesize(torch.tensor(mel, device=self._device))
        synthesized, alignment, truncated = self._synthesize(sentence, embedding)
        return Spoken(
            sentence=sentence,
            samples={
                "ground_truth": resample(clip.samples, clip.sample_rate, self.mel.sample_rate),
                "copy_synthesis": copy,
                "synthesized": synthesized,
            },
            alignment=alignment.numpy(),
            truncated=truncated,
            diagonality=diagonality(alignment),
            focus_rate=focus_rate(alignment),
            coverage=coverage(alignment),
        )

    @torch.inference_mode()
    def _synthesize(self, sentence: Sentence, embedding: NDArray[np.float32]) -> tuple[Samples, torch.Tensor, bool]:
        config = self._synthesizer.config
        tokens = torch.tensor([self._tokenizer.encode(sentence.text)], device=self._device)
        frames_per_s = self.mel.sample_rate / self.mel.hop_length
        # One seed a sentence, so that none depends on which others are spoken.
        seed = zlib.crc32(f"{self._seed} {sentence.utterance_id}".encode())
        started = time.perf_counter()
        output = self._synthesizer.infer(
            tokens,
            torch.tensor([tokens.shape[1]], device=self._device),
            torch.tensor(embedding, device=self._device)[None] if config.speaker_embedding_dim else None,
            max_frames=math.ceil((1 + self._config.max_s_per_symbol * tokens.shape[1]) * frames_per_s),
            stop_threshold=self._config.stop_threshold,
            generator=torch.Generator(self._device).manual_seed(seed),
        )
        n_frames = int(output.mel_lengths[0])
        n_steps = -(-n_frames // config.reduction_factor)
        alignment = output.alignment[0, :n_steps].float().cpu()
        spoken = time.perf_counter()
        samples = self._vocoder.synthesize(output.mel[0, :, :n_frames])
        self.clock.synthesizer_s += spoken - started
        self.clock.vocoder_s += time.perf_counter() - spoken
        self.clock.speech_s += len(samples) / self.mel.sample_rate
        return samples, alignment, bool(output.truncated[0])


def speak_all(
    speaker: Speaker,
    sentences: Sequence[Sentence],
    embeddings: Mapping[str, NDArray[np.float32]],
    mels: Mapping[str, NDArray[np.float32]],
    recordings: Mapping[str, bytes],
) -> Iterable[Spoken]:
    """Make the three rows of each sentence; the mappings are by utterance_id, mels as the table has them."""
    for sentence in sentences:
        mel: Any = mels[sentence.utterance_id].reshape(speaker.mel.n_mels, -1)
        yield speaker.speak(sentence, embeddings[sentence.reference_id], mel, recordings[sentence.utterance_id])
