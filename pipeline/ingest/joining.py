"""Joins the parts of an utterance: its recording, and its texts if its corpus has some."""

from collections.abc import Sequence

from peewee_model.errors import TextError
from peewee_model.text.normalize.normalizer import normalize
from pipeline.ingest.prepare import IngestConfig
from pipeline.ingest.readers.reader import Layout
from pipeline.ingest.spool import SpooledPart, SpooledUtterance

Refusal = tuple[SpooledPart, str, str]
"""A part, the reason for its refusal, and details."""


def join(
    parts: Sequence[SpooledPart], config: IngestConfig, layout: Layout
) -> tuple[SpooledUtterance | None, list[Refusal]]:
    """Join an utterance's parts from one place, or name those that are refused.

    Args:
        parts: All parts of the utterance in one archive.
        config: Limits.
        layout: The archive's; its `texts` is not `perhaps`.
    """
    refused = [(part, part.reason, part.detail) for part in parts if part.reason]
    if refused:
        return None, refused
    by_kind: dict[str, SpooledPart] = {}
    for part in parts:
        if by_kind.setdefault(part.kind, part) is not part:
            refused.append((part, "duplicate", f"{by_kind[part.kind].member} is read in its place"))
    audio, original, normalized = (by_kind.get(kind) for kind in ("audio", "original", "normalized"))
    written = original or normalized
    if audio is None or (written is None and layout.texts != "none"):
        return None, [_unpaired(parts[0], audio is None, layout), *refused]
    if written is None:
        return _accepted(audio, audio, "", 0), refused
    try:
        spoken = normalized.normalized_text if normalized else normalize(written.text)
    except TextError as error:
        return None, [(written, "unusable_text", str(error)), *refused]
    rate = len(spoken) / audio.duration_s
    if not config.min_characters_per_s <= rate <= config.max_characters_per_s:
        reason = "too_few_characters" if rate < config.min_characters_per_s else "too_many_characters"
        detail = f"{len(spoken)} characters in {audio.duration_s:.2f} s; is this text of this recording?"
        return None, [(audio, reason, detail), *refused]
    return _accepted(audio, written, spoken, (normalized or written).n_unspoken), refused


def _unpaired(part: SpooledPart, lacks_audio: bool, layout: Layout) -> Refusal:
    if layout.listed_only and not lacks_audio:
        return part, "skipped", "no table of this corpus lists it"
    lacks = "audio" if lacks_audio else "text"
    return part, "unpaired", f"no {lacks} of this utterance is in the archive"


def _accepted(audio: SpooledPart, written: SpooledPart, spoken: str, n_unspoken: int) -> SpooledUtterance:
    return SpooledUtterance(
        utterance_id=audio.utterance_id,
        corpus=audio.corpus,
        subset=audio.subset,
        speaker_id=written.speaker_id or audio.speaker_id,  # a table may say who speaks
        chapter_id=audio.chapter_id,
        text=written.text,
        normalized_text=spoken,
        n_unspoken=n_unspoken,
        sample_rate=audio.sample_rate,
        duration_s=audio.duration_s,
        trimmed_s=audio.trimmed_s,
        audio_sha256=audio.audio_sha256,
        n_bytes=audio.n_bytes,
        audio_row=audio.audio_row,
    )
