"""Each edge that an audit compares, broken alone: the audit names it. T17 breaks whole projects in a hundred ways."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from peewee_model.release.manifest import Edge, FileEntry, ParentEntry, hash_file
from peewee_model.store.store import open_store
from pipeline.audit.code import check_code
from pipeline.audit.finding import Report
from pipeline.audit.hashing import Hasher
from pipeline.audit.places import ObjectPlace, Workspace
from pipeline.audit.products import Output, check_output
from pipeline.audit.project import Project
from pipeline.audit.record import contradictions
from pipeline.audit.store_side import check_features
from pipeline.audit.verify import Request, audit
from pipeline.release.provenance import Dependency
from pipeline.stages.bundle import bundle
from pipeline.stages.publish import publish
from tests.pipeline.audit import code_project
from tests.pipeline.audit.tamperings import edit_json, edit_yaml, flip, write

ZERO, ZERO_DIR, OTHER = "0" * 32, "0" * 32 + ".dir", FileEntry(sha256="0" * 64, size=1)
PARENT = "a" * 16


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A project whose release is bundled, published and recorded by DVC."""
    from dvc.repo import Repo

    folder = tmp_path_factory.mktemp("original") / "project"
    folder.mkdir()
    code_project.make(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PEEWEE_STORE", "store")
        bundle()
        publish()
        with Repo() as repo:
            repo.commit("bundle", force=True)
    return folder


@pytest.fixture(scope="module")
def record(original):
    """What the release says."""
    return code_project.read_record(original / "release")


@pytest.fixture
def project(original, tmp_path, monkeypatch):
    """A copy of the project; the current folder."""
    monkeypatch.setenv("PEEWEE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    shutil.copytree(original, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


def test_nothing_is_broken_at_first(project, record):
    """Else the tests below would show nothing."""
    report = audit(Request(record.version, "store", project, everything=True))
    assert (report.findings, report.unseen) == ([], [])
    assert list(contradictions(record)) == list(contradictions(adapted(record))) == []


def manifest(record, **fields):
    return replace(record, manifest=record.manifest.model_copy(update=fields))


def edge(record, stage, side, name, **values):
    """Change an edge of the lineage, at one stage alone."""
    entry = record.manifest.lineage[stage]
    before = getattr(entry, side)
    assert any(found.path == name for found in before)
    edges = [found.model_copy(update=values) if found.path == name else found for found in before]
    changed = entry.model_copy(update={side: tuple(edges)})
    return manifest(record, lineage=record.manifest.lineage | {stage: changed})


def links(record, **stages):
    return replace(record, links=record.links.model_copy(update={"stages": record.links.stages | stages}))


def product(record, stage, path, entry):
    """Change what a link says of a product; None takes it out."""
    products = {name: found for name, found in record.links.stages[stage].items() if name != path}
    return links(record, **{stage: products | ({path: entry} if entry else {})})


def without_link(record, stage):
    kept = {name: found for name, found in record.links.stages.items() if name != stage}
    return replace(record, links=record.links.model_copy(update={"stages": kept}))


def provenance(record, **fields):
    return replace(record, provenance=replace(record.provenance, **fields))


def dependency(record, name, **digests):
    return provenance(record, dependencies=record.provenance.dependencies | {name: Dependency("", digests, {})})


def file(record, name, entry=OTHER):
    return manifest(record, files=record.manifest.files | {name: entry})


def adapted(record):
    """The same release as if its training had started from another one."""
    fetched = FileEntry(sha256=PARENT + "0" * 48, size=1)
    base = {"release": f"store@{PARENT}", "parts": ["encoder"]}
    entry = ParentEntry(version=PARENT, store="store", parts=("encoder",), corpora=(), parent=None)
    changed = manifest(record, parent=entry, params=record.manifest.params | {"base": base})
    changed = product(changed, "fetch_base", "models/base/release/manifest.json", fetched)
    changed = provenance(changed, params=record.provenance.params | {"base": base})
    changed = dependency(changed, "parent", sha256=fetched.sha256)
    data = json.dumps(  # as `links/fetch_base.json` would be
        {"format": 1, "products": {k: v.model_dump() for k, v in changed.links.stages["fetch_base"].items()},
         "stage": "fetch_base"}, sort_keys=True, indent=1,
    ).encode() + b"\n"  # fmt: skip
    md5 = hashlib.md5(data).hexdigest()
    size = sum(entry.size for entry in changed.links.stages["fetch_base"].values())
    changed = edge(changed, "fetch_base", "outs", "links/fetch_base.json", hash=md5, size=len(data))
    changed = edge(changed, "fetch_base", "outs", "models/base", size=size, n_files=2)
    for stage, found in changed.manifest.lineage.items():
        for dep in found.deps:
            if dep.path == "links/fetch_base.json":
                changed = edge(changed, stage, "deps", dep.path, hash=md5)
    return changed


RECORD = {
    "no archives": (
        lambda r: manifest(r, params=r.manifest.params | {"corpus": {}}),
        "manifest.json: params.corpus.sources: expected the archives",
    ),
    "archive in the manifest": (
        lambda r: manifest(r, corpora=[r.manifest.corpora[0].model_copy(update={"sha256": "0" * 64})]),
        "manifest.json: corpora mini train",
    ),
    "archive not in the manifest": (lambda r: manifest(r, corpora=()), "manifest.json: corpora mini train"),
    "archive in the links": (
        lambda r: product(r, "download", "data/archives/mini-train.tar.gz", OTHER),
        "links.json: data/archives/mini-train.tar.gz",
    ),
    "archive in the provenance": (
        lambda r: dependency(r, "mini-train.tar.gz", sha256="0" * 64),
        "provenance.json: mini-train.tar.gz",
    ),
    "stage read what its maker did not write": (
        lambda r: edge(r, "train_encoder", "deps", "data/mels/speaker", hash=ZERO_DIR),
        "manifest.json: lineage.train_encoder.deps data/mels/speaker",
    ),
    "two stages read other code": (
        lambda r: edge(r, "train_encoder", "deps", "code", hash=ZERO_DIR),
        "lineage.train_encoder.deps code",
    ),
    "stage without a link": (lambda r: without_link(r, "ingest"), "links.json: ingest: expected what the stage made"),
    "link unlike the lineage": (
        lambda r: edge(r, "extract_mels", "outs", "links/extract_mels.json", hash=ZERO),
        "links.json: extract_mels: expected what lineage has",
    ),
    "sizes unlike the lineage": (
        lambda r: edge(r, "ingest", "outs", "data/summary.json", size=1),
        "data/summary.json",
    ),
    "link of an unknown stage": (lambda r: links(r, other={}), "links.json: other: expected no such stage"),
    "file that no stage made": (lambda r: file(r, "encoder/more.json"), "encoder/more.json: expected a file that a"),
    "weights unlike the link": (lambda r: file(r, "vocoder/model.safetensors"), "manifest.json: vocoder/model"),
    "sample unlike the link": (lambda r: file(r, "samples/one.wav"), "manifest.json: samples/one.wav"),
    "report unlike the link": (lambda r: file(r, "reports/metrics.json"), "manifest.json: reports/metrics.json"),
    "table unlike the link": (
        lambda r: replace(
            r, features=r.features.model_copy(update={"files": r.features.files | {"utterances.parquet": OTHER}})
        ),
        "features.json: utterances.parquet",
    ),
    "subject of the provenance": (
        lambda r: provenance(r, subjects=r.provenance.subjects | {"MODEL_CARD.md": "0" * 64}),
        "provenance.json: subject MODEL_CARD.md",
    ),
    "subject too many": (
        lambda r: provenance(r, subjects=r.provenance.subjects | {"more.json": "0" * 64}),
        "provenance.json: subject more.json",
    ),
    "commit of the provenance": (
        lambda r: dependency(r, "repository", gitCommit="0" * 40),
        "provenance.json: repository: expected commit",
    ),
    "parameters of the provenance": (
        lambda r: provenance(r, params=r.provenance.params | {"ingest": {"seed": 2}}),
        "provenance.json: parameters ingest",
    ),
    "commands of the provenance": (
        lambda r: provenance(r, commands=r.provenance.commands | {"ingest": "true"}),
        "provenance.json: stages",
    ),
}
ADAPTED = {
    "parent that is denied": (lambda r: manifest(r, parent=None), "manifest.json: parent: expected base.parts"),
    "parent of other parts": (
        lambda r: manifest(r, parent=r.manifest.parent.model_copy(update={"parts": ("vocoder",)})),
        "manifest.json: parent: expected base.parts",
    ),
    "parent that was not asked for": (
        lambda r: manifest(r, parent=r.manifest.parent.model_copy(update={"version": "b" * 16})),
        "manifest.json: parent: expected base.release",
    ),
    "parent that was not fetched": (
        lambda r: product(r, "fetch_base", "models/base/release/manifest.json", OTHER),
        "links.json: models/base/release/manifest.json",
    ),
    "parent in the provenance": (lambda r: dependency(r, "parent", sha256="0" * 64), "provenance.json: parent"),
    "parent not in the provenance": (lambda r: dependency(r, "parent"), "provenance.json: parent"),
}


@pytest.mark.parametrize("kind", [*RECORD, *ADAPTED])
def test_record_that_contradicts_itself_is_named(kind, record):
    """One statement is changed in memory, all others stay."""
    change, said = {**RECORD, **ADAPTED}[kind]
    found = [str(finding) for finding in contradictions(change(adapted(record) if kind in ADAPTED else record))]
    assert any(said in line for line in found), found


def code(record):
    """What an audit of the code says."""
    return [str(finding) for finding in check_code(Path(), record.manifest.code.commit, record, Report("v"))]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: edge(r, "ingest", "deps", "make.py", hash=ZERO), "code: make.py at "),
        (lambda r: edge(r, "ingest", "deps", "code", hash=ZERO_DIR), "code: code at "),
        (lambda r: edge(r, "ingest", "deps", "code", path="gone", hash=ZERO_DIR), "code: gone at "),
        (lambda r: dependency(r, "requirements.lock", sha256="0" * 64), "code: requirements.lock at "),
        (lambda r: dependency(r, "gone.lock", sha256="0" * 64), "code: gone.lock at "),
    ],
    ids=["file", "folder", "gone", "list", "list that is gone"],
)
def test_code_unlike_its_commit_is_named(change, said, record, project):
    """The commit has other bytes than the release says that stages read, or none."""
    two = manifest(record, lineage={name: record.manifest.lineage[name] for name in ("download", "ingest")})
    assert code(two) == []
    found = code(change(two))
    assert len(found) == 1 and said in found[0]


