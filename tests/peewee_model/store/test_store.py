import itertools
import json
import multiprocessing
import shutil
from pathlib import Path

import pytest

from peewee_model.errors import ReleaseError, ReleaseNotFoundError, TamperedReleaseError
from peewee_model.release.manifest import read_manifest
from peewee_model.store.folder import FolderBackend
from peewee_model.store.reference import Reference, parse_reference
from peewee_model.store.store import open_store


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "store"))


def another(folder, sign, text):
    """A copy of a release with another model card, so of another version."""
    copy = folder.parent / f"release-{text}"
    shutil.copytree(folder, copy)
    (copy / "MODEL_CARD.md").write_text(text)
    sign(copy)
    return copy


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("store", Reference("store", "stable")),
        ("store@beta", Reference("store", "beta")),
        ("/a@b/store", Reference("/a@b/store", "stable")),
        ("/a@b/store@beta", Reference("/a@b/store", "beta")),
        ("s3://bucket/prefix@0123456789abcdef", Reference("s3://bucket/prefix", "0123456789abcdef")),
    ],
)
def test_reference_is_split_at_its_last_at_sign(text, reference):
    """A folder's name may have one."""
    assert parse_reference(text) == reference


def test_reference_tells_a_version_from_a_channel():
    """By its form alone."""
    assert parse_reference("store@0123456789abcdef").is_version
    assert not parse_reference("store@0123456789abcde").is_version


@pytest.mark.parametrize("text", ["", "@stable"])
def test_reference_without_a_store_is_refused(text):
    """The error shows the form."""
    with pytest.raises(ReleaseNotFoundError, match="store@stable"):
        parse_reference(text)


def test_store_of_another_kind_is_refused_by_name():
    """`gs://` is not a folder."""
    with pytest.raises(ReleaseNotFoundError, match=r"gs://.*s3://bucket/prefix"):
        open_store("gs://bucket/prefix")


def test_published_release_is_fetched_by_channel_and_by_version(store, bare_release):
    """Both names give the same files."""
    folder, version = bare_release
    published, numbered = store.publish(folder, "stable", "gate passed")
    assert published == version
    assert (numbered.number, numbered.entry.version, numbered.entry.previous) == (1, version, None)
    for selector in ("stable", version):
        found, found_version = store.fetch(selector)
        assert found_version == version
        assert tree(found) == tree(folder)


def test_publishing_twice_changes_nothing(store, bare_release):
    """No file and no entry."""
    folder, _ = bare_release
    first = store.publish(folder, "stable", "once")
    before = tree(Path(store.address))
    assert store.publish(folder, "stable", "twice") == first
    assert tree(Path(store.address)) == before


def test_channel_entry_names_its_predecessor_author_and_reason(store, bare_release, sign, monkeypatch):
    """The history is a chain."""
    monkeypatch.setenv("PEEWEE_PUBLISHER", "ada")
    folder, version = bare_release
    store.publish(folder, "stable", "first")
    second, _ = store.publish(another(folder, sign, "second"), "stable", "better")
    path = Path(store.address) / "channels/stable/00000002.json"
    written = json.loads(path.read_text())
    assert written.keys() == {"version", "action", "at", "by", "reason", "previous", "nonce"}
    assert (written["version"], written["previous"]) == (second, version)
    assert (written["by"], written["reason"], written["action"]) == ("ada", "better", "publish")
    assert [numbered.number for numbered in store.history("stable")] == [1, 2]


def test_publishing_again_does_not_undo_a_rollback(store, bare_release, sign):
    """The channel stays where a person put it."""
    folder, version = bare_release
    store.publish(folder, "stable", "first")
    second = another(folder, sign, "second")
    store.publish(second, "stable", "second")
    store.append("stable", version, "rollback", "it lisps")
    _, numbered = store.publish(second, "stable", "second")
    assert numbered.number == 2
    assert store.resolve("stable") == version
    assert len(store.history("stable")) == 3


def test_publishing_an_earlier_release_again_makes_it_current(store, bare_release, sign):
    """It is what the publisher wants now."""
    folder, version = bare_release
    store.publish(folder, "stable", "first")
    store.publish(another(folder, sign, "second"), "stable", "second")
    _, numbered = store.publish(folder, "stable", "back to the first parameters")
    assert numbered.number == 3
    assert store.resolve("stable") == version


