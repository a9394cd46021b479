"""The Makefile where a path has spaces, and in a folder that was moved; python and pip are stand-ins that write down
what they are asked for."""

import os
import shutil
import subprocess

import pytest

from tests.closure import ROOT

PYTHON = """#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS"
case "$*" in
    "-m venv --clear "*)
        rm -rf "$4"
        mkdir -p "$4/bin"
        cp "$0" "$4/bin/python"
        printf '#!/bin/sh\\nprintf "dvc of %%s\\\\n" "%s" >> "$CALLS"\\n' "$(cd "$4" && pwd -P)" > "$4/bin/dvc"
        chmod +x "$4/bin/dvc" ;;
esac
"""


@pytest.fixture
def project(tmp_path):
    """A folder with a space, a quote and an umlaut in its name; `python3` is the stand-in."""
    folder = tmp_path / "my project's Übung"
    (folder / "infra/airflow").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder / "Makefile")
    (folder / "requirements.lock").write_text("numpy==2\ntorch==2.13.0\n")
    (folder / "infra/airflow/requirements.lock").write_text("apache-airflow==3\n")
    (folder / "pyproject.toml").write_text("")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").write_text(PYTHON)
    (tmp_path / "bin/python3").chmod(0o755)
    return folder


def make(folder, *targets):
    """Run make; return what python and dvc were asked for."""
    calls = folder.parent / "calls"
    calls.write_text("")
    path = f"{folder.parent / 'bin'}{os.pathsep}/usr/local/bin{os.pathsep}/usr/bin{os.pathsep}/bin"
    done = subprocess.run(
        ["make", *targets], cwd=folder, capture_output=True, text=True, env={"PATH": path, "CALLS": str(calls)}
    )
    assert done.returncode == 0, done.stderr
    return calls.read_text().splitlines()


PIP = "-m pip install --quiet --disable-pip-version-check --no-compile"
SETUP = [
    "-m venv --clear .venv",
    f"{PIP} --constraint requirements.lock torch==2.13.0",
    f"{PIP} --no-deps numpy==2 torch==2.13.0",
    f"{PIP} --no-deps --no-build-isolation --editable .",
]
AIRFLOW = ["-m venv --clear .venv-airflow", f"{PIP} --no-deps apache-airflow==3"]


def test_setup_works_in_a_folder_with_spaces_and_is_done_once(project):
    """Both environments; a second time there is nothing to do."""
    assert make(project, "setup", "setup-airflow") == [*SETUP, *AIRFLOW]
    assert make(project, "setup", "setup-airflow") == []


def test_setup_again_in_a_folder_that_was_moved(project):
    """The scripts of an environment hold the path of their python: dvc would not be found."""
    make(project, "setup", "setup-airflow")
    moved = project.rename(project.parent / "another place")
    assert make(moved, "setup", "setup-airflow") == [*SETUP, *AIRFLOW]
    assert make(moved, "setup", "setup-airflow") == []


def test_repro_runs_the_dvc_of_its_own_folder(project):
    """After a move as well."""
    moved = project.rename(project.parent / "moved once")
    make(moved, "setup")
    moved = moved.rename(project.parent / "moved twice")
    assert make(moved, "repro") == [
        *SETUP,
        "-m pipeline.commands.check_params",
        f"dvc of {moved}/.venv",
        "-m pipeline.commands.summary",
    ]


def test_changed_lock_is_installed_into_the_environment_that_is_there(project):
    """Nothing is removed for that."""
    make(project, "setup")
    (project / ".venv/kept").touch()
    os.utime(project / "requirements.lock", (2e9, 2e9))
    assert make(project, "setup") == SETUP[1:]
    assert (project / ".venv/kept").exists()


def test_environment_that_several_folders_share_is_left_alone(project):
    """A link leads to the place that it was made in; one of an older Makefile does not tell its place."""
    make(project, "setup")
    other = project.parent / "other"
    shutil.copytree(project, other, ignore=shutil.ignore_patterns(".venv"))
    (other / ".venv").symlink_to(project / ".venv")
    assert make(other, "setup") == []
    (project / ".venv/.installed").write_text("")
    assert make(other, "setup") == []
