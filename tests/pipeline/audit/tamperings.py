"""T17: what somebody might change in a project or in its store, each with the path that an audit must name.

Sizes and times of change stay as they were wherever that is possible.
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from peewee_model.release.manifest import MANIFEST, hash_file, version_of
from peewee_model.store.store import open_store
from tests.pipeline.audit.stand_in import COLLISION

TWIN = "data/mels/speaker/part-00001.parquet"
CORPUS = "data/corpus/part-00000.parquet"
WEIGHTS = "models/encoder/model.safetensors"
ARCHIVE = "data/archives/toy-train-clean.tar.gz"
UTTERANCES = "data/utterances.parquet"
CACHE, REMOTE = ".dvc/cache", "remote"


@dataclass(frozen=True)
class Scene:
    """A project, in the folder where it was made, and its two releases."""

    root: Path
    first: str
    version: str
    """What the workspace holds; the second."""

    @property
    def store(self):
        return self.root / "store"

    def release(self, name="", version=""):
        return self.store / "releases" / (version or self.version) / name

    def features(self, name):
        receipt = json.loads((self.root / "receipts/publish.json").read_text())
        return self.store / "features" / receipt["features"] / name

    def entry(self, number):
        return self.store / f"channels/stable/{number:08d}.json"

    def object(self, place, product):
        """Where DVC's cache or remote has a product, or the listing of a folder."""
        for stage in yaml.safe_load((self.root / "dvc.lock").read_text())["stages"].values():
            for out in stage.get("outs", []):
                if out["path"] == product:
                    return self._object(place, out["md5"])
                if product.startswith(f"{out['path']}/"):
                    listing = json.loads(self._object(CACHE, out["md5"]).read_text())
                    names = {f"{out['path']}/{item['relpath']}": item["md5"] for item in listing}
                    return self._object(place, names[product])
        raise KeyError(product)

    def _object(self, place, md5):
        return self.root / place / "files/md5" / md5[:2] / md5[2:]


def write(path, data):
    """Put other bytes into a file, which then looks as old as before."""
    status = path.stat()
    path.chmod(0o644)
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def flip(path):
    """Flip one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    write(path, bytes(data))


def replace(path, old, new):
    """Replace a text in a file."""
    text = path.read_text()
    assert old in text, f"{path}: no {old}"
    write(path, text.replace(old, new, 1).encode())


def edit_table(path, change):
    """Change rows of a Parquet file; what comes out is a good table again."""
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    scratch = path.with_suffix(".scratch")
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), scratch)
    data = scratch.read_bytes()
    scratch.unlink()
    write(path, data)


def edit_yaml(path, change):
    """Change a YAML document."""
    document = yaml.safe_load(path.read_text())
    change(document)
    write(path, yaml.safe_dump(document, sort_keys=False).encode())


def swap_speakers(rows):
    """Give two speakers each other's name."""
    names = {"toy_ada": "toy_bob", "toy_bob": "toy_ada"}
    for row in rows:
        row["speaker_id"] = names.get(row["speaker_id"], row["speaker_id"])


def everywhere(scene, product):
    """All copies that the project has of a product."""
    return [scene.root / product, scene.object(CACHE, product), scene.object(REMOTE, product)]


