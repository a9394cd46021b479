"""The mini corpus: SYNTHETIC speech, spoken by espeak-ng, packed as two archives in LibriTTS's own layout.

With it, the whole graph runs in minutes without a network. Models trained on it learn nothing about human voices.
`python -m pipeline.mini SUBSET` writes a .tar.gz to standard output, the same bytes each time.
"""

import io
import logging
import struct
import sys
import tarfile
import wave
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import numpy as np

from peewee_model.errors import ConfigError
from peewee_model.text.symbols.espeak import speak
from pipeline.mini.sentences import Sentence, held_out_sentences, training_sentences

TRAIN, HELD_OUT = "train-clean", "dev-clean"
UTTERANCES_PER_VOICE = {TRAIN: 20, HELD_OUT: 16}
UTTERANCES_PER_CHAPTER = 20
PEAK = 20_000
"""Loudest sample of every utterance, of 32,767, so that all recordings of the corpus are equally loud."""
EDGE_SILENCE_S = 0.1

LICENCE = """\
THIS SPEECH IS SYNTHETIC. No human being speaks in it: it was made by the program espeak-ng from sentences written for
this project, in order to try a training pipeline. It has the layout of LibriTTS, and holds nothing of LibriTTS.
Speech and sentences are given to the public domain (CC0-1.0).
"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Voice:
    """A speaker of the corpus: settings of espeak-ng, and a number like LibriTTS's."""

    speaker_id: int
    gender: str
    subset: str
    variant: str
    pitch: int
    rate: int
    accent: str = "en-us"


