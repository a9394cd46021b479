"""What is spoken for a text, and its pauses."""

import pytest

from peewee_model.errors import TextError
from peewee_model.script.pauses import PAUSES, Pauses
from peewee_model.script.script import spoken_sentences, write_script

P, S, E, D, M = (
    getattr(PAUSES, f"{kind}_s") for kind in ("paragraph", "sentence", "ellipsis", "dash", "semicolon")
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("One, two. Three!", [("one, two.", 0, (None, None)), ("three!", S, (None,))]),
        ("# One\n\nTwo.\n- three", [("one.", 0, (None,)), ("two.", P, (None,)), ("three.", P, (None,))]),
        ("Wait ... what?", [("wait, what?", 0, (E, None))]),
        ("Wait… what?", [("wait, what?", 0, (E, None))]),
        ("Wait... Now what?", [("wait.", 0, (None,)), ("now what?", S, (None,))]),
        ("I... I don't know.", [("i, i don't know.", 0, (E, None))]),
        ("He came -- at last.", [("he came, at last.", 0, (D, None))]),
        ("He came—at last, he said.", [("he came, at last, he said.", 0, (D, None, None))]),
        ("He came - at last", [("he came, at last.", 0, (D, None))]),
        ("He (the boy) came; she left.", [("he, the boy, came; she left.", 0, (None, None, M, None))]),
        ("A 3-2 win, 6–12 days", [("a three to two win, six to twelve days.", 0, (None, None))]),
        ('Wait <break time="1s"/> what?', [("wait, what?", 0, (1.0, None))]),
        ('Wait -- <break time="1s"/> what?', [("wait, what?", 0, (1.0, None))]),
        ('Wait. <break time="2s"/> What?', [("wait.", 0, (None,)), ("what?", 2.0, (None,))]),
        ('Wait <break time="2s"/>. What?', [("wait.", 0, (None,)), ("what?", 2.0, (None,))]),
        ('<break time="1s"/>One.\n\n<break time="3s"/>\n\nTwo.', [("one.", 1.0, (None,)), ("two.", 3.0, (None,))]),
        ('Plan A <break time="1s"/> and (b) <break time="2s"/> c', [("plan A, and, b, c.", 0, (1.0, None, 2.0, None))]),
        ('"Stop!" <break time="2s"/> she said.', [("stop!", 0, (None,)), ("she said.", 2.0, (None,))]),
    ],
)  # fmt: skip
def test_pauses_are_where_the_text_has_them(text, pieces):
    """Between sentences and within them; a comma, and a bracket's, is the network's own."""
    found = write_script(text).pieces
    assert [(piece.text, piece.before_s, piece.within_s) for piece in found] == pieces


def test_pause_at_the_end_is_kept():
    """What is joined to the speech afterwards begins later."""
    assert write_script('One. <break time="2s"/>').after_s == 2.0
    assert write_script("One.").after_s == 0.0


def test_long_sentence_is_joined_by_what_it_was_split_at():
    """A comma, nothing, or a semicolon."""
    words = "word " * 30
    pauses = Pauses(clause_s=0.11, semicolon_s=0.22, dash_s=0.33)
    pieces = write_script(f"{words}, {words}; {words} -- {words}{words}", pauses=pauses).pieces
    assert [piece.before_s for piece in pieces] == [0.0, 0.11, 0.22, 0.33, 0.11]
    assert all(piece.text.endswith("word.") for piece in pieces)


def test_lengths_are_the_callers():
    """Any of them may be nothing."""
    pieces = write_script(
        "One ... two.\n\nThree. Four", pauses=Pauses(paragraph_s=0.0, sentence_s=1.5, ellipsis_s=2.5)
    ).pieces
    assert [(piece.before_s, piece.within_s[0]) for piece in pieces] == [(0.0, 2.5), (0.0, None), (1.5, None)]


def test_pause_alone_is_nothing_to_say():
    """And characters for private use are no pauses."""
    with pytest.raises(TextError, match="nothing to say"):
        write_script('<break time="1s"/>')
    with pytest.raises(TextError, match="U\\+E000"):
        write_script('one \ue000 two <break time="1s"/> three')


def test_marks_that_a_lexicon_teaches_are_spoken():
    """And not counted as left out."""
    script = write_script("I \N{SNOWMAN} \N{UMBRELLA}.", {"\N{SNOWMAN}": "snow man"})
    assert script.unspoken == ("\N{UMBRELLA}",)
    assert [piece.text for piece in script.pieces] == ["i snow man."]


def test_sentences_are_those_of_the_script():
    """What is exported from `peewee_model.text`."""
    assert spoken_sentences('One <break time="1s"/> SQL; two. Three.', lexicon={"SQL": "sequel"}) == [
        "one, sequel; two.",
        "three.",
    ]
