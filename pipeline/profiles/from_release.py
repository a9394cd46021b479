"""A profile that starts from a release: finds the release, and takes the settings that must equal the release's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from peewee_model.audio.mel import SpeakerMelConfig
from peewee_model.release.manifest import Manifest
from peewee_model.store.reference import Reference, parse_reference
from peewee_model.store.store import open_store
from peewee_model.synthesizer.architecture import architecture_of
from peewee_model.synthesizer.flat_form import in_sections
from pipeline.ingest.readers.registry import CORPORA
from pipeline.profiles.overlay import merge


@dataclass(frozen=True)
class PinnedRelease:
    """A release to start from, by its version."""

    reference: str
    """`STORE@VERSION`."""
    manifest: Manifest


def pin(reference: str) -> PinnedRelease:
    """Find the release that a reference names, and read its manifest.

    Raises:
        ReleaseNotFoundError: If there is no such release.
        TamperedReleaseError: If its manifest is not that of its version.
    """
    named = parse_reference(reference)
    store = open_store(named.address)
    version = store.resolve(named.selector)
    return PinnedRelease(str(Reference(named.address, version)), store.read_manifest(version))


def start_from(overlay: dict[str, Any], base: PinnedRelease) -> None:
    """Change an overlay, in place, to start from a release: name it, and take the settings that must be equal."""
    settings = _of_release(base.manifest)
    if "vocoder" not in overlay["base"]["parts"]:
        del settings["vocoder"]  # the overlay's own is trained anew
    merge(overlay, settings)
    merge(overlay, {"base": {"release": base.reference}})


def params_of(manifest: Manifest) -> dict[str, Any]:
    """Return the parameters of a release, in the present form of params.yaml."""
    params: dict[str, Any] = dict(manifest.params)
    synthesizer = params.get("synthesizer")
    if isinstance(synthesizer, dict) and "architecture" in synthesizer:
        params["synthesizer"] = synthesizer | {"architecture": in_sections(synthesizer["architecture"])}
    mel = params.get("mel")
    if isinstance(mel, dict):
        params["mel"] = _mel_in_present_form(mel)
    evaluate = params.get("evaluate")
    if isinstance(evaluate, dict) and isinstance(speech := evaluate.get("speech"), dict):
        kept = {key: value for key, value in speech.items() if key != "stop_threshold"}  # it is the synthesizer's own
        params["evaluate"] = evaluate | {"speech": kept}
    corpus = params.get("corpus")
    if isinstance(corpus, dict) and isinstance(sources := corpus.get("sources"), list):
        params["corpus"] = corpus | {"sources": [_with_layout(source) for source in sources]}
    return params


def _with_layout(source: dict[str, Any]) -> dict[str, Any]:
    """State the layout of a source: a corpus of any name was LibriTTS's once."""
    return source if "layout" in source or source.get("corpus") in CORPORA else {**source, "layout": "libritts"}


def _mel_in_present_form(mel: Mapping[str, Any]) -> dict[str, Any]:
    return {**mel, "speaker": SpeakerMelConfig.in_present_form(mel["speaker"])}


def _of_release(manifest: Manifest) -> dict[str, Any]:
    """Return the settings that must equal the release's: mels, symbols, networks, type of weights, use of a judge.

    If a synthesizer was trained against a judge, its mels would blur again without one.
    """
    encoder, synthesizer, vocoder = (dict(manifest.models[name]) for name in ("encoder", "synthesizer", "vocoder"))
    encoder.pop("mel")
    vocoder.pop("mel")
    arch = str(vocoder.pop("arch"))
    params = params_of(manifest)
    weights = params.get("weights")
    weight = params.get("synthesizer", {}).get("training", {}).get("adversarial", {}).get("weight", 0.0)
    judge = {"training": {"adversarial": {"weight": weight, "from_step": 0}}}
    return {
        "mel": _mel_in_present_form(manifest.mel),
        "text": synthesizer["text"],
        "encoder": {"architecture": {name: value for name, value in encoder.items() if value is not None}},
        "synthesizer": {
            "architecture": architecture_of(synthesizer),
            "speaker_conditioning": bool(synthesizer["speaker_embedding_dim"]),
            **(judge if weight else {}),
        },
        "vocoder": {"arch": arch, arch: {"generator": vocoder} if arch == "hifi_gan" else vocoder},
        **({"weights": weights} if isinstance(weights, dict) else {}),
    }
