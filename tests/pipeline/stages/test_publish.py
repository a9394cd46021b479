import hashlib
import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from peewee_model.errors import ReleaseError, ReleaseNotFoundError, TamperedReleaseError
from peewee_model.public_text import LONGEST, PlainLineError
from peewee_model.release.features import FeaturesManifest
from peewee_model.release.manifest import Manifest, hash_file
from peewee_model.store.store import open_store
from pipeline.stages.publish import GateError, LicenceError, publish
from tests.unreadable import TEXTS

GATE = Path("release/reports/gate.json")
TABLES = ("utterances.parquet", "mels/acoustic/part-00000.parquet", "mels/speaker/part-00000.parquet")
FAILED = '{"passed": false, "failures": ["eer is 0.4, the gate asks for <= 0.1"], "checks": []}'


def sign(corpora=()):
    """Write the manifest of `release`, and return the version."""
    folder = Path("release")
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    models = {name: {"mel": {}} for name in ("encoder", "synthesizer", "vocoder")}
    manifest = Manifest.model_validate_json(
        json.dumps(
            {
                "format": 1,
                "files": {name: hash_file(folder / name).model_dump() for name in names if name != "manifest.json"},
                "models": models,
                "mel": {"speaker": {}, "acoustic": {}},
                "metrics": {},
                "corpora": list(corpora),
                "params": {},
                "code": {"commit": None, "modified": []},
                "lineage": {},
            }
        )
    )
    (folder / "manifest.json").write_bytes(manifest.to_bytes())
    return hashlib.sha256(manifest.to_bytes()).hexdigest()[:16]


@pytest.fixture(autouse=True)
def version(tmp_path, monkeypatch):
    """The version of a release that passed its gate, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("PEEWEE_STORE", "PEEWEE_PUBLISH_ANYWAY", "PEEWEE_SIGNING_KEY"):
        monkeypatch.delenv(name, raising=False)
    Path("params.yaml").write_text("publish: {channel: stable, licences: [], features: true}\n")
    for name in TABLES:
        path = Path("data", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"PAR1" + name.encode())
    for name in ("encoder", "synthesizer", "vocoder"):
        Path("release", name).mkdir(parents=True)
        Path("release", name, "config.json").write_text('{"mel": {}}')
        Path("release", name, "model.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")
    files = {name: hash_file(Path("data", name)) for name in TABLES}
    Path("release/features.json").write_bytes(FeaturesManifest(files=files).to_bytes())
    GATE.parent.mkdir()
    GATE.write_text('{"passed": true, "failures": [], "checks": []}')
    return sign()


def receipt():
    found = json.loads(Path("receipts/publish.json").read_text())
    return found


def test_release_is_published_and_receipt_written(version):
    """The receipt is what runners read."""
    publish()
    assert receipt() == {
        "version": version, "channel": "stable", "number": 1, "gate_passed": True, "reason": "gate passed",
        "features": hash_file(Path("release/features.json")).sha256[:16],
    }  # fmt: skip
    assert open_store("store").fetch("stable")[1] == version


def test_tables_are_published_with_the_release(version):
    """Under the version that the release's own features.json says."""
    publish()
    features = hash_file(Path("release/features.json")).sha256[:16]
    store = open_store("store")
    for name in TABLES:
        assert store.feature_tables.fetch(features, name).read_bytes() == Path("data", name).read_bytes()


def test_tables_are_not_looked_at_where_params_say_so(version):
    """`features: false` needs no tables."""
    Path("params.yaml").write_text("publish: {channel: stable, licences: [], features: false}\n")
    shutil.rmtree("data")
    publish()
    assert receipt()["features"] is None
    assert not Path("store/features").exists()


def test_table_other_than_the_one_trained_on_is_refused_before_the_release(version):
    """Nothing of the release is there then."""
    Path("data/mels/speaker/part-00000.parquet").write_bytes(b"PAR1 another")
    with pytest.raises(ReleaseError, match=r"mels/speaker/part-00000\.parquet"):
        publish()
    assert not Path("store/releases").exists()
    assert not Path("store/channels").exists()
    assert not Path("receipts").exists()


def test_missing_table_is_named(version):
    """With the stage that makes it."""
    Path("data/utterances.parquet").unlink()
    with pytest.raises(ReleaseError, match=r"utterances\.parquet"):
        publish()


@pytest.mark.parametrize("content", [None, b"{}", b'{"format": 1, "files": {}}'])
def test_release_that_names_no_tables_says_what_to_do(content, version):
    """Missing, or not the file that the manifest lists."""
    path = Path("release/features.json")
    path.unlink()
    if content is None:
        sign()
    else:
        path.write_bytes(content)
    with pytest.raises(ReleaseError, match=r"release/features\.json is missing, or .*publish\.features"):
        publish()
    assert not Path("store").exists()


