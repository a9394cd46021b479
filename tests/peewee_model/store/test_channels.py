import json

import pytest

from peewee_model import environment
from peewee_model.errors import PeeweeError, ReleaseError, ReleaseNotFoundError, TamperedReleaseError
from peewee_model.public_text import PlainLineError
from peewee_model.store import channels
from peewee_model.store.store import open_store
from tests.peewee_model.releases import write_release
from tests.unreadable import READABLE, TEXTS


def content(folder):
    """Every file under a folder, by its name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def shelf(tmp_path):
    """A store with one release under `stable`, and its version."""
    version = write_release(tmp_path / "release")
    store = open_store(str(tmp_path / "store"))
    store.publish(tmp_path / "release", "stable", "gate passed")
    return store, version


@pytest.fixture(params=TEXTS.values(), ids=TEXTS)
def text(request):
    """A text that no reader of a log should get."""
    return request.param


def test_reason_that_not_everybody_can_read_adds_nothing(shelf, tmp_path, text):
    """T28: promoted, rolled back or published, to an old channel or a new one; no reader sees a difference."""
    store, version = shelf
    write_release(tmp_path / "second", text="second")
    before = content(tmp_path / "store")
    for channel in ("stable", "beta"):
        with pytest.raises(PlainLineError, match="the reason"):
            store.append(channel, version, "promote", text)
        with pytest.raises(PlainLineError, match="the reason"):
            store.publish(tmp_path / "second", channel, text)
    assert content(tmp_path / "store") == before
    assert store.resolve("stable") == version


def test_publisher_that_not_everybody_can_read_adds_nothing(shelf, tmp_path, monkeypatch, text):
    """T28: a name of the environment, or of the system's user; the variable that mends it is named."""
    store, version = shelf
    write_release(tmp_path / "second", text="second")
    before = content(tmp_path / "store")
    for source in ("PEEWEE_PUBLISHER", "getuser"):
        with monkeypatch.context() as patched:
            if source == "getuser":
                patched.delenv("PEEWEE_PUBLISHER", raising=False)
                patched.setattr(environment.getpass, "getuser", lambda: text)
            else:
                patched.setattr("os.environ", {"PEEWEE_PUBLISHER": text})  # the real one takes no half characters
            with pytest.raises(PlainLineError, match="PEEWEE_PUBLISHER"):
                store.append("stable", version, "promote", "better")
            with pytest.raises(PlainLineError, match="PEEWEE_PUBLISHER"):
                store.publish(tmp_path / "second", "stable", "better")
    assert content(tmp_path / "store") == before


def test_channel_that_not_everybody_can_read_adds_nothing(shelf, tmp_path, text):
    """T28: the error does not repeat a million characters."""
    store, version = shelf
    before = content(tmp_path / "store")
    with pytest.raises(ReleaseError, match="can't be a channel") as caught:
        store.append(text, version, "promote", "better")
    assert len(str(caught.value)) < 1000
    assert content(tmp_path / "store") == before
    assert store.history(text) == []
    with pytest.raises(ReleaseNotFoundError):
        store.resolve(text)


@pytest.mark.parametrize("reason", READABLE)
def test_reason_of_any_language_is_read_back(shelf, monkeypatch, reason):
    """By whoever reads the history; so is a publisher's name."""
    monkeypatch.setenv("PEEWEE_PUBLISHER", reason)
    store, version = shelf
    store.append("beta", version, "promote", f" {reason}\n")
    (entry,) = [numbered.entry for numbered in store.history("beta")]
    assert (entry.reason, entry.by) == (reason, reason)


def test_entry_that_no_reader_can_parse_is_not_put(shelf, tmp_path, monkeypatch):
    """Whatever came through: here the version is no text, which no check of reasons and names sees."""
    store, _ = shelf
    before = content(tmp_path / "store")
    monkeypatch.setattr(channels.ChannelEntry, "model_dump", lambda self: {"version": 1})
    with pytest.raises(TamperedReleaseError, match="is no channel entry"):
        store._channels.append("stable", "0" * 16, "promote", "better")
    assert content(tmp_path / "store") == before


@pytest.fixture
def broken(shelf, tmp_path):
    """A store whose channel `beta` has an entry as older programs wrote it, with half a character."""
    store, version = shelf
    store.append("beta", version, "promote", "for testers")
    path = tmp_path / "store/channels/beta/00000001.json"
    entry = json.loads(path.read_bytes()) | {"reason": "f\udcfcr Tester", "version": version}
    (path.parent / "00000002.json").write_text(json.dumps(entry))
    return store, version


def test_bad_entry_in_one_channel_leaves_the_others_alone(broken):
    """The channel is named; others are listed, read and added to."""
    store, version = broken
    for use in (store.resolve, store.history, lambda name: store.append(name, version, "promote", "again")):
        with pytest.raises(PeeweeError, match=r"channels/beta/00000002\.json is no channel entry: .*restore it"):
            use("beta")
    assert store.channels() == ["beta", "stable"]
    assert store.resolve("stable") == version
    store.append("stable", version, "promote", "again")
    store.append("gamma", version, "promote", "another one")
    assert store.resolve("gamma") == version
    with pytest.raises(ReleaseNotFoundError, match="it has: beta, gamma, stable"):
        store.resolve("delta")
