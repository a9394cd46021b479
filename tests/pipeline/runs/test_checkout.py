"""Where in a repository the project is, and what a plan may show of the repository's address."""

import pytest

from peewee_model.errors import ConfigError
from pipeline.runs.checkout import address, project_path, shown
from tests.pipeline.commands.worker_project import make_project
from tests.stand_in_graph import git


def repository(folder, *files):
    git(folder, "init", "--quiet")
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "files")
    return folder


@pytest.mark.parametrize(
    ("files", "asked", "found"),
    [
        (["params.yaml", "dvc.yaml", "sub/params.yaml", "sub/dvc.yaml"], "url", "."),
        (["params.yaml"], "url", "."),
        (["a/b/params.yaml", "a/b/dvc.yaml", "c/params.yaml"], "url", "a/b"),
        (["a/params.yaml", "a/dvc.yaml", "b/params.yaml", "b/dvc.yaml"], "url#subdirectory=b", "b"),
        (["params.yaml", "dvc.yaml", "b/params.yaml", "b/dvc.yaml"], "url#subdirectory=b/", "b"),
    ],
)
def test_project_is_found_in_its_repository(files, asked, found, tmp_path):
    """At the root, in the only folder that is one, or in the one that is asked for."""
    assert project_path(repository(tmp_path, *files), "HEAD", asked) == found


@pytest.mark.parametrize(
    ("files", "asked", "said"),
    [
        (["a/params.yaml", "a/dvc.yaml", "b/params.yaml", "b/dvc.yaml"], "url", "has several projects: a, b"),
        (["code.py"], "url", "has no ./params.yaml"),
        (["params.yaml"], "url#subdirectory=b", "has no b/params.yaml"),
    ],
)
def test_repository_without_one_project_is_refused(files, asked, said, tmp_path):
    """The message says how to name one."""
    with pytest.raises(ConfigError, match=said) as raised:
        project_path(repository(tmp_path, *files), "HEAD", asked)
    assert "#subdirectory=PATH" in str(raised.value)


def test_address_is_split_from_the_folder_and_shown_without_secrets():
    """Git gets the URL alone; a plan keeps the folder, which is no secret."""
    url = "https://ada:secret@host/voices.git?token=secret"
    assert address(f"{url}#subdirectory=a") == url
    assert shown(f"{url}#subdirectory=a") == "https://***@host/voices.git?***#subdirectory=a"


@pytest.mark.system
def test_run_of_a_project_in_a_subfolder(tmp_path):
    """Planned with a changed parameter, run, sealed: all in the folder, and nothing beside it changes."""
    project = make_project(tmp_path, str(tmp_path / "remote"))
    for folder in ("voices", "other"):
        (project.source / folder).mkdir()
    for name in project.git("ls-tree", "--name-only", "HEAD").splitlines():
        project.git("mv", name, f"voices/{name}")
    for name in ("params.yaml", "dvc.yaml"):
        (project.source / "other" / name).write_text("{}\n")
    project.commit("two projects")
    done = project.call("plan", "--run", "first")
    assert done.code == 2 and "has several projects: other, voices" in done.log
    project.extra["PEEWEE_REPOSITORY"] = f"{project.origin}#subdirectory=voices"
    planned = project.must("plan", "--run", "first", "--set", "train.steps=3")
    assert planned["commit"] != planned["base_commit"]
    for stage in ("gather", "train", "tune", "publish"):
        assert project.must("run", stage, "--run", "first")["did"] == "ran"
    sealed = project.must("seal", "--run", "first")
    project.git("fetch", "--quiet", "origin", sealed["commit"])
    changed = project.git("diff", "--name-only", "main", sealed["commit"]).splitlines()
    assert changed == ["voices/dvc.lock", "voices/params.yaml"]
