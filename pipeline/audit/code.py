"""The code that made a release: what stands in git at its commit, against the hashes in its lineage."""

import hashlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from peewee_model.release.manifest import Edge
from pipeline.audit.finding import Finding, Report
from pipeline.audit.places import folder_hash
from pipeline.audit.record import Record


def check_code(root: Path, record: Record, report: Report) -> Iterator[Finding]:
    """Compare every file of code that a stage read with what the release's commit holds.

    Args:
        root: Of the repository.
        record: Of the release.
        report: Told what can't be compared.
    """
    code = record.manifest.code
    if code.commit is None:
        report.unchecked.append("code: the release names no commit, it was made outside of git")
        return
    if not _has_commit(root, code.commit):
        report.unchecked.append(f"code: this repository has no commit {code.commit}; `git fetch` it, or clone it whole")
        return
    edges = []
    for path, edge in sorted(record.code.items()):
        if any(changed == path or changed.startswith(f"{path}/") for changed in code.modified):
            report.unchecked.append(f"code: {path} was not committed when the release was made")
        else:
            edges.append(edge)
    dependencies = record.provenance.dependencies if record.provenance else {}
    listed = {
        name: found.digests["sha256"]
        for name, found in sorted(dependencies.items())
        if not found.uri and "sha256" in found.digests and name not in code.modified
    }
    files = _read(root, code.commit, [*(edge.path for edge in edges), *listed])
    report.n_files["code"] += len(files)
    report.n_bytes += sum(map(len, files.values()))
    for edge in edges:
        yield from _check(code.commit, edge, files)
    for name, expected in listed.items():
        found = f"sha256 {hashlib.sha256(files[name]).hexdigest()}" if name in files else "none"
        if found != f"sha256 {expected}":
            yield Finding("code", f"{name} at {code.commit[:12]}", f"sha256 {expected}", found)


def _check(commit: str, edge: Edge, files: Mapping[str, bytes]) -> Iterator[Finding]:
    mine = {path: data for path, data in files.items() if path == edge.path or path.startswith(f"{edge.path}/")}
    md5s = {path: hashlib.md5(data, usedforsecurity=False).hexdigest() for path, data in mine.items()}
    if edge.hash.endswith(".dir"):
        found = folder_hash({path.removeprefix(f"{edge.path}/"): md5 for path, md5 in md5s.items()})
    else:
        found = md5s.get(edge.path, "")
    if not mine or found != edge.hash:
        yield Finding("code", f"{edge.path} at {commit[:12]}", f"md5 {edge.hash}", f"md5 {found}" if mine else "none")


def _has_commit(root: Path, commit: str) -> bool:
    return _git(root, "cat-file", "-e", f"{commit}^{{commit}}") is not None


def _read(root: Path, commit: str, paths: Sequence[str]) -> Mapping[str, bytes]:
    """Read files, and all under folders, as a commit has them."""
    listed = _git(root, "ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths) or b""
    blobs: dict[str, str] = {}
    for line in listed.split(b"\0"):
        if line:
            head, _, name = line.partition(b"\t")
            blobs[name.decode()] = head.split()[2].decode()
    data = _git(root, "cat-file", "--batch", stdin="".join(f"{blob}\n" for blob in blobs.values()).encode()) or b""
    found: dict[str, bytes] = {}
    start = 0
    for path in blobs:  # each: `<id> blob <size>\n<content>\n`
        end = data.index(b"\n", start)
        size = int(data[start:end].split()[2])
        found[path] = data[end + 1 : end + 1 + size]
        start = end + size + 2
    return found


def _git(root: Path, *arguments: str, stdin: bytes = b"") -> bytes | None:
    try:
        return subprocess.run(["git", *arguments], cwd=root, input=stdin, capture_output=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
