"""Brings speech nearer to a reference: the level and the spread of each band of its mel, and its pitch.

A synthesizer that learned from few people speaks in a voice between theirs. How far it is from a reference on average
can be measured without the reference's text: the synthesizer says a few sentences in the voice, and their mels are
compared with those of the recordings. After that, each band is scaled and shifted to the mean and the deviation of the
recordings, and so is the logarithm of the pitch.

Source:
    Toda et al. 2007, doi:10.1109/TASL.2007.907344, on the global variance of spectra; Chappell and Hansen 1998,
    "Speaker-specific pitch contour modeling and modification", on the mean and the deviation of the pitch.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peewee_model.audio.clip import Clip, resample
from peewee_model.audio.loudness import level
from peewee_model.audio.mel import MelConfig, log_mel
from peewee_model.vocoder.factory import Vocoder
from peewee_model.vocoder.log_mel import band_centres, smoothing_over_bands
from peewee_model.vocoder.source_filter import SourceFilter

SENTENCES = {
    "en": (
        "the birch canoe slid on the smooth planks.",
        "glue the sheet to the dark blue background.",
        "it is easy to tell the depth of a well.",
        "these days a chicken leg is a rare dish.",
        "rice is often served in round bowls.",
    )
}
"""By language: what the network says to be compared with a reference. In a language without sentences nothing is
matched.

Source:
    IEEE 1969, "Recommended Practice for Speech Quality Measurements", list 1.
