"""The places where a project keeps the outputs of its stages: the workspace, DVC's cache, DVC's remote."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from peewee_model.release.manifest import Edge
from pipeline.audit.errors import AuditError
from pipeline.audit.finding import Finding
from pipeline.audit.hashing import BLOCK, Source
from pipeline.graph.stages import GRAPH

PROJECT_FILES = (str(GRAPH), ".dvc")
_RUNS = "peewee-runs"
"""Name that this module gives to PEEWEE_REMOTE as a remote of DVC."""


@dataclass(frozen=True)
class Held:
    """A file that a place has, or should have."""

    source: Source
    md5: str | None
    """The hash in DVC's record; None if the record has only the folder's hash."""
    where: str
    """The path that a finding names."""


class Place(Protocol):
    """A place where outputs of stages may be."""

    name: str
    whole: bool
    """Whether an output is in the place either completely or not at all."""

    def files(self, edge: Edge) -> dict[str, Held] | Finding | None:
        """List the files of an output that the place has, or should have; None if it does not have the output.

        It returns a finding if the place's own record of the output is wrong.
        """


class Workspace:
    """The files in the workspace, where the stages wrote them.

    Args:
        root: Of the repository.
    """

    name = "workspace"
    whole = True

    def __init__(self, root: Path) -> None:
        self._root = root

    def files(self, edge: Edge) -> dict[str, Held] | Finding | None:
        """See `Place`. Links are followed, because DVC may have made them."""
        path = self._root / edge.path
        if not path.is_dir():
            is_there = path.exists() or path.is_symlink()
            return {edge.path: Held(path, edge.hash, edge.path)} if is_there else None
        held = {}
        for found in sorted(path.rglob("*")):
            if not found.is_dir():
                name = found.relative_to(self._root).as_posix()
                held[name] = Held(found, None, name)
        return held


class ObjectPlace:
    """Files by their MD5: DVC's cache, or a remote.

    Args:
        name: `cache` or `remote`.
        database: Of DVC.
    """

    whole = False

    def __init__(self, name: str, database: Any) -> None:
        self.name = name
        self._database = database

    def files(self, edge: Edge) -> dict[str, Held] | Finding | None:
        """See `Place`. The listing of a folder is compared with its own hash before it is used."""
        if not edge.hash.endswith(".dir"):
            return {edge.path: self._held(edge.path, edge.hash)}
        where = f"{edge.path} ({self._path(edge.hash)})"
        try:
            data = b"".join(_blocks(self._source(edge.hash)))
        except (FileNotFoundError, NotADirectoryError):
            return None
        found = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if f"{found}.dir" != edge.hash:
            return Finding(self.name, where, f"a listing with md5 {edge.hash}", f"md5 {found}.dir")
        try:
            listed = {f"{edge.path}/{item['relpath']}": item["md5"] for item in json.loads(data)}
            return {path: self._held(path, md5) for path, md5 in listed.items()}
        except (ValueError, KeyError, TypeError):
            return Finding(self.name, where, "a listing of DVC's", "something else")

    def _held(self, path: str, md5: str) -> Held:
        return Held(self._source(md5), md5, f"{path} ({self._path(md5)})")

    def _path(self, md5: str) -> str:
        path: str = self._database.oid_to_path(md5)
        return path

    def _source(self, md5: str) -> Source:
        path = self._path(md5)
        if self._database.fs.protocol == "local":
            return Path(path)
        return _remote_reader(self._database.fs, path)


def open_places(root: Path, offline: bool, run_remote: str = "") -> list[Place]:
    """Open DVC's cache and, unless offline, the remotes: that of runs, and the default remote or, if none is set, all.

    Args:
        root: Of the project.
        offline: Whether remotes are not used.
        run_remote: Address where runs keep their outputs (PEEWEE_REMOTE); empty for none.

    Raises:
        AuditError: If DVC can't read its own configuration.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    url = f"{run_remote if '://' in run_remote else Path(run_remote).expanduser().absolute()}/dvc"
    runs = {_RUNS: {"url": url}} if run_remote else {}
    config = {"core": {"no_scm": True}, "remote": runs}  # DVC refuses a folder without git
    try:
        with Repo(str(root), config=config) as repo:
            places: list[Place] = [ObjectPlace("cache", repo.cache.local)]
            default = repo.config["core"].get("remote")
            remotes = [default] if default else [name for name in sorted(repo.config["remote"]) if name != _RUNS]
            for remote in () if offline else [*runs, *remotes]:
                places.append(ObjectPlace("remote", repo.cloud.get_remote_odb(remote)))
            return places
    except DvcException as error:
        raise AuditError(f"{root}: DVC can't be used: {' '.join(str(error).split())}; correct .dvc/config") from None


def is_project(root: Path) -> bool:
    """Return whether a folder is the root of a project that releases are made in."""
    return all((root / name).exists() for name in PROJECT_FILES)


def _blocks(source: Source) -> Iterator[bytes]:
    if isinstance(source, Path):
        yield source.read_bytes()
    else:
        yield from source()


def _remote_reader(file_system: Any, path: str) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        from botocore.exceptions import BotoCoreError, ClientError
        from dvc.exceptions import DvcException

        try:
            with file_system.open(path, "rb") as file:
                while block := file.read(BLOCK):
                    yield block
        except FileNotFoundError:
            raise
        except (OSError, DvcException, BotoCoreError, ClientError) as error:
            said = " ".join(str(error).split())
            raise AuditError(
                f"DVC's remote: {path} can't be read: {said}; check its address and credentials, or use --offline"
            ) from None

    return read
