"""`folder`: recordings of any kind, with texts beside them, in a table, or without texts."""

import logging

import pytest

from pipeline.ingest.readers.folder import read_folder
from pipeline.ingest.readers.reader import Member
from tests.pipeline.ingest.readers.built import TEXT, Built, sound

SPOKEN = TEXT.lower()
KINDS = ("wav", "flac", "mp3", "ogg", "opus", "m4a")


@pytest.fixture
def built(tmp_path):
    return Built(tmp_path)


@pytest.mark.parametrize("end", [".tar", ".tar.gz", ".tar.xz", ".tar.bz2", ".zip"])
def test_recordings_of_every_kind_with_texts_beside_them_are_read(built, end):
    """In every kind of archive; the folder is the speaker, and documentation is no text."""
    files = {"speech/README.md": b"", "speech/LICENSE": b"", "speech/LICENSE.txt": b""}
    for number, kind in enumerate(KINDS):
        speaker = "ann" if number % 2 else "bob"
        files[f"speech/{speaker}/{kind}.{kind.upper() if number == 1 else kind}"] = sound(kind, number, 48_000)
        files[f"speech/{speaker}/{kind}.{'lab' if number % 2 else 'txt'}"] = TEXT.encode()
    built.add("mine", files, end=end, layout="folder").ingest()
    assert built.texts() == {
        f"mine_speech-{speaker}-{kind}": (f"mine_{speaker}", SPOKEN)
        for speaker, kinds in (("bob", KINDS[::2]), ("ann", KINDS[1::2]))
        for kind in kinds
    }
    assert built.refused() == []


@pytest.mark.parametrize(
    ("table", "name"),
    [
        (f"wavs/a.wav|{TEXT}\nwavs/b.wav|{TEXT}\n", "metadata.csv"),
        (f"a|{TEXT}\nb|{TEXT}\n", "metadata.csv"),
        (f"wavs/a.wav\t{TEXT}\nwavs/b.wav\t{TEXT}\n", "list.tsv"),
        (f"file,text\r\nwavs/a.wav,\"{TEXT}\"\r\nwavs/b.wav,\"{TEXT}\"\r\n", "metadata.csv"),
        (f"\ufefftext|path\n{TEXT}|wavs/a\n{TEXT}|wavs/b\n", "metadata.csv"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("top", ["", "me/"])
def test_texts_are_read_from_a_table(built, table, name, top):
    """Separated by `|`, a tab or a comma; with and without a first line that names the columns; paths with no end."""
    files = {f"{top}wavs/{stem}.wav": sound(seed=number) for number, stem in enumerate("ab")}
    built.add("mine", {**files, f"{top}{name}": table.encode()}, layout="folder").ingest()
    speaker = "mine_me" if top else "mine_speaker"
    assert built.texts() == {f"mine_{top.replace('/', '-')}{stem}": (speaker, SPOKEN) for stem in "ab"}
    assert built.refused() == []


@pytest.mark.parametrize(
    "table",
    [f"a.wav|ann|{TEXT}\nb.wav|bob|{TEXT}\n", f"speaker|file|text\nann|a.wav|{TEXT}\nbob|b.wav|{TEXT}\n"],
)
def test_table_may_say_who_speaks(built, table):
    """Whatever the folder says."""
    files = {f"x/{stem}.wav": sound(seed=number) for number, stem in enumerate("ab")}
    built.add("mine", {**files, "x/metadata.csv": table.encode()}, layout="folder").ingest()
    assert built.texts() == {"mine_x-a": ("mine_ann", SPOKEN), "mine_x-b": ("mine_bob", SPOKEN)}


def test_folder_without_any_text_is_for_the_encoder(built, caplog):
    """It is said; texts are empty."""
    caplog.set_level(logging.INFO)
    files = {f"{speaker}/{number}.wav": sound(seed=number) for speaker in ("ann", "bob") for number in range(2)}
    built.add("mine", files, layout="folder").ingest()
    assert {text for _, text in built.texts().values()} == {""}
    assert "archive=mine-all.tar.gz has no texts: only the encoder learns from it" in caplog.text


def test_recording_without_a_text_among_others_is_refused(built):
    """A forgotten text is no corpus without texts."""
    files = {"a.wav": sound(), "a.txt": TEXT.encode(), "b.wav": sound(seed=1), "c.txt": TEXT.encode()}
    built.add("mine", files, layout="folder").ingest(max_rejected_fraction=0.7)
    assert built.texts() == {"mine_a": ("mine_speaker", SPOKEN)}
    assert built.refused() == [("b.wav", "unpaired"), ("c.txt", "unpaired")]


@pytest.mark.parametrize(
    "line",
    ["a.wav", "|text", "../a.wav|text", "/a.wav|text", "a|b|c|d", '"' + "x" * 200_000],
    ids=lambda line: line[:9],
)
def test_line_of_a_table_that_names_no_recording_is_refused(line):
    """The line is named."""
    (refused,) = read_folder(Member("metadata.csv", 1, line.encode()))
    assert refused.reason == "bad_line"
    assert "line 1 is no path|text" in refused.detail


def test_table_that_comes_in_pieces_keeps_its_columns():
    """The first line is given with each later piece."""
    head, line = b"text|path\n", b"Hello.|a.wav\n"
    (first,) = read_folder(Member("metadata.csv", 1, head + line))
    assert list(read_folder(Member("metadata.csv", 1, line, head))) == [first]
    assert (first.utterance_id, first.data) == ("a", b"Hello.")
