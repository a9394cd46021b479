"""`python -m pipeline.commands.odd_texts --release STORE@VERSION --reference voice.wav`: speaks odd texts.

Each text must be spoken, or be refused with a PeeweeError, which names a remedy; anything else counts as a crash. The
last line on stdout is a JSON object with the counts (see `result_line`). Exit codes: 0 without crashes, 1 with some, 2
where the release or the recording can't be used.
"""

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from peewee_model.entry import run
from peewee_model.errors import PeeweeError
from pipeline.commands.entry import command
from pipeline.commands.result_line import write_result

if TYPE_CHECKING:
    from peewee_model.cloning.speech import Speech

logger = logging.getLogger(__name__)

CRASHED = 1
_COUNTED = ("spoken", "refused", "crashed", "truncated")
_SHOWN = 60  # characters of a text in a log

EMPTYISH = (
    "", " ", "   ", "\n", "\t\t", "\r\n\r\n", "\u00a0", "\u2003\u2009", "\u200b", "\ufeff", "\u00ad", "\u200d\u200c",
    ".", "...", "?!", "-", "--", "' '", '""', "()",
)  # fmt: skip
NUMBERS = (
    "0", "7", "00", "007", "-1", "+1", "-0", "3.14159", ".5", "5.", "1,000,000", "1.000.000", "1,00,00", "999999999999",
    "123456789012345678901234567890", "1e10", "1e-400", "0x1F", "1/2", "22/7", "10%", "100 %", "50°", "$5", "$5.99",
    "£1,234.50", "€0.01", "¥1000000", "12:30", "23:59:59", "1999-12-31", "31.12.1999", "1st 2nd 3rd 4th 11th", "IV XII",
    "1-800-555-0199", "+49 (0)30 123456", "192.168.0.1", "2^10 = 1024", "5 < 6 > 4", "NaN inf",
)  # fmt: skip
PUNCTUATION = (
    "!" * 50 + " a", "?" * 200, "wait..... what?????", "a.b.c.d", "a,b,,c,,,d", "-- a -- b --", "—a—b—", "(((a)))",
    "[a] {b} <c>", "a;b;c:d", "'a' \"b\" “c” ‘d’ «e»", "a/b\\c|d", "a_b_c", "a*b**c", "~a~ `b` ^c^", "#a @b &c",
    "a\nb\r\nc\td", "  a  b  ", "a . b ! c ?", ". a", "a .", "e.g. i.e. etc.", "Mr. and Mrs. and Dr. and St.",
    "... . ..", "It's, isn't it? 'Tis! O'Neill's.", "a--b---c", "a'b''c", "a\u2026b\u2026", "50/50 and/or",
    "hello!world?yes.no",
)  # fmt: skip
UNICODE = (
    "café naïve façade", "Ångström über Straße", "Łódź Dvořák Çelik", "ﬁne ﬂower", "ＦＵＬＬ ｗｉｄｔｈ", "𝓯𝓪𝓷𝓬𝔂 𝐛𝐨𝐥𝐝",
    "ⓒⓘⓡⓒⓛⓔ", "x² + y³", "H₂O", "½ cup", "№ 5", "™ ® ©", "привет", "γειά", "שלום", "مرحبا", "你好", "こんにちは",
    "안녕하세요", "नमस्ते", "สวัสดี", "a\u0301\u0302\u0303", "e" + "\u0301" * 40, "\u202eolleh\u202c", "a\u0000b",
    "a\u0007b\u001b[31mc", "\U0010ffff", "\ud7ff", "\ue000", "\ufffd", "😀", "hello 😀 world", "👩‍👩‍👧‍👦 family",
    "🇩🇪🇫🇷", "👍🏽 ok", "♥ ♪ → ∞", "☎ 555", "i\u0307stanbul İ ı", "ß ẞ", "the \u2028 line \u2029 end",
)  # fmt: skip
WORDS = (
    "a", "I", "x", "z", "zzz", "hmm", "psst", "aaaaaaaaaaaaaaaaaaaa", "bcdfghjklmnpqrstvwxz", "qqqqqqqqqq", "AAA",
    "NASA", "U.S.A.", "e", "th", "strengths", "rhythm", "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch",
    "supercalifragilisticexpialidocious", "pneumonoultramicroscopicsilicovolcanoconiosis", "buffalo " * 8, "no " * 40,
    "the the the the", "A a A a A a", "yes! " * 20, "ha" * 100, "x" * 250, "word-" * 30, "she sells sea shells " * 10,
    "fish ghoti bough through though cough",
)  # fmt: skip
ADDRESSES = (
    "http://example.org", "https://www.example.org/a/b?c=d&e=f#g", "www.example.co.uk", "ftp://x.y", "file:///etc/passwd",
    "me@example.org", "first.last+tag@sub.example.museum", "mailto:a@b.c", "C:\\Windows\\System32", "/usr/local/bin",
    "../../etc", "a.txt", "README.md", "v1.2.3-rc.4+build5", "git@github.com:a/b.git", "localhost:8080", "::1",
    "#hashtag @handle", "<b>bold</b>", "<script>alert(1)</script>", "&amp; &lt; &#65;", "%20%41", "{{ template }}",
    "${HOME} $(ls) `ls`", "'; DROP TABLE users; --", "{\"a\": [1, 2]}", "a = b ? c : d;", "for (i = 0; i < n; i++) {}",
    "lorem\\nipsum\\u0041", "\\x00\\xff",
)  # fmt: skip
LONG = (
    "word " * 120, "a, " * 150, "one sentence. " * 30, "x" * 600, "1" * 400, "?!" * 300, " " * 5000, "é" * 500,
    "and so it went on " * 25, "a" * 100_001,
)  # fmt: skip

