"""How ordinary texts are read aloud: `cases.tsv` beside this file, 46 kinds, written before they were run.

Columns: `spoken`, the words, equally good readings separated by " | "; `letters`, the 0-based numbers of the words that
are the letter A, one list for all readings or one for each; `breaks`, the number of sentences.
"""

import csv
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from peewee_model.text import phonemes, spoken_sentences
from peewee_model.text.normalize.normalizer import normalize

OURS = Path(__file__).with_name("cases.tsv")
LEAST, LEAST_OF_KIND = 0.97, 0.85


def read_cases(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def folded(text, letters=()):
    """Words without accents, punctuation and the "and" in numbers; a capital A is the letter."""
    plain = unicodedata.normalize("NFKD", text.replace("’", "'"))
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    plain = re.sub(r"\b(hundred|thousand) and (?=[a-z])", r"\1 ", plain).replace("eigh ", "A ").replace("ł", "l")
    words = [word.strip("'") for word in re.sub("[^A-Za-z0-9']+", " ", plain).split()]
    words = [word if word in ("A", "A's") else word.lower() for word in words if word]
    return [word.replace("a", "A") if number in letters else word for number, word in enumerate(words)]


def readings(case):
    """The words of each reading."""
    spoken = case["spoken"].split(" | ")
    letters = [{int(number) for number in part.split(",") if number.strip()} for part in case["letters"].split("|")]
    letters = letters * len(spoken) if len(letters) == 1 else letters
    return [folded(reading, where) for reading, where in zip(spoken, letters, strict=True)]


@pytest.fixture(params=["ours", "shared"])
def cases(request):
    if request.param == "ours":
        return read_cases(OURS)
    path = request.getfixturevalue("shared_data").parent / "text_cases.tsv"
    if not path.is_file():
        pytest.skip(f"no {path.name} beside the recorded speech")
    return read_cases(path)


def test_words_and_letters_are_those_of_a_reader(cases):
    """Of every kind, and of all together."""
    total, right, wrong = Counter(), Counter(), []
    for case in cases:
        said = " ".join(spoken_sentences(case["text"]))
        is_right = folded(said) in readings(case)
        total[case["kind"]] += 1
        right[case["kind"]] += is_right
        if not is_right:
            wrong.append((case["text"], said))
    assert sum(right.values()) >= LEAST * sum(total.values()), wrong
    assert {kind: right[kind] / total[kind] for kind in total if right[kind] < LEAST_OF_KIND * total[kind]} == {}, wrong


def test_sentences_end_where_a_reader_ends_them(cases):
    """Not after Mr., and after p.m. only before a new sentence."""
    wrong = [case["text"] for case in cases if len(spoken_sentences(case["text"])) != int(case["breaks"])]
    assert len(wrong) <= (1 - LEAST) * len(cases), wrong


def test_what_is_said_is_normalised_to_itself(cases):
    """A text may be given as it was spoken."""
    for case in cases:
        said = " ".join(spoken_sentences(case["text"]))
        assert normalize(said) == said == normalize(case["text"])


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("A plan is not plan A.", 1),
        ("At 9 a.m. a dog barked.", 1),
        ("A+ students", 1),
        ("A4 sheets are a standard.", 1),
        ("Straight A's", 1),
        ("AAA batteries, a pack", 1),
        ("An MBA, a CPA and a DA", 3),
        ("AT&T", 1),
        ("A is for apple.", 1),
    ],
)
def test_letter_a_is_pronounced_as_one_and_the_article_is_not(text, letters):
    """The name of the letter is the same as in "eight"."""
    assert len(re.findall("eɪ(?!d|k)", phonemes(spoken_sentences(text)).replace("tɹˈeɪ", ""))) == letters
