"""The sizes of a Tacotron 2 between its encoder and its postnet."""

from typing import Literal

from peewee_model.synthesizer.config import OddSize, Probability, Size, Sizes, SynthesizerConfig


class Tacotron2Sizes(Sizes):
    """`synthesizer.architecture.tacotron2` in params.yaml. The paper's values are in arXiv:1712.05884, section 2.2."""

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
    attention_location_kernel_size: OddSize
    """Tokens that a location filter spans; odd. Paper: 31."""
    attention_dropout: Probability
    """Dropout of the first decoder LSTM's hidden state, in its recurrence too. For the paper's zoneout of 0.1."""
    decoder_rnn_dim: Size
    """Units of the second decoder LSTM. Paper: 1024."""
    decoder_dropout: Probability
    """Dropout of the second decoder LSTM's output, not in its recurrence. For the paper's zoneout of 0.1."""


class Tacotron2Config(SynthesizerConfig):
    """`config.json` beside the weights of a Tacotron 2."""

    arch: Literal["tacotron2"]
    """Which network."""
    tacotron2: Tacotron2Sizes
