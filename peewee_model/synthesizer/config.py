"""What a synthesizer is: the sizes that params.yaml sets, and the facts of its data that a saved model carries."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from peewee_model.audio.mel import MelConfig

Size = Annotated[int, Field(ge=1)]
Probability = Annotated[float, Field(ge=0.0, lt=1.0)]


class SynthesizerArchitecture(BaseModel):
    """The sizes of a Tacotron 2: a section of params.yaml. The paper's values are in arXiv:1712.05884, section 2.2."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timing: Literal["attention", "durations"] = "attention"
    """What says which token is being spoken: attention that moves as frames are drawn one after the other (Tacotron 2),
    or a duration of each token, with all frames drawn at once (Non-Attentive Tacotron, arXiv:2010.04301)."""
    symbol_embedding_dim: Size
    """Dimensions of a symbol's embedding, of the encoder's convolutions and of its output; even. Paper: 512."""
    encoder_n_convolutions: Size
    """Convolutions before the encoder's LSTM. Paper: 3."""
    encoder_kernel_size: Size
    """Tokens that a convolution of the encoder spans; odd. Paper: 5."""
    encoder_dropout: Probability
    """Dropout after each convolution of the encoder. Paper: 0.5."""
    prenet_dim: Size
    """Units in each of the prenet's two layers. Paper: 256."""
    prenet_dropout: Probability
    """Dropout after each layer of the prenet, at inference too. Paper: 0.5."""
    attention_rnn_dim: Size
    """Units of the first decoder LSTM, whose state asks the attention. Paper: 1024."""
    attention_dim: Size
    """Dimensions in which query, text and location are compared. Paper: 128."""
    attention_location_n_filters: Size
    """Filters over the previous and the cumulated alignment. Paper: 32."""
    attention_location_kernel_size: Size
    """Tokens that a location filter spans; odd. Paper: 31."""
    attention_dropout: Probability
    """Dropout of the first decoder LSTM's hidden state, in its recurrence too. For the paper's zoneout of 0.1."""
    decoder_rnn_dim: Size
    """Units of the second decoder LSTM. Paper: 1024."""
    decoder_dropout: Probability
    """Dropout of the second decoder LSTM's output, not in its recurrence. For the paper's zoneout of 0.1."""
    aligner_channels: Size = 128
    """Channels of the aligner, which finds durations in training."""
    duration_predictor_channels: Size = 128
    """Channels of what predicts durations."""
    duration_predictor_n_convolutions: Size = 2
    """Its residual convolutions."""
    duration_predictor_kernel_size: Size = 3
    """Tokens that one of them spans; odd."""
    duration_predictor_dropout: Probability = 0.2
    """Dropout after each of them."""
    frame_decoder_channels: Size = 256
    """Channels of what draws frames from tokens that last."""
    frame_decoder_n_convolutions: Size = 6
    """Its residual convolutions."""
    frame_decoder_kernel_size: Size = 5
    """Decoder steps that one of them spans; odd."""
    frame_decoder_dropout: Probability = 0.1
    """Dropout after each of them."""
    postnet_n_convolutions: Size
    """Convolutions that correct the mel. Paper: 5."""
    postnet_channels: Size
    """Channels of all of them but the last. Paper: 512."""
    postnet_kernel_size: Size
    """Frames that one of them spans; odd. Paper: 5."""
    postnet_dropout: Probability
    """Dropout after each of them. Paper: 0.5."""
    reduction_factor: Size
    """Frames predicted in a decoder step. Paper: 1; more is faster, aligns sooner and sounds coarser."""

    @model_validator(mode="after")
    def _check_symmetry(self) -> Self:
        for name in (
            "encoder_kernel_size",
            "attention_location_kernel_size",
            "duration_predictor_kernel_size",
            "frame_decoder_kernel_size",
            "postnet_kernel_size",
        ):
            if getattr(self, name) % 2 == 0:
                raise ValueError(f"{name} is {getattr(self, name)}; make it odd, so that a kernel has a centre")
        if self.symbol_embedding_dim % 2:
            raise ValueError(
                f"symbol_embedding_dim is {self.symbol_embedding_dim}; make it even, for the LSTM's two directions"
            )
        return self


class SynthesizerConfig(SynthesizerArchitecture):
    """All that is needed to build a synthesizer again and to use it; `config.json` beside its weights."""

    mel: MelConfig
    """The mels that it predicts."""
    text: dict[str, str]
    """How text became tokens: the fields of the text's config, as plain data."""
    n_symbols: Size
    """Symbols in the table; token 0 is padding."""
    speaker_embedding_dim: Annotated[int, Field(ge=0)]
    """Dimensions of the speaker embedding joined to the encoded text; 0 for a model of one speaker."""
