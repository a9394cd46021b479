import hashlib
import io
import json
import random
import tarfile
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from peewee_model.errors import ConfigError
from pipeline import tables
from pipeline.corpora.exclusions import Exclusion, Exclusions
from pipeline.corpora.sources import Source
from pipeline.ingest.archive_error import ArchiveError
from pipeline.ingest.corpus_table import IngestError, ingest_corpus
from pipeline.ingest.prepare import IngestConfig

RATE = 16_000
TEXT = "Hello there, my good friend."
SPLIT = {
    "by_subset": {"dev": "test"},
    "by_speaker": {},
    "within": {},
    "validation_fraction": 0.25,
    "test_fraction": 0.0,
    "seed": 1,
}


def config(**changed):
    values = {
        "min_duration_s": 0.5,
        "max_duration_s": 20.0,
        "min_sample_rate": 16_000,
        "silence_db": 40.0,
        "trim_margin_s": 0.05,
        "min_characters_per_s": 2.0,
        "max_characters_per_s": 40.0,
        "max_rejected_fraction": 0.5,
        "shard_mib": 1,
        "split": SPLIT,
    }
    return IngestConfig.model_validate(values | changed)


def recording(seed, duration_s=1.5):
    noise = np.random.default_rng(seed).normal(0, 0.1, round(duration_s * RATE)).clip(-0.9, 0.9)
    buffer = io.BytesIO()
    soundfile.write(buffer, noise, RATE, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def corpus_files(subset, speakers, n_utterances=3):
    files = {"LibriTTS/LICENSE.txt": b"none", "LibriTTS/speakers.tsv": b"READER\n"}
    for speaker in speakers:
        for number in range(n_utterances):
            stem = f"LibriTTS/{subset}/{speaker}/7/{speaker}_7_{number:06d}_000000"
            files[f"{stem}.wav"] = recording(speaker * 100 + number)
            files[f"{stem}.original.txt"] = TEXT.encode()
            files[f"{stem}.normalized.txt"] = TEXT.encode()
    return files


class Corpus:
    """A folder with archives, as `download` leaves it."""

    def __init__(self, root):
        self.root = root
        self.sources = []

    def add(self, subset, files, seed=None, corpus="tiny", ids=None):
        names = list(files)
        if seed is not None:
            random.Random(seed).shuffle(names)
        path = self.root / f"archives/{corpus}-{subset}.tar.gz"
        path.parent.mkdir(exist_ok=True, parents=True)
        with tarfile.open(path, "w:gz", compresslevel=1) as archive:
            for name in names:
                member = tarfile.TarInfo(name)
                member.size = len(files[name])
                archive.addfile(member, io.BytesIO(files[name]))
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        self.sources.append(
            Source(
                corpus=corpus,
                subset=subset,
                url="file:x",
                md5=None,
                sha256=sha256,
                licence="none",
                ids=ids,
                layout="libritts",
            )
        )

    def ingest(self, workers=1, excluded=(), **changed):
        ingest_corpus(
            self.sources,
            config(**changed),
            Exclusions(excluded),
            archives=self.root / "archives",
            corpus=self.root / "corpus",
            utterances=self.root / "utterances.parquet",
            rejected=self.root / "rejected.parquet",
            summary=self.root / "summary.json",
            scratch=self.root / "scratch",
            workers=workers,
        )

    def rows(self):
        return {row["utterance_id"]: row for row in tables.iter_rows(self.root / "corpus")}

    def rejected(self):
        rows = list(tables.iter_rows(self.root / "rejected.parquet"))
        return [(row["member"].rpartition("/")[2], row["reason"]) for row in rows]

    def hashes(self):
        found = [*self.root.glob("corpus/*"), *self.root.glob("*.parquet")]
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.fixture
def tiny(tmp_path):
    return Corpus(tmp_path)


def test_row_holds_what_the_archive_does(tiny):
    """Text, speaker, samples and their hash."""
    tiny.add("train", corpus_files("train", range(1, 5)))
    tiny.ingest()
    rows = tiny.rows()
    assert len(rows) == 12
    row = rows["tiny_3_7_000001_000000"]
    audio, rate = soundfile.read(io.BytesIO(row["audio"]), dtype="int16")
    source, _ = soundfile.read(io.BytesIO(recording(301)), dtype="int16")
    assert np.array_equal(audio, source)
    assert row["audio_sha256"] == hashlib.sha256(audio.astype("<i2").tobytes()).hexdigest()
    assert (row["corpus"], row["subset"], row["speaker_id"], row["chapter_id"]) == ("tiny", "train", "tiny_3", "7")
    assert (row["text"], row["sample_rate"], row["duration_s"], row["trimmed_s"]) == (TEXT, rate, 1.5, 0.0)
    assert row["normalized_text"] == TEXT.lower()
    assert tiny.rejected() == []


def test_silence_at_the_edges_is_cut_and_told(tiny):
    """The row says how much."""
    files = corpus_files("train", range(1, 3), 1)
    samples, _ = soundfile.read(io.BytesIO(recording(1)))
    buffer = io.BytesIO()
    soundfile.write(buffer, np.pad(samples, RATE), RATE, format="FLAC", subtype="PCM_16")
    del files["LibriTTS/train/1/7/1_7_000000_000000.wav"]
    files["LibriTTS/train/1/7/1_7_000000_000000.flac"] = buffer.getvalue()
    tiny.add("train", files)
    tiny.ingest()
    row = tiny.rows()["tiny_1_7_000000_000000"]
    assert row["duration_s"] == pytest.approx(1.5 + 2 * 0.05, abs=0.15)
    assert row["trimmed_s"] + row["duration_s"] == pytest.approx(3.5)


def test_order_of_members_archives_and_number_of_workers_change_no_byte(tmp_path):
    """The table has a hash."""
    train, dev = corpus_files("train", range(1, 9), 8), corpus_files("dev", range(20, 23))
    train["LibriTTS/train/1/7/1_7_000000_000000.wav"] = b""
    train["LibriTTS/odd.bin"] = b""
    del train["LibriTTS/train/2/7/2_7_000000_000000.wav"]
    made = []
    for number, (seed, workers, forward) in enumerate([(None, 1, True), (1, 2, True), (2, 1, False)]):
        corpus = Corpus(tmp_path / str(number))
        for subset, files in [("train", train), ("dev", dev)][:: 1 if forward else -1]:
            corpus.add(subset, files, seed)
        corpus.ingest(workers)
        made.append(corpus.hashes())
    assert len(made[0]) > 3  # several shards
    assert made[0] == made[1] == made[2]


def test_speakers_are_in_one_split_only(tiny):
    """Speaker 8 is in both archives, so all of their utterances are in the test split."""
    tiny.add("train", corpus_files("train", range(1, 9)))
    tiny.add("dev", {**corpus_files("dev", range(20, 23)), **corpus_files("dev", range(8, 9), 4)})
    tiny.ingest()
    splits = {}
    for row in tiny.rows().values():
        splits.setdefault(row["speaker_id"], set()).add(row["split"])
    assert all(len(found) == 1 for found in splits.values())
    assert Counter(split for found in splits.values() for split in found) == {"train": 5, "validation": 2, "test": 4}
    assert splits["tiny_8"] == splits["tiny_20"] == {"test"}


def test_unpaired_duplicate_and_unspeakable_files_are_rows_with_reasons(tiny):
    """A bad file does not stop the run."""
    files = corpus_files("train", range(1, 9))
    stem = "LibriTTS/train/1/7/1_7_"
    del files[f"{stem}000000_000000.wav"]
    for kind in ("original", "normalized"):
        del files[f"{stem}000001_000000.{kind}.txt"]
        files[f"{stem}000002_000000.{kind}.txt"] = "Snow \N{SNOWMAN} and \ufdd0 nothing.".encode()
    stem = "LibriTTS/train/2/7/2_7_"
    files[f"{stem}000000_000000.flac"] = files[f"{stem}000000_000000.wav"]
    files[f"{stem}000001_000000.normalized.txt"] = b"\xff\xfe not UTF-8"
    files["LibriTTS/train/2/7/._2_7_000002_000000.wav"] = b"apple"
    files["LibriTTS/train/2/7/notes.docx"] = b"x"
    tiny.add("train", files)
    tiny.add("dev", corpus_files("dev", range(3, 4), 1))
    tiny.ingest()
    assert sorted(tiny.rejected()) == [
        ("._2_7_000002_000000.wav", "skipped"),
        ("1_7_000000_000000.normalized.txt", "unpaired"),
        ("1_7_000001_000000.wav", "unpaired"),
        ("1_7_000002_000000.normalized.txt", "unusable_text"),
        ("2_7_000000_000000.wav", "duplicate"),
        ("2_7_000001_000000.normalized.txt", "unusable_text"),
        ("3_7_000000_000000.normalized.txt", "duplicate"),
        ("notes.docx", "unknown_name"),
    ]
    assert len(tiny.rows()) == 8 * 3 - 4
    summary = json.loads((tiny.root / "summary.json").read_text())
    assert summary["rejected"]["tiny-train.tar.gz"] == {
        "duplicate": 2,
        "skipped": 1,
        "unknown_name": 1,
        "unpaired": 2,
        "unusable_text": 2,
    }
    train = [part for part in summary["parts"] if part["split"] == "train"]
    assert train[0]["subset"] == "train"
    assert sum(part["n_utterances"] for part in summary["parts"]) == 20
    assert sum(part["n_speakers"] for part in summary["parts"]) == 8  # 1 is refused, 3 is in both subsets
    assert sum(part["hours"] for part in summary["parts"]) == pytest.approx(20 * 1.5 / 3600, abs=1e-5)


def test_original_text_is_normalised_where_nothing_else_is(tiny):
    """A corpus may lack the normalised text."""
    files = corpus_files("train", range(1, 4))
    tiny.add("train", {name: data for name, data in files.items() if ".normalized." not in name})
    tiny.ingest()
    assert {row["normalized_text"] for row in tiny.rows().values()} == {TEXT.lower()}


def test_marks_that_no_reader_says_are_left_out_and_counted(tiny):
    """An emoji does not cost an utterance."""
    files = corpus_files("train", range(1, 5))
    for kind in ("original", "normalized"):
        files[f"LibriTTS/train/1/7/1_7_000000_000000.{kind}.txt"] = f"{TEXT} \U0001f600\u200e".encode()
    tiny.add("train", files)
    tiny.ingest()
    assert tiny.rejected() == []
    assert {row["normalized_text"] for row in tiny.rows().values()} == {TEXT.lower()}
    summary = json.loads((tiny.root / "summary.json").read_text())
    assert sum(part["n_unspoken"] for part in summary["parts"]) == 2


def test_too_many_refused_stop_the_run_and_say_why(tiny):
    """More than the allowed fraction is no accident."""
    files = corpus_files("train", range(1, 5), 5)
    for number in range(3):
        files[f"LibriTTS/train/1/7/1_7_{number:06d}_000000.wav"] = b"" if number else b"noise"
    files["LibriTTS/train/1/7/._1_7_000000_000000.wav"] = b"does not count"
    tiny.add("train", files)
    tiny.ingest(max_rejected_fraction=0.15)
    with pytest.raises(IngestError) as caught:
        tiny.ingest(max_rejected_fraction=0.149)
    assert "3 of 20 utterances (15.0%)" in str(caught.value)
    assert "2 empty, such as LibriTTS/train/1/7/1_7_000001_000000.wav of tiny-train.tar.gz" in str(caught.value)
    assert "1 unreadable" in str(caught.value)
    assert len(tiny.rejected()) == 4
    assert not (tiny.root / "corpus").exists()
    assert not list((tiny.root / "scratch").glob("*"))


def test_archive_other_than_the_one_in_params_leaves_nothing(tiny):
    """No table of the wrong data."""
    tiny.add("train", corpus_files("train", range(1, 3)))
    tiny.ingest()
    tiny.sources[0] = tiny.sources[0].model_copy(update={"sha256": "0" * 64})
    with pytest.raises(ArchiveError, match="SHA-256"):
        tiny.ingest()
    assert {path.name for path in tiny.root.rglob("*") if path.is_file()} == {"tiny-train.tar.gz"}


def test_missing_archive_names_the_remedy(tiny):
    """The stage that makes it."""
    tiny.add("train", corpus_files("train", range(1, 3)))
    (tiny.root / "archives/tiny-train.tar.gz").unlink()
    with pytest.raises(IngestError, match="dvc repro download"):
        tiny.ingest()


def test_archive_of_another_subset_names_the_key(tiny):
    """The key of params.yaml that is wrong."""
    tiny.add("dev", corpus_files("train", range(1, 3)))
    with pytest.raises(IngestError, match=r"tiny-dev.tar.gz holds LibriTTS/train/.*corpus.sources"):
        tiny.ingest()


def test_nobody_left_to_train_on_is_an_error(tiny):
    """Before the stages that train."""
    tiny.add("dev", corpus_files("dev", range(1, 3)))
    with pytest.raises(ConfigError, match="by_subset"):
        tiny.ingest()


def test_same_ids_of_two_corpora_are_two_voices(tiny):
    """The corpus is part of a speaker's id."""
    for corpus in ("one", "two"):
        tiny.add("train", corpus_files("train", range(1, 3)), corpus=corpus)
    tiny.ingest()
    assert len(tiny.rows()) == 12
    assert {row["speaker_id"] for row in tiny.rows().values()} == {"one_1", "one_2", "two_1", "two_2"}


def test_utterances_are_the_corpus_without_audio_sorted_by_speaker(tiny):
    """Every row of every shard, once; statistics on the columns that a search goes by."""
    tiny.add("train", corpus_files("train", range(1, 12), 5))
    tiny.ingest()
    rows = list(tables.iter_rows(tiny.root / "utterances.parquet"))
    corpus = sorted(tiny.rows().values(), key=lambda row: (row["speaker_id"], row["utterance_id"]))
    assert rows == [{name: value for name, value in row.items() if name != "audio"} for row in corpus]
    assert [row["speaker_id"] for row in rows][:6] == ["tiny_1"] * 5 + ["tiny_10"]
    statistics = pq.ParquetFile(tiny.root / "utterances.parquet").metadata.row_group(0).column(0).statistics
    ids = [row["utterance_id"] for row in rows]
    assert (statistics.min, statistics.max) == (min(ids), max(ids))


def test_excluded_speakers_and_utterances_are_named_and_nowhere_else(tiny, caplog):
    """Not decoded (one recording is damaged), not counted as bad, not drawn for a split; a stranger is only logged."""
    files = corpus_files("train", range(1, 9))
    files["LibriTTS/train/3/7/3_7_000000_000000.wav"] = b"damaged"
    tiny.add("train", files)
    excluded = (
        Exclusion("speaker", "tiny_3", "consent withdrawn"),
        Exclusion("utterance", "tiny_4_7_000001_000000", "names a person"),
        Exclusion("speaker", "tiny_99", "not in this corpus"),
        Exclusion("speaker", "other_4", "another corpus's speaker 4"),
    )
    tiny.ingest(excluded=excluded, max_rejected_fraction=0.0)
    rows = tiny.rows()
    assert len(rows) == 7 * 3 - 1
    assert "tiny_4_7_000001_000000" not in rows
    assert {row["speaker_id"] for row in rows.values()} == {f"tiny_{number}" for number in (1, 2, 4, 5, 6, 7, 8)}
    rejected = list(tables.iter_rows(tiny.root / "rejected.parquet"))
    assert {row["reason"] for row in rejected} == {"excluded"}
    assert len(rejected) == 4 * 3
    assert rejected[0]["detail"] == "exclusions.csv names speaker tiny_3"
    assert json.loads((tiny.root / "summary.json").read_text())["rejected"] == {"tiny-train.tar.gz": {"excluded": 12}}
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [line for line in told if "exclusions.csv" in line] == [
        "exclusions.csv names speaker other_4, which no archive holds",
        "exclusions.csv names speaker tiny_99, which no archive holds",
    ]


def test_split_of_the_others_does_not_depend_on_who_is_excluded(tiny):
    """As if the excluded speaker had never been in the archive."""
    tiny.add("train", corpus_files("train", range(1, 9)))
    tiny.ingest(excluded=(Exclusion("speaker", "tiny_3", "x"),))
    with_list = {row["speaker_id"]: row["split"] for row in tiny.rows().values()}
    without = Corpus(tiny.root / "without")
    without.add("train", corpus_files("train", range(1, 3)) | corpus_files("train", range(4, 9)))
    without.ingest()
    assert {row["speaker_id"]: row["split"] for row in without.rows().values()} == with_list
    assert (tiny.root / "utterances.parquet").read_bytes() == (without.root / "utterances.parquet").read_bytes()


def test_everybody_excluded_says_so(tiny):
    """Nothing is left: the message counts what was excluded."""
    tiny.add("train", corpus_files("train", range(1, 3)))
    with pytest.raises(IngestError, match=r"18 excluded, such as LibriTTS/train/1"):
        tiny.ingest(excluded=(Exclusion("speaker", "tiny_1", "x"), Exclusion("speaker", "tiny_2", "x")))


def test_recorded_speech_is_read_whole(tiny, shared_data):
    """The archives of real speech beside the repository: LibriTTS's own layout by another writer."""
    (tiny.root / "archives").mkdir()
    for subset in ("train-clean", "dev-clean"):
        data = (shared_data / f"libritts-human/{subset}.tar.gz").read_bytes()
        (tiny.root / f"archives/human-{subset}.tar.gz").write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        source = Source(
            corpus="human", subset=subset, url="file:x", md5=None, sha256=sha256, licence="CC BY 4.0", layout="libritts"
        )
        tiny.sources.append(source)
    split = {
        "by_subset": {"dev-clean": "test"},
        "by_speaker": {},
        "within": {},
        "validation_fraction": 0.15,
        "test_fraction": 0.0,
        "seed": 1,
    }
    tiny.ingest(split=split, max_rejected_fraction=0.05, shard_mib=32)
    summary = json.loads((tiny.root / "summary.json").read_text())
    parts = {part["split"]: part for part in summary["parts"]}
    assert sum(part["n_utterances"] for part in summary["parts"]) + len(tiny.rejected()) == 179 + 36
    assert (parts["test"]["n_speakers"], parts["test"]["subset"]) == (7, "dev-clean")
    assert parts["train"]["n_speakers"] + parts["validation"]["n_speakers"] == 27
    assert parts["train"]["hours"] + parts["validation"]["hours"] == pytest.approx(16.5 / 60, rel=0.15)


def test_one_speaker_is_held_out_by_utterance(tiny):
    """In the table and in the summary, which counts the speaker once."""
    tiny.add("train", corpus_files("train", range(1, 2), 6))
    tiny.ingest(split=SPLIT | {"by_subset": {}, "within": {"tiny": {"validation": 1, "test": 2}}})
    assert [row["split"] for _, row in sorted(tiny.rows().items())] == ["train"] * 3 + ["validation"] + ["test"] * 2
    summary = json.loads((tiny.root / "summary.json").read_text())
    assert {part["split"]: part["n_utterances"] for part in summary["parts"]} == {
        "train": 3, "validation": 1, "test": 2,
    }  # fmt: skip
    assert summary["speakers"] == [{"corpus": "tiny", "subset": "train", "n_speakers": 1}]


def test_corpora_that_share_ids_share_their_speakers(tiny):
    """One person in two corpora is one speaker in one split; the same utterance twice is read once."""
    tiny.add("train", corpus_files("train", range(1, 5), 2), corpus="one", ids="people")
    tiny.add("train", corpus_files("train", range(4, 6), 3), corpus="two", ids="people")
    tiny.ingest()
    rows = tiny.rows()
    assert {row["speaker_id"] for row in rows.values()} == {f"people_{number}" for number in range(1, 6)}
    of_4 = {name: (row["corpus"], row["split"]) for name, row in rows.items() if row["speaker_id"] == "people_4"}
    assert [corpus for corpus, _ in of_4.values()] == ["one", "one", "two"]
    assert len({split for _, split in of_4.values()}) == 1
    assert [reason for _, reason in tiny.rejected()] == ["duplicate"] * 2
