"""A project with two releases in a store, made by the real links, bundle and publish of small files."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tests.closure import ROOT
from tests.pipeline.audit.stand_in import archive
from tests.stand_in_graph import copy_project, put_python

PROGRAM = f"""
import os, sys
stage = sys.argv[-1]
if stage in ("bundle", "publish"):
    os.execv(sys.executable, [sys.executable, "-m", "pipeline", stage])
sys.path.insert(0, os.getcwd())
sys.path.append({str(ROOT)!r})
from tests.pipeline.audit.stand_in import run
run(stage)
"""
SUBSETS = ("train-clean", "dev-clean")


def make(folder):
    """Make the project and run it twice. The second release started from the first, and is in the workspace.

    Returns:
        The versions of both releases.
    """
    copy_project(folder)
    shutil.copy(ROOT / ".gitignore", folder)
    put_python(folder, PROGRAM)
    _name_archives(folder)
    (folder / ".gitignore").write_text((folder / ".gitignore").read_text() + "/bin/\n/sources/\n/remote/\n/links/\n")
    run(folder, "git", "init", "-q")
    run(folder, "dvc", "init", "-q")
    run(folder, "dvc", "config", "cache.type", "copy")
    run(folder, "dvc", "remote", "add", "--default", "storage", "remote")
    run(folder, "dvc", "remote", "modify", "storage", "verify", "true")
    first = reproduce(folder)
    change(folder, "encoder", n_speakers=25)
    start_from(folder, first)
    second = reproduce(folder)
    run(folder, "dvc", "push", "-q")
    run(folder, "git", "gc", "-q")  # tests copy this folder often
    return first, second


def run(folder, *command):
    """Run a program in the project, with the stand-ins for python."""
    environment = {
        **os.environ,
        "PATH": f"{folder / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PEEWEE_STORE": "store",
        "DVC_NO_ANALYTICS": "1",
        "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org",
    }  # fmt: skip
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def reproduce(folder):
    """Commit what changed, reproduce, and name the release."""
    run(folder, "git", "add", ".")
    run(folder, "git", "commit", "-qm", "a run")
    run(folder, "dvc", "repro", "-q")
    version = yaml.safe_load((folder / "receipts/publish.json").read_text())["version"]
    return version


def change(folder, section, **values):
    """Change parameters of a section's training."""
    path = folder / "params.yaml"
    document = yaml.safe_load(path.read_text())
    document[section]["training"].update(values)
    path.write_text(yaml.safe_dump(document, sort_keys=False))


def start_from(folder, version):
    """Let the synthesizer's training start from a release of the project's own store."""
    path = folder / "params.yaml"
    document = yaml.safe_load(path.read_text())
    document["base"] = {"release": f"store@{version}", "parts": ["synthesizer"]}
    path.write_text(yaml.safe_dump(document, sort_keys=False))


def _name_archives(folder):
    """Let params.yaml name archives of ours; their URLs count from the project's folder."""
    (folder / "sources").mkdir()
    sources = []
    for subset in SUBSETS:
        path = folder / "sources" / f"{subset}.tar.gz"
        path.write_bytes(archive(subset))
        data = path.read_bytes()
        sources.append(
            {
                "corpus": "toy", "subset": subset, "url": f"file:sources/{path.name}",
                "md5": hashlib.md5(data).hexdigest(), "sha256": hashlib.sha256(data).hexdigest(),
                "licence": "CC0-1.0; synthetic",
            }
        )  # fmt: skip
    path = folder / "params.yaml"
    document = yaml.safe_load(path.read_text())
    document["corpus"]["sources"] = sources
    path.write_text(yaml.safe_dump(document, sort_keys=False))
