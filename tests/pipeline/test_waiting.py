import os

import pytest

from pipeline import waiting


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "")


def machine(monkeypatch, path, user, idle):
    """A /proc/stat that counts on by these ticks while the sample is taken."""
    path.write_text("cpu  100 0 50 900 10 0 5 0 0 0\ncpu0 1 2 3\n")

    def sleep(_):
        path.write_text(f"cpu  {100 + user} 0 50 {900 + idle} 10 0 5 0 0 0\n")

    monkeypatch.setattr(waiting.time, "sleep", sleep)
    return path


@pytest.mark.parametrize(
    ("user", "idle", "policy"), [(1, 39, "active"), (20, 20, "passive"), (40, 0, "passive"), (0, 0, "passive")]
)
def test_threads_spin_where_the_machine_is_idle_alone(tmp_path, monkeypatch, user, idle, policy):
    """One busy core of two is enough to let them sleep."""
    waiting.choose_waiting(machine(monkeypatch, tmp_path / "stat", user, idle))
    assert os.environ["OMP_WAIT_POLICY"] == policy


def test_what_the_user_set_stays(tmp_path, monkeypatch):
    """Whatever the machine does."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    waiting.choose_waiting(machine(monkeypatch, tmp_path / "stat", 0, 40))
    assert os.environ["OMP_WAIT_POLICY"] == "passive"


@pytest.mark.parametrize("content", [None, "", "intr 1 2 3", "cpu a b"])
def test_a_system_that_does_not_say_lets_them_sleep(tmp_path, monkeypatch, content):
    """macOS has no such file."""
    path = tmp_path / "stat"
    if content is not None:
        path.write_text(content)
    monkeypatch.setattr(waiting.time, "sleep", lambda _: None)
    waiting.choose_waiting(path)
    assert os.environ["OMP_WAIT_POLICY"] == "passive"


def test_this_machine_says_how_idle_it_is():
    """Linux does."""
    assert 0 <= waiting.idle_share() <= 1
