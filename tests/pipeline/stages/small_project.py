"""A git and DVC project with our stages' names, whose commands write a few bytes: made in seconds, by DVC itself.

Everything before `bundle` is a stand-in; `bundle` and `publish` are the real ones. What a stage writes has the shape of
the real thing where `bundle`, `publish` or an audit looks into it: tables are Parquet, weights safetensors, and each
stage leaves its link, hashed here by hand.
"""

import hashlib

import yaml

from tests.stand_in_graph import PYTHON, git

MAKE = """
import hashlib, json, pathlib, struct, sys
import pyarrow as pa, pyarrow.parquet as pq
stage = sys.argv[1]
acoustic = {"sample_rate": 24000, "hop_length": 256}
made = {}
def put(path, content):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    told(path)
def table(path, rows):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    told(path)
def told(path):
    data = pathlib.Path(path).read_bytes()
    made[str(path)] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
def model(name, mel):
    put(f"models/{name}/config.json", json.dumps({"mel": mel}))
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    put(f"models/{name}/model.safetensors", struct.pack("<Q", len(header)) + header + name.encode()[:4])
    put(f"models/{name}/training.jsonl", "{}")
speakers = ["mini_a", "mini_a", "mini_b", "mini_c", "mini_d"]
rows = [{"utterance_id": f"{speaker}_1_{number}", "corpus": "mini", "subset": "train",
         "split": "test" if speaker == "mini_d" else "train", "speaker_id": speaker, "chapter_id": "1",
         "text": f"Text {number}.", "normalized_text": f"text {number}.", "sample_rate": 16000, "duration_s": 1.5,
         "trimmed_s": 0.0, "audio_sha256": hashlib.sha256(str(number).encode()).hexdigest()}
        for number, speaker in enumerate(speakers)]
match stage:
    case "download":
        put("data/archives/mini-train.tar.gz", "archive")
    case "ingest":
        part = {"corpus": "mini", "subset": "train", "trimmed_s": 0.0}
        train = part | {"split": "train", "n_utterances": 30, "n_speakers": 3, "hours": 0.5}
        test = part | {"split": "test", "n_utterances": 10, "n_speakers": 1, "hours": 0.25}
        speakers = {"corpus": "mini", "subset": "train", "n_speakers": 4}
        table("data/corpus/part-00000.parquet", [row | {"audio": b"fLaC"} for row in rows])
        table("data/rejected.parquet", [{"archive": "mini-train.tar.gz", "reason": "empty"}])
        table("data/utterances.parquet", rows)
        put("data/summary.json", json.dumps({"parts": [train, test], "speakers": [speakers], "rejected": {}}))
    case "extract_mels":
        mels = [{"utterance_id": row["utterance_id"], "mel": [0.5]} for row in rows]
        for mel in ("acoustic", "speaker"):
            table(f"data/mels/{mel}/part-00000.parquet", mels)
    case "fetch_base":
        put("models/base/base.json", json.dumps({"release": None}))
    case "train_encoder":
        model("encoder", {"sample_rate": 16000})
    case "embed_speakers":
        table("data/speakers/utterances.parquet", [{"utterance_id": r["utterance_id"]} for r in rows])
        table("data/speakers/speakers.parquet", [{"speaker_id": speaker} for speaker in sorted(set(speakers))])
    case "train_synthesizer":
        model("synthesizer", acoustic)
    case "train_vocoder":
        model("vocoder", acoustic)
    case "evaluate":
        put("reports/metrics.json", json.dumps({"speaker": {"eer": 0.05}, "n": 3, "asr": None}))
        label = {"key": "eer", "name": "equal error rate", "unit": "%", "decimals": 1, "places": ["card"]}
        put("reports/metrics_labels.json", json.dumps({"metrics": [label]}))
        check = {"metric": "speaker.eer", "op": "<=", "threshold": 0.1, "value": 0.05, "passed": True}
        put("reports/gate.json", json.dumps({"passed": True, "failures": [], "checks": [check]}))
        put("reports/audio/one.wav", b"RIFF")
        put("reports/index.html", "<html>")
link = {"format": 1, "stage": stage, "products": dict(made)}
put(f"links/{stage}.json", json.dumps(link, sort_keys=True, indent=1) + "\\n")  # as the real ones
"""
SOURCE = {
    "corpus": "mini", "subset": "train", "url": "mini:train", "md5": None, "licence": "CC0-1.0",
    "sha256": hashlib.sha256(b"archive").hexdigest(),
}  # fmt: skip
MODELS = ["models/encoder", "models/synthesizer", "models/vocoder"]
REPORTS = [
    "reports/metrics.json", "reports/metrics_labels.json", "reports/gate.json", "reports/audio", "reports/index.html",
]  # fmt: skip
MELS = ["data/mels/acoustic", "data/mels/speaker"]
TABLES = ["data/corpus", "data/rejected.parquet", "data/summary.json", "data/utterances.parquet"]
GRAPH = {
    "download": ([], ["corpus"], ["data/archives"]),
    "ingest": (["data/archives", "exclusions.csv"], ["corpus", "ingest"], TABLES),
    "extract_mels": (["data/corpus"], [], MELS),
    "fetch_base": ([], [], ["models/base"]),
    "train_encoder": (["data/mels/speaker", "models/base"], [], ["models/encoder"]),
    "embed_speakers": (["data/mels/speaker", "models/encoder"], [], ["data/speakers"]),
    "train_synthesizer": (["data/corpus", "data/mels/acoustic", "data/speakers"], [], ["models/synthesizer"]),
    "train_vocoder": (["data/mels/acoustic", "models/synthesizer"], [], ["models/vocoder"]),
    "evaluate": (["data/corpus", *MODELS], [], REPORTS),
}
"""Before `bundle`: what each stage depends on, its sections of params.yaml, and its outputs beside its link."""
PARAMS = {
    "corpus": {"sources": [SOURCE]},
    "ingest": {"seed": 1},
    "publish": {"channel": "stable", "licences": [], "features": True},
}


