import numpy as np
import pytest

from pipeline.evaluation.cloning import cloned_voices, summarize_cloning
from pipeline.evaluation.measures import Measurement
from pipeline.evaluation.sentences import Sentence, Spoken
from pipeline.evaluation.voices import Heard, blend, judge_voices

NOBODY = np.zeros((0, 2), dtype=np.float32)


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
    heard = Heard(rows, references=at(0, 0, 90, 0), enrolments=at(0, 0, 90, 0), bystanders=NOBODY)
    a, b = cloned_voices(items, heard, {})
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
    heard = Heard({"ground_truth": at(*range(n)), "synthesized": at(*range(n))}, at(*range(n)), at(*range(n)), NOBODY)
    assert cloned_voices(spoken(*speakers, seen=seen), heard, {}) == []


def likeness_of(clone, f0_hz):
    """Speakers a, b and c at 0, 40 and 90 degrees, whose clones are the given angle away."""
    rows = {"ground_truth": at(10, 50, 100), "synthesized": at(clone, 40 + clone, 90 + clone)}
    heard = Heard(rows, references=at(0, 40, 90), enrolments=at(0, 40, 90), bystanders=NOBODY)
    voices = cloned_voices(spoken("a", "b", "c"), heard, f0_hz)
    return voices, summarize_cloning(voices, n_bootstrap=200, seed=1)


def test_likeness_is_a_scale_from_the_same_sex_to_the_same_person():
    """1 for a clone that is as near as the person's own recording, 0 for one that is as near as others of the sex."""
    men = {"a": 110.0, "b": 130.0, "c": 105.0}
    assert likeness_of(10, men)[1]["synthesized"]["likeness"] == pytest.approx(1.0, abs=1e-5)
    voices, figures = likeness_of(70, men)
    lower, upper = (np.mean([voice.similarity[row] for voice in voices]) for row in ("same_sex", "same_speaker"))
    expected = (np.cos(np.deg2rad(70)) - lower) / (upper - lower)
    assert figures["synthesized"]["likeness"] == pytest.approx(expected, abs=1e-6)
    assert figures["synthesized"]["likeness_low"] <= expected <= figures["synthesized"]["likeness_high"]
    assert likeness_of(95, men)[1]["synthesized"]["likeness"] < 0


def test_others_of_the_same_sex_are_those_of_like_pitch():
    """c is the only woman: all others take the place of women for her, and the summary counts her out."""
    voices, figures = likeness_of(20, {"a": 110.0, "b": 130.0, "c": 220.0})
    a, b, c = voices
    assert (a.has_same_sex, b.has_same_sex, c.has_same_sex) == (True, True, False)
    assert a.similarity["same_sex"] == cos(50) and b.similarity["same_sex"] == cos(30)
    assert c.similarity["same_sex"] == c.similarity["other_speakers"]
    assert figures["n_same_sex"] == 2
    assert likeness_of(20, {})[1]["n_same_sex"] == 0  # nobody's pitch is known


def test_sentence_is_identified_if_no_other_test_speaker_is_nearer():
    """Also among speakers without a spoken sentence, and by the mean of each speaker's enrolments."""
    items = spoken("a", "a", "b")
    measured = [
        Measurement(item.sentence.utterance_id, item.sentence.speaker_id, False, "synthesized", "text", 1.0, 1.0)
        for item in items
    ]

    def identified(bystanders):
        heard = Heard({"synthesized": at(20, 60, 80)}, at(0, 0, 90), at(0, 0, 90), bystanders)
        return [item.identified for item in judge_voices(measured, items, heard)[0]]

    assert identified(NOBODY) == [True, False, True]
    assert identified(at(25)) == [False, False, True]
    alone = Heard({"synthesized": at(20, 60)}, at(0, 0), at(0, 0), NOBODY)
    assert [item.identified for item in judge_voices(measured[:2], items[:2], alone)[0]] == [None, None]


def test_voice_of_several_recordings_is_their_mean_by_length():
    """As the cloner joins its clips."""
    assert blend(at(0, 90), [1.0, 1.0]) == pytest.approx(at(45)[0], abs=1e-6)
    assert blend(at(0, 90), [3.0, 0.0]) == pytest.approx(at(0)[0], abs=1e-6)
    assert blend(at(37), [2.5]) == pytest.approx(at(37)[0], abs=1e-6)
    assert blend([np.zeros(2, np.float32), at(0)[0]], [9.0, 1.0]) == pytest.approx(at(0)[0])
    assert not blend([np.zeros(2, np.float32)], [1.0]).any()
