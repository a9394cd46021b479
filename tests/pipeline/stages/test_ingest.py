import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from peewee_model.errors import ConfigError
from pipeline import tables
from pipeline.params.params import read
from pipeline.stages.ingest import Params, ingest


def test_params_of_the_repository_are_complete(repository):
    """No field has a default that params.yaml hides."""
    assert read(Params, repository / "params.yaml").corpus.sources


@pytest.fixture
def workplace(tmp_path, repository, monkeypatch):
    """The repository's params with a corpus of four voices of noise."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PEEWEE_WORKERS", "1")
    (tmp_path / "data/archives").mkdir(parents=True)
    path = tmp_path / "data/archives/tiny-train.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for speaker in range(4):
            buffer = io.BytesIO()
            noise = np.random.default_rng(speaker).normal(0, 0.1, 24_000)
            soundfile.write(buffer, noise, 16_000, format="FLAC", subtype="PCM_16")
            for suffix, content in (("flac", buffer.getvalue()), ("original.txt", b"Four and twenty birds.")):
                member = tarfile.TarInfo(f"LibriTTS/train/{speaker}/1/{speaker}_1_000000_000000.{suffix}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    document = yaml.safe_load((repository / "params.yaml").read_text())
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    document["corpus"]["sources"] = [
        {
            "corpus": "tiny",
            "subset": "train",
            "url": "file:x",
            "md5": None,
            "sha256": sha256,
            "licence": "none",
            "layout": "libritts",
        }
    ]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(document))
    (tmp_path / "exclusions.csv").write_text("kind,id,reason\n")
    return tmp_path


def test_stage_writes_the_tables_that_dvc_names(workplace):
    """Run as DVC runs it."""
    ingest()
    rows = list(tables.iter_rows(Path("data/corpus")))
    assert {row["speaker_id"] for row in rows} == {f"tiny_{speaker}" for speaker in range(4)}
    assert {row["split"] for row in rows} == {"train", "validation"}
    assert list(tables.iter_rows(Path("data/rejected.parquet"))) == []
    assert Path("data/summary.json").is_file()
    told = list(tables.iter_rows(Path("data/utterances.parquet")))
    assert told == [
        {name: value for name, value in row.items() if name != "audio"}
        for row in sorted(rows, key=lambda row: row["speaker_id"])
    ]


def test_who_is_excluded_is_in_no_table(workplace):
    """The list is read from the repository's root."""
    Path("exclusions.csv").write_text("kind,id,reason\nspeaker,tiny_2,consent withdrawn\n")
    ingest()
    for table in ("data/corpus", "data/utterances.parquet"):
        assert {row["speaker_id"] for row in tables.iter_rows(Path(table))} == {"tiny_0", "tiny_1", "tiny_3"}


def test_key_that_is_unknown_stops_the_stage(workplace):
    """It is probably misspelt."""
    document = yaml.safe_load(Path("params.yaml").read_text())
    document["ingest"]["max_duraton_s"] = 3
    Path("params.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(ConfigError, match=r"ingest\.max_duraton_s is unknown"):
        ingest()
