"""`python -m pipeline.commands.release_check --version V`: checks that a consumer can use a release in the store.

It loads the release as a consumer does, verifies every file in the store, and speaks sentences in a voice that is part
of the release. The sentences are in the release's language, and the recogniser of the release's own evaluation
recognizes them. If that recogniser does not know the language, level and length are checked instead, and the verdict
states this. A release that fails the check is bad. With `--roll-back` the channel is then rolled back by the store's
rule, if it still points to that release. If the store can't be reached, nothing is known and nothing is rolled back.

The last line on stdout is the verdict as a JSON object (see `result_line`). Exit codes: 0 good, 2 bad or can't be
checked, 75 out of reach, try again.
"""

import argparse
import csv
import io
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from peewee_model import environment
from peewee_model.entry import run
from peewee_model.errors import PeeweeError, ReleaseError, TryAgainError
from peewee_model.public_text import fitted, printable
from peewee_model.release.manifest import Manifest
from peewee_model.store.reference import DEFAULT_CHANNEL
from peewee_model.store.rollback import version_before
from peewee_model.store.store import Store, open_store
from pipeline.commands.entry import command
from pipeline.commands.result_line import write_result
from pipeline.evaluation.config import EvaluationError, check_recognizer

logger = logging.getLogger(__name__)

SENTENCES = (
    "The old man carried the blue basket to the market.",
    "Mary walked to the river in the morning.",
    "The children found a small boat near the water.",
)
SAMPLES = "samples/"
RECORDING = "_ground_truth.flac"
MAX_CER_EXCESS = 0.25
"""How much the character error rate may exceed that of the release's test. Large, because three sentences are few."""
MAX_CER_UNMEASURED = 0.5
RECOGNIZERS = ("pocketsphinx",)
"""The values of `evaluate.speech.recognizer` that this command supports."""
UTTERANCES = "reports/plots/utterances.csv"
"""The sentences of a release's own evaluation."""
S_PER_CHARACTER = 0.07
"""Seconds a character of English read aloud, for a release without that table."""
MIN_LENGTH_RATIO, MAX_LENGTH_RATIO = 0.5, 2.0
"""Defaults, for a release whose parameters do not have them (`evaluate.speech`)."""
MIN_LEVEL = 1e-3
"""RMS of full scale, -60 dB; less is silence."""


class BadReleaseError(PeeweeError):
    """A consumer can't use the release."""


@dataclass(frozen=True)
class ListeningTest:
    """The sentences that a release speaks, and how the speech is judged."""

    recording: bytes
    """The recording of the voice to clone: a person's, from the release's samples."""
    sentences: tuple[str, ...]
    """In the language of the release."""
    s_per_character: float
    """How fast people read the release's held-out sentences."""
    is_recognized: bool
    """Whether the recogniser of the release's own evaluation knows its language, and is at hand."""
    judged_by: str
    """How the speech is judged, in words."""


@dataclass
class Verdict:
    """The result of the check; `reason` is None for a good release."""

    version: str
    channel: str
    passed: bool = False
    reason: str | None = None
    cer: float | None = None
    max_cer: float | None = None
    length_ratio: float | None = None
    """Length of the speech relative to a person's reading; only if no recogniser is used."""
    judged_by: str | None = None
    """How the speech was judged: by level and a recogniser; or by level and length alone, and why."""
    rolled_back_to: str | None = None


