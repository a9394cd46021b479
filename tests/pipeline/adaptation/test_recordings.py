"""Folders of recordings: every layout that is promised, and what is said of one that lacks something."""

import shutil

import pytest

from pipeline.adaptation.recordings import SpeechError, find_recordings


def test_texts_stand_beside_recordings(folder):
    """`.txt`, `.lab` and `.normalized.txt`; the last is what is spoken, and wins over a text as written."""
    made = folder(3)
    (made / "take01.txt").rename(made / "take01.lab")
    (made / "take02.normalized.txt").write_text("twelve apples\n")
    found = find_recordings(made)
    assert [item.name for item in found] == ["take00", "take01", "take02"]
    assert [item.normalized for item in found] == [False, False, True]
    assert found[1].text.startswith("We walked") and found[2].text.strip() == "twelve apples"
    assert found[0].audio == made / "take00.wav"


def test_libritts_names_of_texts_are_understood(folder):
    """`name.original.txt` beside `name.normalized.txt` are texts of one recording."""
    made = folder(1)
    (made / "take00.txt").rename(made / "take00.original.txt")
    (made / "take00.normalized.txt").write_text("spoken")
    (found,) = find_recordings(made)
    assert (found.text, found.normalized) == ("spoken", True)


@pytest.mark.parametrize("inside", [True, False])
def test_metadata_names_recordings_as_ljspeech_does(folder, inside):
    """In the folder or in `wavs/`; a third column is the normalised text, if it is not empty."""
    made = folder(3)
    for path in made.glob("*.txt"):
        path.unlink()
    if inside:
        (made / "wavs").mkdir()
        for path in made.glob("*.wav"):
            shutil.move(path, made / "wavs" / path.name)
    (made / "metadata.csv").write_text("take00|Dr. No\ntake01.wav|No. 5|number five\n\ntake02|Six.|\n")
    found = find_recordings(made)
    assert [(item.text, item.normalized) for item in found] == [
        ("Dr. No", False), ("number five", True), ("Six.", False),
    ]  # fmt: skip


def test_everything_that_is_missing_is_named_at_once(folder):
    """A text without a recording, a recording without a text, an empty text."""
    made = folder(4)
    (made / "take00.wav").unlink()
    (made / "take01.txt").unlink()
    (made / "take02.txt").write_text(" \n")
    with pytest.raises(SpeechError) as caught:
        find_recordings(made)
    told = str(caught.value)
    assert "take00 has a text, but no recording" in told
    assert "take01 has a recording, but no text in NAME.normalized.txt or NAME.txt or NAME.lab" in told
    assert "the text of take02 is empty" in told


def test_many_missing_are_counted(folder):
    """Five names say enough."""
    made = folder(9)
    for path in made.glob("*.txt"):
        path.unlink()
    with pytest.raises(SpeechError, match="take00, take01, take02, take03, take04 and 4 more have a recording"):
        find_recordings(made)


def test_folder_without_recordings_says_so(tmp_path):
    """Nor does it look into folders below."""
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(SpeechError, match=r"holds no recording: no file ends with \.wav or \.flac"):
        find_recordings(tmp_path)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("take00", "line 2: 'take00' is not of the form"), ("a|b|c|d", "not of the form"),
        ("x|again", "x is there twice"),
    ],
)  # fmt: skip
def test_metadata_that_makes_no_sense_is_named_by_its_line(folder, line, problem):
    """The line, and what it should be."""
    made = folder(1)
    (made / "metadata.csv").write_text(f"x|once\n{line}\n")
    with pytest.raises(SpeechError, match=problem):
        find_recordings(made)


def test_two_recordings_of_one_name_are_refused(folder):
    """Which of them has the text?"""
    made = folder(1)
    shutil.copy(made / "take00.wav", made / "take00.flac")
    with pytest.raises(SpeechError, match="both recordings of take00"):
        find_recordings(made)


def test_text_that_is_no_utf8_is_named(folder):
    """As old editors save it."""
    made = folder(1)
    (made / "take00.txt").write_bytes("Grüße".encode("latin-1"))
    with pytest.raises(SpeechError, match=r"take00\.txt is not UTF-8"):
        find_recordings(made)
