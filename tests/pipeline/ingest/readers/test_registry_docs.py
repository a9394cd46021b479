"""docs/corpora.md says what the readers say."""

import re

import pytest

from pipeline.ingest.readers.reader import Member, Part
from pipeline.ingest.readers.registry import CORPORA


@pytest.fixture(scope="module")
def document(repository):
    return (repository / "docs/corpora.md").read_text()


def test_table_has_a_row_for_each_corpus_with_its_facts(document):
    """The readers own the facts."""
    rows = [line for line in document.splitlines() if line.startswith("| [`")]
    assert rows == [
        f"| [`{corpus.name}`]({corpus.page}) | {corpus.contents} | {corpus.licence} | "
        f"{'no' if corpus.layout.texts == 'none' else 'yes'} | `{corpus.layout.path}` | "
        f"{corpus.people or corpus.name} | "
        f"{'yes' if corpus.archives and all(found.sha256 for found in corpus.archives) else 'state it'} |"
        for corpus in CORPORA.values()
    ]


def test_example_of_a_corpus_reads_it_in_about_thirty_lines(document):
    """It is run as it is written there."""
    (example,) = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    assert len([line for line in example.splitlines() if line.strip()]) <= 30
    names = {}
    exec(example, names)
    layout = names["TINY"].layout
    (audio,) = layout.read(Member("tiny/ann/a.flac", 1, b"x"))
    (text,) = layout.read(Member("tiny/ann/a.lab", 1, b"Hi."))
    assert audio == Part("tiny/ann/a.flac", "a", "", "ann", "", "audio", b"x")
    assert text == Part("tiny/ann/a.lab", "a", "", "ann", "", "original", b"Hi.")
