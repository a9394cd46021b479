import logging
import os
import stat

import pytest

from peewee_model.store import default_cache
from peewee_model.store.cache import cache_folder


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """The system's temporary folder; no cache is named."""
    monkeypatch.delenv("PEEWEE_CACHE", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    default_cache.default_folder.cache_clear()
    yield tmp_path
    default_cache.default_folder.cache_clear()


def test_cache_is_at_home_and_not_made_before_it_is_needed(temporary, monkeypatch):
    """Also where the home folder is still to be made."""
    for home in (temporary, temporary / "new"):
        monkeypatch.setenv("HOME", str(home))
        default_cache.default_folder.cache_clear()
        assert cache_folder() == home / ".cache/peewee-tts"
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("home", ["", "/dev/null", "/dev/null/home", "relative"])
def test_home_that_can_t_be_written_is_replaced_by_a_folder_of_this_user_alone(temporary, monkeypatch, caplog, home):
    """One line names it, and the variable that would name a better one; later processes use the same."""
    monkeypatch.setenv("HOME", home)
    folder = cache_folder()
    assert folder == temporary / f"peewee-tts-{os.getuid()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert cache_folder() == folder
    (line,) = caplog.messages
    assert str(folder) in line and "set PEEWEE_CACHE" in line
    default_cache.default_folder.cache_clear()
    assert cache_folder() == folder


def test_cache_at_home_is_used_though_it_can_t_be_written(temporary, monkeypatch, caplog):
    """An image may have its releases there: tests/faults/test_odd_homes.py has one on a read-only file system."""
    monkeypatch.setenv("HOME", str(temporary))
    (temporary / ".cache/peewee-tts").mkdir(parents=True)
    (temporary / ".cache/peewee-tts").chmod(0o500)
    assert cache_folder() == temporary / ".cache/peewee-tts"
    assert caplog.messages == []


@pytest.mark.parametrize("kind", ["open to all", "link", "file"])
def test_folder_that_somebody_else_prepared_is_not_trusted(temporary, monkeypatch, kind):
    """Another user could put releases there, or read which are used."""
    monkeypatch.setenv("HOME", "/dev/null")
    name = temporary / f"peewee-tts-{os.getuid()}"
    if kind == "open to all":
        name.mkdir()
        name.chmod(0o777)
    elif kind == "link":
        (temporary / "theirs").mkdir(mode=0o700)
        name.symlink_to(temporary / "theirs")
    else:
        name.touch()
    folder = cache_folder()
    if kind != "file":
        assert folder != name
        assert folder.parent == temporary
        assert stat.S_IMODE(folder.lstat().st_mode) == 0o700
        assert list(name.iterdir()) == []


def test_named_cache_is_taken_as_it_is(temporary, monkeypatch, caplog):
    """Nobody is warned."""
    monkeypatch.setenv("HOME", "/dev/null")
    monkeypatch.setenv("PEEWEE_CACHE", str(temporary / "mine"))
    with caplog.at_level(logging.INFO):
        assert cache_folder() == temporary / "mine"
    assert caplog.messages == []
