import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from peewee_model.errors import ConfigError
from peewee_model.release import read_manifest, verify_release
from pipeline.bundle import BundleError
from pipeline.lineage import LineageError
from pipeline.stages.bundle import bundle

# A graph of our stages' names whose commands write a few bytes: DVC itself makes the dvc.lock that is read here.
MAKE = """
import json, pathlib, struct, sys
stage = sys.argv[1]
acoustic = {"sample_rate": 24000, "hop_length": 256}
def put(path, text):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
def model(name, mel):
    put(f"models/{name}/config.json", json.dumps({"mel": mel}))
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    put(f"models/{name}/model.safetensors", struct.pack("<Q", len(header)) + header + name.encode()[:4])
    put(f"models/{name}/training.jsonl", "{}")
match stage:
    case "download":
        put("data/archives/mini-train.tar.gz", "archive")
    case "ingest":
        part = {"corpus": "mini", "subset": "train", "trimmed_s": 0.0}
        train = part | {"split": "train", "n_utterances": 30, "n_speakers": 3, "hours": 0.5}
        test = part | {"split": "test", "n_utterances": 10, "n_speakers": 1, "hours": 0.25}
        put("data/corpus/part-00000.parquet", "rows")
        put("data/summary.json", json.dumps({"parts": [train, test], "rejected": {}}))
    case "train_encoder":
        model("encoder", {"sample_rate": 16000})
    case "train_synthesizer":
        model("synthesizer", acoustic)
    case "train_vocoder":
        model("vocoder", acoustic)
    case "evaluate":
        put("reports/metrics.json", json.dumps({"speaker": {"eer": 0.05}, "n": 3, "asr": None}))
        check = {"metric": "speaker.eer", "op": "<=", "threshold": 0.1, "value": 0.05, "passed": True}
        put("reports/gate.json", json.dumps({"passed": True, "failures": [], "checks": [check]}))
        put("reports/audio/one.wav", b"RIFF")
        put("reports/index.html", "<html>")
"""
SOURCE = {
    "corpus": "mini", "subset": "train", "url": "mini:train", "md5": None, "sha256": "ab" * 32, "licence": "CC0-1.0",
}  # fmt: skip
MODEL_FOLDERS = ["models/encoder", "models/synthesizer", "models/vocoder"]
REPORTS = ["reports/metrics.json", "reports/gate.json", "reports/audio", "reports/index.html"]
GRAPH: dict[str, tuple[list[str], list[str], list[str]]] = {
    "download": ([], ["corpus"], ["data/archives"]),
    "ingest": (["data/archives"], ["corpus", "ingest"], ["data/corpus", "data/summary.json"]),
    "train_encoder": (["data/corpus"], [], ["models/encoder"]),
    "train_synthesizer": (["data/corpus", "models/encoder"], [], ["models/synthesizer"]),
    "train_vocoder": (["models/synthesizer"], [], ["models/vocoder"]),
    "evaluate": (
        MODEL_FOLDERS,
        [],
        REPORTS,
    ),
    "bundle": (
        ["data/summary.json", *MODEL_FOLDERS, *REPORTS],
        [],
        ["release"],
    ),
    "publish": (["release"], ["publish"], ["receipts/publish.json"]),
}


