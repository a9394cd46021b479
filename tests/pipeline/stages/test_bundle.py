import hashlib
import json
import shutil
from pathlib import Path

import pytest
import yaml

from peewee_model.errors import ConfigError
from peewee_model.release.features import parse_features
from peewee_model.release.manifest import hash_file, read_manifest
from peewee_model.release.verification import verify_release
from peewee_model.store.store import open_store
from pipeline.release.bundle import BundleError
from pipeline.release.croissant import CROISSANT
from pipeline.release.lineage import LineageError, read_lineage
from pipeline.release.links import LinkError, parse_release_links
from pipeline.release.provenance import read_provenance
from pipeline.stages.bundle import bundle
from tests.pipeline.stages.small_project import GRAPH, MAKE, SOURCE, make_project
from tests.stand_in_graph import git


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """A git and DVC project in which everything up to `evaluate` was run by DVC."""
    from dvc.repo import Repo

    folder = tmp_path_factory.mktemp("project")
    make_project(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with Repo() as repo:
            repo.reproduce(["evaluate"])
    return folder


@pytest.fixture
def project(evaluated, tmp_path, monkeypatch):
    """The current folder: a copy of that project."""
    folder = tmp_path / "project"
    shutil.copytree(evaluated, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


def edit_lock(change):
    lock = yaml.safe_load(Path("dvc.lock").read_text())
    change(lock["stages"])
    Path("dvc.lock").write_text(yaml.safe_dump(lock))


def test_bundle_holds_models_reports_samples_and_card(project):
    """And the manifest has what the lock and the reports say."""
    bundle()
    manifest, version = read_manifest(Path("release"))
    assert verify_release(Path("release"), version) == manifest
    assert set(manifest.files) == {
        "encoder/config.json", "synthesizer/config.json", "vocoder/config.json",
        "encoder/model.safetensors", "synthesizer/model.safetensors", "vocoder/model.safetensors",
        "reports/metrics.json", "reports/metrics_labels.json", "reports/gate.json", "reports/index.html",
        "samples/one.wav", "MODEL_CARD.md",
        "links.json", "features.json", "exclusions.json", "provenance.json", "croissant.json",
    }  # fmt: skip
    assert manifest.metrics == {"speaker": {"eer": 0.05}, "n": 3, "asr": None}
    assert manifest.mel == {
        "speaker": {"sample_rate": 16000},
        "acoustic": {"sample_rate": 24000, "hop_length": 256},
    }
    assert manifest.params == {"corpus": {"sources": [SOURCE]}, "ingest": {"seed": 1}}
    (corpus,) = manifest.corpora
    assert (corpus.sha256, corpus.n_speakers, corpus.n_utterances) == (SOURCE["sha256"], 4, 40)
    assert corpus.hours == 0.75
    assert corpus.splits["test"] == {"n_speakers": 1, "n_utterances": 10, "hours": 0.25}


def test_lineage_holds_every_ancestor_with_the_hashes_of_dvc_lock(project):
    """The audit follows them."""
    bundle()
    manifest, _ = read_manifest(Path("release"))
    locked = yaml.safe_load(Path("dvc.lock").read_text())["stages"]
    assert manifest.lineage.keys() == GRAPH.keys()
    for name, entry in manifest.lineage.items():
        assert entry.cmd == locked[name]["cmd"]
        for side, edges in (("deps", entry.deps), ("outs", entry.outs)):
            expected = [(item["path"], item["md5"], item["size"], item.get("nfiles")) for item in locked[name][side]]
            assert [(edge.path, edge.hash, edge.size, edge.n_files) for edge in edges] == sorted(expected)
    assert manifest.lineage["ingest"].params == {"corpus": {"sources": [SOURCE]}, "ingest": {"seed": 1}}


def test_small_numbers_stay_numbers(project):
    """DVC writes 1e-06, which YAML 1.1 reads as a string."""
    lock = Path("dvc.lock").read_text()
    assert "seed: 1\n" in lock
    Path("dvc.lock").write_text(lock.replace("seed: 1\n", "seed: 1e-06\n"))
    assert read_lineage("bundle")["ingest"].params["ingest"] == {"seed": 1e-6}


def test_bundle_twice_gives_the_same_bytes(project):
    """The version is a hash of them."""
    bundle()
    first = {path: path.read_bytes() for path in Path("release").rglob("*") if path.is_file()}
    bundle()
    assert {path: path.read_bytes() for path in Path("release").rglob("*") if path.is_file()} == first


def test_commit_is_named_and_so_is_code_that_differs_from_it(project):
    """A file that no stage reads does not count."""
    bundle()
    code = read_manifest(Path("release"))[0].code
    assert (code.commit, code.modified) == (git(project, "rev-parse", "HEAD"), ())
    Path("unrelated.py").write_text("")
    bundle()
    assert read_manifest(Path("release"))[0].code == code
    Path("make.py").write_text(MAKE + "\n")
    bundle()
    assert read_manifest(Path("release"))[0].code.modified == ("make.py",)


def test_bundle_outside_git_names_no_commit(project):
    """A release is possible without git."""
    shutil.rmtree(".git")
    bundle()
    assert read_manifest(Path("release"))[0].code.commit is None


def test_card_says_plainly_that_the_corpus_is_synthetic(project):
    """And not if a source is a recording."""
    bundle()
    card = Path("release/MODEL_CARD.md").read_text()
    assert "SYNTHETIC" in card
    source = SOURCE | {"url": "https://example.org/train.tar.gz"}

    def record(stages):
        for name in ("download", "ingest"):
            stages[name]["params"]["params.yaml"]["corpus"]["sources"] = [source]

    edit_lock(record)
    bundle()
    assert "SYNTHETIC" not in Path("release/MODEL_CARD.md").read_text()


def products(path):
    """Hash the files at a path, one after the other."""
    found = [file for file in Path(path).rglob("*") if file.is_file()] if Path(path).is_dir() else [Path(path)]
    return {str(file): hash_file(file) for file in found}


def test_links_join_what_every_stage_made(project):
    """Every file of every output, whoever reads it; and nothing else."""
    bundle()
    links = parse_release_links(Path("release/links.json").read_bytes(), "release/links.json")
    assert links.stages.keys() == GRAPH.keys()
    for stage, (_, _, outs) in GRAPH.items():
        assert links.stages[stage] == {name: entry for out in outs for name, entry in products(out).items()}
    assert links.products["data/archives/mini-train.tar.gz"].sha256 == SOURCE["sha256"]


def test_features_are_the_tables_by_their_names_in_a_dataset(project):
    """As the store has them: without `data/`, and none but utterances and mels."""
    bundle()
    features = parse_features(Path("release/features.json").read_bytes(), "release/features.json")
    assert features.files == {
        "utterances.parquet": hash_file(Path("data/utterances.parquet")),
        "mels/acoustic/part-00000.parquet": hash_file(Path("data/mels/acoustic/part-00000.parquet")),
        "mels/speaker/part-00000.parquet": hash_file(Path("data/mels/speaker/part-00000.parquet")),
    }
    assert features.to_bytes() == Path("release/features.json").read_bytes()
    assert features.version in Path("release/MODEL_CARD.md").read_text()


def test_bundle_needs_neither_archives_nor_corpus_nor_mels(project):
    """A worker pulls only what the stage depends on."""
    bundle()
    first = Path("release/manifest.json").read_bytes()
    for folder in ("data/archives", "data/corpus", "data/mels", "data/speakers"):
        shutil.rmtree(folder)
    bundle()
    assert Path("release/manifest.json").read_bytes() == first


def test_provenance_covers_every_file_and_what_shaped_the_run(project):
    """And says the same wherever the clone came from, for the same run is to give the same bytes."""
    bundle()
    manifest, version = read_manifest(Path("release"))
    provenance = read_provenance(Path("release/provenance.json").read_bytes())
    assert provenance.subjects == {
        name: entry.sha256 for name, entry in manifest.files.items() if name != "provenance.json"
    }
    assert provenance.params == manifest.params
    assert provenance.commands == {name: entry.cmd for name, entry in manifest.lineage.items()}
    assert provenance.dependencies["mini-train.tar.gz"].digests["sha256"] == SOURCE["sha256"]
    for name in ("dvc.yaml", "exclusions.csv", "requirements.lock"):
        assert provenance.dependencies[name].digests["sha256"] == hash_file(Path(name)).sha256
    git(project, "remote", "add", "origin", "https://example.org/somewhere.git")
    bundle()
    assert read_manifest(Path("release"))[1] == version


def test_croissant_describes_the_features(project):
    """With the hashes of the tables."""
    bundle()
    document = json.loads(Path("release", CROISSANT).read_bytes())
    hashes = {item.get("sha256") for item in document["distribution"]}
    assert hash_file(Path("data/utterances.parquet")).sha256 in hashes


def exclude(line):
    """Add a line to the list, and let dvc.lock say that ingest went by it."""
    path = Path("exclusions.csv")
    path.write_text(f"{path.read_text()}{line}\n")
    digest = hashlib.md5(path.read_bytes()).hexdigest()

    def record(stages):
        for dep in stages["ingest"]["deps"]:
            if dep["path"] == "exclusions.csv":
                dep["md5"] = digest

    edit_lock(record)


def test_excluded_ids_are_published_without_the_reasons(project):
    """A reason may name a person."""
    exclude("speaker,mini_x,consent withdrawn by Ada")
    exclude("utterance,mini_b_1_77,names a person")
    bundle()
    expected = {"speakers": ["mini_x"], "utterances": ["mini_b_1_77"]}
    assert json.loads(Path("release/exclusions.json").read_bytes()) == expected
    for path in Path("release").rglob("*"):
        assert path.is_dir() or b"Ada" not in path.read_bytes()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("speaker,mini_b,x", "holds utterance mini_b_1_2 of speaker mini_b, whom exclusions.csv excludes"),
        ("utterance,mini_a_1_1,x", "holds utterance mini_a_1_1 of speaker mini_a, whom"),
    ],
)
def test_corpus_that_holds_who_is_excluded_is_refused(project, line, message):
    """Whatever dvc.lock says, the table is looked at."""
    exclude(line)
    with pytest.raises(BundleError, match=message):
        bundle()
    assert not Path("release").exists()


