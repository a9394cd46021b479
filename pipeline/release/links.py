"""The outputs of each stage, by SHA-256: `links/<stage>.json`. A "link" is in-toto's word for the record of a step.

`python -m pipeline STAGE` writes a stage's link after the stage, if dvc.yaml names it as an output. `bundle` joins the
links in a release's `links.json`. So every file between the archives and the models has a hash that is safe against
collisions (DVC's own is MD5), and a build or an audit of a release does not need the files. Links change no stage's
result, so only `bundle`, which reads them, depends on this module.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from peewee_model.errors import PeeweeError
from peewee_model.release.manifest import Edge, FileEntry, StageEntry, hash_file
from pipeline.graph.stages import outputs

LINKS = Path("links")
LINKS_FILE = "links.json"
"""Name of the joined links in a release."""
_THREADS = 8


class LinkError(PeeweeError):
    """A link is missing, damaged, or of other files than expected."""


def _check_paths(products: dict[str, FileEntry]) -> dict[str, FileEntry]:
    for path in products:
        if str(PurePosixPath(path)) != path or path.startswith(("/", ".")) or ".." in path.split("/"):
            raise ValueError(f"{path!r} is no path inside the project")
    return products


class StageLink(BaseModel):
    """The outputs of one stage."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal[1] = 1
    stage: str
    products: dict[str, FileEntry]
    """Every file of every output, by its path in the project; without the link itself."""

    _paths = field_validator("products")(_check_paths)

    def to_bytes(self) -> bytes:
        """Serialise; equal files give equal bytes."""
        return _serialise(self)


class ReleaseLinks(BaseModel):
    """The links of every stage before a release: its `links.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal[1] = 1
    stages: dict[str, dict[str, FileEntry]]
    """The products of each stage, by the stage's name."""

    @field_validator("stages")
    @classmethod
    def _each_path_once(cls, stages: dict[str, dict[str, FileEntry]]) -> dict[str, dict[str, FileEntry]]:
        seen: set[str] = set()
        for stage, products in stages.items():
            _check_paths(products)
            if twice := seen & products.keys():
                raise ValueError(f"{stage} and another stage made {min(twice)}")
            seen |= products.keys()
        return stages

    def to_bytes(self) -> bytes:
        """Serialise; equal links give equal bytes."""
        return _serialise(self)

    @property
    def products(self) -> dict[str, FileEntry]:
        """The files that all stages made."""
        return {path: entry for products in self.stages.values() for path, entry in products.items()}


def link_path(stage: str) -> Path:
    """Return the path of a stage's link."""
    return LINKS / f"{stage}.json"


def write_link(stage: str, definition: Mapping[str, Any]) -> bool:
    """Write the link of a stage that has just run in the current folder, if dvc.yaml names it as an output.

    Args:
        stage: Its name.
        definition: The stage's entry in dvc.yaml.

    Returns:
        Whether there is a link now.

    Raises:
        LinkError: If an output is not there.
    """
    path = link_path(stage)
    outs = outputs(dict(definition))
    if path.as_posix() not in outs:
        return False
    products = hash_files(_files_under(stage, [out for out in outs if out != path.as_posix()]))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(StageLink(stage=stage, products=products).to_bytes())
    part.replace(path)
    return True


def hash_files(paths: Iterable[Path]) -> dict[str, FileEntry]:
    """Hash files, several at a time: hashlib releases the interpreter's lock."""
    found = sorted(paths)
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        return dict(zip((path.as_posix() for path in found), pool.map(hash_file, found), strict=True))


def _files_under(stage: str, outs: Iterable[str]) -> set[Path]:
    files: set[Path] = set()
    for out in map(Path, outs):
        if not out.exists():
            raise LinkError(f"stage {stage} wrote no {out}, which dvc.yaml says that it does")
        files |= {path for path in out.rglob("*") if path.is_file()} if out.is_dir() else {out}
    return files


def read_link(stage: str) -> StageLink:
    """Read the link of a stage in the current folder.

    Raises:
        LinkError: If there is none, or it is no link of that stage.
    """
    path = link_path(stage)
    remedy = f"run `dvc repro --force --single-item {stage}`"
    try:
        link = StageLink.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise LinkError(f"{path} is missing, so it is not known what {stage} made; {remedy}") from None
    except ValidationError as error:
        raise LinkError(f"{path}: expected a link of format 1, found {_first(error)}; {remedy}") from None
    if link.stage != stage:
        raise LinkError(f"{path}: expected the link of {stage}, found that of {link.stage!r}; {remedy}")
    return link


def parse_release_links(data: bytes, origin: str) -> ReleaseLinks:
    """Read the bytes of a release's `links.json`.

    Args:
        data: The file.
        origin: Where it comes from, for the message.

    Raises:
        LinkError: If it is no such file.
    """
    try:
        return ReleaseLinks.model_validate_json(data)
    except ValidationError as error:
        raise LinkError(f"{origin}: expected links of format 1, found {_first(error)}; restore it") from None


def join_links(lineage: Mapping[str, StageEntry]) -> ReleaseLinks:
    """Join the links of stages that ran, and compare each with DVC's record of the stage's outputs.

    Args:
        lineage: The stages' records of dvc.lock. A stage without a link among its outputs is skipped.

    Raises:
        LinkError: If a link is missing or damaged, or has other files than dvc.lock; the path is named.
    """
    stages = {}
    for stage, entry in lineage.items():
        edge = next((edge for edge in entry.outs if edge.path == link_path(stage).as_posix()), None)
        if edge:
            products = read_link(stage).products
            _check_record(stage, edge)
            check_products(stage, products, entry)
            stages[stage] = products
    return ReleaseLinks(stages=stages)


def _check_record(stage: str, edge: Edge) -> None:
    found = hashlib.md5(link_path(stage).read_bytes(), usedforsecurity=False).hexdigest()
    if found != edge.hash:
        raise LinkError(f"{edge.path}: dvc.lock has md5 {edge.hash}, found {found}; run `dvc repro`")


def check_products(stage: str, products: Mapping[str, FileEntry], entry: StageEntry) -> None:
    """Compare a stage's products with its record in dvc.lock: the outputs, and the numbers of files and bytes.

    Raises:
        LinkError: Names the output that differs.
    """
    edges = {edge.path: edge for edge in entry.outs if edge.path != link_path(stage).as_posix()}
    inside: dict[str, list[FileEntry]] = {path: [] for path in edges}
    for path, product in products.items():
        owner = next((out for out in edges if path == out or path.startswith(f"{out}/")), None)
        if owner is None:
            raise LinkError(f"{link_path(stage)} lists {path}, which dvc.lock does not; run `dvc repro`")
        inside[owner].append(product)
    for path, edge in edges.items():
        expected = edge.n_files if edge.n_files is not None else 1, edge.size
        found = len(inside[path]), sum(product.size for product in inside[path])
        if found != expected:
            raise LinkError(
                f"{path}: dvc.lock has {expected[0]} files of {expected[1]} bytes, {link_path(stage)} has {found[0]} "
                f"of {found[1]}; run `dvc repro --force --single-item {stage}`"
            )


def _serialise(model: BaseModel) -> bytes:
    return json.dumps(model.model_dump(), sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    return f"{where}: {first['msg']}"
