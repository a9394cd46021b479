"""The release format: a folder whose manifest lists every file by its hash, and records how the release was made.

    manifest.json                                       the manifest; its hash is the release's version
    {encoder,synthesizer,vocoder}/model.safetensors     weights
    {encoder,synthesizer,vocoder}/config.json           the model's config
    reports/ samples/ MODEL_CARD.md                     figures and texts for people

Nothing here is pickled. Nothing is used before `verify_release` has compared it with the version that was asked for.
This module imports no torch: publishing and auditing work without it.
"""

import hashlib
import json
import re
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from peewee_model.errors import ConfigError, ReleaseNotFoundError, TamperedReleaseError

MANIFEST = "manifest.json"
MODELS = ("encoder", "synthesizer", "vocoder")
VERSION_LENGTH = 16
VERSION_PATTERN = re.compile(rf"[0-9a-f]{{{VERSION_LENGTH}}}")

MAX_MANIFEST_SIZE = 64 * 2**20
"""Bytes. A manifest of 20,000 files has 2.5 MB."""
SUFFIXES = frozenset(
    ".safetensors .json .jsonl .md .html .csv .tsv .svg .png .wav .flac".split()  # noqa: SIM905 - one line to read
)
"""Kinds of files that a release may contain. None of them can make a reader run code."""

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+=-]{0,126}")
_MAX_NAME_LENGTH = 240

Sha256 = Field(pattern=r"^[0-9a-f]{64}$")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class FileEntry(_Strict):
    """Hash and size of one file of a release."""

    sha256: str = Sha256
    size: int = Field(ge=0)
    """Bytes."""


class CorpusEntry(_Strict):
    """One source of training data."""

    corpus: str
    subset: str
    url: str
    """The address that the archive was downloaded from."""
    sha256: str
    """Of the archive."""
    licence: str
    n_speakers: int
    n_utterances: int
    hours: float
    splits: dict[str, JsonValue]
    """The same counts by split."""


class ParentEntry(_Strict):
    """The release whose weights a training started from, and the data of that release."""

    version: str = Field(pattern=rf"^{VERSION_PATTERN.pattern}$")
    store: str
    """Address of the store that it was read from, without secrets."""
    parts: tuple[str, ...]
    """The models whose training started from it."""
    corpora: tuple[CorpusEntry, ...]
    """The data that it was trained and tested on; through its weights, the new release learned from this data too."""
    parent: "ParentEntry | None"
    """The release that its own training started from; None if there was none."""

    @property
    def line(self) -> tuple["ParentEntry", ...]:
        """This release and its own ancestors, the nearest first."""
        return (self, *(self.parent.line if self.parent else ()))


class CodeEntry(_Strict):
    """The code that made a release."""

    commit: str | None
    """Id of the git commit; None outside a repository."""
    modified: tuple[str, ...]
    """Files that the release depends on and that differed from the commit. Empty for a release that can be rebuilt."""


class Edge(_Strict):
    """A file or folder that a stage read or wrote, by the hash in dvc.lock."""

    path: str
    algorithm: str
    """`md5`; DVC's hash of a folder is that of its sorted listing, and ends with `.dir`."""
    hash: str
    size: int | None
    """Bytes."""
    n_files: int | None


class StageEntry(_Strict):
    """One stage of the graph as it ran: its command, its parameters, and the files that it read and wrote."""

    cmd: str
    deps: tuple[Edge, ...]
    params: dict[str, JsonValue]
    outs: tuple[Edge, ...]


class Manifest(_Strict):
    """What a release contains and how it was made. It contains no time, so the same run gives the same bytes."""

    format: Literal[1]
    files: dict[str, FileEntry]
    """Every file but the manifest, by its name with forward slashes."""
    models: dict[str, dict[str, JsonValue]]
    """Each model's config."""
    mel: dict[str, dict[str, JsonValue]]
    """`speaker`: the mels of the encoder. `acoustic`: the mels that synthesizer and vocoder share."""
    metrics: dict[str, JsonValue]
    corpora: tuple[CorpusEntry, ...]
    params: dict[str, JsonValue]
    """Every parameter that any ancestor stage ran with."""
    code: CodeEntry
    lineage: dict[str, StageEntry]
    """Every stage between the archives and this release, by name."""
    parent: ParentEntry | None = None
    """The release that training started from. None if it started from random weights; the file then has no such key."""

    def to_bytes(self) -> bytes:
        """Serialise; equal manifests give equal bytes.

        Raises:
            ConfigError: If a number in it is not finite.
        """
        document = self.model_dump(exclude=None if self.parent else {"parent"})
        try:
            text = json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
        except ValueError as error:
            raise ConfigError(f"{MANIFEST}: {error}; a metric or parameter is NaN or infinite") from None
        return text.encode() + b"\n"


