"""The overlay that adapts a release: the profile `adapt`, with the release, its architecture and the speech."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peewee_model.errors import ConfigError
from pipeline.adaptation.archive import Speech
from pipeline.profiles.archives import local_sources, with_archives
from pipeline.profiles.from_release import PinnedRelease, start_from
from pipeline.profiles.overlay import load_overlay, merge

PROFILE = "adapt"
CORPUS = "adapt"
"""Name of the speech's corpus in tables and reports."""


@dataclass(frozen=True)
class Wanted:
    """The user's choices of an adaptation."""

    steps: int
    """Training steps of the synthesizer."""
    vocoder_steps: int
    """Training steps of a vocoder that is trained; 0 keeps the release's vocoder."""
    channel: str


def overlay(base: PinnedRelease, archive: Path, speech: Speech, wanted: Wanted, licence: str) -> dict[str, Any]:
    """Put the overlay together.

    Args:
        base: The release.
        archive: An archive in LibriTTS's layout, at a path in the project.
        speech: The contents of the archive.
        wanted: How to adapt.
        licence: Terms of the recordings.

    Raises:
        ConfigError: If a vocoder is to be trained that needs no training.
    """
    (source,) = local_sources([f"{CORPUS}={archive}"], licence)
    if not archive.is_absolute():
        source["url"] = f"file:{archive.as_posix()}"
        source.pop("ids", None)  # no other person has the name that we gave
    found = with_archives(load_overlay(PROFILE), [source])
    start_from(found, base)
    training = {"schedule": _schedule(wanted.steps), "decay_from": wanted.steps // 2}
    within = {CORPUS: {"validation": _share(speech, 12, 2, 10), "test": _share(speech, 6, 4, 20)}}
    merge(
        found,
        {
            "ingest": {"split": {"within": within}},
            "synthesizer": {"training": training},
            "publish": {"channel": wanted.channel},
        },
    )
    if wanted.vocoder_steps:
        arch = found["vocoder"]["arch"]
        if arch == "griffin_lim":
            raise ConfigError(
                f"--vocoder-steps {wanted.vocoder_steps}: the vocoder of {base.reference} is "
                f"{arch}, which needs no training; leave the option out"
            )
        vocoder = found["vocoder"][arch]["training"]
        merge(vocoder, {"schedule": _schedule(wanted.vocoder_steps)})
        if arch == "hifi_gan":
            vocoder["mel_loss_f_max"] = min(vocoder["mel_loss_f_max"], found["mel"]["acoustic"]["sample_rate"] / 2)
    return found


def _schedule(steps: int) -> dict[str, int]:
    return {"steps": steps, "validate_every": max(1, steps // 10)}


def _share(speech: Speech, divisor: int, least: int, most: int) -> int:
    return min(most, max(least, speech.n_utterances // divisor))
