"""PLACEHOLDER of the contract: MelConfig. The helper for audio writes the rest."""

from pydantic import BaseModel, ConfigDict


class MelConfig(BaseModel):
    """How a log-mel spectrogram is made. Written once in params.yaml, then rides with the data and the models."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sample_rate: int
    """Hz. Audio of another rate is resampled first."""
    n_fft: int
    """Samples in a transform."""
    win_length: int
    """Samples under the Hann window, centred in the transform."""
    hop_length: int
    """Samples between frames."""
    n_mels: int
    """Bands."""
    f_min: float
    """Hz, lower edge of the first band."""
    f_max: float
    """Hz, upper edge of the last band."""
    log_floor: float
    """Magnitudes below this are raised to it before the natural log."""