ODD_TEXTS = (*EMPTYISH, *NUMBERS, *PUNCTUATION, *UNICODE, *WORDS, *ADDRESSES, *LONG)
"""200 texts, all different."""


class Cloner(Protocol):
    """The interface of `VoiceCloner` that is used here."""

    def clone(self, text: str, reference: Sequence[bytes], seed: int = 0) -> "Speech":
        """Say a text in the voice of recordings."""


@dataclass(frozen=True)
class Outcome:
    """The result of one text."""

    text: str
    what: Literal["spoken", "refused", "crashed"]
    detail: str
    """The error, or the length of the speech."""
    truncated: bool = False


def speak_odd_texts(cloner: Cloner, reference: Sequence[bytes], texts: Iterable[str] = ODD_TEXTS) -> Iterator[Outcome]:
    """Speak texts, one after the other; speech that is not finite numbers counts as a crash."""
    for text in texts:
        try:
            speech = cloner.clone(text, reference)
        except PeeweeError as error:
            yield Outcome(text, "refused", f"{type(error).__name__}: {error}")
        except Exception as error:
            logger.exception("text=%r", text[:_SHOWN])
            yield Outcome(text, "crashed", f"{type(error).__name__}: {error}")
        else:
            sound = bool(np.isfinite(speech.samples).all())
            detail = f"{speech.duration_s:.2f} s" if sound else "samples that are no numbers"
            yield Outcome(text, "spoken" if sound else "crashed", detail, speech.truncated)


@command("odd_texts")
def main(arguments: list[str]) -> int:
    """Speak all texts, and print the results."""
    from peewee_model.cloning.cloner import VoiceCloner

    parser = argparse.ArgumentParser(
        prog="python -m pipeline.commands.odd_texts", description="Speak texts nobody planned for."
    )
    parser.add_argument("--release", required=True, help="STORE@CHANNEL or STORE@VERSION")
    parser.add_argument("--reference", required=True, type=Path, help="a recording of a voice")
    options = parser.parse_args(arguments)
    counts: Counter[str] = Counter()
    cloner = VoiceCloner.load(options.release)
    try:
        recording = options.reference.read_bytes()
    except OSError as error:
        raise PeeweeError(f"{options.reference} can't be read: {error.strerror}; name a recording") from None
    cloner.embed_voice([recording])  # otherwise errors of a bad recording would count for the texts
    for outcome in speak_odd_texts(cloner, [recording]):
        counts[outcome.what] += 1
        counts["truncated"] += outcome.truncated
        logger.info("%s text=%r detail=%r", outcome.what, outcome.text[:_SHOWN], outcome.detail[:200])
    write_result({"n_texts": len(ODD_TEXTS)} | {what: counts[what] for what in _COUNTED})
    return CRASHED if counts["crashed"] else 0


if __name__ == "__main__":
    run("odd_texts", lambda: main(sys.argv[1:]))
