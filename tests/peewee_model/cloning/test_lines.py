"""A text in tokens, with the places of its pauses."""

import pytest

from peewee_model.cloning.lines import write_lines
from peewee_model.errors import ConfigError
from peewee_model.script.lexicon import Lexicon
from peewee_model.script.pauses import PAUSES
from peewee_model.text.symbols.config import TextConfig
from peewee_model.text.symbols.tokenizer import Tokenizer, symbols_for


def write(text, units="phonemes", lexicon=None, seed=0):
    tokenizer = Tokenizer(TextConfig(units=units, language="en-us"))
    return write_lines(text, tokenizer, seed, Lexicon.of(lexicon), PAUSES)


@pytest.mark.parametrize("units", ["graphemes", "phonemes"])
def test_pauses_are_at_their_tokens(units):
    """The mark as the network reads it, whichever symbols it has."""
    text = 'Well, he came -- at last; so <break time="1s"/> Dr. Lowe ... smiled. Then?'
    first, second = write(text, units).lines
    symbols = symbols_for(TextConfig(units=units, language="en-us"))
    assert [(symbols[first.tokens[token]], seconds) for token, seconds in first.pauses] == [
        (",", PAUSES.dash_s), (";", PAUSES.semicolon_s), (",", 1.0), (",", PAUSES.ellipsis_s),
    ]  # fmt: skip
    assert [symbols[token] for token in first.tokens].count(",") == 4
    assert (first.before_s, second.before_s, second.pauses) == (0.0, PAUSES.sentence_s, ())


def test_taught_phonemes_are_tokens_and_spellings_are_read():
    """What a lexicon teaches reaches the network."""
    symbols = symbols_for(TextConfig(units="phonemes", language="en-us"))
    (line,) = write("Nguyen; a GIF.", lexicon={"Nguyen": "{N W IY1 N}", "GIF": "jif"}).lines
    assert "".join(symbols[token] for token in line.tokens) == "nwˈiːn; ɐ dʒˈɪf."
    assert line.text == "{nwˈiːn}; a jif."


def test_phonemes_for_a_voice_that_reads_letters_are_refused(tmp_path):
    """By the entry's name and place, whether or not the text has the word; spellings are fine."""
    path = tmp_path / "lexicon.tsv"
    path.write_text("GIF\tjif\nNguyen\t{N W IY1 N}\n")
    with pytest.raises(ConfigError, match="line 2 teaches 'Nguyen' by phonemes, and this voice reads letters; write a"):
        write("A GIF.", "graphemes", path)
    assert write("A GIF.", "graphemes", {"GIF": "jif"}).lines[0].text == "a jif."


def test_seed_of_a_line_is_its_own():
    """The same for the same seed, whatever follows."""
    seeds = [line.seed for line in write("One. One. One.").lines]
    assert len(set(seeds)) == 3
    assert [line.seed for line in write("One. Two.").lines] == seeds[:2]
    assert write("One.", seed=1).lines[0].seed not in seeds
