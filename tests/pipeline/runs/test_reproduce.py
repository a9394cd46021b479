"""What the worker's child leaves behind when something goes wrong."""

import hashlib

import pytest

from pipeline.runs.records import Records, UnavailableError
from pipeline.runs.reproduce import Request, StageFailedError, configure, run_stage

GRAPH = "stages: {gather: {cmd: mkdir -p data && echo one > data/one, deps: [code.py], outs: [data/one]}}\n"


@pytest.mark.parametrize(
    ("codes", "exit_code"), [([1, 75], 75), ([75, 1], 75), ([0, 75], 75), ([2], 2), ([0, 3], 3), ([0], 1), ([], 1)]
)
def test_stage_that_may_be_tried_again_says_so(codes, exit_code):
    """One of several processes was stopped: then the others failed because of it. Without a code it is a crash."""
    assert StageFailedError("train", codes, "detail").exit_code == exit_code


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A project of one stage, and the remote that it pushes to."""
    from dvc.repo import Repo

    folder = tmp_path / "clone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    Repo.init(no_scm=True).close()
    (folder / "dvc.yaml").write_text(GRAPH)
    (folder / "params.yaml").write_text("{}\n")
    (folder / "code.py").write_text("")
    configure(folder, str(tmp_path / "remote"), tmp_path / "site")
    return folder


def reproduce(remote):
    from dvc.repo import Repo

    outcomes = remote.parent / "outcomes"
    outcomes.mkdir(exist_ok=True)
    with Repo() as repo:
        return run_stage(Request(str(remote), "run", "gather", str(outcomes)), repo)


def test_push_that_fails_leaves_no_entry_and_no_result(clone, tmp_path):
    """Whoever reads an entry finds its outputs: so the entry comes last. Afterwards it works."""
    remote = tmp_path / "remote"
    folder = remote / "dvc/files/md5" / hashlib.md5(b"one\n").hexdigest()[:2]
    folder.parent.mkdir(parents=True)
    folder.symlink_to("nowhere")  # nothing is there, and nothing can be put there
    with pytest.raises(UnavailableError, match="can't be stored in the remote"):
        reproduce(remote)
    assert Records(str(remote)).done("run") == []
    assert not (remote / "results").exists()
    folder.unlink()
    assert reproduce(remote)["did"] == "ran"
    assert Records(str(remote)).done("run") == ["gather"]
    assert len(list((remote / "results/gather").glob("*/*.yaml"))) == 1
