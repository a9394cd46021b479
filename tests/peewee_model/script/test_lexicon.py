"""Words that are taught: where they are found, and which lexicons are refused."""

import pytest

from peewee_model.errors import ConfigError, PeeweeError
from peewee_model.script.lexicon import MAX_BYTES, MAX_CHARACTERS, MAX_ENTRIES, Lexicon
from peewee_model.text import phonemes, spoken_sentences

TAUGHT = {
    "SQL": "sequel", "GIF": "jif", "Nguyen": "win", "C++": "see plus plus", "Wi-Fi": "why fie",
    "GPT-4": "gee pee tee four", ".NET": "dot net",
    "New York": "noo york", "gnu": "guh new", "O'Hara": "oh hair uh", "Łódź": "woodge",
    "東京": "tokyo", "❤": "love", "polish": "pollish", "Polish": "pole ish",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I know SQL, GIF and GPT-4.", ["i know sequel, jif and gee pee tee four."]),
        ("SQL's rules; an SQL-based GIF!", ["sequel's rules; an sequel based jif!"]),
        ("Dr. Nguyen came at 6 p.m. Nguyen left.", ["doctor win came at six P M.", "win left."]),
        ("I use C++. It is fast.", ["i use see plus plus.", "it is fast."]),
        ("Wi-Fi, Wi\u2011Fi and Wi\u2010Fi", ["why fie, why fie and why fie."]),
        (".NET is not ASP.NET.", ["dot net is not A S P dot net."]),
        ("GPT-4.5 and C++11", ["G P T four point five and C plus plus eleven."]),
        ("New  York\nand New\nYork", ["noo york and noo york."]),
        ("A gnu, a GNU, Gnus.", ["a guh new, a guh new, gnus."]),
        ("sql, Sql and nguyen", ["S Q L, S Q L and nguyen."]),
        ("O\u2019Hara\u2019s and O'Hara", ["oh hair uh's and oh hair uh."]),
        ("Lo\u0301dz and Ło\u0301dz\u0301", ["lodz and woodge."]),
        ("I \u2764 東京!", ["i love tokyo!"]),
        ("Polish men polish. POLISH it.", ["pole ish men pollish.", "pollish it."]),
        ("DO NOT USE SQL NOW", ["do not use sequel now."]),
        ("**SQL** and [GIF](https://example.com)", ["sequel and jif."]),
        ("me@gnu.org or my_gnu_id", ["me at guh new dot org or my underscore guh new underscore I D."]),
        ("GIFs and SQLs", ["gifs and S Q L's."]),
        ("3 GIF files, $5 SQL", ["three jif files, five dollars sequel."]),
    ],
)  # fmt: skip
def test_taught_word_is_said_as_taught_where_it_is_whole(text, said):
    """Beside any punctuation, in any sentence, and nothing else changes."""
    assert spoken_sentences(text, lexicon=TAUGHT) == said


def test_text_without_taught_words_is_read_as_before():
    """An entry that no text uses is not an error."""
    text = "Dr. Lowe paid $4.50 at 9 a.m. He got an A."
    assert spoken_sentences(text, lexicon=TAUGHT) == spoken_sentences(text, lexicon={}) == spoken_sentences(text)


def test_spelling_is_read_as_a_text_is():
    """Digits and letters in it are said."""
    lexicon = {"K8s": "kubernetes 8", "PNG": "P N G", "x": "a"}
    assert spoken_sentences("K8s, PNG.", lexicon=lexicon) == ["kubernetes eight, P N G."]


def test_placeholder_of_a_word_is_none_of_the_text():
    """Even where the text holds a placeholder."""
    for text in ("zuvo SQL", "zuvobababa ZUVOZU SQL"):
        assert spoken_sentences(text, lexicon=TAUGHT) == [text.lower().replace("sql", "sequel") + "."]


def test_phonemes_are_said_as_they_are_between_words_of_espeak():
    """The words beside them as in any sentence: "a", and "the" before a vowel."""
    lexicon = {
        "Nguyen": "{N W IY1 N}",
        "ghoti": "{fˈɪʃ}",
        "Eyjafjallajökull": "{ˈɛɪjafjatlajœkʏtl}".replace("œ", "ə").replace("ʏ", "ɪ"),
    }
    sentences = spoken_sentences("A ghoti, the Eyjafjallajökull and Nguyen's ghoti's ears.", lexicon=lexicon)
    assert sentences == ["a {fˈɪʃ}, the {ˈɛɪjafjatlajəkɪtl} and {nwˈiːn}'s {fˈɪʃ}'s ears."]
    assert phonemes(sentences) == "ɐ fˈɪʃ, ðɪ ˈɛɪjafjatlajəkɪtl ænd nwˈiːnz fˈɪʃᵻz ˈɪɹz."


def test_words_of_phonemes_are_separate():
    """A space in IPA ends a word."""
    assert spoken_sentences("Say sesame.", lexicon={"sesame": "{ˈoʊpən sˈɛsəmi}"}) == ["say {ˈoʊpən} {sˈɛsəmi}."]


