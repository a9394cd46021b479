"""What a release speaks when it is checked, and by which recogniser it is judged: see `release_check`."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from peewee_model.errors import ReleaseError
from peewee_model.release.manifest import Manifest
from peewee_model.store.store import Store
from pipeline.evaluation.config import EvaluationError, RecognizerConfig, check_recognizer
from pipeline.evaluation.judges.models import JudgeError
from pipeline.evaluation.judges.recognizer import find_recognizer, recognizer_sha256

SENTENCES = (
    "The old man carried the blue basket to the market.",
    "Mary walked to the river in the morning.",
    "The children found a small boat near the water.",
)
SAMPLES = "samples/"
RECORDING = "_ground_truth.flac"
UTTERANCES = "reports/plots/utterances.csv"
"""The sentences of a release's own evaluation."""
S_PER_CHARACTER = 0.07
"""Seconds a character of English read aloud, for a release without that table."""


@dataclass(frozen=True)
class ListeningTest:
    """The sentences that a release speaks, and how the speech is judged."""

    recording: bytes
    """The recording of the voice to clone: a person's, from the release's samples."""
    sentences: tuple[str, ...]
    """In the language of the release."""
    language: str
    """Of the release, as espeak-ng names it."""
    s_per_character: float
    """How fast people read the release's held-out sentences."""
    recognizer: RecognizerConfig | None
    """The recogniser of the release's own evaluation; None if it is not at hand, or does not know the language."""
    judged_by: str
    """How the speech is judged, in words."""


def read_listening_test(store: Store, version: str, manifest: Manifest) -> ListeningTest:
    """Choose sentences for a release to speak, and how to judge the speech.

    Raises:
        ReleaseError: If the release lacks files that the check needs.
    """
    names = sorted(name for name in manifest.files if name.startswith(SAMPLES) and name.endswith(RECORDING))
    if not names:
        raise ReleaseError(f"release {version} holds no recording {SAMPLES}*{RECORDING} to clone from; check it by ear")
    language = str(nested(manifest.models, "synthesizer", "text", "language") or "")
    recognizer, why_not = _recognizer(manifest, language)
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
        language=language,
        s_per_character=sum(read.values()) / sum(map(len, read)) if read else S_PER_CHARACTER,
        recognizer=None if why_not else recognizer,
        judged_by=f"level and length alone: {why_not}" if why_not else f"level and {recognizer}",
    )


def _recognizer(manifest: Manifest, language: str) -> tuple[RecognizerConfig, str | None]:
    """Return the recogniser of a release's evaluation, and why it can't be used; None if it can."""
    described = nested(manifest.params, "evaluate", "speech", "recognizer")
    nobody = RecognizerConfig(name="none")
    if described is None or described == "none":
        return nobody, "the release was evaluated without a recogniser"
    try:
        recognizer = RecognizerConfig.model_validate(described)
        find_recognizer(recognizer)
    except ValidationError:
        named = described.get("name") if isinstance(described, Mapping) else described
        return nobody, f"the release was evaluated with the recogniser {str(named)!r}, which is not at hand"
    except JudgeError as error:
        return nobody, f"the recogniser {recognizer} of the release's evaluation is not at hand: {error}"
    try:
        check_recognizer(recognizer, language)
    except EvaluationError:
        return recognizer, f"{recognizer} does not know the language {language!r}"
    judged_by = nested(manifest.metrics, "judges", "recognizer", "sha256")
    if judged_by not in (None, recognizer_sha256(recognizer)):
        return recognizer, f"the release was evaluated with another model of {recognizer}"
    return recognizer, None


def _read_aloud(store: Store, version: str) -> dict[str, float]:
    """Read the held-out sentences of a release's evaluation, and the seconds that a person needed for each."""
    rows = csv.DictReader(io.StringIO(store.read_file(version, UTTERANCES).decode("utf-8", "replace")))
    try:
        found = {row["text"]: float(row["duration_s"]) for row in rows if row["row"] == "ground_truth"}
    except (KeyError, ValueError, TypeError, csv.Error):
        raise ReleaseError(f"release {version}: {UTTERANCES} is no table of sentences; check it by ear") from None
    return {text: duration_s for text, duration_s in found.items() if text.strip()}


def nested(data: Any, *names: str) -> Any:
    """Return a value of nested data; None if there is none."""
    for name in names:
        data = data.get(name) if isinstance(data, Mapping) else None
    return data
