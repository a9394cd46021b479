"""`peewee-tts demo`, as a user runs it."""

import os
import re
import signal
import subprocess
import sys

import httpx2
import pytest

from peewee_model.errors import ConfigError
from peewee_model.service import demo
from tests.closure import ROOT
from tests.peewee_model.service.running import until

MAIN = [sys.executable, "-m", "peewee_model.cli.main", "demo"]


def test_demo_opens_the_page_with_sample_voices_and_leaves_no_voice_behind(tmp_path):
    """The browser receives the address; after SIGTERM the folder of voices is gone."""
    opened, rest = tmp_path / "opened", tmp_path / "rest"
    rest.mkdir()
    environment = os.environ | {"BROWSER": f"sh -c 'echo %s > {opened}'", "TMPDIR": str(rest)}
    process = subprocess.Popen([*MAIN, "--port", "0"], stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment)
    try:
        address = re.match(r"(http://127\.0\.0\.1:\d+/) has the page; Ctrl-C ends it\n", process.stdout.readline())[1]
        until(lambda: opened.is_file() and opened.read_text() == f"{address}\n")
        with httpx2.Client(base_url=address, trust_env=False) as http:
            assert "<title>Pee Wee TTS" in http.get("/").text
            names = [voice["id"] for voice in http.get("/v1/audio/voices").json()["data"]]
            asked = {"model": "peewee-tts", "voice": "kathleen", "input": "Hello.", "response_format": "wav"}
            assert http.post("/v1/audio/speech", json=asked, timeout=30).headers["x-peewee-marked"] == "true"
        assert names == sorted(path.stem for path in (ROOT / "docs/samples").glob("*.flac"))
        assert list(rest.glob("peewee-voices-*/voices"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 128 + signal.SIGTERM
        assert not list(rest.glob("peewee-voices-*"))
    finally:
        process.kill()
        process.wait()


def test_demo_without_a_checkout_asks_for_a_release(tmp_path, monkeypatch):
    """A wheel has neither examples nor samples."""
    monkeypatch.setattr(demo, "_CHECKOUT", tmp_path)
    with pytest.raises(ConfigError, match="give --release STORE@CHANNEL"):
        demo.demo()


def test_demo_of_a_store_that_is_missing_says_so_in_one_line(tmp_path):
    """Before anything listens."""
    found = subprocess.run(
        [*MAIN, "--no-browser", "--release", f"{tmp_path}/nothing@stable"], capture_output=True, text=True, cwd=ROOT
    )
    assert found.returncode != 0
    assert found.stderr.startswith("peewee-tts: ")
    assert "nothing" in found.stderr
    assert found.stderr.count("\n") == 1
