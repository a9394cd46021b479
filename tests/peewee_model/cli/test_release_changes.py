"""`peewee-tts release promote` and `rollback` as a shell calls them: with bytes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from peewee_model.store.store import open_store
from tests.peewee_model.releases import write_release
from tests.peewee_model.store.test_channels import content

SCRIPT = Path(sys.executable).with_name("peewee-tts")


@pytest.fixture
def shelf(tmp_path):
    """A store with two releases under `stable`."""
    store = open_store(str(tmp_path / "store"))
    for name in ("first", "second"):
        write_release(tmp_path / name, text=name)
        store.publish(tmp_path / name, "stable", name)
    return store


@pytest.mark.parametrize("text", [b"f\xfcr Tester", b"\x1b[2Jall is well"])
def test_bytes_of_a_shell_are_refused_before_anything_is_written(shelf, tmp_path, text):
    """T28: as a reason, and as the publisher's name; in any locale."""
    before = content(tmp_path / "store")
    environment = {**os.environ, "PEEWEE_STORE": shelf.address}
    for reason, publisher, locale in ((text, b"ada", "C.UTF-8"), (b"good", text, "C.UTF-8"), (text, b"ada", "C")):
        done = subprocess.run(
            [SCRIPT, "release", "rollback", "--channel", "stable", "--reason", reason],
            env={**environment, "PEEWEE_PUBLISHER": os.fsdecode(publisher), "LC_ALL": locale},
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (2, b"")
        assert len(done.stderr.splitlines()) == 1
        assert b" holds " in done.stderr and b"Traceback" not in done.stderr
    assert content(tmp_path / "store") == before
    assert len(shelf.history("stable")) == 2