def test_two_releases_of_the_same_tables_share_one_upload(version):
    """They are kept by their hash."""
    publish()
    Path("release/encoder/model.safetensors").write_bytes(struct.pack("<Q", 3) + b"{ }")
    sign()
    shutil.rmtree("data")  # nothing is sent again, so nothing is read
    publish()
    assert len(open_store("store").versions()) == 2
    assert len(list(Path("store/features").iterdir())) == 1


def test_release_is_signed_where_a_key_is_given(monkeypatch, version):
    """The signature is in the store before the channel points to the release. It changes no version; one is enough."""
    key, public_key = Path("key.pem"), Path("key.pub")
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key], check=True)
    subprocess.run(["openssl", "ec", "-in", key, "-pubout", "-out", public_key], check=True, capture_output=True)
    monkeypatch.setenv("PEEWEE_SIGNING_KEY", str(key))
    publish()
    first = open_store("store").signatures(version)
    publish()
    assert open_store("store").signatures(version) == first
    assert len(first) == 1
    assert open_store("store").fetch("stable", public_key)[1] == version


def test_key_that_is_missing_stops_before_anything_is_published(monkeypatch, version):
    """No release without its signature."""
    monkeypatch.setenv("PEEWEE_SIGNING_KEY", "nowhere.pem")
    with pytest.raises(ReleaseError, match=r"nowhere\.pem"):
        publish()
    assert not Path("store/releases").exists()
    assert not Path("store/channels").exists()


def test_publishing_again_adds_no_entry_and_gives_the_same_receipt(version):
    """The stage runs each time."""
    publish()
    first = Path("receipts/publish.json").read_bytes()
    Path("receipts/publish.json").unlink()  # as DVC does before it runs the stage again
    publish()
    assert Path("receipts/publish.json").read_bytes() == first
    assert len(open_store("store").history("stable")) == 1


def test_store_is_named_by_environment_and_receipt_does_not_depend_on_it(tmp_path, monkeypatch, version):
    """The receipt is an output."""
    publish()
    first = Path("receipts/publish.json").read_bytes()
    monkeypatch.setenv("PEEWEE_STORE", str(tmp_path / "elsewhere"))
    publish()
    assert open_store(str(tmp_path / "elsewhere")).resolve("stable") == version
    assert Path("receipts/publish.json").read_bytes() == first


def test_failed_gate_is_refused_with_its_failures(version):
    """The error lists them."""
    GATE.write_text(FAILED)
    sign()
    with pytest.raises(GateError, match=r"eer is 0\.4, the gate asks for <= 0\.1.*PEEWEE_PUBLISH_ANYWAY"):
        publish()
    assert not Path("store").exists()
    assert not Path("receipts").exists()


def test_failed_gate_is_published_with_a_reason_that_is_recorded(monkeypatch, version):
    """A person decides, and signs for it."""
    GATE.write_text(FAILED)
    failed = sign()
    monkeypatch.setenv("PEEWEE_PUBLISH_ANYWAY", "  ")
    with pytest.raises(GateError):
        publish()
    monkeypatch.setenv("PEEWEE_PUBLISH_ANYWAY", "first try of the graph")
    publish()
    (numbered,) = open_store("store").history("stable")
    assert numbered.entry.version == failed
    assert "first try of the graph" in numbered.entry.reason
    assert "eer is 0.4" in numbered.entry.reason
    assert receipt()["reason"] == numbered.entry.reason
    assert receipt()["gate_passed"] is False
    monkeypatch.delenv("PEEWEE_PUBLISH_ANYWAY")  # the reason was given once; `dvc repro` again is no new decision
    publish()
    assert len(open_store("store").history("stable")) == 1