def test_list_that_ingest_did_not_go_by_is_refused(project):
    """The release would say what is not so."""
    with Path("exclusions.csv").open("a") as file:
        file.write("speaker,mini_x,unknown to the corpus\n")
    with pytest.raises(BundleError, match=r"exclusions\.csv is not the list that ingest went by"):
        bundle()


def test_archive_other_than_the_publisher_says_is_refused(project):
    """Its hash is in params.yaml."""

    def record(stages):
        for name in ("download", "ingest"):
            stages[name]["params"]["params.yaml"]["corpus"]["sources"] = [SOURCE | {"sha256": "ab" * 32}]

    edit_lock(record)
    with pytest.raises(BundleError, match=r"mini-train\.tar\.gz: params\.yaml has sha256 (ab){32}, the link"):
        bundle()


@pytest.mark.parametrize(
    "path",
    [
        "models/encoder/model.safetensors", "models/synthesizer/config.json", "models/vocoder/model.safetensors",
        "reports/audio/one.wav", "reports/gate.json", "reports/index.html", "reports/metrics.json",
        "reports/metrics_labels.json", "data/summary.json", "data/utterances.parquet",
    ],
)  # fmt: skip
def test_file_changed_since_its_stage_made_it_is_refused_by_name(project, path):
    """DVC goes by times and MD5; the link goes by the bytes."""
    content = Path(path).read_bytes()
    changed = content.replace(b"24000", b"24001").replace(b"16000", b"16001") if path.endswith("config.json") else b""
    Path(path).unlink()  # it may be a link into DVC's cache
    Path(path).write_bytes(changed or content + b" ")
    if path.endswith("config.json"):  # both, so that they fit together
        Path("models/vocoder/config.json").unlink()
        Path("models/vocoder/config.json").write_bytes(changed)
    with pytest.raises(BundleError, match=rf"^{path}: expected sha256 {hashlib.sha256(content).hexdigest()}, as the"):
        bundle()
    assert not Path("release/manifest.json").exists()


