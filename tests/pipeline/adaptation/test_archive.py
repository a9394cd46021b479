"""Packing, and looking over what was packed or given."""

import hashlib
import io
import shutil
import tarfile

import pytest

from pipeline.adaptation.archive import MIN_UTTERANCES, look_over, pack
from pipeline.adaptation.recordings import SpeechError, find_recordings
from pipeline.ingest.archive import read_members
from pipeline.ingest.readers.libritts import read_libritts
from tests.pipeline.adaptation.conftest import recording


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """The current folder."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")


def archive_of(path, members):
    """A .tar.gz of other people's making."""
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def libritts(n, seconds, speakers=("7",), text=True):
    """Members in LibriTTS's layout, of the speakers by turns."""
    members, speech = {}, recording(seconds)
    for number in range(n):
        speaker = speakers[number % len(speakers)]
        path = f"LibriTTS/mine/{speaker}/1/{speaker}_1_{number:06d}_000000"
        members[f"{path}.wav"] = speech
        if text:
            members[f"{path}.normalized.txt"] = b"hello there"
    return members


def test_packed_folder_has_the_layout_that_ingest_reads(folder):
    """Every recording and every text, as they were, under the speaker's name."""
    made = folder()
    archive = pack(find_recordings(made), "ada", 20.0)
    parts = [part for member in read_members(archive) for part in read_libritts(member)]
    assert {(part.subset, part.speaker_id) for part in parts} == {("speech", "ada")}
    audio = [part for part in parts if part.kind == "audio"]
    assert [part.data for part in audio] == [(made / f"take{n:02d}.wav").read_bytes() for n in range(12)]
    assert sum(part.kind == "original" for part in parts) == 12
    found = look_over(archive, 20.0)
    assert (found.speaker, found.n_utterances) == ("ada", 12)
    assert found.duration_s == pytest.approx(72)


def test_packing_gives_the_same_bytes_wherever_and_whenever(folder, tmp_path):
    """Neither the folder's place nor its files' times are in it; a comma more is."""
    made = folder()
    first = pack(find_recordings(made), None, 20.0)
    assert first.name == f"{hashlib.sha256(first.read_bytes()).hexdigest()}.tar.gz"
    copied = tmp_path / "elsewhere"
    shutil.copytree(made, copied, copy_function=shutil.copyfile)
    assert pack(find_recordings(copied), None, 20.0) == first
    (copied / "take00.txt").write_text("The river, runs.")
    other = pack(find_recordings(copied), None, 20.0)
    assert other != first
    assert look_over(other, 20.0).speaker != look_over(first, 20.0).speaker


@pytest.mark.parametrize("name", ["a_b", "a/b", "", "-x", "x" * 41, "Zoë"])
def test_name_that_can_not_stand_in_a_path_is_refused(folder, name):
    """`_` and `/` divide names in the layout. An empty name is none, and a hash is taken."""
    recordings = find_recordings(folder(1))
    if name:
        with pytest.raises(SpeechError, match="--speaker"):
            pack(recordings, name, 20.0)
    else:
        assert pack(recordings, name, 20.0).is_file()


@pytest.mark.parametrize(("seconds", "problem"), [(2.0, "0.4 minutes"), (19.9, None)])
def test_minutes_have_a_lower_bound(folder, seconds, problem):
    """A minute at least."""
    archive = pack(find_recordings(folder(12, seconds)), "ada", 20.0)
    if problem:
        with pytest.raises(SpeechError, match=f"{problem}; adaptation takes 1 to 20; record more"):
            look_over(archive, 20.0)
    else:
        assert look_over(archive, 20.0).duration_s == pytest.approx(12 * 19.9)


def test_minutes_have_an_upper_bound(tmp_path):
    """Of more, one trains."""
    archive = archive_of(tmp_path / "long.tar.gz", libritts(61, 20.0))
    with pytest.raises(SpeechError, match=r"20\.3 minutes.*profile single-voice"):
        look_over(archive, 20.0)


def test_few_recordings_are_refused(tmp_path):
    """Something must be left to choose the weights by, and to measure."""
    archive = archive_of(tmp_path / "few.tar.gz", libritts(MIN_UTTERANCES - 1, 10.0))
    with pytest.raises(SpeechError, match="9 recordings; at least 10"):
        look_over(archive, 20.0)


def test_archive_of_several_people_is_refused(tmp_path):
    """They are named."""
    archive = archive_of(tmp_path / "two.tar.gz", libritts(12, 6.0, speakers=("7", "8")))
    with pytest.raises(SpeechError, match=r"2 speakers \(7, 8\)"):
        look_over(archive, 20.0)


def test_archive_that_lacks_texts_or_recordings_is_refused(tmp_path):
    """The first is named, the others counted."""
    with pytest.raises(SpeechError, match="7_1_000000_000000 and 11 others have no text"):
        look_over(archive_of(tmp_path / "a.tar.gz", libritts(12, 6.0, text=False)), 20.0)
    members = {name: data for name, data in libritts(12, 6.0).items() if not name.endswith("000003_000000.wav")}
    with pytest.raises(SpeechError, match="7_1_000003_000000 and 0 others have no recording"):
        look_over(archive_of(tmp_path / "b.tar.gz", members), 20.0)


def test_archive_of_another_layout_is_refused(tmp_path):
    """It holds nothing that is understood."""
    with pytest.raises(SpeechError, match="holds no speech"):
        look_over(archive_of(tmp_path / "a.tar.gz", {"notes.md": b"x"}), 20.0)


def test_recording_that_ingest_would_refuse_is_named_with_the_remedy(folder):
    """Too long, or not audio: by the person's own file name."""
    made = folder(2)
    (made / "take01.wav").write_bytes(recording(21))
    with pytest.raises(SpeechError, match=r"take01\.wav can't be used \(too_long\).*sentences of at most 20 s"):
        pack(find_recordings(made), None, 20.0)
    (made / "take01.wav").write_bytes(b"RIFF no audio")
    with pytest.raises(SpeechError, match=r"take01\.wav can't be used"):
        pack(find_recordings(made), None, 20.0)
