"""The statement of where a release comes from: what it says, and that it is read strictly."""

import json

import pytest
from google.protobuf.json_format import Parse
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementPb

from peewee_model.release.manifest import CodeEntry, FileEntry, StageEntry
from pipeline.release.provenance import (
    ProvenanceError,
    hash_project,
    read_provenance,
    write_provenance,
)

SOURCE = {
    "corpus": "libritts", "subset": "dev-clean", "url": "https://example.org/dev-clean.tar.gz",
    "md5": "0" * 32, "sha256": "ab" * 32, "licence": "CC BY 4.0",
}  # fmt: skip
PARAMS = {"corpus": {"sources": [SOURCE]}, "encoder": {"steps": 400, "rate": 1.0e-3, "sizes": [[1, 2], []], "no": None}}
COMMANDS = {"download": "python -m pipeline download", "ingest": "python -m pipeline ingest"}


def entry(digit):
    return FileEntry(sha256=digit * 64, size=1)


def statement(**changes):
    arguments = {
        "files": {"encoder/config.json": entry("1"), "links.json": entry("2"), "features.json": entry("3")},
        "params": PARAMS,
        "lineage": {name: StageEntry(cmd=cmd, deps=(), params={}, outs=()) for name, cmd in COMMANDS.items()},
        "code": CodeEntry(commit="c" * 40, modified=("pipeline/ingest/corpus_table.py",)),
        "project": {"requirements.lock": entry("4"), "dvc.yaml": entry("5")},
        "repository": "git+https://example.org/voices.git",
    }
    return write_provenance(**(arguments | changes))


def test_statement_is_valid_for_the_in_toto_library():
    """The format is not our own."""
    parsed = Parse(statement(), StatementPb())
    Statement.copy_from_pb(parsed).validate()
    assert parsed.predicate_type == "https://slsa.dev/provenance/v1"
    assert [subject.name for subject in parsed.subject] == ["encoder/config.json", "features.json", "links.json"]


def test_what_was_written_is_what_is_read():
    """Every field survives."""
    found = read_provenance(statement().encode())
    assert found.subjects == {
        "encoder/config.json": "1" * 64, "features.json": "3" * 64, "links.json": "2" * 64,
    }  # fmt: skip
    assert found.params == PARAMS
    assert isinstance(found.params["encoder"]["steps"], int)
    assert found.commands == COMMANDS
    assert found.byproducts == {"features.json": "3" * 64, "links.json": "2" * 64}
    assert found.versions.keys() == {"peewee-tts"}


def test_dependencies_are_archives_project_files_and_the_commit():
    """All that a rebuild needs."""
    found = read_provenance(statement().encode()).dependencies
    assert list(found) == ["libritts-dev-clean.tar.gz", "dvc.yaml", "requirements.lock", "repository"]
    archive, code = found["libritts-dev-clean.tar.gz"], found["repository"]
    assert (archive.uri, archive.digests) == (SOURCE["url"], {"sha256": "ab" * 32, "md5": "0" * 32})
    assert archive.annotations == {"corpus": "libritts", "subset": "dev-clean", "licence": "CC BY 4.0"}
    assert found["requirements.lock"].digests == {"sha256": "4" * 64}
    assert (code.uri, code.digests) == ("git+https://example.org/voices.git", {"gitCommit": "c" * 40})
    assert code.annotations == {"modified": ["pipeline/ingest/corpus_table.py"]}


def test_release_made_outside_git_names_no_code():
    """Nothing is made up."""
    found = read_provenance(statement(code=CodeEntry(commit=None, modified=())).encode())
    assert "repository" not in found.dependencies


def test_same_run_gives_the_same_bytes_in_another_folder(tmp_path, monkeypatch):
    """No clock, host, user or folder gets in."""
    written = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "requirements.lock").write_text("numpy==2\n")
        monkeypatch.chdir(folder)
        monkeypatch.setenv("HOME", str(folder))
        monkeypatch.setenv("USER", name)
        written.append(statement(project=None))
    assert written[0] == written[1]
    assert str(tmp_path) not in written[0]
    assert hash_project(tmp_path / "one").keys() == {"requirements.lock"}


