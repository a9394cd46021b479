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
    """Corpora that it learns from and is validated on; none for all. Speech that tells people apart need not be fit to
    be imitated: SV2TTS trains the encoder and the synthesizer on different corpora (arXiv:1806.04558, section 3)."""
    frame_budget: int
    """Padded mel frames in a batch, at most: what memory and time follow."""
    learning_rate: float
    """Adam's step size until `decay_from`. The paper has 1e-3."""
    final_learning_rate: float
    """What it falls to, exponentially, at the last step. The paper has 1e-5."""
    decay_from: int
    """Step from which the learning rate falls. The paper has 50,000."""
    weight_decay: float
    """L2 weight. The paper has 1e-6."""
    gradient_clip: float
    """L2 norm above which the gradient is scaled down."""
    frame_dropout: float = Field(ge=0, lt=1)
    """Tacotron 2: share of the frames before that the decoder does not receive, in training and validation. With little
    speech it else learns to go on from true frames, not to read, and mumbles when it goes on from its own
    (arXiv:1909.01145)."""
    adversarial: AdversarialTraining
    n_validation: int
    """Utterances of validation speakers that are measured, the first by id."""
    min_diagonality: float
    """The training fails if the best weights' alignments on validation speakers are less diagonal than this."""
    min_focus_rate: float = Field(ge=0, le=1)
    """Or if a step's likeliest token has less than this on average. What an aligner finds is near the diagonal from the
    start, by its prior; how sure it is shows whether it has learned anything."""

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
    """Make the config of the network that params.yaml asks for on mels and embeddings (of length E) at hand."""
    width = embedding_dim if params.speaker_conditioning else 0
    return params.architecture.config(mel, text.model_dump(), Tokenizer(text).n_symbols, width)
