import pytest

from pipeline.audit.excluding import add_exclusion
from pipeline.corpora.exclusions import Exclusion, ExclusionError, read_exclusions
from tests.unreadable import TEXTS

HEADER = "kind,id,reason\n"


@pytest.fixture
def listed(tmp_path):
    """An empty list."""
    path = tmp_path / "exclusions.csv"
    path.write_text(HEADER)
    return path


def test_added_line_is_sorted_and_leaves_the_others_as_they_are(listed):
    """Whatever the order of additions, the file is the same; what was there comes back."""
    added = [
        Exclusion("utterance", "b_1_1_1", "one sentence"),
        Exclusion("speaker", "b_2", 'she said "no", twice'),
        Exclusion("speaker", "a_10", "consent withdrawn on 2026-11-02"),
        Exclusion("speaker", "a_2", "Einwilligung zurückgezogen"),
    ]
    for exclusion in added:
        add_exclusion(exclusion, listed)
    assert listed.read_text(encoding="utf-8") == HEADER + (
        "speaker,a_10,consent withdrawn on 2026-11-02\n"
        "speaker,a_2,Einwilligung zurückgezogen\n"
        'speaker,b_2,"she said ""no"", twice"\n'
        "utterance,b_1_1_1,one sentence\n"
    )
    assert set(read_exclusions(listed).entries) == set(added)
    other = listed.with_name("other.csv")
    other.write_text(HEADER)
    for exclusion in reversed(added):
        add_exclusion(exclusion, other)
    assert other.read_bytes() == listed.read_bytes()
    assert sorted(path.name for path in listed.parent.iterdir()) == ["exclusions.csv", "other.csv"]


def test_same_id_may_be_a_speaker_and_an_utterance(listed):
    """Each kind has names of its own."""
    add_exclusion(Exclusion("speaker", "a_1", "x"), listed)
    add_exclusion(Exclusion("utterance", "a_1", "y"), listed)
    with pytest.raises(ExclusionError, match="speaker a_1 is excluded already"):
        add_exclusion(Exclusion("speaker", "a_1", "another reason"), listed)


@pytest.mark.parametrize(
    "exclusion",
    [Exclusion("speaker", "", "x"), Exclusion("speaker", "a_1", " "), Exclusion("speaker", "a\n1", "x")],
)
def test_what_is_no_exclusion_is_not_added(listed, exclusion):
    """The list stays as it is."""
    with pytest.raises(ExclusionError):
        add_exclusion(exclusion, listed)
    assert listed.read_text() == HEADER


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_that_not_everybody_can_read_is_not_added(listed, text):
    """T28: neither as an id nor as a reason."""
    for exclusion in (Exclusion("speaker", text, "x"), Exclusion("utterance", "a_1_1_1", text)):
        with pytest.raises(ExclusionError) as caught:
            add_exclusion(exclusion, listed)
        assert len(str(caught.value)) < 1500
        assert str(caught.value).isprintable()
    assert listed.read_text() == HEADER
