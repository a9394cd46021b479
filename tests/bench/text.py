"""Normalised sentences a second, as training reads them: LibriTTS's texts, and texts full of numbers and signs.

    python -m tests.bench.text

Without phonemes, in one process. LibriTTS's texts are nearly all words, `tests/peewee_model/text/cases.tsv` is the
opposite.
"""

import csv
import json
import os
import tarfile
import time
from pathlib import Path

from peewee_model.text.normalize.normalizer import normalize

ROOT = Path(__file__).parents[2]
_CASES = ROOT / "tests" / "peewee_model" / "text" / "cases.tsv"


def run():
    """Measure both, and the start: the import and the first sentence."""
    started = time.perf_counter()
    normalize("The first of 3 sentences.")
    figures = {"first_sentence_s": time.perf_counter() - started}
    with _CASES.open(encoding="utf-8", newline="") as file:
        cases = [row["text"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    figures["cases_per_s"] = _rate(cases)
    if texts := _corpus_texts():
        figures["corpus_texts_per_s"] = _rate(texts)
    return figures


def _rate(texts):
    started = time.process_time()
    for text in texts:
        normalize(text)
    return len(texts) / (time.process_time() - started)


def _corpus_texts():
    """The normalised texts of libritts-human and Kathleen, where PEEWEE_SHARED_DATA has them."""
    texts = []
    for path in sorted(Path(os.environ.get("PEEWEE_SHARED_DATA", "")).glob("*/train-clean.tar.gz")):
        with tarfile.open(path) as archive:
            texts += [
                archive.extractfile(member).read().decode()
                for member in archive
                if member.name.endswith(".normalized.txt")
            ]
    return texts


if __name__ == "__main__":
    print(json.dumps(run()))
