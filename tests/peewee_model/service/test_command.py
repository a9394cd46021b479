"""`peewee-tts serve` and `peewee-tts api-key`, as a user runs them."""

import os
import re
import signal
import subprocess
import sys
import time

import httpx2
import pytest

from tests.closure import ROOT
from tests.peewee_model.service.running import HELLO, RELEASE, SAMPLE

MAIN = [sys.executable, "-m", "peewee_model.cli.main"]


def ended(*words, **environment):
    return subprocess.run(
        [*MAIN, *words], capture_output=True, text=True, cwd=ROOT, env=os.environ | environment, timeout=60
    )


@pytest.fixture
def serving(tmp_path):
    """A server as a process of its own; its whole group is ended at the end."""
    command = [
        *MAIN,
        "serve",
        "--release",
        RELEASE,
        "--port",
        "0",
        "--voices",
        tmp_path,
        "--voice",
        f"kathleen={SAMPLE}",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True)
    try:
        for line in process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                yield process, found[0]
                break
        else:
            raise AssertionError("the server did not start")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_server_speaks_and_ends_what_it_began_when_it_is_stopped(serving):
    """SIGTERM: the speech that streams comes to its end, and then the process does."""
    process, url = serving
    asked = {"model": "peewee-tts", "voice": "kathleen", "input": f"{HELLO} " * 6, "response_format": "pcm"}
    with httpx2.stream("POST", f"{url}/v1/audio/speech", json=asked, timeout=30, trust_env=False) as answer:
        parts = answer.iter_bytes(1024)
        next(parts)
        process.send_signal(signal.SIGTERM)
        n_bytes = 1024 + sum(map(len, parts))
    assert n_bytes > 6 * 48_000
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.returncode in (0, -signal.SIGTERM)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0 lets other machines in, and there are no API keys"),
        (["--voice", "anna"], "write NAME=RECORDING"),
    ],
)
def test_server_that_may_not_start_says_why(words, named):
    """In one line, before it listens."""
    found = ended("serve", "--release", RELEASE, "--port", "0", *words)
    assert found.returncode == 2
    assert named in found.stderr
    assert found.stderr.count("\n") == 1


def test_api_key_is_printed_once_and_added_to_the_file(tmp_path):
    """The file is named by an option or by the environment."""
    first = ended("api-key", "anna", "--keys", str(tmp_path / "keys"))
    second = ended("api-key", "bob", PEEWEE_API_KEYS=str(tmp_path / "keys"))
    assert first.stdout.startswith("pw_")
    assert [line.split()[0] for line in (tmp_path / "keys").read_text().splitlines()] == ["anna", "bob"]
    assert second.stdout.strip() not in (tmp_path / "keys").read_text()


def test_without_the_extra_the_command_names_it():
    """`import peewee_model` needs nothing of it."""
    code = (
        "import sys; sys.modules['fastapi'] = None; import peewee_model\n"
        "from peewee_model.cli.main import main; sys.argv = ['peewee-tts', 'serve']; main()"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 2
    assert "command serve needs fastapi; install it with `pip install 'peewee-tts[service]'`" in found.stderr