def write_graph(folder):
    """Write dvc.yaml: stand-ins, and our own `bundle` and `publish`."""
    stages = {}
    for name, (deps, params, outs) in GRAPH.items():
        stages[name] = {"cmd": f"{PYTHON} make.py {name}", "deps": [*deps, "make.py"]}
        if params:
            stages[name]["params"] = params
        stages[name]["outs"] = [*outs, f"links/{name}.json"]
    stages["download"]["outs"][0] = {"data/archives": {"persist": True}}
    tracked = ["exclusions.csv", "make.py", "requirements.lock"]
    links = [f"links/{name}.json" for name in GRAPH]
    stages["bundle"] = {
        "cmd": f"{PYTHON} -m pipeline bundle",
        "deps": [*TABLES[2:], "models/base", *MODELS, *REPORTS, *links, *tracked],
        "outs": ["release"],
    }
    stages["publish"] = {
        "cmd": f"{PYTHON} -m pipeline publish",
        "always_changed": True,
        "deps": ["release", *MELS, "data/utterances.parquet", "make.py"],
        "params": ["publish"],
        "outs": [{"receipts/publish.json": {"cache": False}}],
    }
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))


def make_project(folder):
    """Make the repository, committed, with nothing run."""
    from dvc.repo import Repo

    write_graph(folder)
    (folder / "make.py").write_text(MAKE)
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    (folder / "exclusions.csv").write_text("kind,id,reason\n")
    (folder / "requirements.lock").write_text("torch==1\n")
    git(folder, "init", "--quiet")
    Repo.init(str(folder)).close()
    (folder / ".gitignore").write_text("/data/\n/links/\n/models/\n/reports/\n/release/\n/receipts/\n/store/\n")
    git(folder, "add", ".gitignore", "make.py", "dvc.yaml", "params.yaml", "exclusions.csv", "requirements.lock")
    git(folder, "commit", "--quiet", "--message", "start")
