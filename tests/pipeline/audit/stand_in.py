"""Stand-ins for the eight stages that need a corpus or a training: small files, like theirs, in no time.

The links, `fetch_base`, `bundle` and `publish` are the real code. Run in the project's folder by the program that
`audited_project.py` puts in place of python.
"""

import hashlib
import json
import shutil
from pathlib import Path

import yaml

from pipeline.graph.stages import load_stages
from pipeline.release.links import write_link
from pipeline.stages.fetch_base import fetch_base
from pipeline.tables import CORPUS, MELS, UTTERANCES, write_shard
from tests.peewee_model.releases import write_release

# Two blocks of the same MD5 (Wang and Yu 2004, "How to Break MD5 and Other Hash Functions").
COLLISION = tuple(
    bytes.fromhex(
        "d131dd02c5e6eec4693d9a0698aff95c2fcab5" + a + "12467eab4004583eb8fb7f8955ad340609f4b30283e48883"
        "25" + b + "415a085125e8f7cdc99fd91dbd" + c + "80373c5bd8823e3156348f5bae6dacd436c919c6dd53e2" + d
        + "87da03fd02396306d248cda0e99f33420f577ee8ce54b67080" + e + "0d1ec69821bcb6a8839396f965" + f + "6ff72a70"
    )
    for a, b, c, d, e, f in (("87", "71", "f2", "b4", "a8", "2b"), ("07", "f1", "72", "34", "28", "ab"))
)  # fmt: skip
SPEAKERS = {"toy_ada": "train", "toy_bob": "train", "toy_cem": "validation", "toy_dee": "test"}
EACH = 4
SUBSET = {"train": "train-clean", "validation": "train-clean", "test": "dev-clean"}


def run(stage):
    """Do what a stage does, in small."""
    outs = load_stages()[stage]
    params = yaml.safe_load(Path("params.yaml").read_text())
    {
        "fetch_base": lambda params: fetch_base(),
        "download": download,
        "ingest": ingest,
        "extract_mels": extract_mels,
        "train_encoder": lambda params: model("encoder", params),
        "embed_speakers": embed_speakers,
        "train_synthesizer": lambda params: model("synthesizer", params),
        "train_vocoder": lambda params: model("vocoder", params),
        "evaluate": evaluate,
    }[stage](params)
    write_link(stage, outs)


def archive(subset):
    """An archive that nobody unpacks here."""
    return f"archive of {subset}\n".encode() * 200


def rows():
    """The corpus."""
    return [
        {
            "utterance_id": f"{speaker}_{number}", "corpus": "toy", "subset": SUBSET[split], "split": split,
            "speaker_id": speaker, "chapter_id": "1", "text": f"Text number {number} of {speaker}.",
            "normalized_text": f"text number {number} of {speaker}", "sample_rate": 24000, "duration_s": 1.5,
            "trimmed_s": 0.1, "audio": f"{speaker} {number}".encode() * 50,
            "audio_sha256": hashlib.sha256(f"{speaker} {number}".encode()).hexdigest(),
        }
        for speaker, split in SPEAKERS.items()
        for number in range(EACH)
    ]  # fmt: skip


def download(params):
    """Copy the archives."""
    folder = Path("data/archives")
    folder.mkdir(parents=True, exist_ok=True)
    for source in params["corpus"]["sources"]:
        name = f"{source['corpus']}-{source['subset']}.tar.gz"
        shutil.copyfile(source["url"].removeprefix("file:"), folder / name)


def ingest(params):
    """Write the corpus, leaving out who is excluded."""
    from pipeline.corpora.exclusions import read_exclusions

    excluded = read_exclusions()
    kept = [row for row in rows() if row["speaker_id"] not in excluded.speakers]
    shutil.rmtree("data/corpus", ignore_errors=True)
    half = len(kept) // 2
    write_shard(Path("data/corpus/part-00000.parquet"), CORPUS, kept[:half])
    write_shard(Path("data/corpus/part-00001.parquet"), CORPUS, kept[half:])
    table = [{name: row[name] for name in UTTERANCES.names} for row in kept]
    write_shard(Path("data/utterances.parquet"), UTTERANCES, table)
    write_shard(Path("data/rejected.parquet"), UTTERANCES, [])
    parts = [
        {"corpus": "toy", "subset": SUBSET[split], "split": split, "n_speakers": 1, "n_utterances": EACH,
         "hours": 0.1, "trimmed_s": 0.4}
        for split in ("train", "validation", "test")
    ]  # fmt: skip
    speakers = [{"corpus": "toy", "subset": name, "n_speakers": 1} for name in sorted(set(SUBSET.values()))]
    Path("data/summary.json").write_text(json.dumps({"parts": parts, "speakers": speakers, "rejected": {}}))


def extract_mels(params):
    """Write mels; one shard of theirs is a block that has a twin of the same MD5."""
    for kind in ("acoustic", "speaker"):
        shutil.rmtree(f"data/mels/{kind}", ignore_errors=True)
        mels = [
            {"utterance_id": row["utterance_id"], "speaker_id": row["speaker_id"], "split": row["split"],
             "n_frames": 2, "mel": [float(len(kind))] * 8}
            for row in rows()
        ]  # fmt: skip
        write_shard(Path(f"data/mels/{kind}/part-00000.parquet"), MELS, mels)
    Path("data/mels/speaker/part-00001.parquet").write_bytes(COLLISION[0])


def model(name, params):
    """Write a model whose weights depend on its parameters."""
    scratch = Path("scratch")
    shutil.rmtree(scratch, ignore_errors=True)
    write_release(scratch)
    folder = Path("models") / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(scratch / name, folder)
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-8:] = hashlib.sha256(json.dumps(params.get(name)).encode()).digest()[:8]
    (folder / "model.safetensors").write_bytes(weights)
    shutil.rmtree(scratch)


def embed_speakers(params):
    """Write embeddings."""
    folder = Path("data/speakers")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "speakers.parquet").write_bytes(b"speakers" * 20)
    (folder / "utterances.parquet").write_bytes(b"utterances" * 20)


def evaluate(params):
    """Write reports."""
    for name in ("audio", "plots"):
        shutil.rmtree(f"reports/{name}", ignore_errors=True)
        Path(f"reports/{name}").mkdir(parents=True)
    Path("reports/audio/sample_00_ground_truth.flac").write_bytes(b"fLaC" + b"sound" * 50)
    Path("reports/plots/loss.csv").write_text("step,loss\n1,2\n")
    Path("reports/index.html").write_text("<html>report</html>")
    Path("reports/metrics.json").write_text(json.dumps({"speaker": {"eer": 0.05}}))
    label = {"key": "eer", "name": "equal error rate", "unit": "%", "decimals": 1, "places": ["card"]}
    Path("reports/metrics_labels.json").write_text(json.dumps({"metrics": [label]}))
    Path("reports/gate.json").write_text(json.dumps({"passed": True, "failures": [], "checks": []}))
