"""Trainings that start from a release's weights: the section `base` of params.yaml, and the files of `fetch_base`.

models/base/base.json    always: the release, or that there is none
models/base/release/     the verified release, if one is named
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from pipeline.params.params import Section

BASE = Path("models/base")
RECORD = BASE / "base.json"
RELEASE = BASE / "release"
Part = Literal["encoder", "synthesizer", "vocoder"]


class WarmStartConfig(Section):
    """The section `base`."""

    release: str | None
    """`STORE@VERSION`, a folder or `s3://bucket/prefix` and the 16 hex digits of a release; null to start from none."""
    parts: tuple[Part, ...]
    """Models whose training starts from the release's weights. With `schedule.steps: 0` they keep these weights."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.parts and self.release is None:
            raise ValueError(f"parts names {', '.join(self.parts)}, but release is null; name a release, or no parts")
        if len(set(self.parts)) < len(self.parts):
            raise ValueError("parts names a model twice; name it once")
        return self

    def weights_of(self, part: Part) -> Path | None:
        """Return the folder of the weights that a model's training starts from; None for random weights."""
        return RELEASE / part if part in self.parts else None
