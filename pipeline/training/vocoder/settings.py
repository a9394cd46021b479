"""`vocoder` in params.yaml."""

from typing import Literal

from pydantic import Field

from peewee_model.vocoder.griffin_lim import GriffinLimSettings
from pipeline.params.params import Section
from pipeline.training.vocoder.learner import HiFiGanParams
from pipeline.training.vocoder.pitch_learner import SourceFilterParams


class VocoderParams(Section):
    """`vocoder` in params.yaml."""

    arch: Literal["griffin_lim", "source_filter", "hifi_gan"]
    """The vocoder that makes the samples: one of the three below."""
    n_validation: int = Field(ge=1)
    """Utterances of validation speakers that are measured, evenly over the table."""
    griffin_lim: GriffinLimSettings
    source_filter: SourceFilterParams
    hifi_gan: HiFiGanParams
