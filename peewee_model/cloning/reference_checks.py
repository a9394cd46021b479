"""What a reference is worth: its figures, the refusal of what is no speech, and doubts about the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peewee_model.audio.clip import Clip, resample
from peewee_model.audio.loudness import loudness
from peewee_model.cloning.speech_measures import RATE, Measures, measure
from peewee_model.errors import AudioError

MIN_JUDGED_S = 1.0
"""Shorter recordings are judged together: alone, they are too short to tell speech from other sounds."""
FEW_SECONDS = 3.0
NOISY_DB = 15.0
NARROW_HZ = 5_000.0
CLIPPED_FRACTION = 1e-4
_STEADY_DB, _HIDDEN_DB, _FEW_VOICED = 4.0, 8.0, 0.2
_FLAT_SHARE = 0.98
"""Of the peak: three equal samples in a row above it are clipped."""


class ReferenceWarning(UserWarning):
    """A reference can be used, but the voice may not be like it."""


@dataclass(frozen=True)
class ReferenceFigures:
    """What was measured of a reference. Of several recordings: the sum of the seconds, and the worst of the others."""

    speech_s: float
    """Seconds of speech, without pauses."""
    snr_db: float
    """Speech over noise, in dB: -10 to 60."""
    loudness_lufs: float
    """Before it was levelled, in LUFS; of several recordings, that of the quietest."""
    bandwidth_hz: float
    """Up to which frequency there is speech, in Hz, at most 8,000."""
    clipped_fraction: float
    """Of the samples, that are flat at the top."""
    halves_cosine: float | None
    """Likeness of the two groups of its parts that differ most, as of two windows of 3 s; None under 6 s of speech."""
    doubts: tuple[str, ...]
    """Why the voice may not be like it, each with its figure: noise, a narrow band, clipping, two people."""


@dataclass(frozen=True)
class Measured:
    """A recording with its measures."""

    name: str
    clip: Clip
    measures: Measures
    loudness_lufs: float
    clipped_fraction: float

    @property
    def bandwidth_hz(self) -> float:
        """Of the speech, at most half of the sample rate."""
        return min(self.measures.bandwidth_hz, self.clip.sample_rate / 2)


def measured(clip: Clip, name: str) -> Measured:
    """Measure a recording whose edges have no silence.

    Raises:
        AudioError: ``no_speech`` if it is long enough to be judged, and is no speech.
    """
    found = measure(resample(clip.samples, clip.sample_rate, RATE))
    if clip.duration_s >= MIN_JUDGED_S:
        _refuse_no_speech(found, name)
    return Measured(name, clip, found, loudness(clip.samples, clip.sample_rate), _clipped(clip.samples))


def figures_of(
    recordings: Sequence[Measured], halves_cosine: float | None, one_voice: float | None
) -> ReferenceFigures:
    """Put the figures of a reference together.

    Args:
        recordings: All of it.
        halves_cosine: As `likeness_of_halves` returns it.
        one_voice: The cosine above which two recordings are of one voice; None if the encoder has none.

    Raises:
        AudioError: ``no_speech`` if all recordings are short, and together they are no speech.
    """
    if all(one.clip.duration_s < MIN_JUDGED_S for one in recordings):
        joined = [resample(one.clip.samples, one.clip.sample_rate, RATE) for one in recordings]
        _refuse_no_speech(measure(np.concatenate(joined)), "the reference")
    speech_s = sum(one.measures.speech_s for one in recordings)
    doubts = [doubt for one in recordings for doubt in _doubts(one)]
    if speech_s < FEW_SECONDS:
        doubts.append(
            f"the reference holds {speech_s:.1f} s of speech; {FEW_SECONDS:g} s or more give a better likeness"
        )
    if halves_cosine is not None and one_voice is not None and halves_cosine < one_voice:
        doubts.append(
            f"the reference seems to hold two people: its parts fall into two groups of likeness {halves_cosine:.2f}, "
            f"and one person's are above {one_voice:.2f}; give recordings of one person"
        )
    return ReferenceFigures(
        speech_s=speech_s,
        snr_db=min(one.measures.snr_db for one in recordings),
        loudness_lufs=min(one.loudness_lufs for one in recordings),
        bandwidth_hz=min(one.bandwidth_hz for one in recordings),
        clipped_fraction=max(one.clipped_fraction for one in recordings),
        halves_cosine=halves_cosine,
        doubts=tuple(doubts),
    )


def _doubts(one: Measured) -> list[str]:
    doubts = []
    noisy = one.measures.snr_db < NOISY_DB
    if noisy:
        doubts.append(
            f"{one.name} is noisy: speech is {one.measures.snr_db:.0f} dB above the noise; {NOISY_DB:g} dB or more are "
            "better, so record it in a quiet room"
        )
    # Noise hides how far speech reaches; what the sample rate can't hold is not there in any case.
    known_hz = one.clip.sample_rate / 2 if noisy else one.bandwidth_hz
    if known_hz < NARROW_HZ:
        doubts.append(
            f"{one.name} is of a narrow band: speech reaches {known_hz:.0f} Hz, as on a telephone; record at 16,000 Hz "
            "or more"
        )
    if one.clipped_fraction > CLIPPED_FRACTION:
        doubts.append(f"{one.name}: {one.clipped_fraction:.2%} of it is clipped; record with less gain")
    return doubts


def _refuse_no_speech(found: Measures, name: str) -> None:
    nature = found.nature
    if nature.is_speech:
        return
    if nature.shape_spread < _STEADY_DB:
        what = "a steady sound, such as noise, hum or a tone"
    elif found.snr_db < _HIDDEN_DB:
        what = f"noise, or speech hidden in it: the one is {found.snr_db:.0f} dB above the other"
    elif nature.voiced < _FEW_VOICED:
        what = "a sound without a voice"
    else:
        what = "music or the like: its pitch and timbre do not move as a voice's do"
    figures = ", ".join(f"{field.replace('_', ' ')} {getattr(nature, field):.2f}" for field in nature.odd())
    raise AudioError("no_speech", f"{name} is no speech but {what} ({figures}); give a recording of someone who speaks")


def _clipped(samples: npt.NDArray[np.float32]) -> float:
    """Share of samples that lie in a row of three equal ones near the peak."""
    high = np.abs(samples) >= _FLAT_SHARE * np.abs(samples).max()
    equal = high[1:] & (samples[1:] == samples[:-1])
    inner = np.flatnonzero(equal[1:] & equal[:-1])
    return len(np.unique(np.concatenate([inner, inner + 1, inner + 2]))) / len(samples)
