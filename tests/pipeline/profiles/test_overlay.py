import copy
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from peewee_model.errors import ConfigError
from peewee_model.public_text import PlainLineError
from pipeline.commands.profile import command
from pipeline.corpora.sources import Source
from pipeline.download.fetch import fetch_all
from pipeline.ingest.archive import read_members
from pipeline.ingest.readers.registry import CORPORA
from pipeline.params.yaml_file import read_yaml
from pipeline.profiles import archives
from pipeline.profiles import overlay as profile
from tests.unreadable import TEXTS


@pytest.fixture
def params(repository, tmp_path):
    return Path(shutil.copy(repository / "params.yaml", tmp_path / "params.yaml"))


def archive(path, subset, n=1):
    with tarfile.open(path, "w:gz") as tar:
        for i in range(n):
            info = tarfile.TarInfo(f"LibriTTS/{subset}/1/2/1_2_000000_00000{i}.wav")
            info.size = 4
            tar.addfile(info, io.BytesIO(b"RIFF"))
    return path


def settings(path):
    return read_yaml(path)


def overlay(name):
    """A profile's overlay; with what archives add, where it takes them."""
    loaded = profile.load_overlay(name)
    return archives.with_archives(loaded, []) if archives.takes_archives(loaded) else loaded


@pytest.fixture(scope="module")
def profiles_of(repository, tmp_path_factory):
    """What params.yaml holds with each profile, by its name."""
    path, found = tmp_path_factory.mktemp("profiles") / "params.yaml", {}
    for name in profile.names():
        shutil.copy(repository / "params.yaml", path)
        profile.apply(overlay(name), path)
        found[name] = settings(path)
    return found


@pytest.mark.parametrize("name", profile.names())
def test_profile_gives_the_same_parameters_whatever_was_there(name, profiles_of):
    """From mini or from any other profile: what an overlay leaves unsaid would differ."""
    for before, document in profiles_of.items():
        merged = copy.deepcopy(document)
        profile.merge(merged, overlay(name))
        assert merged == profiles_of[name], f"{name} after {before}"


def test_repository_ships_with_profile_mini(params):
    """params.yaml is what `peewee-tts profile mini` makes of it: nothing differs."""
    assert profile.apply(profile.load_overlay("mini"), params) == ""


def test_what_a_release_does_not_know_of_is_as_shipped(params, tmp_path, monkeypatch):
    """A parameter that is younger than the release would otherwise be what some other profile left there."""
    shipped = settings(params)
    profile.apply({"gate": {"speech.wer": {"max": 1}}, "evaluate": {"n_samples": 99}}, params)
    of_release = SimpleNamespace(manifest=SimpleNamespace(params={"evaluate": {"seed": 8}}))
    monkeypatch.setattr("pipeline.commands.profile.pin", lambda reference: of_release)
    monkeypatch.chdir(tmp_path)
    command(release="store@stable")
    assert settings(params) == {**shipped, "evaluate": {**shipped["evaluate"], "seed": 8}}


def test_profile_shows_the_difference_and_keeps_comments(params):
    """The diff names what changed; the file's own words stay."""
    difference = profile.apply({"mel": {"acoustic": {"hop_length": 300}}}, params)
    assert "-    hop_length: 256" in difference
    assert "+    hop_length: 300" in difference
    assert "# What can change a result is here" in params.read_text()


def test_every_profile_is_accepted_by_every_stage(params, repository, monkeypatch):
    """Strictly: an overlay with a misspelt or missing key fails in the stage that reads it."""
    import importlib

    from pipeline.params.params import read

    for name in profile.names():
        profile.apply(profile.load_overlay(name), params)
        if archives.takes_archives(profile.load_overlay(name)):
            continue  # its sources come from the command line
        if profile.load_overlay(name).get("base", {}).get("parts"):
            profile.apply({"base": {"release": "store@0123456789abcdef"}}, params)  # --base gives it
        for stage in (repository / "pipeline/stages").glob("*.py"):
            module = importlib.import_module(f"pipeline.stages.{stage.stem}")
            if hasattr(module, "Params"):
                read(module.Params, params)


def test_unknown_profile_lists_those_there_are():
    """A slip of the pen is answered with the right names."""
    with pytest.raises(ConfigError, match=r"no profile 'libri'.*libritts-clean-100.*mini"):
        profile.load_overlay("libri")


def test_local_archives_become_sources_with_hashes(tmp_path):
    """Subsets by their folder, hashes by reading, dev is the test split if there is no test subset."""
    train = archive(tmp_path / "a.tar.gz", "train-clean")
    dev = archive(tmp_path / "b.tar.gz", "dev-clean", n=2)
    sources = archives.local_sources([str(train), str(dev)], "CC0")
    assert [(source["corpus"], source["subset"]) for source in sources] == [
        ("local", "train-clean"),
        ("local", "dev-clean"),
    ]
    assert all(len(source["sha256"]) == 64 and len(source["md5"]) == 32 for source in sources)
    assert archives.local_split(source["subset"] for source in sources) == {
        "by_subset": {"dev-clean": "test"}, "by_speaker": {}, "within": {},
        "validation_fraction": 0.15, "test_fraction": 0.0,
    }  # fmt: skip