"""
_LOUDNESS_LUFS = -23.0  # of recordings, so that a soft one is not cut off by the mel's floor
_LONGEST_S = 60.0  # of recordings that are measured
_SMOOTHING_HZ = 80.0  # so that harmonics of the one pitch are not put on the other
_SPEECH_NEPERS = 3.5  # below the loud frames; 30 dB
_EDGE_NEPERS = 1.2  # from there on down, nothing is changed; 10 dB
_HALF_S = 1.5  # of speech: with so much, a change is half of the measured difference; with more, nearer to all of it
_MOST_SHIFT = 2.3  # nepers; 20 dB
_SCALES = (0.5, 2.0)
_PITCH_SCALES = (0.6, 2.0)
_MOST_PITCH_SHIFT = math.log(2)


@dataclass(frozen=True)
class VoiceMatch:
    """How what a network says is brought nearer to a voice."""

    scale: Tensor
    """Of the log-mel, around `centre`. (M,)"""
    centre: Tensor
    """Mean of what the network says. (M,)"""
    shift: Tensor
    """Added to the log-mel. (M,)"""
    pitch: Tensor
    """Of the logarithm of the pitch: scale, centre, shift; (1, 0, 0) where it was not measured. (3,)"""

    def mel(self, mel: Tensor, floor: float) -> Tensor:
        """Change a log-mel, most where it is loud, and not at all in pauses. (M, T) -> (M, T)

        Args:
            mel: What the network says.
            floor: The least value, natural log.
        """
        loud = _loudness(mel)
        least = (loud.quantile(0.95) - _SPEECH_NEPERS - _EDGE_NEPERS).clamp(min=floor)
        heard = ((loud - least) / _EDGE_NEPERS).clamp(0, 1)
        scale, centre, shift = (value.to(mel)[:, None] for value in (self.scale, self.centre, self.shift))
        changed = (mel - centre) * scale + centre + shift
        return (mel + heard * (changed - mel)).clamp(min=floor)

    def hertz(self, pitch: NDArray[np.float64], f_min: float, f_max: float) -> NDArray[np.float64]:
        """Change a pitch in Hz, 0 where unvoiced, within limits. (T,) -> (T,)"""
        scale, centre, shift = self.pitch.tolist()
        logs = (np.log(np.where(pitch > 0, pitch, 1.0)) - centre) * scale + centre + shift
        return np.where(pitch > 0, np.exp(logs).clip(f_min, f_max), 0.0)


@dataclass(frozen=True)
class _Average:
    """Of some speech."""

    mean: Tensor
    """Of the log-mel. (M,)"""
    deviation: Tensor
    """(M,)"""
    n_frames: int
    log_pitch: NDArray[np.float64]
    """Of voiced frames. (V,)"""


class VoiceMatcher:
    """Compares what a network says with recordings.

    Args:
        vocoder: Of the release. Its pitch network measures the pitch; without one the pitch stays as it is.
        language: Of the release's text, such as en-us.
    """

    def __init__(self, vocoder: Vocoder, language: str) -> None:
        self._vocoder = vocoder
        self._mel: MelConfig = vocoder.config.mel
        self.sentences: tuple[str, ...] = SENTENCES.get(language.split("-")[0], ())
        """What is said; none if nothing is matched."""
        self._smoothing = smoothing_over_bands(band_centres(self._mel), _SMOOTHING_HZ).float()

    @torch.inference_mode()
    def match(self, say: Callable[[Sequence[str]], Sequence[Tensor]], recordings: Sequence[Clip]) -> VoiceMatch | None:
        """Find how to bring what is said nearer to recordings.

        Args:
            say: Says sentences in the voice, as log-mels (M, T).
            recordings: Of the voice, without silence at their ends.

        Returns:
            None if there are no sentences in the language, or nothing is heard in them or in the recordings.
        """
        if not self.sentences:
            return None
        wanted = self._average(self._mels(recordings))
        said = self._average([mel.cpu() for mel in say(self.sentences)]) if wanted else None
        if said is None or wanted is None:
            return None
        half = _HALF_S * self._mel.sample_rate / self._mel.hop_length
        share = wanted.n_frames / (wanted.n_frames + half)
        ratio = (wanted.deviation / said.deviation.clamp(min=1e-3)).clamp(*_SCALES)
        difference = (wanted.mean - said.mean).clamp(-_MOST_SHIFT, _MOST_SHIFT)
        return VoiceMatch(
            scale=1 + share * (self._smoothing @ ratio - 1),
            centre=said.mean,
            shift=share * (self._smoothing @ difference),
            pitch=torch.tensor(_pitch(said.log_pitch, wanted.log_pitch, share)),
        )

    @torch.inference_mode()
    def synthesize(self, mel: Tensor, match: VoiceMatch | None) -> NDArray[np.float32]:
        """Turn a log-mel into samples by the vocoder, matched. (M, T) -> (S,)"""
        if match is None:
            return self._vocoder.synthesize(mel)
        changed = match.mel(mel, math.log(self._mel.log_floor))
        if not isinstance(self._vocoder, SourceFilter):
            return self._vocoder.synthesize(changed)
        limits = self._vocoder.config.pitch
        pitch = match.hertz(self._vocoder.track(mel), limits.f_min, limits.f_max)
        return self._vocoder.synthesize(changed, pitch)

    def _mels(self, recordings: Sequence[Clip]) -> list[Tensor]:
        mels, left = [], round(_LONGEST_S * self._mel.sample_rate)
        for clip in recordings:
            samples = resample(clip.samples, clip.sample_rate, self._mel.sample_rate)[:left]
            left -= len(samples)
            if len(samples):
                leveled = level(samples, self._mel.sample_rate, _LOUDNESS_LUFS)
                mels.append(torch.from_numpy(log_mel(leveled, self._mel)))
        return mels

    def _average(self, mels: Sequence[Tensor]) -> _Average | None:
        """Measure the frames of speech; None if there are fewer than two."""
        mels = [mel for mel in mels if mel.shape[1]]
        frames = [mel[:, _loudness(mel) > _loudness(mel).quantile(0.95) - _SPEECH_NEPERS] for mel in mels]
        n_frames = sum(heard.shape[1] for heard in frames)
        if n_frames < 2:
            return None
        heard = torch.cat(frames, dim=1).float()
        pitches = [self._vocoder.track(mel) for mel in mels] if isinstance(self._vocoder, SourceFilter) else []
        pitch = np.concatenate([np.zeros(0), *pitches])
        return _Average(heard.mean(dim=1), heard.std(dim=1), n_frames, np.log(pitch[pitch > 0]))


def _loudness(mel: Tensor) -> Tensor:
    """The loudest of the lower bands, where voices are. (M, T) -> (T,)"""
    return mel[: max(1, len(mel) // 2)].amax(dim=0)


def _pitch(said: NDArray[np.float64], wanted: NDArray[np.float64], share: float) -> tuple[float, float, float]:
    """Scale, centre and shift of the logarithm of the pitch."""
    if min(len(said), len(wanted)) < 2 or said.std() == 0:
        return 1.0, 0.0, 0.0
    scale = np.clip(wanted.std() / said.std(), *_PITCH_SCALES)
    shift = np.clip(wanted.mean() - said.mean(), -_MOST_PITCH_SHIFT, _MOST_PITCH_SHIFT)
    return float(1 + share * (scale - 1)), float(said.mean()), float(share * shift)
