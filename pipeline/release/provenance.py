"""The origin of a release, in a format that other tools read: an in-toto statement with SLSA provenance (v1).

For every file of the release (the subjects), it records the commands and parameters that made it, and the archives and
code that it was made from. It contains no time, host, user or folder of a machine, so the same run gives the same
bytes. The manifest is no subject, because it lists this file.

Source:
    in-toto Attestation Framework, Statement v1; SLSA v1.0, Build provenance (https://slsa.dev/provenance/v1).
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from google.protobuf.json_format import Error, MessageToDict, Parse, ParseDict
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement

from peewee_model.errors import PeeweeError
from peewee_model.release.manifest import MANIFEST, CodeEntry, FileEntry, ParentEntry, StageEntry, check_name, hash_file
from pipeline.corpora.sources import Source
from pipeline.graph.stages import GRAPH

PROVENANCE = "provenance.json"
"""Its name in a release."""
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:peewee-tts:dvc-pipeline:v1"
"""external parameters: the sections of params.yaml; internal ones: `stages`, the command of each stage of dvc.yaml."""
BUILDER = "urn:peewee-tts:pipeline"
DISTRIBUTION = "peewee-tts"
PROJECT_FILES = (str(GRAPH), "exclusions.csv", "requirements.lock")
REPOSITORY = "repository"
"""Name of the dependency that is the code."""
PARENT = "parent"
"""Name of the dependency that is the release whose weights training started from: its manifest, by SHA-256."""
BYPRODUCTS = ("features.json", "links.json")
"""Files of the release that name, by SHA-256, what was made between the archives and the models."""

_DIGESTS = {
    "sha256": re.compile(r"[0-9a-f]{64}"),
    "md5": re.compile(r"[0-9a-f]{32}"),
    "gitCommit": re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}"),
}
_REMEDY = "fetch the release again, or bundle it anew with `dvc repro`"


class ProvenanceError(PeeweeError):
    """A provenance statement is damaged, or is not of this project's kind."""


@dataclass(frozen=True)
class Dependency:
    """An input of the release."""

    uri: str
    """Its address; empty if it has none."""
    digests: dict[str, str]
    """Hex by algorithm: `sha256`, `md5`, `gitCommit`."""
    annotations: dict[str, Any]


@dataclass(frozen=True)
class Provenance:
    """A statement that was read and checked."""

    subjects: dict[str, str]
    """SHA-256 of each file of the release, by name."""
    params: dict[str, Any]
    commands: dict[str, str]
    """By stage."""
    dependencies: dict[str, Dependency]
    """Archives, project files, and `repository`, by name."""
    byproducts: dict[str, str]
    """SHA-256 of the files that list what was made between, by name."""
    versions: dict[str, str]
    """Versions of the pipeline that made it."""


def write_provenance(
    *,
    files: Mapping[str, FileEntry],
    params: Mapping[str, Any],
    lineage: Mapping[str, StageEntry],
    code: CodeEntry,
    project: Mapping[str, FileEntry] | None = None,
    repository: str = "",
    parent: tuple[ParentEntry, str] | None = None,
) -> str:
    """Write the statement as JSON.

    Args:
        files: Every file of the release but the manifest and this one.
        params: Every parameter that a stage ran with; its archives are the dependencies.
        lineage: The stages as they ran.
        code: The commit, and the files that differed from it.
        project: Files that change a run and are no parameters; None for those of the current folder.
        repository: Public URL of the code. It is not this clone's `origin`, because other clones must make equal
            releases.
        parent: The release that training started from, and the SHA-256 of its manifest.

    Raises:
        ProvenanceError: If the arguments make no valid statement.
    """
    predicate = provenance_pb2.Provenance()
    definition = predicate.build_definition
    definition.build_type = BUILD_TYPE
    definition.external_parameters.update(dict(params))
    definition.internal_parameters.update({"stages": {stage: entry.cmd for stage, entry in lineage.items()}})
    definition.resolved_dependencies.extend(_archives(params))
    definition.resolved_dependencies.extend(
        _descriptor(name, sha256=entry.sha256)
        for name, entry in sorted((hash_project() if project is None else project).items())
    )
    if code.commit is not None:
        definition.resolved_dependencies.append(
            _descriptor(
                REPOSITORY,
                uri=repository,
                gitCommit=code.commit,
                annotations={"modified": list(code.modified)},
            )
        )
    if parent is not None:
        entry, sha256 = parent
        note = {"version": entry.version, "parts": list(entry.parts)}
        uri = f"{entry.store}/releases/{entry.version}/{MANIFEST}"
        definition.resolved_dependencies.append(_descriptor(PARENT, uri=uri, annotations=note, sha256=sha256))
    predicate.run_details.builder.id = BUILDER
    predicate.run_details.builder.version.update({DISTRIBUTION: _version()})
    predicate.run_details.byproducts.extend(
        _descriptor(name, sha256=files[name].sha256) for name in BYPRODUCTS if name in files
    )
    subjects = [_descriptor(name, sha256=entry.sha256) for name, entry in sorted(files.items())]
    try:
        document = MessageToDict(Statement(subjects, PREDICATE_TYPE, MessageToDict(predicate)).pb)
    except (Error, ValueError) as error:
        raise ProvenanceError(f"{PROVENANCE} can't be written: {error}; a parameter is NaN or infinite") from None
    document["predicate"]["buildDefinition"]["externalParameters"] = dict(params)  # protobuf has only floats
    text = json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    read_provenance(text.encode())
    return text


