"""T4: bad recordings, as members of one archive, each with its verdict and reason code."""

import hashlib
import io
import struct
import tarfile

import numpy as np
import pytest
import soundfile

from pipeline import tables
from pipeline.corpora.exclusions import Exclusions
from pipeline.corpora.sources import Source
from pipeline.ingest.corpus_table import ingest_corpus
from pipeline.ingest.prepare import IngestConfig

RATE = 24_000
TEXT = b"Hello there, my good friend.\n"
ACCEPTED = ""


def voice(duration_s=2.0, rate=RATE, peak=0.4):
    """A hum of six harmonics that swells and fades, four times a second."""
    time = np.arange(round(duration_s * rate)) / rate
    tone = sum(np.sin(2 * np.pi * 140 * n * time) / n for n in range(1, 7)) * (1.2 - np.cos(2 * np.pi * 4 * time))
    return peak * tone / np.abs(tone).max()


def encoded(samples, kind="WAV", subtype="PCM_16", rate=RATE):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def with_sizes(wav, riff, data):
    """Lie in a plain 44-byte header."""
    assert wav[36:40] == b"data"
    stated = wav[4:8] if riff is None else struct.pack("<I", riff)
    return wav[:4] + stated + wav[8:40] + struct.pack("<I", data) + wav[44:]


def spoiled(value):
    samples = voice().astype(np.float32)
    samples[1000] = value
    return samples


