"""Makes the release from models, reports and records: `release`."""

from pathlib import Path

from pipeline.release.bundle import bundle_release


def bundle() -> None:
    """Run the stage."""
    bundle_release(summary=Path("data/summary.json"), release=Path("release"))