def read_provenance(data: bytes) -> Provenance:
    """Read a statement, and refuse it unless it is complete and of this project's kind.

    Raises:
        ProvenanceError: If it is damaged or of another kind.
    """
    try:
        statement = Statement.copy_from_pb(Parse(data, statement_pb2.Statement()))
        statement.validate()
        predicate = ParseDict(MessageToDict(statement.pb.predicate), provenance_pb2.Provenance())
        document = MessageToDict(statement.pb) | {"predicate": MessageToDict(predicate)}
        if document != json.loads(data):  # a field under its alternative name, or an empty one
            raise ValueError("it holds more than it says")
    except (Error, ValueError, RecursionError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ProvenanceError(f"{PROVENANCE} is no in-toto statement with provenance: {first}; {_REMEDY}") from None
    definition, details = predicate.build_definition, predicate.run_details
    for what, found, expected in (
        ("predicateType", statement.pb.predicate_type, PREDICATE_TYPE),
        ("buildType", definition.build_type, BUILD_TYPE),
        ("builder.id", details.builder.id, BUILDER),
    ):
        if found != expected:
            raise ProvenanceError(f"{PROVENANCE}: {what} is {found!r}, expected {expected!r}; {_REMEDY}")
    internal = MessageToDict(definition.internal_parameters)
    commands = internal.get("stages")
    if internal.keys() != {"stages"} or not isinstance(commands, dict):
        raise ProvenanceError(f"{PROVENANCE}: internalParameters do not list the stages' commands; {_REMEDY}")
    return Provenance(
        subjects=_files("subject", statement.pb.subject),
        params=json.loads(data)["predicate"]["buildDefinition"].get("externalParameters", {}),
        commands=commands,
        dependencies=_dependencies(definition.resolved_dependencies),
        byproducts=_files("byproducts", details.byproducts),
        versions=dict(details.builder.version),
    )


def hash_project(folder: Path = Path()) -> dict[str, FileEntry]:
    """Hash the files that change a run besides code and parameters; missing files are left out."""
    return {name: hash_file(folder / name) for name in PROJECT_FILES if (folder / name).is_file()}


def _archives(params: Mapping[str, Any]) -> Iterable[Any]:
    for document in params.get("corpus", {}).get("sources", []):
        source = Source.model_validate(document)
        digests = {"sha256": source.sha256} | ({"md5": source.md5} if source.md5 else {})
        note = {"corpus": source.corpus, "subset": source.subset, "licence": source.licence}
        yield _descriptor(source.archive_name, uri=source.public_url, annotations=note, **digests)


def _descriptor(name: str, uri: str = "", annotations: dict[str, Any] | None = None, **digests: str) -> Any:
    return ResourceDescriptor(name=name, uri=uri, digest=digests, annotations=annotations).pb


def _version() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"


def _files(where: str, descriptors: Iterable[Any]) -> dict[str, str]:
    """Read the release's files by name, each with a SHA-256 and no other digest."""
    found: dict[str, str] = {}
    for descriptor in descriptors:
        digests = _digests(where, descriptor)
        if digests.keys() != {"sha256"} or descriptor.uri:
            raise ProvenanceError(f"{PROVENANCE}: {where} {descriptor.name!r} is not named by SHA-256 alone; {_REMEDY}")
        if check_name(descriptor.name) or descriptor.name in (MANIFEST, PROVENANCE) or descriptor.name in found:
            raise ProvenanceError(f"{PROVENANCE}: {where} {descriptor.name!r} can't be there; {_REMEDY}")
        found[descriptor.name] = digests["sha256"]
    return found


def _dependencies(descriptors: Iterable[Any]) -> dict[str, Dependency]:
    found: dict[str, Dependency] = {}
    for descriptor in descriptors:
        name = descriptor.name
        if not name or name in found:
            raise ProvenanceError(f"{PROVENANCE}: resolvedDependencies have {name!r} twice, or no name; {_REMEDY}")
        digests = _digests("resolvedDependencies", descriptor)
        found[name] = Dependency(descriptor.uri, digests, MessageToDict(descriptor.annotations))
    return found


def _digests(where: str, descriptor: Any) -> dict[str, str]:
    digests = dict(descriptor.digest)
    if not digests:
        raise ProvenanceError(f"{PROVENANCE}: {where} {descriptor.name!r} has no digest; {_REMEDY}")
    for algorithm, value in digests.items():
        if algorithm not in _DIGESTS or not _DIGESTS[algorithm].fullmatch(value):
            raise ProvenanceError(
                f"{PROVENANCE}: {where} {descriptor.name!r}: {algorithm} {value!r} is no digest of a kind that is "
                f"known ({', '.join(_DIGESTS)}); {_REMEDY}"
            )
    return digests
