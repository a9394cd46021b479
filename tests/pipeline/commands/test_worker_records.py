"""What the worker keeps in the remote, and the parts of it that need no run."""

import hashlib
import io
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from peewee_model.errors import ConfigError
from peewee_model.store.backends import open_backend
from pipeline.dvc_yaml import dump_yaml, load_yaml
from pipeline.runs.checkpoints import Mirror
from pipeline.runs.planning import change_params, parse_overrides
from pipeline.runs.process import Stop, descendants, run_child
from pipeline.runs.records import Entry, Records, RunError, clean_run_id
from pipeline.runs.scratch import scratch

LOCKED = """
cmd: python -m pipeline train
deps: [{path: b, md5: '1', size: 3}, {path: a, md5: '2'}]
params: {params.yaml: {train: {rate: 1e-06, steps: 3}}}
outs: [{path: models/a, md5: 3.dir, nfiles: 2}]
"""


@pytest.fixture
def records(tmp_path):
    return Records(str(tmp_path / "remote"))


def entry(**changes):
    return Entry({**load_yaml(LOCKED), **changes})


def test_numbers_survive_as_dvc_writes_them():
    """DVC writes 1e-06, which PyYAML would read as a string, and DVC then see a changed parameter."""
    editor, buffer = YAML(), io.BytesIO()
    editor.dump({"rate": 1e-6, "off": "no", "text": "1e-6"}, buffer)
    assert load_yaml(dump_yaml(load_yaml(buffer.getvalue()))) == {"rate": 1e-6, "off": "no", "text": "1e-6"}


def test_key_depends_on_all_that_was_read_and_on_nothing_else():
    """Sizes, order and what was written do not matter."""
    same = entry(
        deps=[{"path": "a", "md5": "2"}, {"path": "b", "md5": "1"}], outs=[{"path": "models/a", "md5": "4.dir"}]
    )
    assert same.key() == entry().key()
    different = [
        entry(cmd="python -m pipeline tune"),
        entry(deps=[{"path": "a", "md5": "2"}]),
        entry(deps=[{"path": "a", "md5": "2"}, {"path": "b", "md5": "5"}]),
        entry(params={"params.yaml": {"train": {"rate": 1e-5, "steps": 3}}}),
        entry(outs=[{"path": "models/b", "md5": "3.dir"}]),
    ]
    assert len({entry().key(), *(other.key() for other in different)}) == 6


def test_first_entry_of_a_run_counts(records):
    """Whoever comes second gets the first one's."""
    second = entry(outs=[{"path": "models/a", "md5": "9.dir"}])
    assert records.add_entry("r", "train", entry()) == entry()
    assert records.add_entry("r", "train", second) == entry()
    assert records.done("r") == ["train"]
    assert records.entry("r", "tune") is None


def test_results_are_found_by_key_and_a_changed_one_is_not(records, tmp_path):
    """A file that does not fit its name was tampered with."""
    second = entry(outs=[{"path": "models/a", "md5": "9.dir"}])
    for result in (entry(), second, entry()):
        records.add_result("train", result)
    assert len(records.results("train", entry().key())) == 2
    assert records.results("train", "0" * 64) == []
    for path in (tmp_path / "remote/results").rglob("*.yaml"):
        path.write_bytes(path.read_bytes().replace(b"3.dir", b"4.dir"))
    assert records.results("train", entry().key()) == [second]


@pytest.mark.parametrize("text", ["", "[", "cmd: x", "a list"])
def test_damaged_entry_is_named(records, tmp_path, text):
    """With the file's name and what to do."""
    path = tmp_path / "remote/runs/r/lock/train.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(RunError, match=r"runs/r/lock/train.yaml .*start a new run"):
        records.entry("r", "train")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("scheduled__2026-11-24T00:00:00+00:00", "scheduled__2026-11-24t00-00-00-00-00"),
        ("../../etc", "etc"),
        ("a.lock", "a-lock"),
        ("R 1", "r-1"),
    ],
)
def test_run_id_can_be_a_folder_and_a_branch(given, name):
    """Schedulers name runs as they like."""
    assert clean_run_id(given) == name
    subprocess.run(["git", "check-ref-format", f"refs/heads/runs/{clean_run_id(given)}"], check=True)


def test_long_run_ids_stay_different():
    """They are cut, and told apart by a hash."""
    first, second = clean_run_id("x" * 200 + "1"), clean_run_id("x" * 200 + "2")
    assert first != second
    assert len(first) == 100


PARAMS = """\
# the corpus
gate:
  speaker.eer:
    max: 0.10  # at most
train: {steps: 3, betas: [0.9, 0.99]}
"""


@pytest.mark.parametrize(
    ("item", "path", "value"),
    [
        ("gate.speaker.eer.max=0.2", ("gate", "speaker.eer", "max"), 0.2),
        ("train.steps=1e3", ("train", "steps"), 1000.0),
        ("train.betas=[0.5, 0.9]", ("train", "betas"), [0.5, 0.9]),
        ("train.steps=a=b", ("train", "steps"), "a=b"),
    ],
)
def test_override_sets_one_value(tmp_path, item, path, value):
    """Keys with dots in them as well; comments stay."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    text = change_params(tmp_path, None, parse_overrides([item]))
    assert text
    found = load_yaml(text)
    for key in path:
        found = found[key]
    assert found == value
    assert "# at most" in text


def test_override_that_changes_nothing_makes_no_commit(tmp_path):
    """The run is then of the commit itself."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    assert change_params(tmp_path, None, {"train.steps": 3}) is None


