"""What `evaluate` in params.yaml says."""

from typing import Literal

from peewee_model.errors import PeeweeError
from pipeline.params import Section

SYNTHETIC_CORPUS = "mini"
"""The corpus that espeak-ng speaks. Whatever is measured on it says so."""


class EvaluationError(PeeweeError):
    """There is nothing to measure on, or a measurement is not defined for it."""


class SpeakerTestConfig(Section):
    """How held-out speakers are verified."""

    n_trials: int
    """Pairs of utterances scored at most. All pairs if there are no more, else half of one speaker and half of two."""
    n_bootstrap: int
    """Draws of speakers, with replacement, behind the confidence interval of the EER."""
    target_prior: float
    """Probability of a same-speaker trial in the detection cost; 0.05 in NIST SRE and VoxSRC."""
    n_map_utterances: int
    """Points on the speaker map at most."""


class SpeechTestConfig(Section):
    """How held-out sentences are spoken and measured."""

    n_sentences: int
    """Test utterances spoken anew, taken in turn from the held-out speakers."""
    n_enrolment: int
    """Utterances of a speaker, at most, whose mean stands for the voice in the independent verifier."""
    recognizer: Literal["pocketsphinx", "none"]
    """Speech recognition behind CER and WER. pocketsphinx knows English only."""
    verifier: Literal["resemblyzer", "none"]
    """Independent speaker verifier; its figures are absent where it is not installed."""
    stop_threshold: float
    """Probability at which the synthesizer's stop prediction ends an utterance."""
    max_s_per_symbol: float
    """Seconds of speech a symbol, and one more, after which a synthesizer is cut off and flagged."""
    min_length_ratio: float
    """Length against the recording, below which an utterance counts as a stop failure."""
    max_length_ratio: float
    """Length against the recording, above which an utterance counts as a stop failure."""


class EvaluateConfig(Section):
    """The section `evaluate`."""

    seed: int
    """Of trials, bootstrap, map, choice of sentences and of the synthesizer's dropout."""
    n_samples: int
    """Sentences to listen to on the page, and in reports/audio."""
    speaker: SpeakerTestConfig
    """How held-out speakers are verified."""
    speech: SpeechTestConfig
    """How held-out sentences are spoken and measured."""