def write_graph(folder: Path) -> None:
    stages: dict[str, Any] = {}
    for name, (deps, params, outs) in GRAPH.items():
        command = f"{sys.executable} -m pipeline" if name in ("bundle", "publish") else f"{sys.executable} make.py"
        stages[name] = {"cmd": f"{command} {name}", "deps": [*deps, "make.py"], "outs": outs}
        if params:
            stages[name]["params"] = params
    stages["download"]["outs"] = [{"data/archives": {"persist": True}}]
    stages["publish"] |= {"always_changed": True, "outs": [{"receipts/publish.json": {"cache": False}}]}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git and DVC project in which everything up to `evaluate` was run by DVC."""
    from dvc.repo import Repo

    folder = tmp_path_factory.mktemp("project")
    write_graph(folder)
    (folder / "make.py").write_text(MAKE)
    params = {"corpus": {"sources": [SOURCE]}, "ingest": {"seed": 1}, "publish": {"channel": "stable"}}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    git(folder, "init", "--quiet")
    Repo.init(str(folder)).close()
    git(folder, "add", "make.py", "dvc.yaml", "params.yaml")
    git(folder, "commit", "--quiet", "--message", "start")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with Repo() as repo:
            repo.reproduce(["evaluate"])
    return folder


@pytest.fixture
def project(evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a copy of that project."""
    folder = tmp_path / "project"
    shutil.copytree(evaluated, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


def edit_lock(change: Any) -> None:
    lock = yaml.safe_load(Path("dvc.lock").read_text())
    change(lock["stages"])
    Path("dvc.lock").write_text(yaml.safe_dump(lock))


def test_bundle_holds_models_reports_samples_and_card(project: Path) -> None:
    bundle()
    manifest, version = read_manifest(Path("release"))
    assert verify_release(Path("release"), version) == manifest
    assert set(manifest.files) == {
        "encoder/config.json", "synthesizer/config.json", "vocoder/config.json",
        "encoder/model.safetensors", "synthesizer/model.safetensors", "vocoder/model.safetensors",
        "reports/metrics.json", "reports/gate.json", "reports/index.html", "samples/one.wav", "MODEL_CARD.md",
    }  # fmt: skip
    assert manifest.metrics == {"speaker": {"eer": 0.05}, "n": 3, "asr": None}
    assert manifest.mel == {
        "speaker": {"sample_rate": 16000},
        "acoustic": {"sample_rate": 24000, "hop_length": 256},
    }
    assert manifest.params == {"corpus": {"sources": [SOURCE]}, "ingest": {"seed": 1}}
    (corpus,) = manifest.corpora
    assert (corpus.sha256, corpus.n_speakers, corpus.n_utterances, corpus.hours) == ("ab" * 32, 4, 40, 0.75)
    assert corpus.splits["test"] == {"n_speakers": 1, "n_utterances": 10, "hours": 0.25}


def test_lineage_holds_every_ancestor_with_the_hashes_of_dvc_lock(project: Path) -> None:
    bundle()
    manifest, _ = read_manifest(Path("release"))
    locked = yaml.safe_load(Path("dvc.lock").read_text())["stages"]
    assert manifest.lineage.keys() == set(list(GRAPH)[:6])
    for name, entry in manifest.lineage.items():
        assert entry.cmd == locked[name]["cmd"]
        for side, edges in (("deps", entry.deps), ("outs", entry.outs)):
            expected = [(item["path"], item["md5"], item["size"], item.get("nfiles")) for item in locked[name][side]]
            assert [(edge.path, edge.hash, edge.size, edge.n_files) for edge in edges] == sorted(expected)
    assert manifest.lineage["ingest"].params == {"corpus": {"sources": [SOURCE]}, "ingest": {"seed": 1}}


def test_bundle_twice_gives_the_same_bytes(project: Path) -> None:
    bundle()
    first = {path: path.read_bytes() for path in Path("release").rglob("*") if path.is_file()}
    bundle()
    assert {path: path.read_bytes() for path in Path("release").rglob("*") if path.is_file()} == first


def test_commit_is_named_and_so_is_code_that_differs_from_it(project: Path) -> None:
    bundle()
    code = read_manifest(Path("release"))[0].code
    assert (code.commit, code.modified) == (git(project, "rev-parse", "HEAD"), ())
    Path("unrelated.py").write_text("")
    bundle()
    assert read_manifest(Path("release"))[0].code == code
    Path("make.py").write_text(MAKE + "\n")
    bundle()
    assert read_manifest(Path("release"))[0].code.modified == ("make.py",)


def test_bundle_outside_git_names_no_commit(project: Path) -> None:
    shutil.rmtree(".git")
    bundle()
    assert read_manifest(Path("release"))[0].code.commit is None


def test_card_says_plainly_that_the_corpus_is_synthetic(project: Path) -> None:
    bundle()
    card = Path("release/MODEL_CARD.md").read_text()
    assert "SYNTHETIC" in card
    assert "| speaker.eer | 0.05 |" in card
    assert "| asr | not measured |" in card
    assert "speaker.eer is 0.05, the gate asks for <= 0.1" in card
    assert "train 3 speakers, 0.50 h" in card
    source = SOURCE | {"url": "https://example.org/train.tar.gz"}

    def record(stages: Any) -> None:
        for name in ("download", "ingest"):
            stages[name]["params"]["params.yaml"]["corpus"]["sources"] = [source]

    edit_lock(record)
    bundle()
    assert "SYNTHETIC" not in Path("release/MODEL_CARD.md").read_text()


def test_secrets_in_urls_are_not_published(project: Path) -> None:
    source = SOURCE | {"url": "https://ada:hunter2@example.org/train.tar.gz?X-Signature=hunter3"}

    def record(stages: Any) -> None:
        for name in ("download", "ingest"):
            stages[name]["params"]["params.yaml"]["corpus"]["sources"] = [source]

    edit_lock(record)
    bundle()
    for path in Path("release").rglob("*"):
        assert path.is_dir() or b"hunter" not in path.read_bytes()
    assert "example.org/train.tar.gz" in read_manifest(Path("release"))[0].corpora[0].url


def test_models_of_different_mels_are_refused_by_field(project: Path) -> None:
    Path("models/vocoder/config.json").write_text('{"mel": {"sample_rate": 24000, "hop_length": 300}}')
    with pytest.raises(ConfigError, match=r"mel\.hop_length is 256 and 300"):
        bundle()
    assert not Path("release").exists()


def test_stale_entries_of_other_stages_are_ignored(project: Path) -> None:
    edit_lock(lambda stages: stages.update(gone={"cmd": "rm -rf /", "deps": [{"path": "x", "md5": "0", "size": 0}]}))
    bundle()
    assert "gone" not in read_manifest(Path("release"))[0].lineage


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda stages: stages.pop("ingest"), "no record of stage ingest"),
        (lambda stages: stages["ingest"].update(cmd="old"), "stage ingest ran `old`"),
        (lambda stages: stages["ingest"]["deps"].pop(), "deps of dvc.yaml but not in dvc.lock"),
        (
            lambda stages: stages["ingest"]["outs"].append({"path": "data/more", "md5": "0", "size": 0}),
            "data/more stands in the outs of dvc.lock but not in dvc.yaml",
        ),
        (
            lambda stages: stages["ingest"]["outs"][0].update(md5="0123.dir"),
            r"ingest wrote data/corpus 0123\.dir, but train_encoder read",
        ),
        (
            lambda stages: next(d for d in stages["ingest"]["deps"] if d["path"] == "make.py").update(md5="0123"),
            r"download read make\.py .*, but ingest read 0123",
        ),
        (
            lambda stages: stages["ingest"]["params"]["params.yaml"].update(corpus={"sources": []}),
            "download and ingest ran with different `corpus`",
        ),
    ],
    ids=["no entry", "other command", "dep missing", "out unknown", "other data", "other code", "other params"],
)
def test_lock_that_does_not_tell_how_the_models_were_made_is_refused(project: Path, change: Any, message: str) -> None:
    edit_lock(change)
    with pytest.raises(LineageError, match=message):
        bundle()