VOICES = (
    Voice(9001, "M", TRAIN, "m1", pitch=25, rate=160),
    Voice(9002, "M", TRAIN, "m1", pitch=70, rate=170),
    Voice(9003, "M", TRAIN, "m2", pitch=50, rate=165),
    Voice(9004, "M", TRAIN, "m4", pitch=40, rate=175),
    Voice(9005, "M", TRAIN, "m4", pitch=85, rate=155),
    Voice(9006, "M", TRAIN, "m5", pitch=55, rate=160),
    Voice(9007, "M", TRAIN, "m6", pitch=20, rate=170),
    Voice(9008, "M", TRAIN, "m6", pitch=65, rate=165),
    Voice(9009, "M", TRAIN, "Alex", pitch=35, rate=175),
    Voice(9010, "M", TRAIN, "Alex", pitch=75, rate=155),
    Voice(9011, "M", TRAIN, "Hugo", pitch=45, rate=160),
    Voice(9012, "M", TRAIN, "Gene", pitch=30, rate=170),
    Voice(9013, "M", TRAIN, "ed", pitch=60, rate=165),
    Voice(9014, "M", TRAIN, "Andy", pitch=70, rate=175),
    Voice(9015, "M", TRAIN, "michel", pitch=45, rate=155),
    Voice(9016, "M", TRAIN, "miguel", pitch=80, rate=160),
    Voice(9017, "M", TRAIN, "pablo", pitch=30, rate=170),
    Voice(9018, "M", TRAIN, "max", pitch=60, rate=165),
    Voice(9019, "M", TRAIN, "quincy", pitch=40, rate=175),
    Voice(9020, "F", TRAIN, "f4", pitch=40, rate=155),
    Voice(9021, "F", TRAIN, "f4", pitch=65, rate=160),
    Voice(9022, "F", TRAIN, "linda", pitch=45, rate=170),
    Voice(9023, "F", TRAIN, "steph2", pitch=30, rate=165),
    Voice(9024, "F", TRAIN, "steph2", pitch=60, rate=175),
    Voice(9025, "F", TRAIN, "grandma", pitch=50, rate=155),
    Voice(9026, "F", TRAIN, "shelby", pitch=55, rate=160),
    Voice(9027, "F", TRAIN, "Andrea", pitch=50, rate=170),
    Voice(9028, "F", TRAIN, "anika", pitch=40, rate=165),
    Voice(9029, "M", TRAIN, "boris", pitch=30, rate=170),
    Voice(9030, "M", TRAIN, "david", pitch=60, rate=160),
    Voice(9031, "M", TRAIN, "edward", pitch=75, rate=165),
    Voice(9032, "M", TRAIN, "Mario", pitch=40, rate=155),
    Voice(9033, "M", TRAIN, "Michael", pitch=65, rate=175),
    Voice(9034, "M", TRAIN, "Henrique", pitch=50, rate=160),
    Voice(9035, "M", TRAIN, "Lee", pitch=45, rate=170),
    Voice(9036, "M", TRAIN, "john", pitch=55, rate=165),
    Voice(9037, "M", TRAIN, "robert", pitch=70, rate=155),
    Voice(9038, "M", TRAIN, "victor", pitch=35, rate=175),
    Voice(9039, "M", TRAIN, "travis", pitch=50, rate=160),
    Voice(9040, "M", TRAIN, "Reed", pitch=60, rate=170),
    Voice(9041, "M", TRAIN, "kaukovalta", pitch=40, rate=165),
    Voice(9042, "M", TRAIN, "ian", pitch=65, rate=155),
    Voice(9043, "M", TRAIN, "marcelo", pitch=75, rate=175),
    Voice(9044, "M", TRAIN, "rob", pitch=45, rate=160),
    Voice(9045, "M", TRAIN, "grandpa", pitch=30, rate=170),
    Voice(9046, "M", TRAIN, "Storm", pitch=55, rate=165),
    Voice(9047, "M", TRAIN, "mike2", pitch=70, rate=155),
    Voice(9048, "M", TRAIN, "sandro", pitch=40, rate=175),
    Voice(9049, "M", TRAIN, "m2", pitch=85, rate=160),
    Voice(9050, "M", TRAIN, "announcer", pitch=60, rate=170),
    Voice(9051, "F", TRAIN, "f2", pitch=40, rate=165),
    Voice(9052, "F", TRAIN, "f2", pitch=70, rate=155),
    Voice(9053, "F", TRAIN, "f3", pitch=50, rate=175),
    Voice(9054, "F", TRAIN, "f5", pitch=35, rate=160),
    Voice(9055, "F", TRAIN, "Alicia", pitch=45, rate=170),
    Voice(9056, "F", TRAIN, "steph", pitch=50, rate=165),
    Voice(9501, "M", HELD_OUT, "m3", pitch=50, rate=160),
    Voice(9502, "M", HELD_OUT, "m7", pitch=25, rate=170),
    Voice(9503, "M", HELD_OUT, "Mike", pitch=70, rate=165),
    Voice(9504, "M", HELD_OUT, "Diogo", pitch=40, rate=175),
    Voice(9505, "M", HELD_OUT, "Denis", pitch=85, rate=155),
    Voice(9506, "M", HELD_OUT, "Nguyen", pitch=50, rate=160),
    Voice(9507, "F", HELD_OUT, "f1", pitch=55, rate=170),
    Voice(9508, "F", HELD_OUT, "belinda", pitch=60, rate=165),
    Voice(9509, "F", HELD_OUT, "aunty", pitch=35, rate=175),
    Voice(9510, "F", HELD_OUT, "Annie", pitch=40, rate=155),
)
"""No variant is in both subsets, so that the held-out voices really are other voices. Variants that croak, whisper or
clip are left out. So are the klatt and breathy variants, which compute in floating point."""


@dataclass(frozen=True)
class Reading:
    """An utterance to speak: its path in the archive without the ending, its voice, and its text."""

    path: str
    voice: Voice
    sentence: Sentence


class StoredGzip:
    """Writes a gzip file whose blocks are stored, not compressed.

    The compressed bytes differ between versions of zlib and related libraries (zlib-ng), so that params.yaml could not
    contain the archive's hash. Stored blocks are the same everywhere.
    """

    BLOCK = 65_535

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._pending = b""
        self._crc = 0
        self._size = 0
        out.write(b"\x1f\x8b\x08\x00" + b"\x00" * 4 + b"\x00\xff")  # deflate, no flags, no clock, unknown system

    def write(self, data: bytes) -> int:
        """Receive bytes; write complete blocks."""
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        self._pending += data
        while len(self._pending) > self.BLOCK:
            self._write_block(self._pending[: self.BLOCK], final=False)
            self._pending = self._pending[self.BLOCK :]
        return len(data)

    def close(self) -> None:
        """Write the last block and the trailer; the underlying file stays open."""
        self._write_block(self._pending, final=True)
        self._out.write(struct.pack("<II", self._crc, self._size & 0xFFFFFFFF))

    def _write_block(self, data: bytes, *, final: bool) -> None:
        self._out.write(struct.pack("<BHH", final, len(data), len(data) ^ 0xFFFF) + data)