def test_sample_that_no_stage_made_is_refused(project):
    """Everything in a release has a maker."""
    Path("reports/audio/two.wav").write_bytes(b"RIFF")
    with pytest.raises(BundleError, match=r"reports/audio/two\.wav: no stage's link lists it"):
        bundle()


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("links/train_encoder.json", None, r"links/train_encoder\.json is missing"),
        ("links/train_encoder.json", "{}", r"links/train_encoder\.json: expected a link"),
        ("links/ingest.json", "again", r"links/ingest\.json: dvc\.lock has md5"),
    ],
)
def test_link_that_is_missing_or_another_is_refused(project, path, content, message):
    """The error names the stage."""
    text = Path(path).read_text()
    Path(path).unlink()
    if content is not None:
        Path(path).write_text(text.replace('"size": ', '"size":  ') if content == "again" else content)
    with pytest.raises(LinkError, match=message):
        bundle()
    assert not Path("release").exists()


def test_secrets_in_urls_are_not_published(project):
    """In no file of the release."""
    source = SOURCE | {"url": "https://ada:hunter2@example.org/train.tar.gz?X-Signature=hunter3"}

    def record(stages):
        for name in ("download", "ingest"):
            stages[name]["params"]["params.yaml"]["corpus"]["sources"] = [source]

    edit_lock(record)
    bundle()
    for path in Path("release").rglob("*"):
        assert path.is_dir() or b"hunter" not in path.read_bytes()
    assert "example.org/train.tar.gz" in read_manifest(Path("release"))[0].corpora[0].url


