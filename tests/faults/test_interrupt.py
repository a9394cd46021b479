"""T29: Ctrl-C, once and twice, at random moments of programs that are run as a terminal runs them."""

import contextlib
import hashlib
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.profiles.overlay import yaml_editor
from tests.peewee_model.releases import write_release

pytestmark = pytest.mark.system

ROOT = Path(__file__).parent.parent.parent
TTS = [sys.executable, "-m", "peewee_model.cli.main"]
OWN_START_S = 0.15
"""From the moment when the program's first module is there; what Python does before that can't be framed."""


def archive_of_noise(path, n_speakers, n_utterances):
    with tarfile.open(path, "w:gz") as archive:
        for speaker in range(n_speakers):
            buffer = io.BytesIO()
            noise = np.random.default_rng(speaker).normal(0, 0.1, 48_000)
            soundfile.write(buffer, noise, 16_000, format="FLAC", subtype="PCM_16")
            for number in range(n_utterances):
                stem = f"LibriTTS/train/{speaker}/1/{speaker}_1_000000_{number:06}"
                for suffix, content in (("flac", buffer.getvalue()), ("original.txt", b"Four and twenty birds.")):
                    member = tarfile.TarInfo(f"{stem}.{suffix}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def ingest(tmp_path):
    """A folder in which `python -m pipeline ingest` works for a second or two, in two worker processes."""
    (tmp_path / "data/archives").mkdir(parents=True)
    sha256 = archive_of_noise(tmp_path / "data/archives/tiny-train.tar.gz", 6, 40)
    document = yaml_editor().load((ROOT / "params.yaml").read_text())
    source = {"corpus": "tiny", "layout": "libritts", "subset": "train", "url": "file:x", "md5": None, "sha256": sha256}
    source |= {"licence": "none"}
    document["corpus"]["sources"] = [source]
    with (tmp_path / "params.yaml").open("w") as file:
        yaml_editor().dump(document, file)
    (tmp_path / "exclusions.csv").write_text("kind,id,reason\n")
    return "ingest", [sys.executable, "-m", "pipeline", "ingest"], tmp_path, {"PEEWEE_WORKERS": "2"}


@pytest.fixture
def clone(tmp_path):
    """A voice is cloned with the example release."""
    arguments = ["--release", f"{ROOT}/examples/store@stable", "--reference", f"{ROOT}/docs/samples/kathleen.flac"]
    command = [*TTS, "clone", *arguments, "--text", "Hello there.", "--out", "hello.wav"]
    return "peewee-tts", command, tmp_path, {"PEEWEE_CACHE": str(tmp_path / "cache")}


@pytest.fixture
def pull(tmp_path, moto, moto_bucket, monkeypatch):
    """A release is fetched from an S3 server, its files side by side."""
    from peewee_model.store.store import open_store

    write_release(tmp_path / "release", text="# A voice\n" * 2_000_000)
    open_store(f"s3://{moto_bucket}/store").publish(tmp_path / "release", "stable", "gate passed")
    command = [*TTS, "release", "pull", "stable", "--store", f"s3://{moto_bucket}/store", "--to", "pulled"]
    return "peewee-tts", command, tmp_path, {"PEEWEE_CACHE": str(tmp_path / "cache")}


def forget(folder):
    """Remove what a whole run leaves, so that the next has all to do again."""
    for name in ("cache", "pulled"):
        shutil.rmtree(folder / name, ignore_errors=True)


def start(command, folder, environment):
    """As the leader of a session, as a terminal's shell starts it; returns when its own first module is loaded."""
    process = subprocess.Popen(
        command, cwd=folder, env=os.environ | environment | {"PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # in the background these tests ignore it
    )  # fmt: skip
    while process.poll() is None and "/select." not in Path(f"/proc/{process.pid}/maps").read_text():
        time.sleep(0.002)
    time.sleep(OWN_START_S)
    return process


def session_of(leader):
    """What lives of a session, its leader not counted."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and int(folder.name) != leader and state not in "ZX":
                found.append((folder / "cmdline").read_bytes())
    return found


def interrupt(process, moments):
    """Signal the whole group, as a terminal does; return the exit code, what was said, and what is left running."""
    for moment in moments:
        time.sleep(moment)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
    try:
        _, said = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    end = time.monotonic() + 20
    while (left := session_of(process.pid)) and time.monotonic() < end:
        time.sleep(0.02)
    return process.returncode, said, left


@pytest.mark.parametrize("program", ["ingest", "clone", "pull"])
@pytest.mark.parametrize("n_signals", [1, 2])
def test_ctrl_c_is_one_line_and_leaves_nothing(program, n_signals, request, at_most):
    """T29: exit code 130, one line, no process left; the next run works."""
    name, command, folder, environment = request.getfixturevalue(program)
    began = time.monotonic()
    assert start(command, folder, environment).wait() == 0
    duration_s = time.monotonic() - began
    forget(folder)
    chance, tries, done, wrong = random.Random(n_signals), at_most(3, 50), 0, []
    for _ in range(3 * tries):
        if tries == 0:
            break
        process = start(command, folder, environment)
        moments = [chance.uniform(0, 0.9 * duration_s), chance.choice([0.0, chance.uniform(0, 0.5)])][:n_signals]
        code, said, left = interrupt(process, moments)
        if code == 0 and not left:
            done += 1  # it was quicker than the signal
            forget(folder)
            continue
        tries -= 1
        ours = [line for line in said.splitlines() if not line.startswith("20")]  # log lines begin with the date
        if (code, ours, left) != (130, [f"{name}: interrupted"], []):
            wrong.append((moments, code, said, left))
    assert not wrong, f"{len(wrong)} tries: {wrong[0]}"
    assert tries == 0
    assert start(command, folder, environment).wait() == 0
    print(f"T29: {program}, {n_signals} signals: {at_most(3, 50)} of {at_most(3, 50)}; {done} had ended before")
