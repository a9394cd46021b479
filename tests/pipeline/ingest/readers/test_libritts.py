import pytest

from pipeline.ingest.readers.libritts import read_libritts
from pipeline.ingest.readers.reader import Member, Part, Refused

STEM = "LibriTTS/dev-clean/84/121123/84_121123_000007_000001"


def read(name, data=b"x"):
    return list(read_libritts(Member(name, 1 if data else 1 << 30, data)))


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [
        ("wav", "audio"),
        ("flac", "audio"),
        ("WAV", "audio"),
        ("original.txt", "original"),
        ("normalized.txt", "normalized"),
    ],
)
def test_parts_are_told_by_their_names(suffix, kind):
    """Audio, both texts, and the ids in the path."""
    (part,) = read(f"{STEM}.{suffix}")
    assert part == Part(f"{STEM}.{suffix}", "84_121123_000007_000001", "dev-clean", "84", "121123", kind, b"x")


def test_outer_folders_may_be_missing_or_many():
    """Archives are packed in different ways."""
    name = "train-other-500/20/205/20_205_000000_000000.wav"
    for outer in ("", "a/b/LibriTTS/"):
        (part,) = read(outer + name)
        assert isinstance(part, Part)
        assert part.subset == "train-other-500"


@pytest.mark.parametrize(
    "name",
    [
        "LibriTTS/LICENSE.txt",
        "LibriTTS/SPEAKERS.txt",
        "LibriTTS/speakers.tsv",
        "LibriTTS/reader_book.tsv",
        "LibriTTS/dev-clean/84/121123/84_121123.trans.tsv",
        "LibriTTS/dev-clean/84/121123/84_121123.book.tsv",
    ],
)
def test_documentation_is_passed_over(name):
    """Readmes are no utterances."""
    assert read(name) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("LibriTTS/dev-clean/84/121123/._84_121123_000007_000001.wav", "skipped"),
        ("LibriTTS/.DS_Store", "skipped"),
        ("LibriTTS/train-clean-360/1092/134562/1092_134562_000013_000004.wav", "skipped"),
        ("LibriTTS/train-clean-360/1092/134562/1092_134562_000013_000004.original.txt", "skipped"),
        (f"{STEM}.mp3", "unknown_name"),
        ("LibriTTS/dev-clean/84/121123/85_121123_000007_000001.wav", "unknown_name"),
        ("LibriTTS/dev-clean/84/121123/85_121123_000007_000001.normalized.txt", "unknown_name"),
        ("84_121123_000007_000001.wav", "unknown_name"),
    ],
)
def test_what_is_no_part_is_refused_with_a_reason(name, reason):
    """It is a row in the table of refused files."""
    (refused,) = read(name)
    assert isinstance(refused, Refused)
    assert (refused.member, refused.reason) == (name, reason)


def test_part_too_large_to_hold_is_refused_as_its_utterance():
    """Before it is read into memory."""
    (refused,) = read(f"{STEM}.wav", data=None)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.utterance_id) == ("too_large", "84_121123_000007_000001")
