"""Settings of the speaker encoder: the network, its sizes, and how a mel is prepared for it."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from peewee_model.audio.mel import SpeakerMelConfig


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Windows(_Strict):
    """Settings of every network: the length of the embedding, and the windows at inference."""

    embedding_dim: int = Field(ge=1)
    """E, the length of a speaker embedding. GE2E's paper has 256, ECAPA-TDNN's 192."""
    window_frames: int = Field(ge=0)
    """Frames of a window at inference; 0 to embed the whole utterance at once. 0 suits a convolutional network, not an
    LSTM. GE2E's paper has 160, of 10 ms."""
    window_overlap: float = Field(ge=0, lt=1)
    """Share of a window that the next one overlaps. GE2E's paper has 0.5."""


class LstmSizes(_Windows):
    """Sizes of the LSTM (`encoder.architecture.lstm`). Wan et al. 2018, arXiv:1710.10467."""

    n_layers: int = Field(ge=1)
    """Stacked LSTMs. The paper has 3."""
    hidden_dim: int = Field(ge=1)
    """Cells in a layer. The paper has 768."""
    projection_dim: int = Field(ge=0)
    """Each layer's output is projected to this many values; 0 for no projection. The paper has 256."""
    pooling: Literal["last", "mean", "attentive_statistics"]
    """How the outputs of all frames become one vector: the last output, as in the paper; their mean; or their mean and
    standard deviation, weighted by an attention for each channel (Okabe et al. 2018, arXiv:1803.10963)."""
    attention_channels: int = Field(ge=1)
    """Width of that attention; used with `attentive_statistics` alone."""


class TdnnSizes(_Windows):
    """Sizes of the TDNN (`encoder.architecture.tdnn`). Snyder et al. 2018, "X-vectors", with attentive statistics."""

    channels: int = Field(ge=1)
    """Channels of each convolution. The paper has 512."""
    kernel_sizes: list[int]
    """Kernel size of each convolution; odd. The paper has 5, 3, 3, 1, 1. An empty list is a network without
    convolutions: the embedding is then computed from the input statistics alone (see `input_statistics`)."""
    dilations: list[int]
    """Likewise. The paper has 1, 2, 3, 1, 1."""
    stride: int = Field(ge=1)
    """Frames that the first convolution moves on by. The paper has 1."""
    attention_channels: int = Field(ge=1)
    """Bottleneck of the attention of the pooling."""
    input_statistics: bool
    """Whether the embedding is also computed from statistics of the input: the mean and standard deviation of each mel
    band, and the standard deviation of its change from frame to frame. Not in the paper."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_convolutions(self.kernel_sizes, self.dilations)
        if not self.kernel_sizes and not self.input_statistics:
            raise ValueError("kernel_sizes is empty and input_statistics false, which leaves nothing; give one of both")
        return self


class EcapaTdnnSizes(_Windows):
    """Sizes of ECAPA-TDNN (`encoder.architecture.ecapa_tdnn`). Desplanques et al. 2020, arXiv:2005.07143."""

    channels: int = Field(ge=1)
    """Channels of the first convolution and of each block. The paper has 512 and 1024."""
    kernel_sizes: list[int]
    """Kernel size of the first convolution, then of each block; odd. The paper has 5, 3, 3, 3."""
    dilations: list[int]
    """Likewise. The paper has 1, 2, 3, 4."""
    stride: int = Field(ge=1)
    """Frames that the first convolution moves on by. The paper has 1; 2 halves the cost of all that follows."""
    res2_scale: int = Field(ge=2)
    """Groups of channels in a block; each group receives the result of the group before it. The paper has 8."""
    se_channels: int = Field(ge=1)
    """Bottleneck of squeeze and excitation. The paper has 128."""
    mfa_channels: int = Field(ge=1)
    """Channels into which the outputs of all blocks are aggregated. The paper has 1536."""
    attention_channels: int = Field(ge=1)
    """Bottleneck of the attention of the pooling. The paper has 128."""
    input_statistics: bool
    """As in `tdnn`. Not in the paper."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_convolutions(self.kernel_sizes, self.dilations)
        if len(self.kernel_sizes) < 2:
            raise ValueError("kernel_sizes needs a value for the first convolution and one for each block, at least 2")
        if self.channels % self.res2_scale:
            raise ValueError(f"channels is {self.channels}, which res2_scale {self.res2_scale} does not divide")
        return self


def _check_convolutions(kernel_sizes: list[int], dilations: list[int]) -> None:
    if len(kernel_sizes) != len(dilations):
        raise ValueError(
            f"kernel_sizes has {len(kernel_sizes)} and dilations {len(dilations)} values; give each convolution both"
        )
    if any(size < 1 or size % 2 == 0 for size in kernel_sizes) or any(dilation < 1 for dilation in dilations):
        raise ValueError(f"kernel_sizes {kernel_sizes} must be odd and dilations {dilations} positive")


class _Hearing(_Strict):
    arch: Literal["lstm", "tdnn", "ecapa_tdnn"]
    """The network. The sections below hold the sizes of each one."""
    normalize: Literal["global", "utterance"]
    """What is subtracted from each mel band. `global`: its mean over the training data. `utterance`: its mean over the
    frames that are embedded together; this also removes the colour of a microphone. In both cases the band is divided
    by its standard deviation over the training data."""
    silence_db: float = Field(ge=0)
    """Frames more than this below the utterance's loud ones are dropped, in training and at inference; 0 keeps all."""


class EncoderArchitecture(_Hearing):
    """`encoder.architecture` in params.yaml."""

    lstm: LstmSizes
    tdnn: TdnnSizes
    ecapa_tdnn: EcapaTdnnSizes


class EncoderConfig(_Hearing):
    """`config.json` of a trained encoder: the sizes of its network alone, and the mels that it was trained on."""

    lstm: LstmSizes | None = None
    tdnn: TdnnSizes | None = None
    ecapa_tdnn: EcapaTdnnSizes | None = None
    mel: SpeakerMelConfig
    """The mels that it was trained on."""

    @field_validator("mel", mode="before")
    @classmethod
    def _of_an_older_release(cls, mel: Any) -> Any:
        return SpeakerMelConfig.in_present_form(mel) if isinstance(mel, dict) else mel

    @model_validator(mode="after")
    def _has_the_sizes_of_its_network(self) -> Self:
        if getattr(self, self.arch) is None:
            raise ValueError(f"arch is {self.arch}, but {self.arch} is missing; give the sizes of that network")
        return self

    @classmethod
    def of(cls, architecture: EncoderArchitecture, mel: SpeakerMelConfig) -> Self:
        """Make the config of the network that params.yaml's section chooses."""
        hearing = {name: getattr(architecture, name) for name in _Hearing.model_fields}
        return cls(mel=mel, **hearing, **{architecture.arch: getattr(architecture, architecture.arch)})

    @property
    def sizes(self) -> LstmSizes | TdnnSizes | EcapaTdnnSizes:
        """The sizes of the chosen network."""
        sizes: LstmSizes | TdnnSizes | EcapaTdnnSizes = getattr(self, self.arch)
        return sizes

    @property
    def embedding_dim(self) -> int:
        """E, the length of a speaker embedding."""
        return self.sizes.embedding_dim
