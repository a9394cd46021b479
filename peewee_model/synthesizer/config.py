"""Configs of all synthesizers: the sizes that they share, and what a saved model records about its data.

The sizes of one network are defined beside it. `architecture` is the section of params.yaml that contains all of them.
"""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from peewee_model.audio.mel import MelConfig
from peewee_model.synthesizer.flat_form import of_one_network

Size = Annotated[int, Field(ge=1)]
Probability = Annotated[float, Field(ge=0.0, lt=1.0)]


def _check_odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError(f"{size} is even; make it odd, so that a kernel has a centre")
    return size


OddSize = Annotated[Size, AfterValidator(_check_odd)]


class Sizes(BaseModel):
    """A part of `synthesizer.architecture` in params.yaml. Unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SharedSizes(Sizes):
    """The sizes of the text encoder and the postnet. The paper's values are in arXiv:1712.05884, section 2.2."""

    symbol_embedding_dim: Size
    """Dimensions of a symbol's embedding, of the encoder's convolutions and of its output; even. Paper: 512."""
    encoder_n_convolutions: Size
    """Convolutions before the encoder's LSTM. Paper: 3."""
    encoder_kernel_size: OddSize
    """Tokens that a convolution of the encoder spans; odd. Paper: 5."""
    encoder_dropout: Probability
    """Dropout after each convolution of the encoder. Paper: 0.5."""
    postnet_n_convolutions: Size
    """Convolutions that correct the mel. Paper: 5."""
    postnet_channels: Size
    """Channels of all of them but the last. Paper: 512."""
    postnet_kernel_size: OddSize
    """Frames that one of them spans; odd. Paper: 5."""
    postnet_dropout: Probability
    """Dropout after each of them. Paper: 0.5."""
    reduction_factor: Size
    """Frames predicted in a decoder step. Paper: 1; more is faster, aligns sooner and sounds coarser."""

    @model_validator(mode="after")
    def _check_directions(self) -> Self:
        if self.symbol_embedding_dim % 2:
            raise ValueError(
                f"symbol_embedding_dim is {self.symbol_embedding_dim}; make it even, for the LSTM's two directions"
            )
        return self


class SynthesizerConfig(SharedSizes):
    """Everything that is needed to build a saved synthesizer and to use it; `config.json` beside its weights.

    A network's own config adds `arch` and a section of that name with its sizes.
    """

    mel: MelConfig
    """The mels that it predicts."""
    text: dict[str, str]
    """How text became tokens: the fields of the text's config, as plain data."""
    n_symbols: Size
    """Symbols in the table; token 0 is padding."""
    speaker_embedding_dim: Annotated[int, Field(ge=0)]
    """Dimensions of the speaker embedding joined to the encoded text; 0 for a model of one speaker."""

    @model_validator(mode="before")
    @classmethod
    def _read_flat_form(cls, document: Any) -> Any:
        return of_one_network(document)