def output(edge_hash, *names):
    """An output whose files are right by SHA-256, and its edge's own hash."""
    files = {name: hash_file(Path(name)) for name in names}
    path = str(Path(names[0]).parent) if edge_hash.endswith(".dir") else names[0]
    return Output(Edge(path=path, algorithm="md5", hash=edge_hash, size=None, n_files=None), files)


def findings(checked, *places):
    return list(map(str, Hasher(Report("v")).run(check_output(checked, places))))


def test_file_whose_md5_is_not_the_lineage_s_is_named(project):
    """SHA-256 is right, and DVC's record is of another file."""
    found = findings(output(ZERO, "data/summary.json"), Workspace(project))
    assert len(found) == 1 and f"workspace: data/summary.json: expected md5 {ZERO}" in found[0]


def test_folder_whose_hash_is_not_the_lineage_s_is_named(project):
    """Each file is right, and DVC's record is of another folder."""
    names = [path.relative_to(project).as_posix() for path in sorted((project / "data/mels/speaker").iterdir())]
    found = findings(output(ZERO_DIR, *names), Workspace(project))
    assert len(found) == 1 and f"workspace: data/mels/speaker: expected md5 {ZERO_DIR}, as in the lineage" in found[0]


def test_listing_that_is_none_of_dvc_s_is_named(project):
    """Its hash is right: whoever made the release put it there."""
    from dvc.repo import Repo

    data = b'{"no": "list"}'
    md5 = hashlib.md5(data).hexdigest()
    path = project / ".dvc/cache/files/md5" / md5[:2] / f"{md5[2:]}.dir"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    with Repo() as repo:
        place = ObjectPlace("cache", repo.cache.local)
    found = findings(Output(Edge(path="data/corpus", algorithm="md5", hash=f"{md5}.dir", size=1, n_files=1), {}), place)
    assert len(found) == 1 and "expected a listing of DVC's" in found[0]