@pytest.mark.parametrize("name", ["PEEWEE_PUBLISH_ANYWAY", "PEEWEE_PUBLISHER"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_that_not_everybody_can_read_publishes_nothing(monkeypatch, name, text):
    """T28: neither the release nor its tables."""
    GATE.write_text(FAILED)
    sign()
    given = {"PEEWEE_PUBLISH_ANYWAY": "first try", name: text}
    monkeypatch.setattr("os.environ", given)  # the real one takes neither NUL nor half characters
    with pytest.raises(PlainLineError, match=name):
        publish()
    assert not Path("store").exists()


def test_failures_of_a_gate_are_shortened_for_the_reason(monkeypatch):
    """They may be many; what a person said stays whole."""
    GATE.write_text(json.dumps({"passed": False, "failures": [f"{n} is\n bad" for n in range(500)]}))
    sign()
    monkeypatch.setenv("PEEWEE_PUBLISH_ANYWAY", "y" * 500)
    publish()
    reason = receipt()["reason"]
    assert len(reason) <= LONGEST
    assert reason.startswith("gate failed (0 is bad; 1 is bad; ")
    assert reason.endswith("..., published anyway: ".replace("...", "...)") + "y" * 500)


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"passed": "yes"}', '{"passed": null}'])
def test_gate_that_does_not_say_that_it_passed_is_refused(content, version):
    """Only true is true."""
    if content is None:
        GATE.unlink()
    else:
        GATE.write_text(content)
    sign()
    with pytest.raises(GateError):
        publish()
    assert not Path("store").exists()


def test_gate_edited_after_the_release_was_made_is_refused(version):
    """The manifest has its hash."""
    GATE.write_text(FAILED)
    sign()
    GATE.write_text('{"passed": true, "failures": [], "checks": []}')
    with pytest.raises(GateError, match="not the one that the manifest lists"):
        publish()


def test_weights_edited_after_the_release_was_made_are_refused(version):
    """The manifest has their hash."""
    path = Path("release/encoder/model.safetensors")
    path.write_bytes(path.read_bytes().replace(b"{}", b"[]"))
    with pytest.raises(TamperedReleaseError, match=r"release/encoder/model\.safetensors"):
        publish()


def test_folder_that_is_no_release_is_named(version):
    """With the stage that makes one."""
    Path("release/manifest.json").unlink()
    with pytest.raises(ReleaseNotFoundError, match=r"release/manifest\.json is missing"):
        publish()


def test_channel_that_can_be_none_is_refused(version):
    """It would be a path or a version."""
    Path("params.yaml").write_text("publish: {channel: ../up, licences: [], features: true}\n")
    with pytest.raises(ReleaseError, match="can't be a channel"):
        publish()


def test_stage_imports_nothing_heavy(repository):
    """It runs at each `make repro`, which has 5 s in all when nothing changed."""
    code = "import sys, pipeline.stages.publish; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=repository)
    assert {"torch", "numpy", "pandas", "pyarrow", "dvc", "boto3"}.isdisjoint(done.stdout.split())


def corpus(name, licence):
    return {
        "corpus": name, "subset": "all", "url": "file:x", "sha256": "0" * 64, "licence": licence, "n_speakers": 1,
        "n_utterances": 1, "hours": 1.0, "splits": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("allowed", "refused"),
    [
        ("[]", None),
        ("[CC0-1.0, cc by 4.0]", "ryan \\(non-commercial; CC BY-NC 4.0\\), voices \\(CC BY 4.0 on metadata\\); train"),
        ("[CC0-1.0, CC BY 4.0, CC BY 4.0 on metadata, non-commercial]", None),
    ],
)
def test_corpus_of_a_licence_that_is_not_allowed_is_not_published(version, monkeypatch, allowed, refused):
    """RyanSpeech is non-commercial. A reason in PEEWEE_PUBLISH_ANYWAY is for the gate, and does not help."""
    licences = {"mini": "CC0-1.0; synthetic speech", "vctk": "CC BY 4.0", "voices": "CC BY 4.0 on metadata"}
    licences["ryan"] = "non-commercial; CC BY-NC 4.0"
    sign(corpus(*item) for item in licences.items())
    Path("params.yaml").write_text(f"publish: {{channel: stable, licences: {allowed}, features: true}}\n")
    monkeypatch.setenv("PEEWEE_STORE", "store")
    monkeypatch.setenv("PEEWEE_PUBLISH_ANYWAY", "because")
    if refused is None:
        publish()
        assert receipt()["channel"] == "stable"
        return
    with pytest.raises(LicenceError, match=refused):
        publish()
    assert not Path("store").exists() or not [path for path in Path("store").rglob("*") if path.is_file()]


def test_licence_of_a_parents_corpus_counts_too(version, monkeypatch):
    """A release that went on from a non-commercial one is no freer."""
    own = sign([corpus("vctk", "CC BY 4.0")])
    parent = {"store": "s", "version": own, "parts": ["synthesizer"], "corpora": [corpus("ryan", "non-commercial")],
              "parent": None}  # fmt: skip
    path = Path("release/manifest.json")
    path.write_bytes(
        Manifest.model_validate_json(json.dumps(json.loads(path.read_bytes()) | {"parent": parent})).to_bytes()
    )
    Path("params.yaml").write_text("publish: {channel: stable, licences: [CC BY 4.0], features: true}\n")
    monkeypatch.setenv("PEEWEE_STORE", "store")
    with pytest.raises(LicenceError, match="ryan"):
        publish()