def write_archive(subset: str, out: BinaryIO) -> None:
    """Speak a subset and write it as a .tar.gz: the same bytes for the same espeak-ng.

    Raises:
        ConfigError: If there is no such subset.
    """
    readings = list(plan(subset))
    compressed = StoredGzip(out)
    with tarfile.open(fileobj=cast(BinaryIO, compressed), mode="w|", format=tarfile.USTAR_FORMAT) as archive:
        _add(archive, "LibriTTS/LICENSE.txt", LICENCE.encode())
        _add(archive, "LibriTTS/SPEAKERS.txt", _speakers_txt().encode())
        _add(archive, "LibriTTS/speakers.tsv", _speakers_tsv().encode())
        for reading in readings:
            printed, spoken = reading.sentence
            _add(archive, f"{reading.path}.normalized.txt", f"{spoken}\n".encode())
            _add(archive, f"{reading.path}.original.txt", f"{printed}\n".encode())
            _add(archive, f"{reading.path}.wav", read_aloud(reading))
    compressed.close()
    logger.info("subset=%s utterances=%d", subset, len(readings))


def plan(subset: str) -> Iterator[Reading]:
    """List which voice reads which text, in the order of the archive.

    Raises:
        ConfigError: If there is no such subset.
    """
    if subset not in UTTERANCES_PER_VOICE:
        raise ConfigError(f"the mini corpus has no subset {subset!r}; it has {' and '.join(UTTERANCES_PER_VOICE)}")
    per_voice = UTTERANCES_PER_VOICE[subset]
    training, held_out = training_sentences(), held_out_sentences()
    for position, voice in enumerate(voice for voice in VOICES if voice.subset == subset):
        for index in range(per_voice):
            # Each voice continues in the sentences where the one before stopped, so that all are read about equally
            # often.
            turn = position * per_voice + index
            unseen = subset == HELD_OUT and index % 2 == 0
            sentence = held_out[turn // 2 % len(held_out)] if unseen else training[turn % len(training)]
            chapter = 10 * voice.speaker_id + index // UTTERANCES_PER_CHAPTER
            name = f"{voice.speaker_id}_{chapter}_{index % UTTERANCES_PER_CHAPTER:06d}_000000"
            yield Reading(f"LibriTTS/{subset}/{voice.speaker_id}/{chapter}/{name}", voice, sentence)


def read_aloud(reading: Reading) -> bytes:
    """Speak an utterance as a WAV file, at espeak-ng's own rate; this code uses no float arithmetic on samples."""
    voice = reading.voice
    samples, sample_rate = speak(
        reading.sentence[1], voice=voice.accent, variant=voice.variant, pitch=voice.pitch, rate=voice.rate
    )
    wide = samples.astype(np.int64)
    scaled = (wide * PEAK // np.abs(wide).max()).astype("<i2")
    edge = np.zeros(int(EDGE_SILENCE_S * sample_rate), dtype="<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(sample_rate)
        writer.writeframes(np.concatenate([edge, scaled, edge]).tobytes())
    return file.getvalue()


def _speakers_tsv() -> str:
    rows = [f"{voice.speaker_id}\t{voice.gender}\t{voice.subset}\t{_name(voice)}" for voice in VOICES]
    return "\n".join(["READER\tGENDER\tSUBSET\tNAME", *rows]) + "\n"


def _speakers_txt() -> str:
    rows = [f"{voice.speaker_id} | {voice.gender} | {voice.subset:<16} | - | {_name(voice)}" for voice in VOICES]
    return "\n".join(["; SYNTHETIC voices of espeak-ng", ";ID  |SEX| SUBSET           |MINUTES| NAME", *rows]) + "\n"


def _name(voice: Voice) -> str:
    return f"espeak-ng {voice.accent}+{voice.variant} pitch {voice.pitch} rate {voice.rate} (synthetic)"


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)  # owner 0, no clock
    member.size = len(data)
    member.mode = 0o644
    archive.addfile(member, io.BytesIO(data))


def main() -> None:
    """Write the subset named on the command line to standard output."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    if len(sys.argv) != 2:
        sys.exit(f"usage: python -m pipeline.mini {'|'.join(UTTERANCES_PER_VOICE)} > ARCHIVE.tar.gz")
    try:
        write_archive(sys.argv[1], sys.stdout.buffer)
    except ConfigError as error:
        sys.exit(str(error))
