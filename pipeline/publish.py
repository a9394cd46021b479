"""A release into a store, and a channel that means it; refused if the release did not pass its gate."""

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from peewee_model.errors import PeeweeError
from peewee_model.release import Manifest, hash_file, read_manifest
from peewee_model.store import Store

logger = logging.getLogger(__name__)

GATE = "reports/gate.json"


class GateError(PeeweeError):
    """The release did not pass its gate."""


@dataclass(frozen=True)
class Receipt:
    """What was published; it holds no clock and no address."""

    version: str
    channel: str
    number: int
    """Of the channel's entry."""
    gate_passed: bool
    reason: str
    """As the channel's entry has it."""


def publish_release(release: Path, store: Store, channel: str, anyway: str | None) -> Receipt:
    """Publish a release, unless its gate failed. Doing so twice is doing so once.

    Args:
        release: The release's folder.
        store: Where to.
        channel: Which is to mean the release.
        anyway: Why a release whose gate failed is published all the same; it is recorded.

    Raises:
        GateError: If the gate failed, or nothing tells that it passed, and no reason is given.
    """
    manifest, version = read_manifest(release)
    failures = _gate_failures(release, manifest)
    reason = "gate passed"
    if failures and not store.is_published(version, channel):  # else a reason was given when it was
        if not anyway or not anyway.strip():
            raise GateError(
                f"{release} did not pass its gate: {'; '.join(failures)}. Train longer or change the thresholds in "
                'params.yaml; to publish it all the same, say why: PEEWEE_PUBLISH_ANYWAY="..." dvc repro'
            )
        reason = f"gate failed ({'; '.join(failures)}), published anyway: {anyway.strip()}"
        logger.warning("gate failed, published anyway reason=%r", anyway)
    _, numbered = store.publish(release, channel, reason)
    return Receipt(version, channel, numbered.number, not failures, numbered.entry.reason)


def write_receipt(path: Path, receipt: Receipt) -> None:
    """Write the receipt as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(receipt), indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _gate_failures(release: Path, manifest: Manifest) -> list[str]:
    """Why the gate did not pass; empty if it did."""
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