def silent_flac(duration_s):
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", RATE, 1, "PCM_16", format="FLAC") as file:
        for _ in range(duration_s // 10):
            file.write(np.zeros(10 * RATE, dtype=np.int16))
    return buffer.getvalue()


def padded(before_s, speech_s, after_s):
    return np.pad(voice(speech_s), (round(before_s * RATE), round(after_s * RATE)))


WAV = encoded(voice())
FLAC = encoded(voice(), "FLAC")
NOISE = np.random.default_rng(1).bytes(50_000)
STEREO = np.stack([voice(), voice()], axis=1)
TAGS = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"made by tests\0"

CASES = {
    "wav of 16 bits": ("wav", WAV, ACCEPTED),
    "wav of 8 bits": ("wav", encoded(voice(), subtype="PCM_U8"), ACCEPTED),
    "wav of 24 bits": ("wav", encoded(voice(), subtype="PCM_24"), ACCEPTED),
    "wav of 32 bits": ("wav", encoded(voice(), subtype="PCM_32"), ACCEPTED),
    "wav of float32": ("wav", encoded(voice(), subtype="FLOAT"), ACCEPTED),
    "wav of float64": ("wav", encoded(voice(), subtype="DOUBLE"), ACCEPTED),
    "wav with extensible header": ("wav", encoded(voice(), "WAVEX"), ACCEPTED),
    "wav with tags behind": ("wav", WAV[:4] + struct.pack("<I", len(WAV) - 8 + len(TAGS)) + WAV[8:] + TAGS, ACCEPTED),
    "flac of 24 bits": ("flac", encoded(voice(), "FLAC", "PCM_24"), ACCEPTED),
    "wav named flac": ("flac", WAV, ACCEPTED),
    "flac named wav": ("wav", FLAC, ACCEPTED),
    "stereo": ("wav", encoded(STEREO), ACCEPTED),
    "stereo, one side silent": ("wav", encoded(STEREO * [1, 0]), ACCEPTED),
    "16 kHz": ("wav", encoded(voice(rate=16_000), rate=16_000), ACCEPTED),
    "48 kHz": ("wav", encoded(voice(rate=48_000), rate=48_000), ACCEPTED),
    "quiet": ("wav", encoded(voice(peak=0.01)), ACCEPTED),
    "touching full scale": ("wav", encoded(voice(peak=1.0)), ACCEPTED),
    "small DC": ("wav", encoded(voice() + 0.05), ACCEPTED),
    "three seconds of silence at the edges": ("wav", encoded(padded(1.5, 2, 1.5)), ACCEPTED),
    "wav cut at 10 %": ("wav", WAV[: len(WAV) // 10], "truncated"),
    "wav cut at 50 %": ("wav", WAV[: len(WAV) // 2], "truncated"),
    "wav cut at 99 %": ("wav", WAV[: len(WAV) * 99 // 100], "truncated"),
    "wav cut in its header": ("wav", WAV[:20], "truncated"),
    "flac cut at 10 %": ("flac", FLAC[: len(FLAC) // 10], "truncated"),
    "flac cut at 50 %": ("flac", FLAC[: len(FLAC) // 2], "truncated"),
    "flac cut at 99 %": ("flac", FLAC[: len(FLAC) * 99 // 100], "truncated"),
    "data size of 0, as of a stream": ("wav", with_sizes(WAV, None, 0), ACCEPTED),
    "data size of 4 GB, as of a stream": ("wav", with_sizes(WAV, 0xFFFFFFFF, 0xFFFFFFFF), ACCEPTED),
    "data size of 1 GB": ("wav", with_sizes(WAV, None, 1 << 30), "truncated"),
    "no bytes": ("wav", b"", "empty"),
    "no samples": ("wav", encoded(np.zeros(0)), "empty"),
    "noise for a file": ("wav", NOISE, "unreadable"),
    "text for audio": ("flac", b"<html>404</html>" * 100, "unreadable"),
    "NaN": ("wav", encoded(spoiled(np.nan), subtype="FLOAT"), "non_finite"),
    "infinity": ("wav", encoded(spoiled(np.inf), subtype="FLOAT"), "non_finite"),
    "amplitude of 1e20": ("wav", encoded(spoiled(1e20), subtype="FLOAT"), "out_of_range"),
    "16-bit numbers as floats": ("wav", encoded(voice() * 32768, subtype="DOUBLE"), "out_of_range"),
    "clipped": ("wav", encoded(np.clip(voice() * 10, -1, 1)), "clipped"),
    "antiphase": ("wav", encoded(STEREO * [1, -1]), "cancelled"),
    "8 kHz": ("wav", encoded(voice(rate=8_000), rate=8_000), "wrong_rate"),
    "1 MHz": ("wav", encoded(voice(0.5, 1_000_000), rate=1_000_000), "wrong_rate"),
    "one hour of silence in 270 kB": ("flac", silent_flac(3600), "too_long"),
    "21 s": ("flac", encoded(voice(21), "FLAC"), "too_long"),
    "silence": ("wav", encoded(np.zeros(2 * RATE)), "silent"),
    "silence but for one bit": ("wav", encoded(np.where(np.arange(2 * RATE) % 2, 3.1e-5, 0)), "silent"),
    "DC alone": ("wav", encoded(np.full(2 * RATE, 0.5)), "dc_offset"),
    "voice on large DC": ("wav", encoded(voice() + 0.5), "dc_offset"),
    "one sample": ("wav", encoded(voice()[1000:1001]), "too_short"),
    "0.3 s": ("wav", encoded(voice(0.3)), "too_short"),
    "0.2 s in much silence": ("wav", encoded(padded(1, 0.2, 1)), "too_short"),
    "1,024 channels": ("wav", encoded(np.repeat(voice(0.02)[:, None], 1024, 1)), "too_many_channels"),
    "2 s for a long text": ("wav", WAV, "too_many_characters"),
    "19 s for a short text": ("flac", encoded(voice(19), "FLAC"), "too_few_characters"),
}
TEXTS = {"2 s for a long text": b"So many words can't be spoken so fast. " * 5}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """One run over all cases: the reason by case, empty for what was accepted."""
    root = tmp_path_factory.mktemp("audio")
    (root / "archives").mkdir()
    path = root / "archives/cases-train.tar.gz"
    stems = {f"1_1_{number:06d}_000000": name for number, name in enumerate(CASES)}
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for stem, name in stems.items():
            extension, data, _ = CASES[name]
            for suffix, content in ((extension, data), ("normalized.txt", TEXTS.get(name, TEXT))):
                member = tarfile.TarInfo(f"LibriTTS/train/1/1/{stem}.{suffix}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    source = Source(
        corpus="cases", subset="train", url="file:x", md5=None, sha256=sha256, licence="none", layout="libritts"
    )
    config = IngestConfig.model_validate(
        {
            "min_duration_s": 0.5,
            "max_duration_s": 20.0,
            "min_sample_rate": 16_000,
            "silence_db": 40.0,
            "trim_margin_s": 0.05,
            "min_characters_per_s": 2.0,
            "max_characters_per_s": 40.0,
            "max_rejected_fraction": 1.0,
            "shard_mib": 32,
            "split": {
                "by_subset": {},
                "by_speaker": {},
                "within": {},
                "validation_fraction": 0.0,
                "test_fraction": 0.0,
                "seed": 1,
            },
        }
    )
    places = {"archives": path.parent, "corpus": root / "corpus", "rejected": root / "rejected.parquet"}
    places |= {"utterances": root / "utterances.parquet", "summary": root / "summary.json", "scratch": root / "scratch"}
    ingest_corpus([source], config, Exclusions(), workers=1, **places)
    accepted = {row["utterance_id"]: "" for row in tables.iter_rows(root / "corpus", ["utterance_id"])}
    refused = {row["utterance_id"]: row["reason"] for row in tables.iter_rows(root / "rejected.parquet")}
    assert not accepted.keys() & refused.keys()
    return {stems[key.removeprefix("cases_")]: reason for key, reason in (accepted | refused).items()}


@pytest.mark.parametrize("name", CASES)
def test_recording_has_its_verdict_and_reason(name, verdicts):
    """Each limit, just within and just beyond."""
    assert verdicts[name] == CASES[name][2]