def test_person_who_is_excluded_is_found_in_the_tables(record, project):
    """In the store's and in the workspace's, by speaker and by utterance."""
    excluded = replace(record, excluded={"speakers": ["mini_a"], "utterances": ["mini_b_1_2"]})
    in_store = list(map(str, check_features(open_store("store"), excluded, Report("v"))))
    assert [line.split(": ")[0] for line in in_store] == ["store", "store"]
    assert "mini_a" in in_store[0] and "mini_b_1_2" in in_store[1]
    report = Report("v")
    here = Project(project, excluded, report, Hasher(report), True).findings(lambda: iter(()))
    assert [line.split(": ")[0] for line in map(str, here)] == ["workspace", "workspace"]


def lock(change):
    return lambda: edit_yaml(Path("dvc.lock"), lambda document: change(document["stages"]))


def graph(change):
    return lambda: edit_yaml(Path("dvc.yaml"), lambda document: change(document["stages"]))


def receipt(**values):
    return lambda: edit_json(Path("receipts/publish.json"), lambda document: document.update(values))


def stored(name):
    """A file of the only release in the store."""
    return next(Path("store/releases").glob(f"*/{name}"))


def table(name):
    return next(Path("store/features").glob(f"*/{name}"))


def cached(stage, number):
    """DVC's copy of an output."""
    md5 = yaml.safe_load(Path("dvc.lock").read_text())["stages"][stage]["outs"][number]["md5"]
    return Path(".dvc/cache/files/md5", md5[:2], md5[2:])