def test_local_archives_with_dev_and_test_need_no_other_speakers():
    """As LibriTTS itself: dev is validation, test is test, all of train is trained on."""
    split = archives.local_split(["train-a", "dev-a", "test-a"])
    assert split["by_subset"] == {"dev-a": "validation", "test-a": "test"}
    assert (split["validation_fraction"], split["test_fraction"]) == (0, 0)


def test_archives_of_the_same_subset_are_told_apart_by_name_and_share_their_speakers(tmp_path):
    """`a=PATH` names a corpus; equal numbers are one person, whose ids have the same prefix in all local archives."""
    same = [archive(tmp_path / f"{i}.tar.gz", "train") for i in range(3)]
    found = archives.local_sources([f"one={same[0]}", f"two={same[1]}", str(same[2])], "CC0")
    assert [Source.model_validate(source).archive_name for source in found] == [
        "one-train.tar.gz", "two-train.tar.gz", "local-train.tar.gz",
    ]  # fmt: skip
    assert {Source.model_validate(source).id_prefix for source in found} == {"local"}


def test_a_profile_that_says_its_own_split_keeps_it(tmp_path):
    """What the subsets suggest fills in the rest only."""
    overlay = {"ingest": {"split": {"within": {"local": {"validation": 1, "test": 2}}, "test_fraction": 0.5}}}
    sources = archives.local_sources([str(archive(tmp_path / "a.tar.gz", "dev-a"))], "CC0")
    split = archives.with_archives(overlay, sources)["ingest"]["split"]
    assert split == {
        "by_subset": {"dev-a": "test"},
        "by_speaker": {},
        "within": {"local": {"validation": 1, "test": 2}},
        "validation_fraction": 0.15,
        "test_fraction": 0.5,
    }


def test_a_profile_that_holds_out_of_local_refuses_archives_of_another_name_alone(tmp_path):
    """It would hold out nothing, and a training fail an hour later for want of validation."""
    path = archive(tmp_path / "a.tar.gz", "train-clean")
    named, unnamed = (archives.local_sources([name], "CC0") for name in (f"kathleen={path}", str(path)))
    with pytest.raises(ConfigError) as refused:
        archives.with_archives(profile.load_overlay("single-voice"), named)
    assert str(refused.value) == (
        "the profile holds out utterances of local, but the archives are of kathleen; give one as --archive PATH"
    )
    held_out = archives.with_archives(profile.load_overlay("single-voice"), unnamed)["ingest"]["split"]["within"]
    assert held_out["local"]["test"] == 60


