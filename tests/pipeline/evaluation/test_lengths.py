import numpy as np
import pytest
import torch

from pipeline.evaluation.config import LengthTestConfig, SpeechTestConfig
from pipeline.evaluation.lengths import Voice, make_sentences, read_lengths, summarize_lengths
from pipeline.evaluation.sentences import Reading

SPEECH = SpeechTestConfig(
    n_sentences=1, reference_s=1.0, n_enrolment=1, recognizer="none", naturalness=(), pitch="none", verifier="none",
    griffin_lim={"n_iterations": 1, "momentum": 0.0, "n_inversion_updates": 1}, n_bootstrap=10, min_diagonality=0.8,
    max_s_per_symbol=0.25, min_length_ratio=0.5, max_length_ratio=2.0,
)  # fmt: skip
TEXTS = ["the cat, it sat.", "a dog ran home!", "why? nobody knows.", "we go on: slowly, on."]
FRAME_S = 0.01


def config(n_sentences, max_words):
    return LengthTestConfig(n_sentences=n_sentences, max_words=max_words, slack_s=0.5)


@pytest.mark.parametrize(
    ("n_sentences", "max_words", "lengths"),
    [(40, 40, list(range(1, 41))), (5, 9, [1, 3, 5, 7, 9]), (1, 40, [1]), (4, 1, [1, 1, 1, 1]), (4, 2, [1, 1, 2, 2])],
)
def test_sentences_rise_evenly_to_the_longest(n_sentences, max_words, lengths):
    """Every length is tried."""
    sentences = make_sentences(TEXTS, config(n_sentences, max_words), seed=1)
    assert [len(text.split()) for text in sentences] == lengths
    for text in sentences:
        assert text.endswith(".") and not set(".!?") & set(text[:-1]), text
        assert text[-2].isalpha()


def test_sentences_are_running_words_of_the_texts_and_the_same_for_the_same_seed():
    """Made of words that the corpus has."""
    sentences = make_sentences(TEXTS, config(10, 12), seed=3)
    said = "".join(character for text in sentences for character in text if character.isalpha())
    running = {"".join(c for c in text if c.isalpha()) for text in TEXTS}
    assert all(text in said for text in running)
    assert sentences == make_sentences(TEXTS, config(10, 12), seed=3) != make_sentences(TEXTS, config(10, 12), seed=4)


class Reader:
    """Reads each text in a given number of frames; its attention is on one symbol a step, or always on the first."""

    def __init__(self, frames, truncated=(), straying=()):
        self.frames, self.truncated, self.straying = frames, truncated, straying
        self.voices = []

    def read(self, name, text, embedding):
        index = len(self.voices)
        self.voices.append(embedding[0])
        diagonality = 0.5 if index in self.straying else 0.9
        reading = Reading(np.eye(2, dtype=np.float32), index in self.truncated, diagonality, 0.7, 1.0)
        return torch.zeros(4, self.frames[index]), reading


def test_length_is_held_against_the_speakers_pace():
    """10 characters at 0.1 s each: 1 s is expected, 0.5 to 2 s are right, and half a second of edges besides."""
    voices = [Voice("a", np.zeros(1, np.float32), 0.1), Voice("b", np.ones(1, np.float32), 0.1)]
    reader = Reader([49, 50, 250, 251, 100, 100], truncated=[4], straying=[5])
    found = read_lengths(reader, ["it is far."] * 6, voices, FRAME_S, SPEECH, 0.5)
    assert [item.too_short for item in found] == [True, False, False, False, False, False]
    assert [item.too_long for item in found] == [False, False, False, True, False, False]
    assert [item.stop_failure for item in found] == [True, False, False, True, True, False]
    assert [item.aligned for item in found] == [True] * 5 + [False]
    assert [item.speaker_id for item in found] == ["a", "b"] * 3 and reader.voices == [0, 1] * 3
    assert found[0].expected_s == pytest.approx(1.0) and found[0].duration_s == pytest.approx(0.49)
    figures = summarize_lengths(found)
    assert figures["stop_failures"] == pytest.approx(3 / 6)
    assert figures["truncated"] == figures["too_short"] == figures["too_long"] == pytest.approx(1 / 6)
    assert figures["aligned"] == pytest.approx(5 / 6)


def test_figures_are_summed_up_by_ten_words():
    """One row each in the card."""
    voice = Voice("a", np.zeros(1, np.float32), 0.1)
    texts = [" ".join(["ab"] * n_words) for n_words in (1, 10, 11, 35)]
    reader = Reader([10_000, 300, 330, 1_050])
    figures = summarize_lengths(read_lengths(reader, texts, [voice], FRAME_S, SPEECH, 0.5))
    assert {words: part["n_sentences"] for words, part in figures["by_words"].items()} == {
        "1_10": 2,
        "11_20": 1,
        "31_40": 1,
    }
    assert [part["too_long"] for part in figures["by_words"].values()] == [0.5, 0.0, 0.0]
    assert (figures["n_sentences"], figures["max_words"]) == (4, 35)