def test_unknown_channel_or_version_lists_what_exists(store, bare_release):
    """The error shows what could be chosen."""
    with pytest.raises(ReleaseNotFoundError, match="no channel 'stable'; it has: none"):
        store.resolve("stable")
    folder, version = bare_release
    store.publish(folder, "stable", "gate passed")
    with pytest.raises(ReleaseNotFoundError, match="no channel 'beta'; it has: stable"):
        store.resolve("beta")
    with pytest.raises(ReleaseNotFoundError, match=rf"no release 0000000000000000; it has: {version}"):
        store.resolve("0" * 16)
    for selector in ("../../etc", "", "."):
        with pytest.raises(ReleaseNotFoundError, match="it has: stable"):
            store.resolve(selector)


@pytest.mark.parametrize("channel", ["", "../up", "Stable", "a b", "0123456789abcdef", "-", "a/b"])
def test_name_that_can_be_no_channels_is_refused(store, bare_release, channel):
    """It would be a path or a version."""
    with pytest.raises(ReleaseError, match="can't be a channel"):
        store.publish(bare_release[0], channel, "gate passed")


def test_release_damaged_in_the_store_is_refused(store, bare_release):
    """Whoever fetches it gets an error that names the file."""
    folder, version = bare_release
    store.publish(folder, "stable", "gate passed")
    path = Path(store.address) / "releases" / version / "vocoder/model.safetensors"
    path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(TamperedReleaseError, match=r"vocoder/model\.safetensors"):
        store.fetch("stable")


def test_damaged_release_is_not_published(store, bare_release):
    """The error comes before the copy."""
    folder, _ = bare_release
    (folder / "MODEL_CARD.md").write_text("# A voicE\n")
    with pytest.raises(TamperedReleaseError) as caught:
        store.publish(folder, "stable", "gate passed")
    assert str(folder / "MODEL_CARD.md") in str(caught.value)
    assert not list((Path(store.address) / "releases").iterdir())
    assert not list((Path(store.address) / ".incoming").iterdir())
    assert store.channels() == []


def test_half_a_release_in_the_store_is_named(store, bare_release):
    """A release without its manifest."""
    folder, version = bare_release
    store.publish(folder, "stable", "gate passed")
    target = Path(store.address) / "releases" / version
    (target / "manifest.json").unlink()
    with pytest.raises(ReleaseNotFoundError, match="half there"):
        store.fetch("stable")
    with pytest.raises(ReleaseError, match=r"has no manifest\.json: half a release"):
        store.publish(folder, "stable", "gate passed")


def test_damaged_channel_entry_is_named(store, bare_release):
    """The error names the entry's file."""
    store.publish(bare_release[0], "stable", "gate passed")
    (Path(store.address) / "channels/stable/00000001.json").write_text("{")
    with pytest.raises(TamperedReleaseError, match=r"channels/stable/00000001\.json"):
        store.fetch("stable")


def test_unwritable_store_is_one_named_error(tmp_path, bare_release):
    """The folder's name is in it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ReleaseError, match="can't be written"):
        open_store(str(tmp_path / "file")).publish(bare_release[0], "stable", "gate passed")


def test_release_whose_files_are_links_is_published_as_files(store, bare_release, tmp_path):
    """DVC may check an output out as links into its cache."""
    folder, version = bare_release
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        cached = tmp_path / "cache" / path.relative_to(folder)
        cached.parent.mkdir(parents=True, exist_ok=True)
        path.rename(cached)
        path.symlink_to(cached)
    store.publish(folder, "stable", "gate passed")
    assert store.fetch("stable")[1] == version


def test_verify_reads_every_byte_and_tells_how_far_it_is(store, bare_release):
    """The callback's bytes add up to the size."""
    folder, version = bare_release
    store.publish(folder, "stable", "gate passed")
    told = []
    assert store.verify(version, progress=told.append) == store.read_manifest(version)
    assert sum(told) == sum(len(data) for name, data in tree(folder).items() if name != "manifest.json")
    (Path(store.address) / "releases" / version / "extra.json").write_text("{}")
    with pytest.raises(TamperedReleaseError, match=r"extra\.json"):
        store.verify(version)


