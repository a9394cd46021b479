"""A release of 1 GB to a local S3 server and back, beside boto3's plain transfer of the same bytes.

    python -m tests.bench.store [--mib 1024] [--runs 3]

Each transfer is a process of its own; ours and the plain one take turns. Ours checks the SHA-256 of every byte both
ways, looks what is there, races writers are left out (one publisher), and fills the cache; the plain one is
`upload_file` and `download_file` of each file, as a script would do it. Peak memory is the process's own (VmHWM).
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

from peewee_model.release.manifest import Manifest, hash_file
from tests.closure import ROOT

MEL = {"n_mels": 80}
SHARES = {"encoder": 0.05, "synthesizer": 0.25, "vocoder": 0.7}
N_SMALL = 20


def write_release(folder, mib):
    """A well-formed release of random weights of a given size."""
    files = {}
    for model, share in SHARES.items():
        (folder / model).mkdir(parents=True)
        (folder / model / "config.json").write_text(json.dumps({"mel": MEL}))
        n_bytes = int(mib * 2**20 * share) // 2**20 * 2**20
        header = json.dumps({"w": {"dtype": "U8", "shape": [n_bytes], "data_offsets": [0, n_bytes]}}).encode()
        with (folder / model / "model.safetensors").open("wb") as file:
            file.write(struct.pack("<Q", len(header)) + header)
            for _ in range(n_bytes // 2**20):
                file.write(os.urandom(2**20))
    (folder / "reports").mkdir()
    for number in range(N_SMALL):
        (folder / f"reports/{number}.json").write_text(json.dumps({"n": number, "pad": "x" * 20_000}))
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            files[path.relative_to(folder).as_posix()] = hash_file(path)
    manifest = Manifest.model_validate(
        {
            "format": 1, "files": files, "models": {model: {"mel": MEL} for model in SHARES},
            "mel": {"speaker": MEL, "acoustic": MEL}, "metrics": {}, "corpora": (), "params": {},
            "code": {"commit": None, "modified": ()}, "lineage": {},
        }
    )  # fmt: skip
    (folder / "manifest.json").write_bytes(manifest.to_bytes())


OURS_UP = """
from peewee_model.store.store import open_store
open_store({address!r}).publish(Path({folder!r}), "stable", "benchmark")
"""
OURS_DOWN = """
from peewee_model.store.store import open_store
open_store({address!r}).fetch("stable")
"""
PLAIN_UP = """
import boto3
client, folder = boto3.client("s3"), Path({folder!r})
for path in sorted(folder.rglob("*")):
    if path.is_file():
        client.upload_file(str(path), {bucket!r}, {prefix!r} + str(path.relative_to(folder)))
"""
PLAIN_DOWN = """
import boto3
client, folder, prefix = boto3.client("s3"), Path({folder!r}), {prefix!r}
for page in client.get_paginator("list_objects_v2").paginate(Bucket={bucket!r}, Prefix=prefix):
    for item in page["Contents"]:
        path = folder / item["Key"][len(prefix):]
        path.parent.mkdir(parents=True, exist_ok=True)
        client.download_file({bucket!r}, item["Key"], str(path))
"""
MEASURE = """
import re, time
from pathlib import Path
start = time.perf_counter()
{body}
seconds = time.perf_counter() - start
print(seconds, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024)
"""


@contextlib.contextmanager
def local_server(folder):
    """The server of `make s3`, on a folder of its own; the environment that names it."""
    command = [sys.executable, str(ROOT / "infra/s3/server.py"), "--folder", str(folder), "--bucket", "bench", "--json"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        yield json.loads(server.stdout.readline())
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def _measure(body, environment):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE.format(body=body)],
        env=os.environ | environment, capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    seconds, mib = done.stdout.split()
    return float(seconds), float(mib)


def run(mib=1024, n_runs=3):
    """Measure both directions both ways, in turn.

    Returns:
        Median seconds and MiB of each, and ratios of ours to the plain one.
    """
    found = {}
    with tempfile.TemporaryDirectory(prefix="peewee-bench-") as name:
        work = Path(name)
        write_release(work / "release", mib)
        with local_server(work / "server") as environment:
            for _ in range(n_runs):
                _one_round(work, environment, found)
                shutil.rmtree(work / "got")
    figures = {}
    for direction in ("publish", "pull"):
        for at, unit in enumerate(("s", "mib")):
            ours, plain = (
                statistics.median(pair[at] for pair in found[f"{who}_{direction}"]) for who in ("our", "plain")
            )
            figures |= {f"{direction}_{unit}": ours, f"{direction}_plain_{unit}": plain}
            figures[f"{direction}_{'time' if unit == 's' else 'memory'}_ratio"] = ours / plain
    return figures


def _one_round(work, environment, found):
    turn = uuid.uuid4().hex[:8]
    environment = environment | {"PEEWEE_CACHE": str(work / "got" / "cache"), "PEEWEE_SINGLE_PUBLISHER": "1"}
    names = {"address": f"s3://bench/{turn}", "bucket": "bench", "prefix": f"plain-{turn}/"}
    release, plain = {"folder": str(work / "release")}, {"folder": str(work / "got" / "plain")}
    for what, body in (
        ("our_publish", OURS_UP.format(**names, **release)),
        ("plain_publish", PLAIN_UP.format(**names, **release)),
        ("our_pull", OURS_DOWN.format(**names)),
        ("plain_pull", PLAIN_DOWN.format(**names, **plain)),
    ):
        found.setdefault(what, []).append(_measure(body, environment))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    for label, value in run(arguments.mib, arguments.runs).items():
        print(f"{label:24} {value:8.2f}")
