"""The code that made a release: compares files of a git commit with the hashes of DVC and of the provenance.

DVC hashes files on disk. Git may write other bytes to disk than it stores: with `core.autocrlf`, it writes line ends of
Windows. So a commit's files are compared in both forms: as git stores them, and as it checks them out.
"""

import hashlib
import io
import json
import logging
import tarfile
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

from peewee_model.release.manifest import CodeEntry, Edge, StageEntry
from pipeline.graph.stages import GRAPH, load_stages, outputs
from pipeline.params.params import PARAMS_FILE
from pipeline.release.git import find_commit, is_in_repository, names, run_git
from pipeline.release.lineage import ancestors
from pipeline.release.provenance import hash_project

logger = logging.getLogger(__name__)

Files = Mapping[str, bytes]


class Committed:
    """Files of a commit, by their paths in the project.

    Args:
        folder: Of the project. It may be a subfolder of the repository.
        commit: Its id.
        paths: Files and folders.

    Raises:
        GitError: If git refuses.
    """

    def __init__(self, folder: Path, commit: str, paths: Iterable[str]) -> None:
        self._folder = folder
        self._commit = commit
        self.stored: Files = _read_stored(folder, commit, sorted(set(paths)))

    @cached_property
    def checked_out(self) -> Files:
        """The same files as git writes them to disk with `core.autocrlf=true`; the commit's attributes are kept."""
        if not self.stored:
            return {}
        arguments = ("archive", "--format=tar", self._commit, "--", *self.stored)
        data = run_git(self._folder, *arguments, config=["core.autocrlf=true"])
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            found = {member.name: archive.extractfile(member) for member in archive if member.isfile()}
            return {name: file.read() for name, file in found.items() if file}

    def md5(self, path: str) -> str | None:
        """Return DVC's hash of a file or folder as git stores it; None if the commit has none."""
        return _md5(path, self.stored)

    def sha256(self, path: str) -> str | None:
        """Return the SHA-256 of a file as git stores it; None if the commit has none."""
        return hashlib.sha256(self.stored[path]).hexdigest() if path in self.stored else None

    def has(self, edge: Edge) -> bool:
        """Return whether a file or folder is the one that a stage read."""
        return edge.hash == self.md5(edge.path) or edge.hash == _md5(edge.path, self.checked_out)

    def has_file(self, path: str, sha256: str) -> bool:
        """Return whether a file has the given SHA-256, in one of both forms."""
        forms = [form[path] for form in (self.stored, self.checked_out) if path in form]
        return sha256 in [hashlib.sha256(data).hexdigest() for data in forms]


def folder_hash(md5s: Mapping[str, str]) -> str:
    """Compute DVC's hash of a folder from the hashes of its files, by their names inside it."""
    listing = [{"md5": md5s[name], "relpath": name} for name in sorted(md5s)]
    data = json.dumps(listing, sort_keys=True).encode()
    return hashlib.md5(data, usedforsecurity=False).hexdigest() + ".dir"


def code_edges(lineage: Mapping[str, StageEntry]) -> dict[str, Edge]:
    """Return the files that stages read and no stage made, by path: code, and lists that git tracks."""
    made = {edge.path for entry in lineage.values() for edge in entry.outs}
    read = [edge for entry in lineage.values() for edge in entry.deps]
    return {edge.path: edge for edge in read if edge.path not in made}


def code_state(stage: str, lineage: Mapping[str, StageEntry], folder: Path = Path()) -> CodeEntry:
    """Return the project's commit, and the files that a stage and its ancestors read and that differ from the commit.

    Args:
        stage: Which makes the release.
        lineage: The records of its ancestors.
        folder: Of the project.

    Raises:
        GitError: If the project is in a repository, and git refuses to read it or is not installed.
    """
    commit = find_commit(folder, "HEAD") if is_in_repository(folder) else None
    if commit is None:
        logger.warning("no git commit here: the release can't say which code made it")
        return CodeEntry(commit=None, modified=())
    stages = load_stages(folder / GRAPH)
    made = {path for entry in stages.values() for path in outputs(entry)}
    deps = {dep for name in (stage, *ancestors(stage, stages)) for dep in stages[name].get("deps", [])}
    project = hash_project(folder)
    changed = _changed(folder, sorted({*(deps - made), *project, str(PARAMS_FILE)}))
    edges = {path: edge for path, edge in code_edges(lineage).items() if not is_among(path, changed)}
    committed = Committed(folder, commit, [*edges, *project])
    changed |= {path for path, edge in edges.items() if not committed.has(edge)}
    changed |= {name for name, entry in project.items() if not committed.has_file(name, entry.sha256)}
    if changed:
        logger.warning("modified=%s: the commit alone does not show how this release was made", ",".join(changed))
    return CodeEntry(commit=commit, modified=tuple(sorted(changed)))


def is_among(path: str, changed: Iterable[str]) -> bool:
    """Return whether a file is one of those that changed, or a folder holds one."""
    return any(name == path or name.startswith(f"{path}/") for name in changed)


def _changed(folder: Path, paths: list[str]) -> set[str]:
    """List the files under paths that git would commit with new content, or as new files.

    Not `git status`: it also names files that differ in line ends alone.
    """
    changed = run_git(folder, "diff", "HEAD", "--relative", "--name-only", "--no-renames", "-z", "--", *paths)
    untracked = run_git(folder, "ls-files", "--others", "--exclude-standard", "-z", "--", *paths)
    return {*names(changed), *names(untracked)}


def _read_stored(folder: Path, commit: str, paths: list[str]) -> Files:
    """Read files, and all under folders, as a commit stores them; git takes and gives paths from the current folder."""
    if not paths:
        return {}
    blobs: dict[str, str] = {}
    for line in names(run_git(folder, "ls-tree", "-r", "-z", commit, "--", *paths)):
        head, _, name = line.partition("\t")
        if head.split()[1] == "blob":
            blobs[name] = head.split()[2]
    data = run_git(folder, "cat-file", "--batch", stdin="".join(f"{blob}\n" for blob in blobs.values()).encode())
    found: dict[str, bytes] = {}
    start = 0
    for path in blobs:  # each: `<id> blob <size>\n<content>\n`
        end = data.index(b"\n", start)
        size = int(data[start:end].split()[2])
        found[path] = data[end + 1 : end + 1 + size]
        start = end + size + 2
    return found


def _md5(path: str, files: Files) -> str | None:
    """Hash a file, or a folder of files, as DVC does."""
    md5s = {
        name: hashlib.md5(data, usedforsecurity=False).hexdigest()
        for name, data in files.items()
        if name == path or name.startswith(f"{path}/")
    }
    if path in md5s:
        return md5s[path]
    return folder_hash({name.removeprefix(f"{path}/"): md5 for name, md5 in md5s.items()}) if md5s else None
