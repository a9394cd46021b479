"""The DVC remote on S3: what is pushed comes back in a fresh clone, and what was changed there does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

STAGE = """
stages:
  make:
    cmd: python make.py
    deps: [make.py]
    outs: [report.json, models]
"""
pytestmark = pytest.mark.system

MAKE = """
from pathlib import Path

Path("report.json").write_text('{"eer": 0.1}')
for number in range(3):
    path = Path(f"models/part-{number}.bin")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes([number]) * 100_000)
"""
OUTS = ("report.json", "models/part-0.bin", "models/part-1.bin", "models/part-2.bin")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """`run(folder, program, *arguments)` runs git or dvc, as on a machine that has never seen the project."""
    for name in ("DVC_SITE_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.org")

    def run(folder, *command, check=True):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def project(tmp_path, s3_bucket, run):
    """A project with a file and a folder as outs, pushed. Only the environment contains the server's address."""
    folder = tmp_path / "project"
    folder.mkdir()
    run(folder, "git", "init", "-q")
    run(folder, "dvc", "init", "-q")
    (folder / "dvc.yaml").write_text(STAGE)
    (folder / "make.py").write_text(MAKE)
    run(folder, "dvc", "remote", "add", "--default", "store", f"s3://{s3_bucket}/dvc")
    run(folder, "dvc", "remote", "modify", "store", "verify", "true")
    run(folder, "dvc", "repro", "-q")
    run(folder, "git", "add", ".")
    run(folder, "git", "commit", "-qm", "project")
    run(folder, "dvc", "push")
    return folder


def clone(project, run, name):
    folder = project.parent / name
    run(project.parent, "git", "clone", "-q", str(project), str(folder))
    return folder


def test_outs_come_back_in_a_fresh_clone_and_a_byte_flipped_in_the_remote_is_refused(project, run, swift, s3_bucket):
    """In a file, a listing and a file of a folder."""
    fresh = clone(project, run, "fresh")
    assert not any((fresh / out).exists() for out in OUTS)
    run(fresh, "dvc", "pull")
    for out in OUTS:
        assert (fresh / out).read_bytes() == (project / out).read_bytes()
    assert run(fresh, "dvc", "status").stdout.strip() == "Data and pipelines are up to date."

    client = swift.client()
    keys = [item["Key"] for item in client.list_objects_v2(Bucket=s3_bucket, Prefix="dvc/")["Contents"]]
    assert len(keys) == len(OUTS) + 1  # and the listing of the folder
    hashes = yaml.safe_load((project / "dvc.lock").read_text())["stages"]["make"]["outs"]
    of_outs = {entry["path"]: f"dvc/files/md5/{entry['md5'][:2]}/{entry['md5'][2:]}" for entry in hashes}
    of_a_part = next(key for key in keys if key not in of_outs.values())
    for name, key in (of_outs | {"models/part": of_a_part}).items():
        good = client.get_object(Bucket=s3_bucket, Key=key)["Body"].read()
        client.put_object(Bucket=s3_bucket, Key=key, Body=bytes([good[0] ^ 1]) + good[1:])
        fresh = clone(project, run, f"fresh-{Path(name).name}")
        assert run(fresh, "dvc", "pull", check=False).returncode != 0, name
        present = [out for out in OUTS if (fresh / out).exists()]
        assert len(present) < len(OUTS)
        assert all((fresh / out).read_bytes() == (project / out).read_bytes() for out in present)
        client.put_object(Bucket=s3_bucket, Key=key, Body=good)
