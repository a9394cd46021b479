"""A reader that goes away, as `| head` does, is no error of anybody."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from peewee_model.store.store import open_store
from tests.peewee_model.releases import write_release

SCRIPT = Path(sys.executable).with_name("peewee-tts")


@pytest.mark.parametrize(
    "arguments", [["show", "stable", "--json"], ["show", "stable"], ["list"], ["history", "--json"]]
)
def test_command_whose_reader_is_gone_ends_quietly(tmp_path, arguments):
    """Nothing on stderr, the store is not blamed, and the exit code is not that of a mistake."""
    store = open_store(str(tmp_path / "store"))
    write_release(tmp_path / "release", text="x")
    store.publish(tmp_path / "release", "stable", "good")
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [SCRIPT, "release", *arguments, "--store", store.address],
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write_end)
    assert done.stderr == ""
    assert done.returncode not in (0, 2)
