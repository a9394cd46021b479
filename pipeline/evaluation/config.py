"""The section `evaluate` of params.yaml."""

from typing import Literal

from pydantic import Field

from peewee_model.errors import PeeweeError
from peewee_model.vocoder.griffin_lim import GriffinLimSettings
from pipeline.params.params import Section

SYNTHETIC_CORPUS = "mini"
"""The corpus that espeak-ng speaks. Reports on it say that it is synthetic."""


class EvaluationError(PeeweeError):
    """There is no data to measure, or a measurement is not defined for it."""


def check_recognizer(recognizer: str, language: str) -> None:
    """Raise an EvaluationError if a recogniser does not know the language of the texts."""
    if recognizer == "pocketsphinx" and not language.startswith("en"):
        raise EvaluationError(
            f"evaluate.speech.recognizer is pocketsphinx, which knows English, but the text's language is "
            f"{language!r}; set it to none"
        )


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
    """Test utterances spoken anew, taken in turn from the speakers that have some."""
    reference_s: float
    """Seconds of speech in a reference. As many utterances are used as needed: at least one, and at most half of the
    speaker's other utterances."""
    n_enrolment: int
    """Greatest number of a speaker's utterances whose mean represents the voice in the independent verifier."""
    recognizer: Literal["pocketsphinx", "none"]
    """Speech recognition behind CER and WER. pocketsphinx knows English only."""
    verifier: Literal["resemblyzer", "none"]
    """Independent speaker verifier; its figures are absent where it is not installed."""
    stop_threshold: float
    """Probability at which the synthesizer's stop prediction ends an utterance."""
    griffin_lim: GriffinLimSettings
    """Griffin-Lim, which copy-synthesis by a trained vocoder is compared with."""
    n_bootstrap: int = Field(ge=1)
    """Draws, with replacement, behind intervals: of sentences for error rates, of speakers for cloning."""
    min_diagonality: float
    """Diagonality of the attention from which a sentence counts as aligned."""
    max_s_per_symbol: float
    """Seconds of speech a symbol, and one more, after which a synthesizer is cut off and flagged."""
    min_length_ratio: float
    """Length against the recording, below which an utterance counts as a stop failure."""
    max_length_ratio: float
    """Length against the recording, above which an utterance counts as a stop failure."""


class LengthTestConfig(Section):
    """How sentences of every length are spoken; `evaluate.speech` has the limits that they are measured by."""

    n_sentences: int = Field(ge=0)
    """Sentences, whose lengths rise evenly from 1 word to `max_words`; 0 for none."""
    max_words: int = Field(ge=1)
    """Words of the longest."""
    slack_s: float = Field(ge=0)
    """Seconds beyond `max_length_ratio` that are no failure: the silence at the edges counts in a single word."""


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
    lengths: LengthTestConfig
    """How sentences of every length are spoken."""
