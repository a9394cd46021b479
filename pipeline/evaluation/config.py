"""The section `evaluate` of params.yaml."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from peewee_model.errors import PeeweeError
from peewee_model.vocoder.griffin_lim import GriffinLimSettings
from pipeline.params.params import Section

NaturalnessName = Literal["dnsmos", "distill_mos"]
SYNTHETIC_CORPUS = "mini"
"""The corpus that espeak-ng speaks. Reports on it say that it is synthetic."""


class EvaluationError(PeeweeError):
    """There is no data to measure, or a measurement is not defined for it."""


class RecognizerConfig(Section):
    """A speech recogniser. In params.yaml, its name alone is enough."""

    name: Literal["moonshine", "whisper", "pocketsphinx", "none"]
    """`moonshine` (tiny.en) and `whisper` (tiny.en) need the extra `judges`; `pocketsphinx` is far weaker. Their models
    are part of their packages, and know English only."""
    model: Path | None = None
    """A folder with another model of the same kind: Moonshine's `.ort` files, or Whisper's for CTranslate2."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Hash of the folder's model. The error for a wrong one contains the right one."""

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.model and self.name not in ("moonshine", "whisper"):
            raise ValueError(f"{self.name} takes no model; remove it, or name moonshine or whisper")
        if (self.model is None) != (self.sha256 is None):
            raise ValueError("model and sha256 belong together; name both or none")
        return self

    def __str__(self) -> str:
        return f"{self.name} ({self.model})" if self.model else self.name


def check_recognizer(recognizer: RecognizerConfig, language: str) -> None:
    """Raise an EvaluationError if a recogniser does not know the language of the texts.

    What a user's own model knows is not known here.
    """
    if recognizer.name != "none" and recognizer.model is None and not language.startswith("en"):
        raise EvaluationError(
            f"evaluate.speech.recognizer is {recognizer.name}, which knows English, but the text's language is "
            f"{language!r}; set it to none, or name a model"
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
    recognizer: RecognizerConfig
    """Speech recognition behind CER and WER."""
    naturalness: tuple[NaturalnessName, ...]
    """Networks that estimate how listeners would rate the speech; empty for none. They need the extra `judges`."""
    pitch: Literal["swift_f0", "none"]
    """Behind the figures of prosody, and behind the sex of a voice; needs the extra `judges`."""
    verifier: Literal["resemblyzer", "none"]
    """Independent speaker verifier; its figures are absent where it is not installed."""
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
