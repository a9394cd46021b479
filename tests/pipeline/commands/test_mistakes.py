"""Every command, where a user makes the usual mistakes: one line that names the file, and exit code 2."""

import os
import runpy
import subprocess
import sys

import pytest

from tests.closure import ROOT

TTS = ("peewee_model.cli.main",)
COMMANDS = {
    "profile": (*TTS, "profile", "mini"),
    "adapt": (*TTS, "adapt", "--release", "store@stable", "--speech", "speech", "--steps", "3"),
    "exclude": (*TTS, "audit", "exclude", "--reason", "asked", "--speaker", "mini_1"),
    "stage": ("pipeline", "ingest"),
    "bundle": ("pipeline", "bundle"),
    "corpus_watch": ("pipeline.commands.corpus_watch",),
    "release_check": ("pipeline.commands.release_check",),
    "release_audit": ("pipeline.commands.release_audit",),
    "plan": ("pipeline.commands.worker", "plan", "--run", "r", "--repository", "nowhere"),
    "summary": ("pipeline.commands.summary",),
    "check_params": ("pipeline.commands.check_params",),
}
TWICE = "mel: {}\nmel: {}\n"


def run(folder, module, *arguments):
    """As a user runs it, with nothing set, in a process."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PEEWEE")}
    env |= {"PYTHONPATH": str(ROOT), "PEEWEE_REMOTE": str(folder / "remote")}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


@pytest.fixture
def run_here(monkeypatch, capsys):
    """`run_here(folder, module, *arguments)` does the same in this process, which has imported torch already."""

    def run_here(folder, module, *arguments):
        for name in [name for name in os.environ if name.startswith("PEEWEE")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("PEEWEE_REMOTE", str(folder / "remote"))
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        monkeypatch.delitem(sys.modules, module, raising=False)  # run_module would warn
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            runpy.run_module(module, run_name="__main__")
        return subprocess.CompletedProcess(module, ended.value.code, *capsys.readouterr())

    return run_here


def check(done, word):
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert word in last, done.stderr
    assert [line for line in done.stderr.splitlines()[:-1] if not line.startswith("20")] == []  # log lines have a date


@pytest.mark.parametrize("command", COMMANDS)
def test_outside_a_project(command, tmp_path, run_here):
    """No params.yaml, no dvc.yaml, no store, no repository."""
    check(run_here(tmp_path, *COMMANDS[command]), "; " if command != "plan" else "git")


@pytest.mark.parametrize("command", ["profile", "stage"])
def test_params_with_a_key_twice(command, tmp_path):
    """All read them by one reader, whose own test has the other kinds; the file is left as it is."""
    path = tmp_path / "params.yaml"
    path.write_text(TWICE)
    check(run(tmp_path, *COMMANDS[command]), "params.yaml is not valid YAML in line 2: the key 'mel' is there twice")
    assert path.read_text() == TWICE