def check_release(store: Store, verdict: Verdict) -> None:
    """Use a release as a consumer does; write the figures into the verdict.

    Raises:
        BadReleaseError: If the release is bad; the message explains why.
        PeeweeError: If the store or this machine can't be used; then nothing is known about the release.
    """
    from peewee_model.cloning.cloner import VoiceCloner

    _check_machine()
    try:
        manifest = store.verify(verdict.version, _public_key())
        test = read_listening_test(store, verdict.version, manifest)
        cloner = VoiceCloner.load(f"{store.address}@{verdict.version}")
        spoken = [cloner.clone(text, [test.recording], seed=1) for text in test.sentences]
    except ReleaseError as error:
        if type(error) is ReleaseError or isinstance(error, TryAgainError):
            raise
        raise BadReleaseError(str(error)) from None
    except PeeweeError as error:
        raise BadReleaseError(str(error)) from None
    for text, speech in zip(test.sentences, spoken, strict=True):
        level = float(np.sqrt(np.mean(np.square(speech.samples, dtype=np.float64)))) if len(speech.samples) else 0.0
        if not np.isfinite(level) or level < MIN_LEVEL:
            raise BadReleaseError(f"{text!r} was spoken at a level of {level:.2g} of full scale")
    verdict.judged_by = test.judged_by
    if test.is_recognized:
        _judge_by_recognition(verdict, manifest, test, [(speech.samples, speech.sample_rate) for speech in spoken])
    else:
        _judge_by_length(verdict, manifest, test, sum(speech.duration_s for speech in spoken))


def _judge_by_recognition(
    verdict: Verdict, manifest: Manifest, test: ListeningTest, spoken: list[tuple[np.ndarray, int]]
) -> None:
    verdict.cer = _cer(test.sentences, spoken)
    verdict.max_cer = max_cer(manifest)
    if verdict.cer > verdict.max_cer:
        raise BadReleaseError(
            f"{verdict.cer:.0%} of the characters of {len(spoken)} sentences were not understood; after its own "
            f"evaluation it should be at most {verdict.max_cer:.0%}"
        )


def _judge_by_length(verdict: Verdict, manifest: Manifest, test: ListeningTest, duration_s: float) -> None:
    expected_s = test.s_per_character * sum(map(len, test.sentences))
    verdict.length_ratio = duration_s / expected_s
    least, most = (
        float(_nested(manifest.params, "evaluate", "speech", name) or standard)
        for name, standard in (("min_length_ratio", MIN_LENGTH_RATIO), ("max_length_ratio", MAX_LENGTH_RATIO))
    )
    if not least <= verdict.length_ratio <= most:
        raise BadReleaseError(
            f"{len(test.sentences)} sentences were spoken in {duration_s:.1f} s, which is {verdict.length_ratio:.2f} "
            f"times the {expected_s:.1f} s that people need; it should be {least:g} to {most:g} times as long"
        )


def max_cer(manifest: Manifest) -> float:
    """Return the highest allowed character error rate: that of the release's evaluation, and a margin."""
    cer = _nested(manifest.metrics, "speech", "synthesized", "cer")
    return cer + MAX_CER_EXCESS if isinstance(cer, int | float) else MAX_CER_UNMEASURED


def roll_back(store: Store, channel: str, version: str, reason: str) -> str | None:
    """Roll a channel back from a release, by the store's rule.

    Returns: The version that the channel points to now. None if it already pointed to another release, or if there is
        no release before.
    """
    history = store.history(channel)
    if not history or history[-1].entry.version != version:
        return None
    if version_before(history) is None:
        logger.error("channel=%s has no release before %s: it stays, promote another by hand", channel, version)
        return None
    entry = store.roll_back(channel, fitted(f"release {version} failed its check: {reason}")).entry
    if entry.previous != version:
        logger.error("channel=%s was set to %s meanwhile; that is undone, promote it by hand", channel, entry.previous)
    return entry.version


@command("release_check")
def main(arguments: list[str]) -> int:
    """Check one release, and print the verdict."""
    options = _parser().parse_args(arguments)
    store = open_store(options.store)
    verdict = Verdict(options.version or store.resolve(options.channel), options.channel)
    try:
        check_release(store, verdict)
        verdict.passed = True
    except BadReleaseError as error:
        verdict.reason = printable(str(error))
        if options.roll_back:
            verdict.rolled_back_to = roll_back(store, options.channel, verdict.version, verdict.reason)
    write_result(asdict(verdict))
    if verdict.passed:
        return 0
    now = (
        f"{verdict.channel} points to {verdict.rolled_back_to} again"
        if verdict.rolled_back_to
        else "nothing rolled back"
    )
    raise BadReleaseError(f"release {verdict.version} is bad: {verdict.reason}; {now}")


