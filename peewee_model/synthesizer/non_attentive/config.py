"""The sizes of a Non-Attentive Tacotron between its encoder and its postnet."""

from typing import Annotated, Literal

from pydantic import Field

from peewee_model.synthesizer.config import OddSize, Probability, Size, Sizes, SynthesizerConfig


class NonAttentiveSizes(Sizes):
    """`synthesizer.architecture.non_attentive` in params.yaml. See docs/adr/0009 for the differences from the paper."""

    speaker_film_dim: Annotated[int, Field(ge=0)]
    """Dimensions to which the speaker embedding is narrowed, before it scales and shifts the output of each convolution
    of the two networks below (FiLM, arXiv:1709.07871); 0 if it is only joined to their input. Not used by a
    model of one speaker."""
    aligner_channels: Size
    """Channels of the aligner, which finds durations in training."""
    aligner_dim: Size
    """Dimensions in which the aligner compares frames and tokens."""
    duration_predictor_channels: Size
    """Channels of the network that predicts durations."""
    duration_predictor_n_convolutions: Size
    """Its residual convolutions."""
    duration_predictor_kernel_size: OddSize
    """Tokens that one of them spans; odd."""
    duration_predictor_dropout: Probability
    """Dropout after each of them."""
    frame_decoder_channels: Size
    """Channels of the network that predicts frames from tokens and their durations."""
    frame_decoder_n_convolutions: Size
    """Its residual convolutions."""
    frame_decoder_kernel_size: OddSize
    """Decoder steps that one of them spans; odd."""
    frame_decoder_dropout: Probability
    """Dropout after each of them."""


class NonAttentiveConfig(SynthesizerConfig):
    """`config.json` beside the weights of a Non-Attentive Tacotron."""

    arch: Literal["non_attentive"]
    """Which network."""
    non_attentive: NonAttentiveSizes

    @property
    def film_dim(self) -> int:
        """Dimensions of the narrowed speaker embedding; 0 if nothing is scaled and shifted by it."""
        return self.non_attentive.speaker_film_dim if self.speaker_embedding_dim else 0