@pytest.mark.parametrize("item", ["train.stepps=1", "gate.max=1", "train.steps.more=1", "=1", "train", "train=["])
def test_override_that_fits_nothing_is_refused(tmp_path, item):
    """It is a slip of the pen, and would otherwise change nothing unseen."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    with pytest.raises(ConfigError, match="--set"):
        change_params(tmp_path, None, parse_overrides([item]))


def checkpoint(folder, step, data=b"weights"):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{step:08d}-{hashlib.sha256(data).hexdigest()[:16]}.safetensors"
    path.write_bytes(data)
    return path


@pytest.fixture(params=["folder", "s3"])
def files(request, tmp_path):
    if request.param == "folder":
        return open_backend(str(tmp_path / "remote"))
    return open_backend(f"s3://{request.getfixturevalue('s3_bucket')}/prefix")


def test_checkpoints_travel_to_another_clone(files, tmp_path):
    """New ones go, removed ones are removed, and a clone elsewhere gets what is left; until it is forgotten."""
    here, there = tmp_path / "here", tmp_path / "there"
    mirror = Mirror(files, "runs/r/checkpoints", here, "train", 60)
    folder = here / ".checkpoints/train/f00d"
    old = checkpoint(folder, 1)
    checkpoint(folder / "best", 1, b"best")
    mirror.update()
    old.unlink()
    new = checkpoint(folder, 2, b"newer")
    (folder / "half.part").write_bytes(b"x")
    mirror.update()
    other = Mirror(files, "runs/r/checkpoints", there, "train", 60)
    assert other.restore() == 2
    restored = sorted(path.name for path in (there / ".checkpoints/train/f00d").rglob("*.*"))
    assert restored == sorted([new.name, checkpoint(folder / "best", 1, b"best").name])
    # A training that has ended removes its checkpoints; they stay in the remote until its result is stored.
    for path in folder.rglob("*.safetensors"):
        path.unlink()
    mirror.update()
    assert len(files.keys("runs/r/checkpoints")) == 2
    mirror.forget()
    assert files.keys("runs/r/checkpoints") == []


def test_damaged_checkpoint_is_left_out(tmp_path, caplog):
    """And one that would be written elsewhere."""
    files = open_backend(str(tmp_path / "remote"))
    kept = checkpoint(tmp_path / "remote/runs/r/checkpoints/train/f00d", 1)
    kept.write_bytes(b"wEights")
    whole = checkpoint(tmp_path / "remote/runs/r/checkpoints/train/f00d", 2, b"whole")
    mirror = Mirror(files, "runs/r/checkpoints", tmp_path / "clone", "train", 60)
    assert mirror.restore() == 1
    assert [path.name for path in (tmp_path / "clone").rglob("*.*") if path.is_file()] == [whole.name]
    assert "damaged" in caplog.text


def test_unreachable_remote_does_not_stop_a_training(tmp_path, caplog):
    """What can't be kept now is kept later."""
    (tmp_path / "remote").write_text("no folder")
    folder = tmp_path / "clone/.checkpoints/train"
    checkpoint(folder, 1)
    mirror = Mirror(open_backend(str(tmp_path / "remote")), "r", tmp_path / "clone", "train", 60)
    mirror.update()
    assert "will try again" in caplog.text
    (tmp_path / "remote").unlink()
    mirror.update()
    assert len(open_backend(str(tmp_path / "remote")).keys("r")) == 1


def test_child_in_a_session_of_its_own_leaves_nothing_behind(tmp_path):
    """A grandchild that left the session, as torchrun's do, ends with the child; other children of ours do not."""
    mark = tmp_path / "mark"
    grandchild = f"import time, pathlib, os; pathlib.Path({str(mark)!r}).write_text(str(os.getpid())); time.sleep(600)"
    child = (
        "import subprocess, sys, time, pathlib\n"
        f"subprocess.Popen([sys.executable, '-c', {grandchild!r}], start_new_session=True)\n"
        f"while not pathlib.Path({str(mark)!r}).exists(): time.sleep(0.01)\n"
        "sys.exit(7)"
    )
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        assert run_child([sys.executable, "-c", child], {}, Stop(), 1.0) == 7
        assert other.poll() is None
        pid = int(mark.read_text())
        assert pid not in descendants(1)
    finally:
        other.kill()
        other.wait()


def test_stop_collects_signals_and_gives_them_back():
    """So that the worker can save before it ends."""
    before = signal.getsignal(signal.SIGTERM)
    with Stop().listening() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.asked
    assert signal.getsignal(signal.SIGTERM) == before


def test_scratch_of_a_killed_worker_is_removed_by_the_next(tmp_path):
    """That of a living one is not."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom pipeline.runs.scratch import scratch\n"
        "with scratch(Path(sys.argv[1])) as folder:\n    print(folder, flush=True)\n    time.sleep(600)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert worker.stdout
    folder = Path(worker.stdout.readline().strip())
    with scratch(tmp_path) as mine:
        assert folder.is_dir()
        assert mine.is_dir()
    worker.kill()
    worker.communicate()
    with scratch(tmp_path):
        assert not folder.exists()
    assert list(tmp_path.iterdir()) == []