def test_infinite_parameter_is_refused():
    """JSON has none."""
    with pytest.raises(ProvenanceError, match="NaN or infinite"):
        statement(params=PARAMS | {"x": float("nan")})


def change(edit):
    document = json.loads(statement())
    edit(document)
    return json.dumps(document).encode()


def definition(document):
    return document["predicate"]["buildDefinition"]


DAMAGES = {
    "empty": (b"", "no in-toto statement"),
    "not text": (b"\xff\xfe", "no in-toto statement"),
    "a list": (b"[]", "no in-toto statement"),
    "too deep": (b"[" * 100_000, "no in-toto statement"),
    "a key twice": (b'{"_type": "a", "_type": "b"}', "duplicate key"),
    "cut off": (statement().encode()[:-40], "no in-toto statement"),
    "more after it": (statement().encode() + b"{}", "no in-toto statement"),
    "other type": (lambda d: d.update(_type="https://in-toto.io/Statement/v0.1"), "Wrong statement type"),
    "no subject": (lambda d: d.update(subject=[]), "At least one subject"),
    "no predicate": (lambda d: d.pop("predicate"), "Predicate object required"),
    "unknown field": (lambda d: d.update(signature="x"), "signature"),
    "unknown field inside": (lambda d: d["predicate"].update(signature="x"), "signature"),
    "field by its other name": (lambda d: d.update(predicate_type=d.pop("predicateType")), "more than it says"),
    "same, inside": (lambda d: d["predicate"].update(run_details=d["predicate"].pop("runDetails")), "more than"),
    "other predicate": (lambda d: d.update(predicateType="https://in-toto.io/attestation/link/v0.3"), "predicateType"),
    "other build": (lambda d: definition(d).update(buildType="urn:other"), "buildType is 'urn:other'"),
    "other builder": (lambda d: d["predicate"]["runDetails"]["builder"].update(id="urn:other"), "builder.id"),
    "no commands": (lambda d: definition(d).pop("internalParameters"), "internalParameters"),
    "more than commands": (lambda d: definition(d)["internalParameters"].update(a=1), "internalParameters"),
    "subject without digest": (lambda d: d["subject"][0].pop("digest"), "digest required"),
    "subject by MD5": (lambda d: d["subject"][0].update(digest={"md5": "0" * 32}), "not named by SHA-256"),
    "short SHA-256": (lambda d: d["subject"][0]["digest"].update(sha256="12"), "'12' is no digest"),
    "upper case": (lambda d: d["subject"][0]["digest"].update(sha256="A" * 64), "is no digest"),
    "subject twice": (lambda d: d["subject"].append(d["subject"][0]), "can't be there"),
    "subject outside": (lambda d: d["subject"][0].update(name="../../etc/passwd"), "can't be there"),
    "subject is itself": (lambda d: d["subject"][0].update(name="provenance.json"), "can't be there"),
    "subject is the manifest": (lambda d: d["subject"][0].update(name="manifest.json"), "can't be there"),
    "dependency without digest": (lambda d: definition(d)["resolvedDependencies"][0].pop("digest"), "has no digest"),
    "dependency twice": (lambda d: definition(d)["resolvedDependencies"].append(
        definition(d)["resolvedDependencies"][0]), "twice"),
    "unknown digest": (lambda d: definition(d)["resolvedDependencies"][0]["digest"].update(crc="1"), "crc '1'"),
    "clock": (lambda d: d["predicate"]["runDetails"].update(metadata={"startedOn": "yesterday"}), "startedOn"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_statement_that_is_not_ours_or_not_whole_is_refused_by_name(damage):
    """A reader does not guess."""
    edit, message = DAMAGES[damage]
    data = edit if isinstance(edit, bytes) else change(edit)
    with pytest.raises(ProvenanceError, match=message) as caught:
        read_provenance(data)
    assert "\n" not in str(caught.value)
    assert "fetch the release again" in str(caught.value)
