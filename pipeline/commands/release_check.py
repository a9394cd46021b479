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
import json
import logging
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

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
from pipeline.commands.listening_test import ListeningTest, nested, read_listening_test
from pipeline.commands.result_line import write_result
from pipeline.evaluation.config import RecognizerConfig
from pipeline.evaluation.judges.recognizer import Recognizer
from pipeline.evaluation.recognition import transcription_error_rates

logger = logging.getLogger(__name__)

MAX_CER_EXCESS = 0.25
"""How much the character error rate may exceed that of the release's test. Large, because three sentences are few."""
MAX_CER_UNMEASURED = 0.5
MIN_LENGTH_RATIO, MAX_LENGTH_RATIO = 0.5, 2.0
"""Defaults, for a release whose parameters do not have them (`evaluate.speech`)."""
MIN_LEVEL = 1e-3
"""RMS of full scale, -60 dB; less is silence."""


class BadReleaseError(PeeweeError):
    """A consumer can't use the release."""


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
    if test.recognizer:
        _judge_by_recognition(
            verdict, manifest, test, test.recognizer, [(speech.samples, speech.sample_rate) for speech in spoken]
        )
    else:
        _judge_by_length(verdict, manifest, test, sum(speech.duration_s for speech in spoken))


def _judge_by_recognition(
    verdict: Verdict,
    manifest: Manifest,
    test: ListeningTest,
    recognizer: RecognizerConfig,
    spoken: list[tuple[np.ndarray, int]],
) -> None:
    verdict.cer = _cer(test, recognizer, spoken)
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
        float(nested(manifest.params, "evaluate", "speech", name) or standard)
        for name, standard in (("min_length_ratio", MIN_LENGTH_RATIO), ("max_length_ratio", MAX_LENGTH_RATIO))
    )
    if not least <= verdict.length_ratio <= most:
        raise BadReleaseError(
            f"{len(test.sentences)} sentences were spoken in {duration_s:.1f} s, which is {verdict.length_ratio:.2f} "
            f"times the {expected_s:.1f} s that people need; it should be {least:g} to {most:g} times as long"
        )


def max_cer(manifest: Manifest) -> float:
    """Return the highest allowed character error rate: that of the release's evaluation, and a margin."""
    cer = nested(manifest.metrics, "speech", "synthesized", "cer")
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


def _cer(test: ListeningTest, config: RecognizerConfig, spoken: list[tuple[np.ndarray, int]]) -> float:
    recognizer = Recognizer(config, test.language)
    recognized = [recognizer.recognize(samples, sample_rate) for samples, sample_rate in spoken]
    logger.info("said=%s recognized=%s", json.dumps(test.sentences), json.dumps(recognized))
    return transcription_error_rates(test.sentences, recognized, test.language)[0]


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
