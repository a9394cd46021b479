"""How an address becomes a storage: one dispatch for stores, runs' records, checkpoints and audits."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from peewee_model import environment
from peewee_model.cli.release_commands import app
from peewee_model.errors import ReleaseError, ReleaseNotFoundError
from peewee_model.store import backends
from peewee_model.store.backends import absolute, is_remote, open_backend
from peewee_model.store.folder import FolderBackend
from peewee_model.store.reference import parse_reference
from peewee_model.store.s3 import S3Backend
from peewee_model.store.store import open_store
from pipeline.audit.store_side import at_rest
from pipeline.runs.records import Records
from tests.peewee_model.releases import write_release

ROOT = Path(__file__).parents[3]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder, and a working directory that is another one."""
    (tmp_path / "home").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "home"


def test_tilde_is_the_home_folder_wherever_an_address_is_named(home, tmp_path, monkeypatch):
    """PEEWEE_STORE, --store, STORE@VERSION and PEEWEE_REMOTE: none makes a folder called `~`."""
    version = write_release(tmp_path / "release")
    monkeypatch.setenv("PEEWEE_STORE", "~/voices")
    open_store(environment.STORE.text()).publish(tmp_path / "release", "stable", "gate passed")
    assert (home / "voices/channels/stable/00000001.json").is_file()
    for arguments in (["list"], ["list", "--store", "~/voices"], ["pull", "stable", "--store", "~/voices"]):
        assert version in CliRunner().invoke(app, arguments).output
    reference = parse_reference(f"~/voices@{version}")
    assert open_store(reference.address).fetch(reference.selector)[0] == home / "voices/releases" / version
    assert Records("~/remote").remote == str(home / "remote") == absolute("~/remote")
    with at_rest("~/voices") as store:
        assert store.versions() == [version]
    assert not list(Path.cwd().iterdir())


def test_home_folder_of_nobody_is_named():
    """Not a folder called `~nobody-here`."""
    with pytest.raises(ReleaseNotFoundError, match=r"~nobody-here/x: that home folder is not known; write the folder"):
        open_backend("~nobody-here/x")


@pytest.mark.parametrize("address", ["", "  "])
def test_empty_address_is_refused(address):
    """It would be the current folder."""
    with pytest.raises(ReleaseNotFoundError, match="an empty address names no place"):
        open_store(address)


def test_empty_variable_is_an_unset_one_for_all_who_read_it(tmp_path, monkeypatch):
    """The command line, and what reads the environment: both take the default."""
    monkeypatch.chdir(tmp_path)
    version = write_release(tmp_path / "release")
    monkeypatch.setenv("PEEWEE_STORE", "")
    open_store(environment.STORE.text()).publish(tmp_path / "release", "stable", "gate passed")
    assert version in CliRunner().invoke(app, ["list"]).output
    assert (tmp_path / "store/releases" / version).is_dir()
    refused = CliRunner().invoke(app, ["list", "--store", ""])
    assert isinstance(refused.exception, ReleaseNotFoundError)


@pytest.mark.parametrize("address", ["gs://bucket/x", "http://host/x", "file:///x", "s3:/bucket", "S3://bucket"])
def test_kind_that_nobody_has_is_refused_by_all(address):
    """An audit takes no other server for S3."""
    with pytest.raises(ReleaseNotFoundError, match="s3://bucket/prefix"):
        open_store(address)
    with pytest.raises(ReleaseNotFoundError, match="s3://bucket/prefix"):
        Records(address)
    with pytest.raises(ReleaseNotFoundError, match="s3://bucket/prefix"), at_rest(address):
        pass


def test_kinds(tmp_path, monkeypatch):
    """A new kind is one line in the table, and all who open an address know it."""
    assert isinstance(open_backend(str(tmp_path)), FolderBackend) and not is_remote(str(tmp_path))
    assert isinstance(open_backend("s3://bucket/x/"), S3Backend) and is_remote("s3://bucket/x")
    assert open_backend("s3://bucket/x/").address == absolute("s3://bucket/x")
    kind = type("Kind", (FolderBackend,), {"__init__": lambda self, address, cache: None, "address": "gs://b"})
    monkeypatch.setitem(backends.KINDS, "gs", kind)
    assert isinstance(open_backend("gs://b"), kind)
    assert Records("gs://b").remote == "gs://b"
    with at_rest("gs://b") as store:
        assert store.address == "gs://b"


def test_nobody_else_asks_whether_an_address_is_of_s3():
    """One dispatch: others ask `is_remote`, `open_backend` or `is_s3`."""
    pattern = r"""(startswith|removeprefix)\(["']s3:|["']://["'] (not )?in address"""
    found = subprocess.run(
        ["git", "grep", "-lE", pattern, "--", "peewee_model/*.py", "pipeline/*.py"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert found.returncode in (0, 1)
    assert found.stdout.split() == ["peewee_model/store/backends.py"]


PUBLISH = """
import sys
from pathlib import Path
from peewee_model.errors import PeeweeError
from peewee_model.store.store import open_store
try:
    open_store(sys.argv[1]).publish(Path({release!r}), "stable", "gate passed")
except PeeweeError as error:
    Path({said!r}).write_text(str(error))
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize("lasts", [False, True])
def test_temporary_workspace_of_dvc_does_not_take_the_store_with_it(tmp_path, lasts):
    """`dvc exp run --temp` with a relative store is refused, with an absolute one it publishes; by DVC itself."""
    version = write_release(tmp_path / "release")
    project, said, store = tmp_path / "project", tmp_path / "said", tmp_path / "voices"
    project.mkdir()
    (project / "publish.py").write_text(PUBLISH.format(release=str(tmp_path / "release"), said=str(said)))
    command = shlex.join([sys.executable, "publish.py", str(store) if lasts else "store"])
    stage = {"cmd": command, "deps": ["publish.py"]}
    (project / "dvc.yaml").write_text(json.dumps({"stages": {"publish": stage}}))
    env = os.environ | {"PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1"}

    def run(*arguments):
        return subprocess.run(arguments, cwd=project, env=env, capture_output=True, text=True)

    identity = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
    for arguments in (("git", "init", "-q"), ("dvc", "init", "-q"), ("git", "add", "-A")):
        assert run(*arguments).returncode == 0
    assert run("git", *identity, "commit", "-qm", "project").returncode == 0
    done = run("dvc", "exp", "run", "--temp")
    if lasts:
        assert done.returncode == 0, done.stderr
        assert open_store(str(store)).resolve("stable") == version
    else:
        assert done.returncode != 0
        assert "temporary workspace of `dvc exp run`" in said.read_text()
        assert "set PEEWEE_STORE to an absolute path" in said.read_text()
    assert not (project / "store").exists()


def test_checkpoints_do_not_go_into_a_temporary_workspace_either(tmp_path):
    """Nor does anything else that is to outlive the run; what is there can be read."""
    folder = tmp_path / "project/.dvc/tmp/exps/standalone/tmpabc/remote"
    folder.mkdir(parents=True)
    (folder / "here").write_bytes(b"x")
    backend = open_backend(str(folder))
    assert backend.read("here") == b"x"
    for write in (
        lambda: backend.put_if_absent("key", b""),
        lambda: backend.upload(folder / "here", "key"),
        lambda: backend.add("prefix", {}, "last", b""),
    ):
        with pytest.raises(ReleaseError, match="temporary workspace"):
            write()
