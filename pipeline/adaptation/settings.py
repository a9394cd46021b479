"""What params.yaml says to adapt a release: the profile `adapt`, with the release, its architecture and the speech."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peewee_model.errors import ConfigError
from peewee_model.release.manifest import Manifest
from peewee_model.store.store import open_store, parse_reference
from peewee_model.synthesizer.config import SynthesizerArchitecture
from pipeline.adaptation.archive import Speech
from pipeline.profiles import overlay as profile

PROFILE = "adapt"
CORPUS = "adapt"
"""What the speech is called in tables and reports."""


@dataclass(frozen=True)
class PinnedRelease:
    """A release to start from, named for good."""

    reference: str
    """`STORE@VERSION`."""
    manifest: Manifest


@dataclass(frozen=True)
class Wanted:
    """How to adapt."""

    steps: int
    """Of the synthesizer."""
    vocoder_steps: int
    """Of a vocoder that is trained; 0 keeps it."""
    channel: str


def pin(reference: str) -> PinnedRelease:
    """Find out which release is meant, and read its manifest.

    Raises:
        ReleaseNotFoundError: If there is no such release.
        TamperedReleaseError: If its manifest is not that of its version.
    """
    named = parse_reference(reference)
    store = open_store(named.address)
    version = store.resolve(named.selector)
    # With a slash: `s3://bucket@version` would be hidden where URLs are shown, as if it held a password.
    slash = "/" if named.address.startswith("s3://") and "/" not in named.address.removeprefix("s3://") else ""
    return PinnedRelease(f"{named.address}{slash}@{version}", store.read_manifest(version))


def start_from(overlay: dict[str, Any], base: PinnedRelease) -> None:
    """Let a profile's overlay start from a release, in place: it is named, and what is fixed is as it is there."""
    profile.merge(overlay, _of_release(base.manifest))
    profile.merge(overlay, {"base": {"release": base.reference}})


def overlay(base: PinnedRelease, archive: Path, speech: Speech, wanted: Wanted, licence: str) -> dict[str, Any]:
    """Put the overlay together.

    Args:
        base: The release.
        archive: In LibriTTS's layout; named by a path in the project as it is given.
        speech: What it holds.
        wanted: How to adapt.
        licence: Terms of the recordings.

    Raises:
        ConfigError: If a vocoder is to be trained that needs no training.
    """
    (source,) = profile.local_sources([f"{CORPUS}={archive}"], licence)
    if not archive.is_absolute():
        source["url"] = f"file:{archive.as_posix()}"
        source.pop("ids", None)  # the name that we gave the person is nobody else's
    found = profile.with_archives(profile.load_overlay(PROFILE), [source])
    start_from(found, base)
    training = {"schedule": _schedule(wanted.steps), "decay_from": wanted.steps // 2}
    within = {CORPUS: {"validation": _share(speech, 12, 2, 10), "test": _share(speech, 6, 4, 20)}}
    profile.merge(
        found,
        {
            "base": {"parts": ["encoder", "synthesizer", "vocoder"]},
            "ingest": {"split": {"within": within}},
            "synthesizer": {"training": training},
            "publish": {"channel": wanted.channel},
        },
    )
    if wanted.vocoder_steps:
        if found["vocoder"]["arch"] != "hifi_gan":
            raise ConfigError(
                f"--vocoder-steps {wanted.vocoder_steps}: the vocoder of {base.reference} is "
                f"{found['vocoder']['arch']}, which needs no training; leave the option out"
            )
        vocoder = found["vocoder"]["hifi_gan"]["training"]
        profile.merge(vocoder, {"schedule": _schedule(wanted.vocoder_steps)})
        vocoder["mel_loss_f_max"] = min(vocoder["mel_loss_f_max"], found["mel"]["acoustic"]["sample_rate"] / 2)
    return found


def _of_release(manifest: Manifest) -> dict[str, Any]:
    """What is as it is in the release: mels, symbols, networks, the type of the weights, and whether there is a judge.

    Without the judge that a synthesizer was trained against, its mels would blur again.
    """
    encoder, synthesizer, vocoder = (dict(manifest.models[name]) for name in ("encoder", "synthesizer", "vocoder"))
    encoder.pop("mel")
    vocoder.pop("mel")
    arch = str(vocoder.pop("arch"))
    said = {name: synthesizer[name] for name in SynthesizerArchitecture.model_fields if name in synthesizer}
    architecture = SynthesizerArchitecture.model_validate(said).model_dump()  # what it does not say has its default
    params: dict[str, Any] = manifest.params
    weights = params.get("weights")
    weight = params.get("synthesizer", {}).get("training", {}).get("adversarial", {}).get("weight", 0.0)
    judge = {"training": {"adversarial": {"weight": weight, "from_step": 0}}}
    return {
        "mel": manifest.mel,
        "text": synthesizer["text"],
        "encoder": {"architecture": {name: value for name, value in encoder.items() if value is not None}},
        "synthesizer": {
            "architecture": architecture,
            "speaker_conditioning": bool(synthesizer["speaker_embedding_dim"]),
            **(judge if weight else {}),
        },
        "vocoder": {"arch": arch, arch: {"generator": vocoder} if arch == "hifi_gan" else vocoder},
        **({"weights": weights} if isinstance(weights, dict) else {}),
    }


def _schedule(steps: int) -> dict[str, int]:
    return {"steps": steps, "validate_every": max(1, steps // 10)}


def _share(speech: Speech, divisor: int, least: int, most: int) -> int:
    return min(most, max(least, speech.n_utterances // divisor))
