"""The project's graph with stand-ins for its stages: what the tests of DVC, of the worker and of audits share.

A project that is made here gets this file as `pipeline/stand_in.py`; so it imports nothing of ours.
"""

import hashlib
import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
PYTHON = shlex.quote(sys.executable)
"""This Python in a command of dvc.yaml, whatever its path has in it."""
DESCRIPTION = ("dvc.yaml", "params.yaml", ".dvcignore", "exclusions.csv", "requirements.lock")
PACKAGES = ("peewee_model", "pipeline")


# What a stage does, in the project's folder


def digest(stage):
    """Hash all that a stage may read: a wrong or a missing input can't go unnoticed."""
    spec = yaml.safe_load(Path("dvc.yaml").read_text())["stages"][stage]
    params = yaml.safe_load(Path("params.yaml").read_text())
    found = hashlib.sha256(json.dumps([params[name] for name in spec.get("params", [])]).encode())
    for dep in map(Path, spec["deps"]):
        assert dep.exists(), f"{dep} was not pulled"
        files = sorted(path for path in dep.rglob("*") if path.is_file()) if dep.is_dir() else [dep]
        files = [path for path in files if "__pycache__" not in path.parts]
        assert files, f"{dep} is empty"
        for file in files:
            found.update(file.read_bytes())
    return found.hexdigest()


def write_outputs(stage):
    """Write the hash of all that the stage may read as each of its outputs."""
    spec, found = yaml.safe_load(Path("dvc.yaml").read_text())["stages"][stage], digest(stage)
    for item in (*spec.get("outs", []), *spec.get("metrics", []), *spec.get("plots", [])):
        out = Path(item if isinstance(item, str) else next(iter(item)))
        if out.suffix:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(json.dumps({"version": found[:16], "hash": found}) if out.suffix == ".json" else found)
        else:
            write_folder(out, found)


def write_folder(folder, text):
    """Write a folder that has a folder in it."""
    (Path(folder) / "deep").mkdir(parents=True, exist_ok=True)
    (Path(folder) / "one").write_text(text)
    (Path(folder) / "deep" / "two").write_text(text[::-1])


# How a project is made


def copy_project(folder):
    """Copy what describes the graph, and the packages that its stages are in."""
    folder.mkdir(exist_ok=True)
    for name in DESCRIPTION:
        shutil.copy(ROOT / name, folder / name)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))


def put_python(folder, code):
    """Put a program `python` into `bin`, which runs this code instead; return the PATH that finds it first."""
    commands = folder / "bin"
    commands.mkdir()
    (commands / "stand_in.py").write_text(code)
    program = commands / "python"
    program.write_text(f'#!/bin/sh\nexec {PYTHON} {shlex.quote(str(commands / "stand_in.py"))} "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    return os.pathsep.join([str(commands), str(Path(sys.executable).parent), os.environ["PATH"]])


def git(folder, *arguments):
    """Run git as nobody in particular, and return what it says."""
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()