def read_listening_test(store: Store, version: str, manifest: Manifest) -> ListeningTest:
    """Choose sentences for a release to speak, and how to judge the speech.

    Raises:
        ReleaseError: If the release lacks files that the check needs.
    """
    names = sorted(name for name in manifest.files if name.startswith(SAMPLES) and name.endswith(RECORDING))
    if not names:
        raise ReleaseError(f"release {version} holds no recording {SAMPLES}*{RECORDING} to clone from; check it by ear")
    language = str(_nested(manifest.models, "synthesizer", "text", "language") or "")
    recognizer = str(_nested(manifest.params, "evaluate", "speech", "recognizer") or "none")
    why_not = _why_not_recognized(recognizer, language)
    read = _read_aloud(store, version) if UTTERANCES in manifest.files else {}
    sentences = SENTENCES if language.startswith("en") else tuple(sorted(read))[: len(SENTENCES)]
    if not sentences:
        raise ReleaseError(
            f"release {version} speaks {language or 'an unknown language'}, and holds no sentences of it "
            f"({UTTERANCES}); check it by ear"
        )
    return ListeningTest(
        recording=store.read_file(version, names[0]),
        sentences=sentences,
        s_per_character=sum(read.values()) / sum(map(len, read)) if read else S_PER_CHARACTER,
        is_recognized=why_not is None,
        judged_by=f"level and length alone: {why_not}" if why_not else f"level and {recognizer}",
    )


def _why_not_recognized(recognizer: str, language: str) -> str | None:
    if recognizer == "none":
        return "the release was evaluated without a recogniser"
    if recognizer not in RECOGNIZERS:
        return f"the release was evaluated with the recogniser {recognizer!r}, which is not at hand"
    try:
        check_recognizer(recognizer, language)
    except EvaluationError:
        return f"{recognizer} does not know the language {language!r}"
    return None


def _read_aloud(store: Store, version: str) -> dict[str, float]:
    """Read the held-out sentences of a release's evaluation, and the seconds that a person needed for each."""
    rows = csv.DictReader(io.StringIO(store.read_file(version, UTTERANCES).decode("utf-8", "replace")))
    try:
        found = {row["text"]: float(row["duration_s"]) for row in rows if row["row"] == "ground_truth"}
    except (KeyError, ValueError, TypeError, csv.Error):
        raise ReleaseError(f"release {version}: {UTTERANCES} is no table of sentences; check it by ear") from None
    return {text: duration_s for text, duration_s in found.items() if text.strip()}


def _nested(data: Any, *names: str) -> Any:
    """Return a value of nested data; None if there is none."""
    for name in names:
        data = data.get(name) if isinstance(data, Mapping) else None
    return data


def _cer(sentences: Sequence[str], spoken: list[tuple[np.ndarray, int]]) -> float:
    from pipeline.evaluation.recognition import PocketSphinx, transcription_error_rates

    recognizer = PocketSphinx()
    recognized = [recognizer.recognize(samples, sample_rate) for samples, sample_rate in spoken]
    logger.info("said=%s recognized=%s", json.dumps(sentences), json.dumps(recognized))
    return transcription_error_rates(sentences, recognized)[0]


def _check_machine() -> None:
    """Raise the errors of this machine's settings first, so that they do not count for the release."""
    environment.CUDA_GRAPHS.is_on()
    if (key := _public_key()) is not None:
        from peewee_model.store.signing import key_id

        key_id(key)
    from peewee_model.text.symbols.espeak import phonemize

    phonemize("a", "en-us")


def _public_key() -> Path | None:
    return environment.PUBLIC_KEY.path()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.commands.release_check", description="Check a release as a consumer."
    )
    parser.add_argument("--store", default=environment.STORE.text(), help="a folder or s3://bucket/prefix")
    parser.add_argument("--channel", default=DEFAULT_CHANNEL, help="which to roll back")
    parser.add_argument("--version", default="", help="the release; empty for the channel's")
    parser.add_argument("--roll-back", action="store_true", help="roll the channel back from a bad release")
    return parser


if __name__ == "__main__":
    run("release_check", lambda: main(sys.argv[1:]))
