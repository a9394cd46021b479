"""Reads texts aloud with a synthesizer and its vocoder."""

import math
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from peewee_model.audio.clip import Clip
from peewee_model.audio.mel import MelConfig
from peewee_model.cloning.matching import VoiceMatch
from peewee_model.cloning.speaking import SentenceSpeaker
from peewee_model.errors import ConfigError
from peewee_model.synthesizer.factory import load_synthesizer
from peewee_model.synthesizer.options import InferOptions
from peewee_model.text.symbols.config import TextConfig
from peewee_model.text.symbols.tokenizer import Tokenizer
from peewee_model.vocoder.factory import load_vocoder
from peewee_model.vocoder.griffin_lim import GriffinLim, GriffinLimConfig
from pipeline.alignment import coverage, diagonality, focus_rate
from pipeline.evaluation.config import SpeechTestConfig
from pipeline.evaluation.sentences import Reading, Row, Samples


@dataclass
class Clock:
    """Seconds that were needed to make speech. They go to timings.json, which no stage depends on."""

    speech_s: float = 0.0
    synthesizer_s: float = 0.0
    vocoder_s: float = 0.0

    def document(self) -> dict[str, float]:
        """Return real-time factors (seconds a second of speech; below 1 is faster than speech) and their components."""
        total_s = self.synthesizer_s + self.vocoder_s
        per_s = 1 / self.speech_s if self.speech_s else math.nan
        return vars(self) | {
            "real_time_factor_synthesizer": self.synthesizer_s * per_s,
            "real_time_factor_vocoder": self.vocoder_s * per_s,
            "real_time_factor": total_s * per_s,
        }


class Speaker:
    """A trained synthesizer and vocoder, reading one text at a time.

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
        settings = config.griffin_lim.model_dump()
        self._griffin_lim = GriffinLim(GriffinLimConfig(arch="griffin_lim", mel=self.mel, **settings)).to(device)
        self._voices = SentenceSpeaker(self._synthesizer, self._vocoder)
        self._matches: dict[bytes, VoiceMatch | None] = {}
        self.clock = Clock()

    @property
    def vocoder_arch(self) -> str:
        """`griffin_lim` or `hifi_gan`."""
        return self._vocoder.config.arch

    def copy(self, mel: NDArray[np.float32]) -> dict[Row, Samples]:
        """Turn a recording's mel (M, T) into samples, by the vocoder, and by Griffin-Lim if that is another."""
        given = torch.tensor(mel, device=self._device)
        copies: dict[Row, Samples] = {}
        if self.vocoder_arch != "griffin_lim":
            copies["copy_synthesis_griffin_lim"] = self._griffin_lim.synthesize(given)
        copies["copy_synthesis"] = self._vocoder.synthesize(given)
        return copies

    def say(
        self, name: str, text: str, embedding: NDArray[np.float32], recordings: Sequence[Clip]
    ) -> tuple[Samples, Reading]:
        """Read a text and make sound of it, as `VoiceCloner` does: brought nearer to recordings of the voice.

        Args:
            name: As for `read`.
            text: As for `read`.
            embedding: As for `read`.
            recordings: That the embedding is of.
        """
        match = self._match(embedding, recordings)
        started = time.perf_counter()
        mel, reading = self.read(name, text, embedding)
        read = time.perf_counter()
        samples = self._voices.synthesize(mel, match)
        self.clock.synthesizer_s += read - started
        self.clock.vocoder_s += time.perf_counter() - read
        self.clock.speech_s += len(samples) / self.mel.sample_rate
        return samples, reading

    def _match(self, embedding: NDArray[np.float32], recordings: Sequence[Clip]) -> VoiceMatch | None:
        """Once for each voice; it is part of loading a voice, not of speaking."""
        key = embedding.tobytes()
        if key not in self._matches:
            self._matches[key] = self._voices.match(torch.tensor(embedding, device=self._device), recordings)
        return self._matches[key]

    @torch.inference_mode()
    def read(self, name: str, text: str, embedding: NDArray[np.float32]) -> tuple[torch.Tensor, Reading]:
        """Read a text.

        Args:
            name: Seeds the dropout, so that no text depends on which others are read.
            text: Normalised.
            embedding: The voice. (E,)

        Returns:
            The mel (M, T), and how it was read.
        """
        config = self._synthesizer.config
        tokens = torch.tensor([self._tokenizer.encode(text)], device=self._device)
        frames_per_s = self.mel.sample_rate / self.mel.hop_length
        output = self._synthesizer.infer(
            tokens,
            torch.tensor([tokens.shape[1]], device=self._device),
            torch.tensor(embedding, device=self._device)[None] if config.speaker_embedding_dim else None,
            max_frames=math.ceil((1 + self._config.max_s_per_symbol * tokens.shape[1]) * frames_per_s),
            options=InferOptions(
                generator=torch.Generator(self._device).manual_seed(zlib.crc32(f"{self._seed} {name}".encode())),
            ),
        )
        n_frames = int(output.mel_lengths[0])
        n_steps = -(-n_frames // config.reduction_factor)
        alignment = output.alignment[0, :n_steps].float().cpu()
        reading = Reading(
            alignment=alignment.numpy(),
            truncated=bool(output.truncated[0]),
            diagonality=diagonality(alignment),
            focus_rate=focus_rate(alignment),
            coverage=coverage(alignment),
        )
        return output.mel[0, :, :n_frames], reading
