"""Publishes the release, and the tables it was trained on, to the store PEEWEE_STORE; writes `receipts/publish.json`.

It runs each time, because only the store itself shows what it contains. It is quick if there is nothing to publish. A
release whose gate failed is refused. With PEEWEE_SIGNING_KEY, the path of a private key, the release is signed.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from peewee_model import environment
from peewee_model.errors import PeeweeError, ReleaseError
from peewee_model.public_text import LONGEST, fitted, plain_line
from peewee_model.release.features import FEATURES_FILE, FeaturesManifest, parse_features
from peewee_model.release.manifest import Manifest, hash_file, read_manifest
from peewee_model.store.channels import check_entry
from peewee_model.store.store import Store, open_store
from pipeline.params.params import Section, read

logger = logging.getLogger(__name__)

GATE = "reports/gate.json"
ANYWAY = "gate failed ({}), published anyway: {}"


class GateError(PeeweeError):
    """The release did not pass its gate."""


class LicenceError(PeeweeError):
    """The release learned from recordings whose terms params.yaml does not allow."""


class PublishParams(Section):
    """How a release is published."""

    channel: str
    """The channel that will point to the release, such as `stable`."""
    licences: tuple[str, ...]
    """Licences that the corpora of a release and of its parents may have, such as `CC BY 4.0`; empty for any. A
    corpus's licence is compared up to its first `;`."""
    features: bool
    """Whether the tables (utterances without audio, mels) are published too, for audits and for other trainings."""


class Params(Section):
    """The sections of params.yaml that the stage reads."""

    publish: PublishParams


def publish() -> None:
    """Publish `release`.

    Raises:
        GateError: If the release's gate failed, and PEEWEE_PUBLISH_ANYWAY contains no reason.
        LicenceError: If a corpus has a licence that params.yaml does not allow.
    """
    params = read(Params).publish
    receipt = publish_release(
        Path("release"),
        open_store(environment.STORE.text()),
        params.channel,
        tables=Path("data") if params.features else None,
        licences=params.licences,
        anyway=environment.PUBLISH_ANYWAY.read(),
        signing_key=environment.SIGNING_KEY.path(),
    )
    write_receipt(Path("receipts/publish.json"), receipt)


@dataclass(frozen=True)
class Receipt:
    """The record of a publication. It contains no time and no address."""

    version: str
    channel: str
    number: int
    """Number of the channel's entry."""
    gate_passed: bool
    reason: str
    """The reason in the channel's entry."""
    features: str | None
    """Version of the tables that were published with it."""


def publish_release(
    release: Path,
    store: Store,
    channel: str,
    *,
    tables: Path | None,
    licences: Sequence[str] = (),
    anyway: str | None = None,
    signing_key: Path | None = None,
) -> Receipt:
    """Publish a release, unless its gate failed. A second call changes nothing.

    Args:
        release: The release's folder.
        store: The store.
        channel: The channel that will point to the release.
        tables: Folder of the tables that the release was trained on; None to publish none. They are published
            before the release, so that a reader of the release finds them.
        licences: Licences that its corpora may have; empty for any.
        anyway: Why a release whose gate failed is published all the same; it is recorded.
        signing_key: Private key to sign the release with.

    Raises:
        PlainLineError: If the reason, or the publisher's name, is not for everybody to read.
        LicenceError: If a corpus has another licence.
        GateError: If the gate failed, or there is no record that it passed, and no reason is given.
        ReleaseError: If the tables are not those that the release names, or the store can't be written.
    """
    manifest, version = read_manifest(release)
    _check_licences(manifest, licences)
    failures = _gate_failures(release, manifest)
    reason = "gate passed"
    if failures and not store.is_published(version, channel):  # otherwise a reason was given before
        if not anyway or not anyway.strip():
            raise GateError(
                f"{release} did not pass its gate: {'; '.join(failures)}. Train longer or change the thresholds in "
                'params.yaml; to publish it all the same, say why: PEEWEE_PUBLISH_ANYWAY="..." dvc repro'
            )
        said = plain_line(anyway, environment.PUBLISH_ANYWAY.name, LONGEST // 2)
        failed = fitted("; ".join(failures), LONGEST - len(said) - len(ANYWAY.format("", "")))
        reason = ANYWAY.format(failed, said)
        logger.warning("gate failed, published anyway reason=%r", said)
    check_entry(channel, reason)  # before the tables are published
    features = None
    if tables is not None:
        named = _features(release, manifest)
        features = store.feature_tables.add(named, {name: tables / name for name in named.files})
    _, numbered = store.publish(release, channel, reason, signing_key)
    return Receipt(version, channel, numbered.number, not failures, numbered.entry.reason, features)


def _check_licences(manifest: Manifest, allowed: Sequence[str]) -> None:
    """Refuse corpora of other licences, also those of the releases that training started from."""
    parents = manifest.parent.line if manifest.parent else ()
    corpora = [*manifest.corpora, *(corpus for parent in parents for corpus in parent.corpora)]
    others = {
        f"{corpus.corpus} ({corpus.licence})"
        for corpus in corpora
        if allowed and _terms(corpus.licence) not in map(_terms, allowed)
    }
    if others:
        raise LicenceError(
            f"publish.licences in params.yaml allows {', '.join(allowed)}, but the release learned from "
            f"{', '.join(sorted(others))}; train without these, or add their licences there if you may publish such "
            "models"
        )


def _terms(licence: str) -> str:
    return licence.partition(";")[0].strip().casefold()


def write_receipt(path: Path, receipt: Receipt) -> None:
    """Write the receipt as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(receipt), indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _features(release: Path, manifest: Manifest) -> FeaturesManifest:
    """Read the list of tables in the release."""
    path = release / FEATURES_FILE
    if FEATURES_FILE not in manifest.files or not path.exists() or hash_file(path) != manifest.files[FEATURES_FILE]:
        raise ReleaseError(
            f"{path} is missing, or is not the one that the manifest lists; run `dvc repro`, or set publish.features "
            "to false in params.yaml"
        )
    return parse_features(path.read_bytes(), str(path))


def _gate_failures(release: Path, manifest: Manifest) -> list[str]:
    """Return why the gate did not pass; empty if it passed."""
    path = release / GATE
    if GATE not in manifest.files or not path.exists() or hash_file(path) != manifest.files[GATE]:
        return [f"{path} is missing, or is not the one that the manifest lists"]
    try:
        gate: Any = json.loads(path.read_bytes())
    except ValueError:
        return [f"{path} is no JSON"]
    if not isinstance(gate, dict) or not isinstance(gate.get("passed"), bool):
        return [f"{path} does not say whether it passed"]
    if gate["passed"]:
        return []
    return [str(failure) for failure in gate.get("failures", [])] or ["it does not say why"]