def forged(scene, change):
    """Publish a release of one's own making, changed and then described by a good manifest; give its version."""
    folder = scene.root / "forged"
    shutil.copytree(scene.release(), folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    change(folder, manifest)
    for name, entry in manifest["files"].items():
        entry.update(hash_file(folder / name).model_dump())
    data = (json.dumps(manifest, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()
    (folder / MANIFEST).write_bytes(data)
    shutil.copytree(folder, scene.store / "releases" / version_of(data))
    shutil.rmtree(scene.root / "release")
    folder.rename(scene.root / "release")
    edit_yaml(scene.root / "dvc.lock", lambda lock: lock["stages"].pop("bundle"))  # DVC has not seen it
    open_store(str(scene.store)).append("forged", version_of(data), "promote", "looks good")
    return version_of(data)


def edit_json(path, change):
    """Change a JSON document."""
    document = json.loads(path.read_text())
    change(document)
    write(path, (json.dumps(document, sort_keys=True, indent=1) + "\n").encode())


def lineage(manifest, stage, side, path):
    """One edge of a manifest."""
    found = next(edge for edge in manifest["lineage"][stage][side] if edge["path"] == path)
    return found


def _gone(scene, product):
    """Take a folder's file away everywhere."""
    shutil.rmtree((scene.root / product).parent)
    for place in (CACHE, REMOTE):
        scene.object(place, product).unlink()


def _source(scene, change):
    """Change where an archive comes from, with no copy of it left."""
    _gone(scene, ARCHIVE)
    change(scene.root / "sources/train-clean.tar.gz")


def _truncated_log(scene):
    scene.entry(2).unlink()


def _rolled_back(scene):
    replace(scene.entry(2), f'"version": "{scene.version}"', f'"version": "{scene.first}"')


def _appended(scene, **changes):
    entry = json.loads(scene.entry(2).read_text())
    entry |= {"action": "promote", "version": scene.first, "previous": scene.version, "nonce": "0" * 32} | changes
    scene.entry(3).write_text(json.dumps(entry))


def _gap(scene):
    open_store(str(scene.store)).append("stable", scene.first, "rollback", "worse")
    scene.entry(2).unlink()


def _listing(scene, place):
    path = scene.object(place, "data/corpus")
    write(path, json.dumps(json.loads(path.read_text())[:1]).encode())


def _features_list(scene):
    edit_json(scene.features(MANIFEST), lambda document: document["files"].pop("mels/speaker/part-00000.parquet"))


def _claim_exclusion(folder, manifest):
    path = folder / "exclusions.json"
    write(path, json.dumps({"speakers": ["toy_ada"], "utterances": []}).encode())
    edit_json(
        folder / "provenance.json",
        lambda statement: next(subject for subject in statement["subject"] if subject["name"] == path.name)[
            "digest"
        ].update(sha256=hash_file(path).sha256),
    )


WORKSPACE = {
    f"bit of {path} flipped": (lambda scene, path=path: flip(scene.root / path), f"workspace: {path}: ")
    for path in (
        ARCHIVE, CORPUS, UTTERANCES, "data/rejected.parquet", "data/summary.json",
        "data/mels/acoustic/part-00000.parquet", "data/speakers/speakers.parquet", WEIGHTS,
        "models/synthesizer/config.json", "models/vocoder/model.safetensors", "reports/metrics.json",
        "reports/gate.json", "reports/audio/sample_00_ground_truth.flac", "reports/plots/loss.csv",
        "reports/index.html", "links/ingest.json", "release/encoder/model.safetensors", "release/links.json",
        "release/MODEL_CARD.md", "models/base/base.json", "models/base/release/manifest.json",
    )
} | {
    "text of an utterance rewritten": (
        lambda scene: edit_table(scene.root / CORPUS, lambda rows: rows[0].update(text="I agree.")),
        f"workspace: {CORPUS}: ",
    ),
    "transcript rewritten in the table of utterances": (
        lambda scene: edit_table(scene.root / UTTERANCES, lambda rows: rows[0].update(normalized_text="i agree")),
        f"workspace: {UTTERANCES}: ",
    ),
    "speakers swapped": (lambda scene: edit_table(scene.root / CORPUS, swap_speakers), f"workspace: {CORPUS}: "),
    "recordings swapped": (
        lambda scene: edit_table(scene.root / CORPUS, lambda rows: rows[0].update(audio=rows[1]["audio"])),
        f"workspace: {CORPUS}: ",
    ),
    "utterance left out": (
        lambda scene: edit_table(scene.root / UTTERANCES, lambda rows: rows.pop()),
        f"workspace: {UTTERANCES}: ",
    ),
    "test speaker trained on": (
        lambda scene: edit_table(scene.root / UTTERANCES, lambda rows: rows[-1].update(split="train")),
        f"workspace: {UTTERANCES}: ",
    ),
    "shard added": (
        lambda scene: shutil.copy(scene.root / CORPUS, scene.root / "data/corpus/part-00099.parquet") and None,
        "workspace: data/corpus/part-00099.parquet: expected no such file",
    ),
    "shard removed": (lambda scene: (scene.root / CORPUS).unlink(), f"workspace: {CORPUS}: "),
    "MD5 collision": (lambda scene: write(scene.root / TWIN, COLLISION[1]), f"workspace: {TWIN}: "),
    "weights of another model": (
        lambda scene: write(scene.root / WEIGHTS, (scene.root / "models/vocoder/model.safetensors").read_bytes()),
        f"workspace: {WEIGHTS}: ",
    ),
    "older manifest replayed": (
        lambda scene: write(scene.root / "release" / MANIFEST, scene.release(MANIFEST, scene.first).read_bytes()),
        "workspace: release/manifest.json: ",
    ),
    "older release put in its place": (
        lambda scene: shutil.rmtree(scene.root / "release")
        or (shutil.copytree(scene.release(version=scene.first), scene.root / "release")
        and None),
        "workspace: release/",
    ),
    "file added to the release": (
        lambda scene: (scene.root / "release/extra.json").write_text("{}") and None,
        "workspace: release/extra.json: expected no such file",
    ),
    "metrics made better": (
        lambda scene: replace(scene.root / "reports/metrics.json", "0.05", "0.01"),
        "workspace: reports/metrics.json: ",
    ),
    "receipt of another release": (
        lambda scene: replace(scene.root / "receipts/publish.json", scene.version, scene.first),
        "receipts/publish.json",
    ),
}  # fmt: skip
DVC = {
    f"bit of {path} flipped in {place}": (
        lambda scene, path=path, place=place: flip(scene.object(place, path)),
        f"{'cache' if place == CACHE else 'remote'}: {path} (",
    )
    for path in (ARCHIVE, CORPUS, WEIGHTS, "links/train_encoder.json", "data/mels/acoustic/part-00000.parquet")
    for place in (CACHE, REMOTE)
} | {
    "MD5 collision in the cache": (
        lambda scene: write(scene.object(CACHE, TWIN), COLLISION[1]),
        f"cache: {TWIN} (",
    ),
    "MD5 collision in the remote": (
        lambda scene: write(scene.object(REMOTE, TWIN), COLLISION[1]),
        f"remote: {TWIN} (",
    ),
    "MD5 collision everywhere": (
        lambda scene: [write(path, COLLISION[1]) for path in everywhere(scene, TWIN)] and None,
        f"workspace: {TWIN}: ",
    ),
    "listing shortened in the cache": (lambda scene: _listing(scene, CACHE), "cache: data/corpus ("),
    "listing shortened in the remote": (lambda scene: _listing(scene, REMOTE), "remote: data/corpus ("),
    "object emptied in the remote": (lambda scene: write(scene.object(REMOTE, WEIGHTS), b""), f"remote: {WEIGHTS} ("),
    "manifest of the release changed in the cache": (
        lambda scene: flip(scene.object(CACHE, f"release/{MANIFEST}")),
        "cache: release/manifest.json (",
    ),
    "weights gone everywhere": (lambda scene: _gone(scene, WEIGHTS), f"missing: {WEIGHTS}: "),
    "archive gone, its source changed": (lambda scene: _source(scene, flip), f"source: {ARCHIVE} (file:sources/"),
    "archive and its source gone": (lambda scene: _source(scene, Path.unlink), f"missing: {ARCHIVE}: "),
    "output's hash in dvc.lock": (
        lambda scene: edit_yaml(
            scene.root / "dvc.lock", lambda lock: lock["stages"]["ingest"]["outs"][0].update(md5="0" * 32 + ".dir")
        ),
        "workspace: dvc.lock: ingest.outs data/corpus: ",
    ),
    "dependency's hash in dvc.lock": (
        lambda scene: edit_yaml(
            scene.root / "dvc.lock", lambda lock: lock["stages"]["train_encoder"]["deps"][0].update(md5="0" * 32)
        ),
        "workspace: dvc.lock: train_encoder.deps ",
    ),
    "parameter in dvc.lock": (
        lambda scene: edit_yaml(
            scene.root / "dvc.lock",
            lambda lock: lock["stages"]["ingest"]["params"]["params.yaml"]["ingest"].update(silence_db=1.0),
        ),
        "workspace: dvc.lock: ingest.params ingest.silence_db: expected 40.0, found 1.0",
    ),
    "command in dvc.lock": (
        lambda scene: edit_yaml(scene.root / "dvc.lock", lambda lock: lock["stages"]["ingest"].update(cmd="true")),
        "workspace: dvc.lock: ingest.cmd: ",
    ),
    "size in dvc.lock": (
        lambda scene: edit_yaml(
            scene.root / "dvc.lock", lambda lock: lock["stages"]["evaluate"]["outs"][0].update(size=1)
        ),
        "workspace: dvc.lock: evaluate.outs ",
    ),
    "stage taken out of dvc.lock": (
        lambda scene: edit_yaml(scene.root / "dvc.lock", lambda lock: lock["stages"].pop("extract_mels")),
        "workspace: dvc.lock: extract_mels: ",
    ),
    "dependency taken out of dvc.yaml": (
        lambda scene: edit_yaml(
            scene.root / "dvc.yaml", lambda graph: graph["stages"]["ingest"]["deps"].remove("exclusions.csv")
        ),
        "workspace: dvc.yaml: ingest.deps exclusions.csv: ",
    ),
}
STORE = {
    "weights changed in the store": (lambda scene: flip(scene.release("encoder/model.safetensors")), "encoder/model"),
    "file added in the store": (lambda scene: scene.release("a.json").write_text("{}") and None, "/a.json: "),
    "file removed in the store": (lambda scene: scene.release("reports/gate.json").unlink(), "reports/gate.json: "),
    "link in the store": (
        lambda scene: (
            scene.release("MODEL_CARD.md").unlink()
            or scene.release("MODEL_CARD.md").symlink_to(scene.release("MODEL_CARD.md", scene.first))
        ),
        "MODEL_CARD.md: ",
    ),
    "older manifest replayed in the store": (
        lambda scene: write(scene.release(MANIFEST), scene.release(MANIFEST, scene.first).read_bytes()),
        "manifest.json: ",
    ),
    "manifest gone from the store": (lambda scene: scene.release(MANIFEST).unlink(), "manifest.json"),
    "links changed in the store": (lambda scene: flip(scene.release("links.json")), "/links.json: "),
    "provenance changed in the store": (lambda scene: flip(scene.release("provenance.json")), "/provenance.json: "),
    "exclusions changed in the store": (
        lambda scene: write(scene.release("exclusions.json"), b'{"speakers": [], "utterances": []}'),
        "/exclusions.json: ",
    ),
    "table changed in the store": (lambda scene: flip(scene.features("utterances.parquet")), "/utterances.parquet: "),
    "MD5 collision in the store": (
        lambda scene: write(scene.features("mels/speaker/part-00001.parquet"), COLLISION[1]),
        "mels/speaker/part-00001.parquet: ",
    ),
    "table gone from the store": (
        lambda scene: scene.features("mels/acoustic/part-00000.parquet").unlink(),
        "mels/acoustic/part-00000.parquet: ",
    ),
    "list of tables changed in the store": (_features_list, "manifest.json: expected version"),
    "entry taken out of the log": (_gap, "channel: channels/stable/00000002.json: "),
    "log truncated": (_truncated_log, "channel: channels/stable/00000002.json: "),
    "log rolled back by rewriting its last entry": (_rolled_back, "channel: channels/stable/00000002.json: "),
    "first entry rewritten": (
        lambda scene: replace(scene.entry(1), scene.first, scene.version),
        "channel: channels/stable/00000002.json: expected previous",
    ),
    "reason rewritten": (
        lambda scene: replace(scene.entry(2), "gate passed", "approved by Ada"),
        "channel: channels/stable/00000002.json: ",
    ),
    "entry of a release that is not there": (
        lambda scene: _appended(scene, version="0123456789abcdef"),
        "channel: channels/stable/00000003.json: ",
    ),
    "entry that follows another than it says": (
        lambda scene: _appended(scene, previous=scene.first),
        "channel: channels/stable/00000003.json: expected previous",
    ),
    "entry that is none": (lambda scene: write(scene.entry(1), b"{}"), "channels/stable/00000001.json: "),
}
SIGNATURE = {
    "signature altered": (
        lambda scene: flip(next((scene.store / "signatures" / scene.version).glob("*.json"))),
        "store: signatures/",
    ),
    "signature gone": (lambda scene: shutil.rmtree(scene.store / "signatures"), "store: signatures/"),
    "signature of the other release": (
        lambda scene: write(
            next((scene.store / "signatures" / scene.version).glob("*.json")),
            next((scene.store / "signatures" / scene.first).glob("*.json")).read_bytes(),
        ),
        "store: signatures/",
    ),
}
FORGERIES = {
    "release of other archives": (
        lambda scene: forged(scene, lambda folder, manifest: manifest["corpora"][0].update(sha256="0" * 64)),
        "record: manifest.json: corpora toy train-clean: ",
    ),
    "release with links of another archive": (
        lambda scene: forged(
            scene,
            lambda folder, manifest: edit_json(
                folder / "links.json", lambda links: links["stages"]["download"][ARCHIVE].update(sha256="0" * 64)
            ),
        ),
        f"record: links.json: {ARCHIVE}: ",
    ),
    "release with links of another corpus": (
        lambda scene: forged(
            scene,
            lambda folder, manifest: edit_json(
                folder / "links.json", lambda links: links["stages"]["ingest"][CORPUS].update(sha256="0" * 64)
            ),
        ),
        "record: links.json: ingest: ",
    ),
    "release with other weights": (
        lambda scene: forged(scene, lambda folder, manifest: flip(folder / "vocoder/model.safetensors")),
        "record: manifest.json: vocoder/model.safetensors: ",
    ),
    "release with other metrics": (
        lambda scene: forged(scene, lambda folder, manifest: flip(folder / "reports/metrics.json")),
        "record: manifest.json: reports/metrics.json: ",
    ),
    "release whose stages read what none wrote": (
        lambda scene: forged(
            scene,
            lambda folder, manifest: lineage(manifest, "train_encoder", "deps", "data/mels/speaker").update(
                hash="0" * 32 + ".dir"
            ),
        ),
        "record: manifest.json: lineage.train_encoder.deps data/mels/speaker: ",
    ),
    "release of other parameters": (
        lambda scene: forged(scene, lambda folder, manifest: manifest["params"]["ingest"].update(silence_db=1.0)),
        "record: provenance.json: parameters ingest: ",
    ),
    "release of another commit": (
        lambda scene: forged(scene, lambda folder, manifest: manifest["code"].update(commit="0" * 40)),
        "record: provenance.json: repository: ",
    ),
    "release that denies its parent": (
        lambda scene: forged(scene, lambda folder, manifest: manifest.pop("parent")),
        "record: manifest.json: parent: ",
    ),
    "release of another parent": (
        lambda scene: forged(scene, lambda folder, manifest: manifest["parent"].update(version="0" * 16)),
        "record: manifest.json: parent: ",
    ),
    "release of other code": (
        lambda scene: forged(
            scene,
            lambda folder, manifest: lineage(manifest, "download", "deps", "pipeline/download").update(
                hash="0" * 32 + ".dir"
            ),
        ),
        "code: pipeline/download at ",
    ),
    "release that claims an exclusion": (lambda scene: forged(scene, _claim_exclusion), "toy_ada, who is excluded"),
    "release with tables of its own": (
        lambda scene: forged(
            scene,
            lambda folder, manifest: edit_json(
                folder / "features.json", lambda tables: tables["files"]["utterances.parquet"].update(sha256="0" * 64)
            ),
        ),
        "record: features.json: utterances.parquet: ",
    ),
}
TAMPERINGS = WORKSPACE | DVC | STORE | SIGNATURE | FORGERIES
"""By name: the change, and a part of the line that must be said of it."""


def md5_of(path):
    """MD5 of a file."""
    return hashlib.md5(path.read_bytes()).hexdigest()
