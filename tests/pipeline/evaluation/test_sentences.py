import pytest

from pipeline import tables
from pipeline.evaluation.config import EvaluationError
from pipeline.evaluation.sentences import Overview, choose_sentences, read_overview
from tests.pipeline.evaluation.test_lengths import SPEECH


def overview(n_utterances, trained=()):
    """Speakers with so many test utterances each, of 2 s."""
    rows = [
        {"utterance_id": f"{speaker}{index}", "speaker_id": speaker, "normalized_text": "hi.", "duration_s": 2.0}
        for speaker, n in n_utterances.items()
        for index in range(n)
    ]
    return Overview((), tuple(rows), frozenset(trained))


def choose(found, **changes):
    return choose_sentences(found, SPEECH.model_copy(update={"n_sentences": 100, **changes}), seed=1)


@pytest.mark.parametrize(
    ("n_utterances", "reference_s", "n_references", "n_enrolment"),
    [
        (8, 0.0, 1, 5),  # one at least; the enrolment has 5 at most
        (8, 2.0, 1, 5),
        (8, 2.1, 2, 5),
        (8, 30.0, 3, 4),  # half of the 7 others at most
        (3, 30.0, 1, 1),
    ],
)
def test_reference_takes_as_much_as_is_asked_and_leaves_an_enrolment(
    n_utterances, reference_s, n_references, n_enrolment
):
    """Speech of a speaker is never on both sides."""
    sentences = choose(overview({"a": n_utterances}), reference_s=reference_s, n_enrolment=5)
    assert len(sentences) == n_utterances
    for item in sentences:
        assert (len(item.reference_ids), len(item.enrolment_ids)) == (n_references, n_enrolment)
        parts = [item.utterance_id, *item.reference_ids, *item.enrolment_ids]
        assert len(set(parts)) == len(parts)


def test_speakers_take_turns_and_say_whether_they_were_seen():
    """Each has about as many samples."""
    sentences = choose(overview({"a": 4, "b": 3, "c": 2}, trained=("b", "x")), n_sentences=5)
    assert [item.speaker_id for item in sentences] == ["a", "b", "a", "b", "a"]
    assert [item.is_seen for item in sentences] == [False, True, False, True, False]
    found = overview({"a": 4, "b": 3, "c": 2}, trained=("b", "x"))
    assert (found.n_speakers, found.n_seen_speakers) == (3, 1)


def test_nobody_with_three_utterances_is_an_error():
    """A reference, an enrolment and a sample are three."""
    with pytest.raises(EvaluationError, match="three utterances"):
        choose(overview({"a": 2, "b": 2}))


def test_utterances_without_text_are_in_no_test_of_speech(tmp_path, caplog):
    """They test the encoder alone, which is said; their hours are counted."""
    caplog.set_level("INFO")
    rows = [
        {
            "utterance_id": f"a_{number}", "speaker_id": "a", "corpus": "c", "split": "test", "duration_s": 36.0,
            "normalized_text": "hi." if number else "",
        }
        for number in range(3)
    ]  # fmt: skip
    tables.write_shard(tmp_path / "part-00000.parquet", tables.CORPUS, rows)
    found = read_overview(tmp_path)
    assert [row["utterance_id"] for row in found.test] == ["a_1", "a_2"]
    assert found.parts[0].n_utterances == 3
    assert "split=test skipped=1: utterances without text test the encoder alone" in caplog.text
