"""Releases whose data is a small table of utterances, published into a folder."""

import json

import pyarrow as pa

from peewee_model.release.features import FeaturesManifest
from peewee_model.release.manifest import hash_file
from peewee_model.store.store import open_store
from pipeline.tables import UTTERANCES, write_shard
from tests.peewee_model.releases import write_manifest, write_release


def utterance(identifier, speaker, split="train", duration_s=2.0, **changes):
    """One row of the table of utterances."""
    return {
        "utterance_id": identifier,
        "corpus": "toy",
        "subset": "clean",
        "split": split,
        "speaker_id": speaker,
        "chapter_id": "1",
        "text": f"Text of {identifier}.",
        "normalized_text": f"text of {identifier}",
        "sample_rate": 24000,
        "duration_s": duration_s,
        "trimmed_s": 0.1,
        "audio_sha256": f"audio of {identifier}",
    } | changes


def write_utterances(path, rows, rows_per_group=8192):
    """Write the table as ingest does: sorted by speaker and utterance."""
    if not isinstance(rows, pa.Table):
        rows = sorted(rows, key=lambda row: (row["speaker_id"], row["utterance_id"]))
    write_shard(path, UTTERANCES, rows, rows_per_group=rows_per_group)


def publish(folder, store, rows, channel="stable", files=None, with_features=True, **manifest):
    """Publish a release trained on these utterances, and return its version.

    Args:
        folder: To make it in; must not exist.
        store: Address.
        rows: Of the table of utterances.
        channel: That is to mean it.
        files: More files of the release, by name.
        with_features: Whether the store gets the table too.
        manifest: Fields of the manifest that are to differ from an empty release's.
    """
    table = folder / "utterances.parquet"
    write_utterances(table, rows)
    features = FeaturesManifest(files={"utterances.parquet": hash_file(table)})
    release = folder / "release"
    write_release(release)
    for name, text in {"features.json": features.to_bytes().decode(), **(files or {})}.items():
        (release / name).write_text(text)
    version = write_manifest(release, **manifest)
    opened = open_store(store)
    if with_features:
        opened.feature_tables.add(features, {"utterances.parquet": table})
    opened.publish(release, channel, "a test")
    return version


def as_exclusions(speakers=(), utterances=()):
    """What `exclusions.json` holds."""
    return json.dumps({"speakers": list(speakers), "utterances": list(utterances)})
