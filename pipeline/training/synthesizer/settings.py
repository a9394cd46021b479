"""`synthesizer` in params.yaml."""

from typing import Self

from pydantic import Field, model_validator

from peewee_model.audio.mel import MelConfig
from peewee_model.synthesizer.architecture import SynthesizerArchitecture
from peewee_model.synthesizer.non_attentive.config import NonAttentiveConfig
from peewee_model.synthesizer.tacotron2.config import Tacotron2Config
from peewee_model.text.symbols.config import TextConfig
from peewee_model.text.symbols.tokenizer import Tokenizer
from pipeline.params.params import Section
from pipeline.training.loop.loop import Schedule
from pipeline.training.synthesizer.losses import SynthesizerLossConfig
from pipeline.training.synthesizer.mel_judge import AdversarialTraining


class SynthesizerTraining(Section):
    """How the synthesizer is trained (`synthesizer.training`)."""

    schedule: Schedule
    corpora: tuple[str, ...]
    """Corpora that it is trained and validated on; an empty list for all. Speech for the encoder need not be good
    enough for a synthesizer: SV2TTS trains the two on different corpora (arXiv:1806.04558, section 3)."""
    frame_budget: int
    """Greatest number of padded mel frames in a batch; memory and time depend on it."""
    learning_rate: float
    """Adam's step size until `decay_from`. The paper has 1e-3."""
    final_learning_rate: float
    """Step size at the last step, after an exponential decay. The paper has 1e-5."""
    decay_from: int
    """Step from which the learning rate falls. The paper has 50,000."""
    weight_decay: float
    """L2 weight. The paper has 1e-6."""
    gradient_clip: float
    """L2 norm above which the gradient is scaled down."""
    frame_dropout: float = Field(ge=0, lt=1)
    """Tacotron 2: share of the previous frames that the decoder does not receive, in training and validation. Without
    it and with little speech, the decoder learns to continue true frames instead of reading the text, and mumbles when
    it continues its own frames (arXiv:1909.01145)."""
    adversarial: AdversarialTraining
    n_validation: int
    """Utterances of validation speakers that are measured, the first by id."""
    min_diagonality: float
    """The training fails if the best weights' alignments on validation speakers are less diagonal than this."""
    min_focus_rate: float = Field(ge=0, le=1)
    """The training also fails if the likeliest token of a step has a lower share than this on average. An aligner is
    near the diagonal from the start, by its prior; only this share shows whether it has learned anything."""

    @model_validator(mode="after")
    def _judged_in_time(self) -> Self:
        judge, steps = self.adversarial, self.schedule.steps
        if judge.weight and 0 < steps <= judge.from_step:
            raise ValueError(
                f"adversarial.from_step is {judge.from_step}, but schedule.steps only {steps}: no weights would be kept"
            )
        return self


class SynthesizerParams(Section):
    """`synthesizer` in params.yaml."""

    architecture: SynthesizerArchitecture
    speaker_conditioning: bool
    """Whether it speaks in the voice of a speaker embedding; false for a corpus of one speaker."""
    loss: SynthesizerLossConfig
    training: SynthesizerTraining


def synthesizer_config(
    mel: MelConfig, embedding_dim: int, params: SynthesizerParams, text: TextConfig
) -> Tacotron2Config | NonAttentiveConfig:
    """Make the config of params.yaml's network, for the given mels and embeddings (of length E)."""
    width = embedding_dim if params.speaker_conditioning else 0
    return params.architecture.config(mel, text.model_dump(), Tokenizer(text).n_symbols, width)