def test_single_file_is_read_and_checked(store, bare_release):
    """Its hash is in the manifest."""
    folder, version = bare_release
    store.publish(folder, "stable", "gate passed")
    assert store.read_file(version, "MODEL_CARD.md") == b"# A voice\n"
    (Path(store.address) / "releases" / version / "MODEL_CARD.md").write_text("# A voicE\n")
    with pytest.raises(TamperedReleaseError, match=r"MODEL_CARD\.md"):
        store.read_file(version, "MODEL_CARD.md")
    with pytest.raises(ReleaseNotFoundError, match=r"no features\.json"):
        store.read_file(version, "features.json")


def test_entry_that_the_listing_does_not_show_yet_counts(store, bare_release, monkeypatch):
    """Listings of some servers lag behind; the object's own key never does."""
    store.publish(bare_release[0], "stable", "gate passed")
    names = FolderBackend.names
    monkeypatch.setattr(
        FolderBackend, "names", lambda self, prefix: [] if prefix.startswith("channels/") else names(self, prefix)
    )
    assert store.resolve("stable") == bare_release[1]
    assert store.append("stable", bare_release[1], "promote", "again").number == 2


def test_entry_whose_answer_was_lost_is_recognised_as_ones_own(store, bare_release, monkeypatch):
    """It is not written twice."""
    put = FolderBackend.put_if_absent

    def lose_the_answer(self, key, data):
        put(self, key, data)
        return False

    monkeypatch.setattr(FolderBackend, "put_if_absent", lose_the_answer)
    _, numbered = store.publish(bare_release[0], "stable", "gate passed")
    assert numbered.number == 1
    assert len(store.history("stable")) == 1


def _append_many(address, version, name, rounds, barrier):
    store = open_store(address)
    barrier.wait()
    for round_ in range(rounds):
        store.append("stable", version, "promote", f"{name}:{round_}")


def test_four_processes_appending_at_once_lose_nothing(store, bare_release, sign):
    """Each entry has a number of its own."""
    folder, version = bare_release
    store.publish(folder, "stable", "start")
    versions = [version, *(store.publish(another(folder, sign, text), "other", text)[0] for text in "abc")]
    context = multiprocessing.get_context("fork")
    rounds, barrier = 15, context.Barrier(4)
    writers = [
        context.Process(target=_append_many, args=(store.address, versions[number], str(number), rounds, barrier))
        for number in range(4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    history = store.history("stable")
    assert [numbered.number for numbered in history] == list(range(1, 4 * rounds + 2))
    for before, after in itertools.pairwise(history):
        assert after.entry.previous == before.entry.version
    reasons = [numbered.entry.reason for numbered in history[1:]]
    assert sorted(reasons) == sorted(f"{number}:{round_}" for number in range(4) for round_ in range(rounds))
    for number in range(4):
        assert [reason for reason in reasons if reason.startswith(f"{number}:")] == [
            f"{number}:{round_}" for round_ in range(rounds)
        ]
    assert not list((Path(store.address) / ".incoming").iterdir())


def _publish(address, folder, barrier):
    barrier.wait()
    open_store(address).publish(folder, "stable", "race")


def test_release_that_another_publisher_has_just_added_is_no_half_one(store, bare_release):
    """Two look, both find none, one is faster: to the other the release is there."""
    folder, version = bare_release
    store._add_release(folder, version)
    store._add_release(folder, version)
    assert store.versions() == [version]
    assert tree(store.fetch(version)[0]) == tree(folder)


def test_four_processes_publishing_one_release_make_one(store, bare_release):
    """Nobody fails, and there is one release."""
    folder, version = bare_release
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(4)
    writers = [context.Process(target=_publish, args=(store.address, folder, barrier)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert store.versions() == [version]
    assert len(store.history("stable")) == 1
    assert tree(store.fetch("stable")[0]) == tree(folder)
    assert read_manifest(store.fetch("stable")[0])[1] == version
