import pytest

from pipeline.corpora.exclusions import ExclusionError, read_exclusions

HEADER = "kind,id,reason\n"


@pytest.fixture
def listed(tmp_path):
    """An empty list."""
    path = tmp_path / "exclusions.csv"
    path.write_text(HEADER)
    return path


def test_repository_ships_with_an_empty_list(repository):
    """Nobody has been excluded from the mini corpus."""
    assert read_exclusions(repository / "exclusions.csv").entries == ()


def test_list_tells_speakers_from_utterances(listed):
    """A reason may hold commas and quotes, as CSV has them."""
    listed.write_text(HEADER + 'speaker,libritts_84,"withdrawn, by ""letter"""\nutterance,libritts_1_2_3_4,a name\n')
    found = read_exclusions(listed)
    assert found.speakers == {"libritts_84"}
    assert found.utterances == {"libritts_1_2_3_4"}
    assert found.entries[0].reason == 'withdrawn, by "letter"'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "first line must be `kind,id,reason`"),
        ("speaker,a_1,x\n", "first line must be"),
        ("\ufeff" + HEADER, "first line must be"),
        (HEADER + "speakers,a_1,x\n", r"line 2: kind is 'speakers'; write speaker or utterance"),
        (HEADER + "speaker,a_1\n", r"line 2: expected 3 values \(kind,id,reason\), found 2"),
        (HEADER + "speaker,a_1,x,y\n", "line 2: expected 3 values .* found 4"),
        (HEADER + "speaker,a_1,x\n\n", "line 3: expected 3 values .* found 0"),
        (HEADER + "speaker,,x\n", "line 2: id is ''"),
        (HEADER + "speaker, a_1,x\n", "line 2: id is ' a_1'; write it, without spaces around it"),
        (HEADER + "speaker,a_1,\n", "line 2: reason is ''"),
        (HEADER + 'speaker,a_1,"two\nlines"\n', r"line 3: reason holds '\\n'"),
        (HEADER + "speaker,a_1,x\nspeaker,a_2,x\nspeaker,a_1,y\n", "line 4: speaker a_1 is there twice"),
        (HEADER + "speaker,a_1,\u202ex\n", "line 2: reason holds .*RIGHT-TO-LEFT OVERRIDE"),
        (HEADER + 'speaker,a_1,"x\n', "line 2: unexpected end of data; correct the quotes"),
        (HEADER + 'speaker,a_1,"x"y\n', "line 2: .*; correct the quotes"),
    ],
)
def test_malformed_line_is_named_by_its_number(listed, content, message):
    """An editor can go there."""
    listed.write_text(content, encoding="utf-8", newline="")
    with pytest.raises(ExclusionError, match=message) as caught:
        read_exclusions(listed)
    assert "\n" not in str(caught.value)


def test_missing_or_wrongly_encoded_list_is_named(listed):
    """A missing list is not an empty list."""
    listed.write_bytes(HEADER.encode() + b"speaker,a_1,\xff\n")
    with pytest.raises(ExclusionError, match="is not UTF-8"):
        read_exclusions(listed)
    listed.unlink()
    with pytest.raises(ExclusionError, match=r"exclusions\.csv is missing; restore it from git"):
        read_exclusions(listed)
