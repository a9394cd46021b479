"""Work on a single part of an utterance, in a worker process: it is checked, trimmed, encoded or normalised."""

import hashlib
from dataclasses import dataclass, replace

from pydantic import Field

from peewee_model.audio.clip import encode_flac, quantize, trim_silence
from peewee_model.errors import AudioError, TextError
from peewee_model.recordings.containers import kind_of, read_container
from peewee_model.recordings.reading import read_clip
from peewee_model.text.normalize.characters import decode_text, unspoken
from peewee_model.text.normalize.normalizer import normalize
from pipeline.ingest.readers.reader import Part, Refused
from pipeline.ingest.splits import SplitConfig
from pipeline.ingest.spool import SpooledPart
from pipeline.params.params import Section


class IngestConfig(Section):
    """Which recordings are taken, and how."""

    min_duration_s: float = Field(ge=0)
    """Shortest recording, after trimming."""
    max_duration_s: float = Field(gt=0)
    """Longest recording, before trimming: so a long one is refused before it is decoded."""
    min_sample_rate: int = Field(gt=0)
    """Lowest sample rate in Hz; a lower one lacks frequencies that the mels need."""
    silence_db: float = Field(gt=0)
    """At the edges, frames this many dB below the loudest one are silence."""
    trim_margin_s: float = Field(ge=0)
    """Silence that is left at each edge."""
    min_characters_per_s: float = Field(ge=0)
    """Fewest characters a second of the normalised text; below, the text lacks words that are spoken."""
    max_characters_per_s: float = Field(gt=0)
    """Most characters a second of the normalised text; above, the text has words that are not spoken."""
    max_rejected_fraction: float = Field(ge=0, le=1)
    """A larger share of refused utterances stops the run; files that are skipped by name do not count."""
    shard_mib: int = Field(gt=0)
    """About how much audio a shard of the corpus holds, in MiB of FLAC; memory grows with it."""
    split: SplitConfig


@dataclass(frozen=True)
class Batch:
    """Parts that travel to a worker together."""

    archive: str
    corpus: str
    id_prefix: str
    parts: tuple[Part | Refused, ...]

    def __str__(self) -> str:
        return f"{self.archive}: {self.parts[0].member} and {len(self.parts) - 1} after it"


def prepare(batch: Batch, config: IngestConfig) -> list[tuple[SpooledPart, bytes]]:
    """Check and convert each part; one that can't be used carries the reason.

    Args:
        batch: Parts of one archive.
        config: Limits.

    Returns: For each part, in order, its description, and its FLAC if it is audio.
    """
    prepared = []
    for part in batch.parts:
        if isinstance(part, Refused):
            prepared.append((_refused(batch, part), b""))
            continue
        spooled = SpooledPart(
            utterance_id=f"{batch.id_prefix}_{part.utterance_id}",
            archive=batch.archive,
            subset=part.subset,
            member=part.member,
            kind=part.kind,
            corpus=batch.corpus,
            speaker_id=part.speaker_id and f"{batch.id_prefix}_{part.speaker_id}",
            chapter_id=part.chapter_id,
        )
        try:
            if part.kind == "audio":
                prepared.append(_audio(part.data, spooled, config))
            else:
                prepared.append((_text(part.data, spooled), b""))
        except AudioError as error:
            prepared.append((replace(spooled, reason=error.reason, detail=str(error)), b""))
        except TextError as error:
            prepared.append((replace(spooled, reason="unusable_text", detail=str(error)), b""))
    return prepared


def _refused(batch: Batch, part: Refused) -> SpooledPart:
    return SpooledPart(
        utterance_id=part.utterance_id and f"{batch.id_prefix}_{part.utterance_id}",
        archive=batch.archive,
        subset=part.subset,
        member=part.member,
        kind="refused",
        corpus=batch.corpus,
        reason=part.reason,
        detail=part.detail,
        everywhere=part.everywhere,
    )


def _audio(data: bytes, part: SpooledPart, config: IngestConfig) -> tuple[SpooledPart, bytes]:
    if kind_of(data):
        clip = read_container(data, part.member, max_duration_s=config.max_duration_s)
    else:
        clip = read_clip(data, max_duration_s=config.max_duration_s)
    if clip.sample_rate < config.min_sample_rate:
        raise AudioError("wrong_rate", f"{clip.sample_rate} Hz; ingest.min_sample_rate is {config.min_sample_rate}")
    samples, trimmed_s = trim_silence(
        clip.samples, clip.sample_rate, top_db=config.silence_db, margin_s=config.trim_margin_s
    )
    duration_s = len(samples) / clip.sample_rate
    if duration_s < config.min_duration_s:
        raise AudioError(
            "too_short", f"{duration_s:.3f} s after trimming; ingest.min_duration_s is {config.min_duration_s}"
        )
    flac = encode_flac(samples, clip.sample_rate)
    described = replace(
        part,
        sample_rate=clip.sample_rate,
        duration_s=duration_s,
        trimmed_s=trimmed_s,
        audio_sha256=hashlib.sha256(quantize(samples).astype("<i2").tobytes()).hexdigest(),
        n_bytes=len(flac),
    )
    return described, flac


def _text(data: bytes, part: SpooledPart) -> SpooledPart:
    text = decode_text(data).strip()
    # The original text is normalised later, and only if there is no normalised text beside it.
    spoken = normalize(text) if part.kind == "normalized" else ""
    return replace(part, text=text, normalized_text=spoken, n_unspoken=len(unspoken(text)))
