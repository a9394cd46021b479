"""`python -m pipeline.commands.release_check --version V`: is a release in the store what a consumer can use?

It is loaded as a consumer loads it, every file in the store is verified, and sentences cloned from a voice that comes
with it are recognized. If that fails it is a bad release: with `--roll-back` the channel, if it still means that
release, goes back to the one before. A store that can't be reached proves nothing, and rolls nothing back.

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
from peewee_model.errors import PeeweeError, ReleaseError, StoreUnavailableError
from peewee_model.release.manifest import Manifest
from peewee_model.store.reference import DEFAULT_CHANNEL
from peewee_model.store.store import Store, open_store
from pipeline.commands.entry import command
from pipeline.commands.result_line import write_result

logger = logging.getLogger(__name__)

SENTENCES = (
    "The old man carried the blue basket to the market.",
    "Mary walked to the river in the morning.",
    "The children found a small boat near the water.",
)
SAMPLES = "samples/"
RECORDING = "_ground_truth.flac"
MAX_CER_EXCESS = 0.25
"""Three sentences are few: what the recognizer mistakes in them may be this much more than over the release's test."""
MAX_CER_UNMEASURED = 0.5
MIN_LEVEL = 1e-3
"""RMS of speech, of full scale, -60 dB; less is silence."""


class BadReleaseError(PeeweeError):
    """A consumer can't use the release."""


@dataclass
class Verdict:
    """What was found; `reason` is None for a good release."""

    version: str
    channel: str
    passed: bool = False
    reason: str | None = None
    cer: float | None = None
    max_cer: float | None = None
    rolled_back_to: str | None = None


def check_release(store: Store, verdict: Verdict) -> None:
    """Use a release as a consumer would; figures go into the verdict.

    Raises:
        BadReleaseError: Says what is wrong with it.
        ReleaseError: If the store can't be used, which says nothing about the release.
    """
    from peewee_model.cloning.cloner import VoiceCloner

    try:
        manifest = store.verify(verdict.version, _public_key())
        cloner = VoiceCloner.load(f"{store.address}@{verdict.version}")
        recording = _recording(store, verdict.version, manifest)
        spoken = [cloner.clone(text, [recording], seed=1) for text in SENTENCES]
    except ReleaseError as error:
        if type(error) is ReleaseError or isinstance(error, StoreUnavailableError):
            raise
        raise BadReleaseError(str(error)) from None
    except PeeweeError as error:
        raise BadReleaseError(str(error)) from None
    for text, speech in zip(SENTENCES, spoken, strict=True):
        level = float(np.sqrt(np.mean(np.square(speech.samples, dtype=np.float64)))) if len(speech.samples) else 0.0
        if not np.isfinite(level) or level < MIN_LEVEL:
            raise BadReleaseError(f"{text!r} was spoken at a level of {level:.2g} of full scale")
    verdict.cer = _cer([(speech.samples, speech.sample_rate) for speech in spoken])
    verdict.max_cer = max_cer(manifest)
    if verdict.cer > verdict.max_cer:
        raise BadReleaseError(
            f"{verdict.cer:.0%} of the characters of {len(SENTENCES)} sentences were not understood; after its own "
            f"evaluation it should be at most {verdict.max_cer:.0%}"
        )


def max_cer(manifest: Manifest) -> float:
    """Say how much may be misunderstood: a margin above what the release's evaluation found."""
    speech = manifest.metrics.get("speech")
    synthesized = speech.get("synthesized") if isinstance(speech, dict) else None
    cer = synthesized.get("cer") if isinstance(synthesized, dict) else None
    return cer + MAX_CER_EXCESS if isinstance(cer, int | float) else MAX_CER_UNMEASURED


def roll_back(store: Store, channel: str, version: str, reason: str) -> str | None:
    """Make a channel mean what it meant before a release; None if it means another by now, or meant none before."""
    history = store.history(channel)
    if not history or history[-1].entry.version != version:
        return None
    before = [numbered.entry.version for numbered in history if numbered.entry.version != version]
    if not before:
        logger.error("channel=%s has no release before %s: it stays, promote another by hand", channel, version)
        return None
    store.append(channel, before[-1], "rollback", f"release {version} failed its check: {reason}")
    return before[-1]


@command("release_check")
def main(arguments: list[str]) -> int:
    """Check one release, and say what was found."""
    options = _parser().parse_args(arguments)
    store = open_store(options.store)
    verdict = Verdict(options.version or store.resolve(options.channel), options.channel)
    try:
        check_release(store, verdict)
        verdict.passed = True
    except BadReleaseError as error:
        verdict.reason = " ".join(str(error).split())
        if options.roll_back:
            verdict.rolled_back_to = roll_back(store, options.channel, verdict.version, verdict.reason)
    write_result(asdict(verdict))
    if verdict.passed:
        return 0
    now = f"{verdict.channel} means {verdict.rolled_back_to} again" if verdict.rolled_back_to else "nothing rolled back"
    raise BadReleaseError(f"release {verdict.version} is bad: {verdict.reason}; {now}")


def _recording(store: Store, version: str, manifest: Manifest) -> bytes:
    names = sorted(name for name in manifest.files if name.startswith(SAMPLES) and name.endswith(RECORDING))
    if not names:
        raise ReleaseError(f"release {version} holds no recording {SAMPLES}*{RECORDING} to clone from; check it by ear")
    return store.read_file(version, names[0])


def _cer(spoken: list[tuple[np.ndarray, int]]) -> float:
    from pipeline.evaluation.recognition import PocketSphinx, transcription_error_rates

    recognizer = PocketSphinx()
    heard = [recognizer.recognize(samples, sample_rate) for samples, sample_rate in spoken]
    logger.info("said=%s heard=%s", json.dumps(SENTENCES), json.dumps(heard))
    return transcription_error_rates(SENTENCES, heard)[0]


def _public_key() -> Path | None:
    return environment.PUBLIC_KEY.path()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.commands.release_check", description="Check a release as a consumer."
    )
    parser.add_argument("--store", default=environment.STORE.text(), help="a folder or s3://bucket/prefix")
    parser.add_argument("--channel", default=DEFAULT_CHANNEL, help="which to roll back")
    parser.add_argument("--version", default="", help="the release; empty for what the channel means")
    parser.add_argument("--roll-back", action="store_true", help="make the channel mean the release before a bad one")
    return parser


if __name__ == "__main__":
    run("release_check", lambda: main(sys.argv[1:]))
