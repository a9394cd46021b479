"""Corpora, built in their own layouts of a second of noise each, and ingested."""

import functools
import hashlib
import io
import json
import tarfile
import zipfile

import av
import numpy as np
import soundfile

from pipeline import tables
from pipeline.corpora.exclusions import Exclusions
from pipeline.corpora.sources import Source
from pipeline.ingest.corpus_table import ingest_corpus
from pipeline.ingest.prepare import IngestConfig

TEXT = "Hello there, my good friend."
SPLIT = {
    "by_subset": {}, "by_speaker": {}, "within": {}, "validation_fraction": 0.0, "test_fraction": 0.0, "seed": 1,
}  # fmt: skip
CONFIG = {
    "min_duration_s": 0.5, "max_duration_s": 20.0, "min_sample_rate": 16_000, "silence_db": 40.0,
    "trim_margin_s": 0.05, "min_characters_per_s": 2.0, "max_characters_per_s": 40.0, "max_rejected_fraction": 0.5,
    "shard_mib": 1, "split": SPLIT,
}  # fmt: skip


def noise(seed, rate, duration_s=1.2):
    return np.random.default_rng(seed).normal(0, 0.1, round(duration_s * rate)).clip(-0.9, 0.9).astype(np.float32)


@functools.cache
def sound(kind="wav", seed=0, rate=16_000):
    """A recording as a file of a kind."""
    samples, buffer = noise(seed, rate), io.BytesIO()
    if kind == "m4a":
        return m4a(samples, rate)
    container, subtype = {
        "wav": ("WAV", "PCM_16"), "flac": ("FLAC", "PCM_16"), "mp3": ("MP3", None), "ogg": ("OGG", "VORBIS"),
        "opus": ("OGG", "OPUS"),
    }[kind]  # fmt: skip
    soundfile.write(buffer, samples, rate, format=container, subtype=subtype)
    return buffer.getvalue()


def m4a(samples, rate):
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.rate = rate
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return buffer.getvalue()


def pack(files, path):
    """Write an archive; the end of its name says of which kind."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return
    mode = {".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz", ".tar": "w:"}[path.suffix]
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


class Built:
    """A folder with archives, as `download` leaves it."""

    def __init__(self, root):
        self.root = root
        self.sources = []
        (root / "archives").mkdir()

    def add(self, corpus, files, subset="all", end=".tar.gz", n_pieces=None, **changes):
        """Pack files as an archive of a corpus."""
        whole = self.root / f"packed{end}"
        pack(files, whole)
        data = whole.read_bytes()
        whole.unlink()
        size = -(-len(data) // (n_pieces or 1))
        for number in range(n_pieces or 1):
            content = data[number * size : (number + 1) * size]
            source = Source(
                corpus=corpus, subset=subset, url=f"file:x{end}", md5=None, licence="none",
                sha256=hashlib.sha256(content).hexdigest(), piece=number + 1 if n_pieces else None, **changes,
            )  # fmt: skip
            (self.root / "archives" / source.archive_name).write_bytes(content)
            self.sources.append(source)
        return self

    def ingest(self, excluded=(), split=None, **changes):
        values = CONFIG | {"split": SPLIT | (split or {})} | changes
        ingest_corpus(
            self.sources,
            IngestConfig.model_validate(values),
            Exclusions(tuple(excluded)),
            archives=self.root / "archives",
            corpus=self.root / "corpus",
            utterances=self.root / "utterances.parquet",
            rejected=self.root / "rejected.parquet",
            summary=self.root / "summary.json",
            scratch=self.root / "scratch",
            workers=1,
        )
        return self

    def rows(self):
        return {row["utterance_id"]: row for row in tables.iter_rows(self.root / "corpus")}

    def texts(self):
        """Speaker and spoken text of each utterance."""
        return {name: (row["speaker_id"], row["normalized_text"]) for name, row in self.rows().items()}

    def refused(self):
        """The reason of each refused file."""
        return [(row["member"], row["reason"]) for row in tables.iter_rows(self.root / "rejected.parquet")]

    def summary(self):
        return json.loads((self.root / "summary.json").read_text())
