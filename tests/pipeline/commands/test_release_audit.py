import json
import os
import subprocess

import pytest

from pipeline.commands.release_audit import main
from tests.pipeline.audit import audited_project

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project whose release is published, pushed to a remote as the worker lays it out, and tagged: its folder."""
    folder = tmp_path_factory.mktemp("audited")
    project = folder / "project"
    _, version = audited_project.make(project)
    audited_project.run(project, "git", "add", "--force", "dvc.lock")
    audited_project.run(project, "git", "commit", "--quiet", "--message", "sealed")
    audited_project.run(project, "git", "tag", f"release-{version}")
    audited_project.run(folder, "git", "clone", "--quiet", "--bare", str(project), "origin.git")
    (folder / "remote").mkdir()
    (project / "remote").rename(folder / "remote/dvc")
    (project / "store").rename(folder / "store")
    return folder


@pytest.fixture
def audit(made, monkeypatch, capsys, tmp_path):
    """`audit(...)`: exit code, report, and what was said; made in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name, path in {"STORE": "store", "REPOSITORY": "origin.git", "REMOTE": "remote"}.items():
        monkeypatch.setenv(f"PEEWEE_{name}", str(made / path))
    monkeypatch.setenv("PEEWEE_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.delenv("PEEWEE_RESULT", raising=False)

    def run(*arguments):
        code = main(list(arguments))
        out, said = capsys.readouterr()
        assert list((tmp_path / "scratch").iterdir()) == []
        return code, json.loads(out.strip().splitlines()[-1]) if out.strip() else None, said

    return run


def test_untouched_release_is_audited_from_nothing(audit):
    """The store and DVC's remote are hashed, edge by edge, in a clone that is gone afterwards."""
    code, report, said = audit()
    assert code == 0, said
    assert (report["verdict"], report["ok"], report["complete"]) == ("as it was made", True, True)
    assert report["n_files"]["remote"] > 10
    assert report["n_files"]["code"] >= 2


def test_changed_file_of_the_remote_is_named(audit, made):
    """One flipped bit of what the release was made of."""
    victim = max(
        (path for path in (made / "remote/dvc").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size
    )
    kept = victim.read_bytes()
    victim.chmod(0o644)
    victim.write_bytes(bytes([kept[0] ^ 1]) + kept[1:])
    try:
        code, report, said = audit()
    finally:
        victim.write_bytes(kept)
    assert (code, report["verdict"]) == (3, "differs")
    assert victim.name[:8] in json.dumps(report["findings"])
    assert "is not what it was made as" in said


def test_release_without_a_tag_is_audited_in_the_store(audit, made, monkeypatch, tmp_path):
    """A person has published it: only the store can be read, so nothing differs and not all is seen."""
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "empty.git"], check=True)
    monkeypatch.setenv("PEEWEE_REPOSITORY", str(tmp_path / "empty.git"))
    code, report, said = audit()
    assert (code, report["verdict"], report["findings"]) == (4, "not all seen", []), said
    assert "remote" not in report["n_files"]
    assert "only the store was looked at" in said


def verify(folder, store, **environment):
    """`peewee-tts audit verify stable` in a folder, as a person calls it."""
    return subprocess.run(
        ["peewee-tts", "audit", "verify", "stable", "--store", str(store)],
        cwd=folder, env={**os.environ, "PEEWEE_REMOTE": "", **environment}, capture_output=True, text=True,
    )  # fmt: skip


def test_checkout_without_lock_and_remote_has_not_seen_the_run_and_says_how(made, tmp_path, monkeypatch):
    """After a retrain by a scheduler, nothing can be read and nothing differs. With the runs' remote, all is seen."""
    monkeypatch.setenv("PEEWEE_CACHE", str(tmp_path / "cache"))
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", made / "origin.git", clone], check=True)
    subprocess.run(["git", "checkout", "--quiet", "HEAD~2"], cwd=clone, check=True)
    assert not (clone / "dvc.lock").exists()
    done = verify(clone, made / "store")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "DIFFERS" not in done.stdout and "not seen links/download.json" in done.stdout
    last = done.stderr.strip().splitlines()[-1]
    assert "nothing that was seen differs" in last and "PEEWEE_REMOTE=ADDRESS" in last and "release-" in last
    done = verify(clone, made / "store", PEEWEE_REMOTE=str(made / "remote"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "as it was made" in done.stdout
    (clone / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")  # of a run that nobody published
    assert verify(clone, made / "store", PEEWEE_REMOTE=str(made / "remote")).returncode == 0


@pytest.mark.parametrize(
    ("name", "value", "arguments", "code", "said"),
    [
        ("REPOSITORY", "/nowhere", [], 2, "git ls-remote failed"),
        ("REPOSITORY", "http://127.0.0.1:1/x.git", [], 75, "git ls-remote failed"),
        ("STORE", "/nowhere", [], 2, "/nowhere has no channel"),
        ("STORE", "/nowhere", ["0123456789abcdef"], 2, "0123456789abcdef"),
    ],
)
def test_what_can_t_be_audited_is_one_line(audit, monkeypatch, name, value, arguments, code, said):
    """What may answer later is tried again."""
    monkeypatch.setenv(f"PEEWEE_{name}", value)
    found, report, error = audit(*arguments)
    assert (found, report) == (code, None)
    assert said in error.strip().splitlines()[-1]
