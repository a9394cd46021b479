import numpy as np
import pytest

from pipeline.evaluation.cloning import cloned_voices, summarize_cloning
from pipeline.evaluation.sentences import Sentence, Spoken
from pipeline.evaluation.voices import Heard, blend


def at(*degrees):
    """Unit vectors on the plane: the cosine of two is that of the angle between them."""
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def spoken(*speakers, seen=()):
    return [
        Spoken(Sentence(f"u{index}", speaker, "text", ("r",), ("e",), speaker in seen), {}, {})
        for index, speaker in enumerate(speakers)
    ]


def cos(degrees):
    return pytest.approx(np.cos(np.deg2rad(degrees)), abs=1e-6)


def test_clones_stand_between_own_and_others_recordings():
    """References at 0, 0 and 90 degrees; seen speaker c is left out of every row."""
    items = spoken("a", "a", "b", "c", seen=("c",))
    rows = {
        "ground_truth": at(10, -10, 100, 0),
        "parent": at(60, 60, 30, 0),
        "synthesized": at(30, -30, 110, 0),
    }
    heard = Heard(rows, references=at(0, 0, 90, 0), enrolments=at(0, 0, 90, 0))
    a, b = cloned_voices(items, heard)
    assert (a.speaker_id, a.n_sentences, b.speaker_id, b.n_sentences) == ("a", 2, "b", 1)
    assert a.similarity["synthesized"] == cos(30) and a.similarity["same_speaker"] == cos(10)
    assert a.similarity["parent"] == cos(60)
    assert a.similarity["other_speakers"] == cos(100)  # b's recording to a's references
    assert b.similarity["synthesized"] == cos(20)
    mean = (np.cos(np.deg2rad(80)) + np.cos(np.deg2rad(100))) / 2  # a's two recordings to b's reference
    assert b.similarity["other_speakers"] == pytest.approx(mean, abs=1e-6)
    figures = summarize_cloning([a, b], n_bootstrap=200, seed=1)
    assert (figures["n_speakers"], figures["n_sentences"]) == (2, 3)
    synthesized = figures["synthesized"]
    assert synthesized["similarity_reference"] == pytest.approx(np.cos(np.deg2rad([30, 20])).mean(), abs=1e-6)
    # Of two speakers a quarter of the draws holds one alone: these are the ends.
    assert synthesized["similarity_reference_low"] == cos(30) and synthesized["similarity_reference_high"] == cos(20)


@pytest.mark.parametrize(("speakers", "seen"), [(("a", "a"), ()), (("a", "b", "b"), ("a",)), (("a",), ("a",))])
def test_fewer_than_two_unseen_speakers_have_no_bounds(speakers, seen):
    """There is no other voice to compare with."""
    n = len(speakers)
    heard = Heard({"ground_truth": at(*range(n)), "synthesized": at(*range(n))}, at(*range(n)), at(*range(n)))
    assert cloned_voices(spoken(*speakers, seen=seen), heard) == []


def test_voice_of_several_recordings_is_their_mean_by_length():
    """As the cloner joins its clips."""
    assert blend(at(0, 90), [1.0, 1.0]) == pytest.approx(at(45)[0], abs=1e-6)
    assert blend(at(0, 90), [3.0, 0.0]) == pytest.approx(at(0)[0], abs=1e-6)
    assert blend(at(37), [2.5]) == pytest.approx(at(37)[0], abs=1e-6)
    assert blend([np.zeros(2, np.float32), at(0)[0]], [9.0, 1.0]) == pytest.approx(at(0)[0])
    assert not blend([np.zeros(2, np.float32)], [1.0]).any()