def test_local_refuses_what_is_not_libritts_layout(tmp_path):
    """Not a tar, no such layout, not there, the same subset twice: each by name."""
    (tmp_path / "x.tar.gz").write_bytes(b"no archive")
    with pytest.raises(ConfigError, match=r"x\.tar\.gz is no archive; a tar .* or a \.zip is read here"):
        archives.local_sources([str(tmp_path / "x.tar.gz")], "mine")
    (tmp_path / "other.tar.gz").write_bytes(b"Rar!\x1a\x07\x00")
    with pytest.raises(ConfigError, match=r"is a \.rar file; a tar .* and nothing else"):
        archives.local_sources([str(tmp_path / "other.tar.gz")], "mine")
    (tmp_path / "cut.tar.gz").write_bytes(archive(tmp_path / "whole.tar.gz", "train").read_bytes()[:60])
    with pytest.raises(ConfigError, match="see that it is whole"):
        archives.local_sources([str(tmp_path / "cut.tar.gz")], "mine")
    with pytest.raises(ConfigError, match="does not exist"):
        archives.local_sources([str(tmp_path / "none.tar.gz")], "mine")
    with tarfile.open(tmp_path / "flat.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("file.wav"))
    with pytest.raises(
        ConfigError, match=r"holds no file like LibriTTS/.*the layout libritts; .*--layout, one of.*folder"
    ):
        archives.local_sources([str(tmp_path / "flat.tar.gz")], "mine")
    same = [str(archive(tmp_path / f"{i}.tar.gz", "train")) for i in range(2)]
    with pytest.raises(ConfigError, match=r"holds subset train, as another one does.*--archive NAME="):
        archives.local_sources(same, "mine")


@pytest.mark.parametrize("suffix", [".tar", ".tar.xz", ".tar.bz2", ".zip"])
def test_local_archives_of_other_kinds_are_described(suffix, tmp_path):
    """The archive's name keeps its end."""
    path, member = tmp_path / f"a{suffix}", "LibriTTS/train/1/2/1_2_000000_000000.wav"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as made:
            made.writestr(member, b"x")
    else:
        with tarfile.open(path, f"w:{suffix[5:]}") as made:
            made.addfile(tarfile.TarInfo(member))
    (source,) = archives.local_sources([str(path)], "CC0")
    assert source["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert Source.model_validate(source).archive_name == f"local-train{suffix}"


def test_folder_is_described_as_the_tar_that_download_makes_of_it(tmp_path):
    """Hidden files and times change nothing; a file that is added does."""
    folder = tmp_path / "me"
    (folder / "wavs").mkdir(parents=True)
    (folder / "wavs/a.wav").write_bytes(b"sound")
    (source,) = archives.local_sources([f"me={folder}"], None, "folder")
    assert {key: source[key] for key in ("corpus", "subset", "layout", "ids", "licence")} == {
        "corpus": "me", "subset": "all", "layout": "folder", "ids": "local",
        "licence": "as stated by the archives' owner",
    }  # fmt: skip
    os.utime(folder / "wavs/a.wav", (1, 1))
    (folder / ".DS_Store").write_bytes(b"x")
    assert archives.local_sources([f"me={folder}"], None, "folder") == [source]
    fetch_all([Source.model_validate(source)], tmp_path / "archives", tmp_path / "scratch")
    assert [member.name for member in read_members(tmp_path / "archives/me-all.tar", source["sha256"])] == [
        "me/wavs/a.wav"
    ]
    (folder / "wavs/b.wav").write_bytes(b"sound")
    assert archives.local_sources([f"me={folder}"], None, "folder") != [source]


def test_archive_of_a_known_corpus_has_its_layout_licence_and_ids(tmp_path):
    """`vctk=PATH` needs no more."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr("wav48_silence_trimmed/p225/p225_001_mic2.flac", b"x")
    (source,) = archives.local_sources([f"vctk={tmp_path / 'a.zip'}"], None)
    assert source.keys() == {"corpus", "subset", "url", "licence", "md5", "sha256"}
    assert (source["corpus"], source["subset"], source["licence"]) == ("vctk", "all", "CC BY 4.0")
    with pytest.raises(ConfigError, match=r"holds no file like .*mic1.flac, which is the layout vctk-mic1"):
        archives.local_sources([f"vctk={tmp_path / 'a.zip'}"], None, "vctk-mic1")
    with pytest.raises(ConfigError, match="vctk2 is no corpus and no layout"):
        archives.local_sources([f"vctk={tmp_path / 'a.zip'}"], None, "vctk2")


@pytest.mark.system
def test_command_merges_local_archives_into_the_parameters(params, tmp_path):
    """As the README has it; a second time there is nothing to change, and a slip is one line and exit code 2."""
    train = archive(tmp_path / "train-clean.tar.gz", "train-clean")
    dev = archive(tmp_path / "dev-clean.tar.gz", "dev-clean")

    def run(*arguments):
        tts = Path(sys.executable).with_name("peewee-tts")
        return subprocess.run([tts, "profile", *arguments], cwd=tmp_path, capture_output=True, text=True)

    first = run("local", "--archive", train.name, "--archive", dev.name)
    assert first.returncode == 0, first.stderr
    assert f"+      url: {train.resolve().as_uri()}" in first.stdout
    assert settings(params)["corpus"]["sources"][1]["subset"] == "dev-clean"
    assert "already" in run("local", "--archive", train.name, "--archive", dev.name).stdout
    assert "single-voice starts from a release: add --base" in run("single-voice", "--archive", train.name).stderr
    assert "profile local takes no --base" in run("local", "--archive", train.name, "--base", "store@stable").stderr
    assert (
        "nowhere has no channel 'stable'"
        in run("single-voice", "--archive", train.name, "--base", "nowhere@stable").stderr
    )
    slip = run("libri")
    assert (slip.returncode, slip.stdout) == (2, "")
    assert "no profile 'libri'" in slip.stderr
    assert slip.stderr.count("\n") == 1


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_licence_that_not_everybody_can_read_changes_no_parameters(params, tmp_path, text):
    """T28: whether it comes from an option or from a release; params.yaml stays whole."""
    before = params.read_bytes()
    made = archive(tmp_path / "speech.tar.gz", "speech")
    with pytest.raises(PlainLineError, match="--licence"):
        archives.local_sources([str(made)], text)
    if len(text) < 1000:
        with pytest.raises(ConfigError, match="licence holds"):
            profile.apply({"corpus": {"sources": [{"licence": text}]}}, params)
    assert params.read_bytes() == before


def test_profiles_name_the_archives_that_their_corpora_publish():
    """Addresses and hashes have one owner, the reader of the corpus; a slip here would be found after a download."""
    for name in profile.names():
        for source in profile.load_overlay(name).get("corpus", {}).get("sources", []):
            if source["corpus"] == "mini":
                continue
            corpus = CORPORA[source["corpus"]]
            (published,) = [archive for archive in corpus.archives if archive.subset == source["subset"]]
            assert (source["url"], source["md5"], source["sha256"], source["licence"]) == (
                published.url, published.md5, published.sha256, corpus.licence,
            )  # fmt: skip