def version_of(manifest: bytes) -> str:
    """Return the version of the release whose manifest these bytes are."""
    return hashlib.sha256(manifest).hexdigest()[:VERSION_LENGTH]


def read_manifest(folder: Path) -> tuple[Manifest, str]:
    """Read a release's manifest and work out its version. The files that it lists are not looked at.

    Raises:
        ReleaseNotFoundError: If the folder holds no manifest.
        TamperedReleaseError: If the manifest is damaged, or lists a file that a release may not contain.
    """
    path = folder / MANIFEST
    try:
        data = read_small(path.resolve(), MAX_MANIFEST_SIZE)  # in a DVC workspace the file may be a link into the cache
    except FileNotFoundError:
        raise ReleaseNotFoundError(f"{path} is missing; {folder} is no release, or only half of one") from None
    version = version_of(data)
    return _parse(data, folder, version), version


def parse_manifest(data: bytes, version: str, origin: Path | str) -> Manifest:
    """Read a manifest's bytes, once they have been compared with the version asked for.

    Args:
        data: The file.
        version: The version that the bytes must have.
        origin: Where they come from, for the message.

    Raises:
        TamperedReleaseError: If they are the manifest of another release, or no manifest.
    """
    if version_of(data) != version:
        differs(origin, version, MANIFEST, f"version {version}", f"version {version_of(data)}")
    return _parse(data, origin, version)


def hash_file(path: Path) -> FileEntry:
    """Hash a file, a block at a time."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileEntry(sha256=digest, size=file.tell())


def mel_configs(models: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, JsonValue]]:
    """Find the two mel configs that a release's models agree on.

    Args:
        models: The config of each model, as plain data.

    Raises:
        ConfigError: If synthesizer and vocoder differ; the fields and both values are named.
    """
    for name in MODELS:
        if not isinstance(models.get(name, {}).get("mel"), dict):
            raise ConfigError(f"{name}/config.json has no section `mel`; it is not the config of one of our models")
    ours, theirs = models["synthesizer"]["mel"], models["vocoder"]["mel"]
    fields = [field for field in sorted(ours.keys() | theirs.keys()) if ours.get(field) != theirs.get(field)]
    if fields:
        named = ", ".join(f"mel.{field} is {ours.get(field)} and {theirs.get(field)}" for field in fields)
        raise ConfigError(f"synthesizer and vocoder do not fit together: {named}; train both on the same mels")
    return {"speaker": dict(models["encoder"]["mel"]), "acoustic": dict(ours)}


def check_name(name: str, suffixes: Collection[str] = SUFFIXES) -> str | None:
    """Return why a file name may not be in a release (or elsewhere, with other suffixes); None if it is allowed."""
    parts = name.split("/")
    if len(name) > _MAX_NAME_LENGTH or not all(_PART.fullmatch(part) for part in parts):
        return "a relative name of letters, digits, `_`, `-`, `.`, `+` and `=`"
    if Path(name).suffix not in suffixes:
        return f"one of the kinds {' '.join(sorted(suffixes))}"
    return None


def _parse(data: bytes, folder: Path | str, version: str) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        differs(folder, version, MANIFEST, "a manifest of format 1", f"{where}: {first['msg']}")
    lowered: set[str] = set()
    for name in manifest.files:
        problem = "a name of its own" if name.lower() in lowered or name == MANIFEST else check_name(name)
        if problem:
            differs(folder, version, MANIFEST, problem, f"file {name!r}")
        lowered.add(name.lower())
    for model in MODELS:
        for name in (f"{model}/config.json", f"{model}/model.safetensors"):
            if name not in manifest.files:
                differs(folder, version, MANIFEST, f"an entry for {name}", "none")
    return manifest


def read_small(path: Path, limit: int) -> bytes:
    """Read a regular file that is not larger than a limit in bytes.

    Raises:
        TamperedReleaseError: If it is no regular file, or is larger.
    """
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise TamperedReleaseError(f"{path}: expected a regular file, found a link, a folder or a device")
    if status.st_size > limit:
        raise TamperedReleaseError(f"{path}: expected at most {limit} bytes, found {status.st_size}")
    return path.read_bytes()


def differs(folder: Path | str, version: str, name: str, expected: str, found: str) -> NoReturn:
    """Raise an error that names a file of a release and how it differs from the manifest."""
    raise TamperedReleaseError(
        f"release {version}: {folder}/{name}: expected {expected}, found {found}; "
        "do not use it, and get the release again from its store"
    )