def append(**values):
    """One more entry of the channel's log, written by hand."""
    path = Path("store/channels/stable/00000001.json")
    entry = json.loads(path.read_text())
    entry |= {"action": "promote", "previous": entry["version"], "nonce": "0" * 32} | values
    Path("store/channels/stable/00000002.json").write_text(json.dumps(entry))


def leave_a_gap():
    append()
    Path("store/channels/stable/00000001.json").unlink()


SHARD = "data/mels/speaker/part-00000.parquet"
DISK = {
    "lock: stage": (lock(lambda s: s.pop("ingest")), "dvc.lock: ingest: "),
    "lock: command": (lock(lambda s: s["ingest"].update(cmd="true")), "dvc.lock: ingest.cmd"),
    "lock: dependency": (lock(lambda s: s["ingest"]["deps"][0].update(md5=ZERO)), "dvc.lock: ingest.deps "),
    "lock: output": (lock(lambda s: s["ingest"]["outs"][0].update(md5=ZERO)), "dvc.lock: ingest.outs "),
    "lock: output gone": (lock(lambda s: s["ingest"]["outs"].pop()), "dvc.lock: ingest.outs "),
    "lock: size": (lock(lambda s: s["ingest"]["outs"][0].update(size=1)), "dvc.lock: ingest.outs "),
    "lock: number of files": (lock(lambda s: s["ingest"]["outs"][0].update(nfiles=9)), "dvc.lock: ingest.outs "),
    "lock: one more": (
        lock(lambda s: s["ingest"]["deps"].append({"path": "more", "md5": ZERO})),
        "dvc.lock: ingest.deps more: expected nothing",
    ),
    "lock: parameter": (
        lock(lambda s: s["ingest"]["params"]["params.yaml"]["ingest"].update(seed=2)),
        "dvc.lock: ingest.params ingest.seed",
    ),
    "lock: section": (
        lock(lambda s: s["ingest"]["params"]["params.yaml"].update(more=2)),
        "dvc.lock: ingest.params more",
    ),
    "lock: no stages": (lambda: write(Path("dvc.lock"), b"stages: [1]\n"), "dvc.lock: expected stages in YAML"),
    "graph: stage": (graph(lambda s: s.pop("ingest")), "dvc.yaml: ingest: "),
    "graph: command": (graph(lambda s: s["ingest"].update(cmd="true")), "dvc.yaml: ingest.cmd"),
    "graph: dependency gone": (graph(lambda s: s["ingest"]["deps"].pop()), "dvc.yaml: ingest.deps "),
    "graph: dependency more": (
        graph(lambda s: s["ingest"]["deps"].append("a")),
        "dvc.yaml: ingest.deps a: expected nothing",
    ),
    "graph: output more": (graph(lambda s: s["ingest"]["outs"].append("b")), "dvc.yaml: ingest.outs b: expected no"),
    "workspace: file": (lambda: flip(Path(SHARD)), f"workspace: {SHARD}: "),
    "workspace: file gone": (lambda: Path(SHARD).unlink(), f"workspace: {SHARD}: "),
    "workspace: file more": (lambda: Path("data/mels/speaker/a").write_text("a"), "workspace: data/mels/speaker/a: "),
    "workspace: release": (lambda: flip(Path("release/MODEL_CARD.md")), "workspace: release/MODEL_CARD.md"),
    "cache: file": (lambda: flip(cached("ingest", 1)), "cache: "),
    "cache: listing": (lambda: write(cached("extract_mels", 0), b"[]"), "cache: data/mels/acoustic ("),
    "store: file": (lambda: flip(stored("encoder/model.safetensors")), "encoder/model.safetensors"),
    "store: file more": (lambda: (stored("manifest.json").parent / "a.json").write_text("{}"), "/a.json"),
    "store: links": (lambda: flip(stored("links.json")), "/links.json"),
    "store: manifest": (lambda: flip(stored("manifest.json")), "manifest.json"),
    "store: table": (lambda: flip(table("utterances.parquet")), "utterances.parquet"),
    "store: list of tables": (
        lambda: edit_json(table("manifest.json"), lambda document: document["files"].pop("utterances.parquet")),
        "manifest.json: expected version",
    ),
    "channel: gap": (leave_a_gap, "channel: channels/stable/00000001.json: expected an entry"),
    "channel: entry": (lambda: write(Path("store/channels/stable/00000001.json"), b"{}"), "channels/stable/00000001"),
    "channel: previous": (lambda: append(previous="f" * 16), "channels/stable/00000002.json: expected previous"),
    "channel: release": (lambda: append(version="f" * 16), "channels/stable/00000002.json: expected a release"),
    "channel: no version": (lambda: append(version="../../etc"), "channels/stable/00000002.json"),
    "receipt: number": (receipt(number=7), "channels/stable/00000007.json: expected the entry that published"),
    "receipt: reason": (receipt(reason="another"), "channels/stable/00000001.json: expected version"),
    "receipt: tables": (receipt(features="f" * 16), "workspace: receipts/publish.json: expected features"),
    "receipt: none": (
        lambda: write(Path("receipts/publish.json"), b"[]"),
        "workspace: receipts/publish.json: expected a receipt",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", DISK)
def test_change_on_disk_is_named(kind, record, project):
    """One file is changed; the audit stops at it."""
    change, said = DISK[kind]
    change()
    report = audit(Request(record.version, "store", project))
    assert len(report.findings) == 1 and said in str(report.findings[0]), (report.findings, report.unseen)


def test_signature_that_is_not_there_is_named(record, project, tmp_path):
    """A key was given, so the release must be signed by it."""
    from tests.faults.test_audit import make_key

    make_key(tmp_path / "release.key")
    report = audit(Request(record.version, "store", project, public_key=tmp_path / "release.pub"))
    assert len(report.findings) == 1 and "store: signatures/" in str(report.findings[0])
    open_store("store").sign(record.version, tmp_path / "release.key")
    assert not audit(Request(record.version, "store", project, public_key=tmp_path / "release.pub")).findings