def test_file_is_a_word_a_tab_and_what_is_said(tmp_path):
    """With comments, empty lines and a byte order mark; a mapping with the same words says the same."""
    path = tmp_path / "lexicon.tsv"
    path.write_text("\ufeff# names\n\nNguyen\twin\n  SQL \t sequel \r\nWi-Fi\t{W AY1 F AY0}\n", encoding="utf-8")
    lexicon = Lexicon.of(path)
    assert {entry.word: entry.said for entry in lexicon.entries.values()} == {
        "Nguyen": "win", "SQL": "sequel", "Wi-Fi": "{wˈaɪfaɪ}",
    }  # fmt: skip
    assert Lexicon.of(lexicon) is lexicon
    same = {"Nguyen": "win", "SQL": "sequel", "Wi-Fi": "{W AY1 F AY0}"}
    text = "Nguyen knows SQL by Wi-Fi."
    assert spoken_sentences(text, lexicon=str(path)) == spoken_sentences(text, lexicon=same)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("SQL sequel", "line 2: 0 tabs in 'SQL sequel'; write the word, one tab"),
        ("SQL\tsequel\tx", "line 2: 2 tabs"),
        ("SQL\t", "line 2: the spelling is empty"),
        ("\tsequel", "line 2: the word is empty"),
        ("--\tdash", "line 2: '--' has no letter and no digit"),
        ("GIF\tjif", "line 2 teaches 'GIF' again, after .*line 1; remove one"),
        ("SQL\t" + "a" * (MAX_CHARACTERS + 1), f"line 2: the spelling is longer than {MAX_CHARACTERS} characters"),
        ("SQL\t" + "7" * 60, "line 2: .* is said 'seven seven.*write a few words"),
        ("SQL\tsee. quel", "line 2: 'see. quel' is said 'see. quel'; write a few words, no punctuation"),
        ("SQL\t漢字", "line 2: '漢字' the text holds .*U\\+6F22"),
        ("SQL\t...", "line 2: '...' the text has nothing to say"),
        ("SQL\t{}", "line 2: '{}' has no phonemes between its braces"),
        ("SQL\t{S IY1 K W AX0 L}", "line 2: .* has 'AX0', which is no symbol of ARPAbet; it has B CH D"),
        ("SQL\t{S IY K W AH0 L}", "line 2: .* has the vowel IY without stress; write IY0, IY1"),
        ("SQL\t{sˈiːqwəl}", "line 2: .*'q' \\(LATIN SMALL LETTER Q, U\\+0071\\), which is no phoneme of espeak-ng's"),
        ("SQL\t{S IY1", "line 2: .* has a brace"),
        ("SQL\tthe {S IY1}", "line 2: .* has a brace"),
        ("SQL\t{S} {IY1}", "line 2: .*'S}', which is no symbol"),
    ],
)  # fmt: skip
def test_broken_line_is_refused_by_its_number(tmp_path, line, named):
    """The error names the file, the line and the remedy, in one line."""
    path = tmp_path / "lexicon.tsv"
    path.write_text(f"GIF\tjif\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=named) as caught:
        Lexicon.of(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_file_that_can_not_be_read_is_refused(tmp_path):
    """A missing one, a folder, other encodings, and one of any size."""
    with pytest.raises(PeeweeError, match="No such file or directory; check the path of the lexicon"):
        Lexicon.of(tmp_path / "nowhere.tsv")
    with pytest.raises(PeeweeError, match="can't be read"):
        Lexicon.of(tmp_path)
    path = tmp_path / "lexicon.tsv"
    path.write_bytes("Łódź\twoodge\n".encode("utf-16"))
    with pytest.raises(ConfigError, match=r"lexicon\.tsv: the text is not UTF-8"):
        Lexicon.of(path)
    path.write_bytes(b"a\tb\n" * (MAX_BYTES // 4 + 1))
    with pytest.raises(ConfigError, match=f"more than {MAX_BYTES} bytes"):
        Lexicon.of(path)


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ({"SQL": ""}, "the lexicon's 'SQL': the spelling is empty"),
        ({"SQL": None}, "the lexicon's 'SQL': None is said for 'SQL'; both must be text"),
        ({7: "seven"}, "both must be text"),
        ({"Wi-Fi": "a", "Wi\u2011Fi": "b"}, "teaches 'Wi-Fi' again, after the lexicon's 'Wi-Fi'"),
        (["SQL"], "a lexicon is a mapping or the path of a file, and not list"),
        ({f"word{number}": "word" for number in range(MAX_ENTRIES + 1)}, f"at most {MAX_ENTRIES} entries"),
    ],
)  # fmt: skip
def test_broken_mapping_is_refused_by_its_word(source, named):
    """As a file is."""
    with pytest.raises(ConfigError, match=named):
        Lexicon.of(source)


def test_second_lexicon_goes_before_the_first():
    """Of a word that both teach, the other's spelling is taken; the longest entry is found in both."""
    first, second = Lexicon.of({"SQL": "sequel", "New": "noo"}), Lexicon.of({"SQL": "squeal", "New York": "big apple"})
    both = first.with_entries_of(second)
    assert spoken_sentences("SQL in New York is new, New.", lexicon=both) == ["squeal in big apple is new, noo."]
    assert spoken_sentences("SQL", lexicon=first) == ["sequel."]
    assert first.with_entries_of(Lexicon.of(None)) is first
    assert Lexicon.of(None).with_entries_of(second) is second
