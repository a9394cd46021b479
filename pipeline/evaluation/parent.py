"""The release that the synthesizer's training started from: it speaks the same sentences, for comparison."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from peewee_model.audio.clip import decode_flac, resample
from peewee_model.audio.speaker_mel import speaker_mel
from peewee_model.encoder.speaker_encoder import load_encoder
from pipeline.evaluation.config import SpeechTestConfig
from pipeline.evaluation.sentences import Reading, Samples, Sentence
from pipeline.evaluation.speech import Speaker
from pipeline.evaluation.voices import blend


class Parent:
    """A release's encoder, synthesizer and vocoder. They receive the same references as the trained models.

    Args:
        release: Its folder.
        config: As for the trained models.
        seed: As for the trained models.
        device: Where to compute.
    """

    def __init__(self, release: Path, config: SpeechTestConfig, seed: int, device: str) -> None:
        self._encoder = load_encoder(release / "encoder").to(device)
        self._speaker = Speaker(release / "synthesizer", release / "vocoder", config, seed, device)
        self._device = device

    def say(self, sentence: Sentence, recordings: Mapping[str, bytes], sample_rate: int) -> tuple[Samples, Reading]:
        """Say a sentence in the voice of its references.

        Args:
            sentence: What to say.
            recordings: FLAC by utterance_id, of the references too.
            sample_rate: Sample rate of the result, in Hz; the parent's own rate may differ.
        """
        clips = [decode_flac(recordings[name]) for name in sentence.reference_ids]
        mel = self._encoder.config.mel
        mels = [speaker_mel(resample(clip.samples, clip.sample_rate, mel.sample_rate), mel) for clip in clips]
        embeddings = [self._embed(item) for item in mels]
        voice = blend(embeddings, [clip.duration_s for clip in clips])
        samples, reading = self._speaker.say(sentence.utterance_id, sentence.text, voice, clips)
        return resample(samples, self._speaker.mel.sample_rate, sample_rate), reading

    @torch.inference_mode()
    def _embed(self, mel: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self._encoder.embed_utterance(torch.from_numpy(mel).to(self._device)).cpu().numpy())
