"""Compares the code of a release's commit with the hashes in its lineage and its provenance."""

import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.audit.finding import Finding, Report
from pipeline.audit.record import Record
from pipeline.graph import stages
from pipeline.release.committed import Committed, is_among
from pipeline.release.git import find_commit, is_in_repository, names, run_git

GRAPH = str(stages.GRAPH)
COMMIT_IT = "commit the code before `dvc repro`, and train again"


def open_commit(root: Path, record: Record, report: Report) -> str | None:
    """Find the commit of a release in a project's repository; None, with a note, if it can't be read.

    Args:
        root: The project's folder. It may be a subfolder of the repository.
        record: Of the release.
        report: Receives what is not seen.

    Raises:
        GitError: If the project is in a repository that git refuses to read.
    """
    commit = record.manifest.code.commit
    if commit is None:
        report.miss("code: the release names no commit, because it was made outside of git", COMMIT_IT)
        return None
    if not is_in_repository(root):
        report.miss(f"code: {root.resolve()} is in no git repository", "run the audit in a clone of the repository")
        return None
    if find_commit(root, commit) is None:
        report.miss(f"code: this repository has no commit {commit}", "`git fetch` the commit, or clone without --depth")
        return None
    everywhere = names(run_git(root, "ls-tree", "-r", "-z", "--name-only", "--full-tree", commit))
    here = os.fsdecode(run_git(root, "rev-parse", "--show-prefix")).removesuffix("\n")
    elsewhere = [name for name in everywhere if name.endswith(f"/{GRAPH}") or name == GRAPH]
    if elsewhere and f"{here}{GRAPH}" not in everywhere:
        remedy = f"check out commit {commit[:12]}, and run the audit there"
        report.miss(f"code: commit {commit[:12]} has the project in another folder, as {elsewhere[0]}", remedy)
        return None
    return commit


def check_code(root: Path, commit: str, record: Record, report: Report) -> Iterator[Finding]:
    """Compare every file of code that a stage read with what the release's commit holds.

    Args:
        root: Of the project.
        commit: Of the release.
        record: Of the release.
        report: Receives counts, and what is not seen.

    Raises:
        GitError: If git refuses.
    """
    dependencies = record.provenance.dependencies if record.provenance else {}
    listed = {
        name: found.digests["sha256"]
        for name, found in sorted(dependencies.items())
        if not found.uri and "sha256" in found.digests
    }
    modified = record.manifest.code.modified
    lost = {path for path in record.code.keys() | listed.keys() if _is_lost(path, modified)}
    for path in sorted(lost):
        report.miss(f"code: {path} differed from the commit when the release was made", COMMIT_IT)
    edges = [edge for path, edge in sorted(record.code.items()) if path not in lost]
    listed = {name: expected for name, expected in listed.items() if name not in lost}
    committed = Committed(root, commit, [*(edge.path for edge in edges), *listed])
    report.n_files["code"] += len(committed.stored)
    report.n_bytes += sum(map(len, committed.stored.values()))
    for edge in edges:
        if not committed.has(edge):
            found = committed.md5(edge.path)
            yield Finding(
                "code", f"{edge.path} at {commit[:12]}", f"md5 {edge.hash}", f"md5 {found}" if found else "none"
            )
    for name, expected in listed.items():
        if not committed.has_file(name, expected):
            found = committed.sha256(name)
            yield Finding(
                "code", f"{name} at {commit[:12]}", f"sha256 {expected}", f"sha256 {found}" if found else "none"
            )


def _is_lost(path: str, modified: tuple[str, ...]) -> bool:
    return is_among(path, modified) or any(path.startswith(f"{folder}/") for folder in modified)