def test_models_of_different_mels_are_refused_by_field(project):
    """A vocoder for another mel speaks noise."""
    Path("models/vocoder/config.json").write_text('{"mel": {"sample_rate": 24000, "hop_length": 300}}')
    with pytest.raises(ConfigError, match=r"mel\.hop_length is 256 and 300"):
        bundle()
    assert not Path("release").exists()


def test_stale_entries_of_other_stages_are_ignored(project):
    """A renamed stage leaves one in dvc.lock."""
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
            "data/more is in the outs of dvc.lock but not in dvc.yaml",
        ),
        (
            lambda stages: stages["ingest"]["outs"][0].update(md5="0123.dir"),
            r"ingest wrote data/corpus 0123\.dir, but extract_mels read",
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
def test_lock_that_does_not_tell_how_the_models_were_made_is_refused(project, change, message):
    """The error names the stage."""
    edit_lock(change)
    with pytest.raises(LineageError, match=message):
        bundle()


def test_missing_lock_is_named(project):
    """Without it there is nothing that a release could be made of."""
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
        ("reports/audio/two.pt", "x", r"'samples/two\.pt' can't be a file of a release"),
        ("data/summary.json", '{"parts": [{"corpus": "vctk", "subset": "all"}]}', "counted vctk all"),
        ("data/utterances.parquet", None, r"data/utterances\.parquet can't be read"),
    ],
)
def test_missing_or_unfit_input_is_named(project, path, content, message):
    """Each input once."""
    if content is None:
        Path(path).unlink()
    else:
        Path(path).write_text(content)
    with pytest.raises(BundleError, match=message):
        bundle()
    assert not Path("release/manifest.json").exists()


def test_dvc_runs_bundle_and_publish_and_a_second_time_only_asks_the_store(project, repository, monkeypatch):
    """By `dvc repro` itself."""
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
    features = open_store("store").feature_tables.read(json.loads(receipt)["features"])
    assert features.to_bytes() == Path("release/features.json").read_bytes()
    shutil.rmtree("store")
    with Repo() as repo:
        repo.reproduce()
    assert Path(f"store/releases/{version}/manifest.json").is_file()