def test_missing_lock_is_named(project: Path) -> None:
    Path("dvc.lock").unlink()
    with pytest.raises(LineageError, match=r"dvc\.lock is missing"):
        bundle()


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("reports/metrics.json", None, r"reports/metrics\.json is missing"),
        ("reports/metrics.json", '{"eer": NaN}', "it holds NaN"),
        ("reports/gate.json", "[]", "holds list"),
        ("models/encoder/model.safetensors", None, r"models/encoder/model\.safetensors can't be read"),
        ("models/encoder/config.json", "{", r"models/encoder/config\.json is no JSON"),
        ("reports/index.html", None, r"reports/index\.html can't be read"),
        ("reports/audio/two.pt", "x", r"'samples/two\.pt' can't stand in a release"),
        ("data/summary.json", '{"parts": [{"corpus": "vctk", "subset": "all"}]}', "counted vctk all"),
    ],
)
def test_missing_or_unfit_input_is_named(project: Path, path: str, content: str | None, message: str) -> None:
    if content is None:
        Path(path).unlink()
    else:
        Path(path).write_text(content)
    with pytest.raises(BundleError, match=message):
        bundle()
    assert not Path("release/manifest.json").exists()


def test_dvc_runs_bundle_and_publish_and_a_second_time_only_asks_the_store(
    project: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dvc.repo import Repo

    monkeypatch.setenv("PYTHONPATH", str(repository))
    monkeypatch.delenv("PEEWEE_STORE", raising=False)
    with Repo() as repo:
        assert {stage.addressing for stage in repo.reproduce()} == {"bundle", "publish"}
    receipt = Path("receipts/publish.json").read_text()
    _, version = read_manifest(Path("release"))
    assert json.loads(receipt)["version"] == version
    assert Path(f"store/releases/{version}/manifest.json").is_file()
    lock = Path("dvc.lock").read_text()
    with Repo() as repo:
        assert {stage.addressing for stage in repo.reproduce()} <= {"publish"}
    assert (Path("receipts/publish.json").read_text(), Path("dvc.lock").read_text()) == (receipt, lock)
    assert [path.name for path in Path("store/channels/stable").iterdir()] == ["00000001.json"]
    shutil.rmtree("store")
    with Repo() as repo:
        repo.reproduce()
    assert Path(f"store/releases/{version}/manifest.json").is_file()
