"""The records of runs in the remote. Only this module reads and writes them.

    REMOTE/dvc/                                the DVC remote: outputs by their content
    REMOTE/runs/<run>/plan.json                the run's commit, parameters and reason
    REMOTE/runs/<run>/lock/<stage>.yaml        the stage's entry of dvc.lock, written last: the stage is done
    REMOTE/runs/<run>/uncached/<path>          outputs that DVC does not keep, such as the receipt
    REMOTE/runs/<run>/checkpoints/...          of a training that is under way
    REMOTE/runs/<run>/sealed.json              what `seal` did
    REMOTE/results/<stage>/<key>/<hash>.yaml   entries by what the stage read: no run repeats what another has done

All objects but checkpoints are created with put-if-absent and never changed. A second writer uses the existing object.
The records are beside the DVC remote and not in it, because `dvc repro --pull` would download the remote's `runs/`.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from peewee_model.errors import ConfigError, PeeweeError, TryAgainError
from peewee_model.public_text import check_plain_line
from peewee_model.store.backends import absolute, open_backend
from pipeline.params.params import PARAMS_FILE
from pipeline.params.yaml_file import YAMLError, dump_yaml, load_yaml

_MAX_LENGTH = 100


class RunError(PeeweeError):
    """A run can't continue as requested; trying again changes nothing."""


class UnavailableError(TryAgainError):
    """Something outside can't be reached now."""


class Plan(BaseModel):
    """The plan of a run, the same for all its workers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int
    run: str
    repository: str
    """Address without credentials; each worker receives its own."""
    revision: str
    """The revision that was requested."""
    base_commit: str
    """The commit of the revision when the run was planned."""
    commit: str
    """The base commit, or one on top of it with the requested parameters; `seal` pushes it."""
    profile: str | None
    overrides: dict[str, Any]
    """Dotted key to value."""
    params: str | None
    """All of params.yaml, if the run changes it."""
    reason: str
    at: str
    """UTC, ISO 8601: the date of the run's commits, so that each worker makes the same commits."""
    would_run: list[str]
    """Stages without a result that could be reused; all other stages are done."""

    def asks(self) -> tuple[object, ...]:
        """Return the request, to recognise another plan of the same run."""
        return self.repository, self.revision, self.profile, self.overrides


@dataclass(frozen=True)
class Entry:
    """A stage's entry of dvc.lock: the command, and the hashes of what was read and written."""

    data: dict[str, Any]

    @classmethod
    def parse(cls, text: bytes | str, where: str) -> "Entry":
        """Read an entry.

        Raises:
            RunError: If it is no such entry.
        """
        try:
            data = load_yaml(text)
        except YAMLError as error:
            raise RunError(f"{where} is damaged: {' '.join(str(error).split())}; start a new run") from None
        if not isinstance(data, dict) or not isinstance(data.get("outs"), list) or "cmd" not in data:
            raise RunError(f"{where} is no entry of dvc.lock; start a new run")
        return cls(data)

    def to_bytes(self) -> bytes:
        """Write it; the same entry gives the same bytes."""
        return dump_yaml(self.data)

    def hashes(self, side: str) -> dict[str, str]:
        """Return path and hash of each file that the stage read (`deps`) or wrote (`outs`)."""
        return {item["path"]: item[item.get("hash", "md5")] for item in self.data.get(side, [])}

    def key(self) -> str:
        """Return a hash of the stage's inputs: entries with the same key are results of the same inputs."""
        params = self.data.get("params", {}).get(str(PARAMS_FILE), {})
        return result_key(self.data["cmd"], self.hashes("deps"), params, list(self.hashes("outs")))


def result_key(cmd: str, deps: dict[str, str], params: dict[str, Any], outs: list[str]) -> str:
    """Hash everything that a stage's outputs depend on."""
    question = {"cmd": cmd, "deps": deps, "params": params, "outs": sorted(outs)}
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()


def clean_run_id(run: str) -> str:
    """Convert a scheduler's name of a run to a valid name of a folder and a git branch.

    Raises:
        PlainLineError: If the scheduler's name is not for everybody to read.
        ConfigError: If no character of it is left.
    """
    check_plain_line(run, "--run")
    name = re.sub(r"[^a-z0-9_]+", "-", run.lower()).strip("-")
    if not name:
        raise ConfigError(f"{run!r} can't name a run; use letters and digits")
    if len(name) > _MAX_LENGTH:
        name = f"{name[: _MAX_LENGTH - 9]}-{hashlib.sha256(run.encode()).hexdigest()[:8]}"
    return name


class Records:
    """Reads and writes the records.

    Args:
        remote: A folder, or `s3://bucket/prefix`.

    Raises:
        ReleaseNotFoundError: If the address is malformed, or of a kind that we can't open.
    """

    def __init__(self, remote: str) -> None:
        self._objects = open_backend(absolute(remote))
        self.remote = self._objects.address

    def plan(self, run: str) -> Plan:
        """Read a run's plan.

        Raises:
            RunError: If there is none.
        """
        data = self._objects.read(f"runs/{run}/plan.json")
        if data is None:
            raise RunError(
                f"{self.remote} has no run {run!r}; plan it first: python -m pipeline.commands.worker plan --run {run}"
            )
        try:
            return Plan.model_validate_json(data)
        except ValidationError as error:
            raise RunError(f"{self.remote}/runs/{run}/plan.json: {error.errors()[0]['msg']}; use a new run") from None

    def add_plan(self, plan: Plan) -> Plan:
        """Write a plan, and return the valid one: another worker's, if that was faster."""
        data = _json(plan.model_dump())
        Plan.model_validate_json(data)  # a plan can't be changed later, so parse it first
        self._objects.put_if_absent(f"runs/{plan.run}/plan.json", data)
        return self.plan(plan.run)

    def has_plan(self, run: str) -> bool:
        """Return whether the run was planned."""
        return "plan.json" in self._objects.names(f"runs/{run}")

    def entry(self, run: str, stage: str) -> Entry | None:
        """Read the entry of a stage in a run; None if the stage is not done."""
        key = f"runs/{run}/lock/{stage}.yaml"
        data = self._objects.read(key)
        return None if data is None else Entry.parse(data, f"{self.remote}/{key}")

    def done(self, run: str) -> list[str]:
        """List the stages that are done."""
        return [name.removesuffix(".yaml") for name in self._objects.names(f"runs/{run}/lock")]

    def add_entry(self, run: str, stage: str, entry: Entry) -> Entry:
        """Record that a stage is done. If two workers ran it, the first one's result is the run's.

        Returns: The valid entry.
        """
        self._objects.put_if_absent(f"runs/{run}/lock/{stage}.yaml", entry.to_bytes())
        found = self.entry(run, stage)
        if found is None:
            raise UnavailableError(f"{self.remote}/runs/{run}/lock/{stage}.yaml is not there after it was written")
        return found

    def results(self, stage: str, key: str) -> list[Entry]:
        """List the results of all runs of a stage with the same inputs."""
        folder = f"results/{stage}/{key}"
        found = []
        for name in self._objects.names(folder):
            data = self._objects.read(f"{folder}/{name}")
            if data is not None and name == f"{hashlib.sha256(data).hexdigest()[:16]}.yaml":
                found.append(Entry.parse(data, f"{self.remote}/{folder}/{name}"))
        return [entry for entry in found if entry.key() == key]

    def add_result(self, stage: str, entry: Entry) -> None:
        """Keep a result for later runs."""
        data = entry.to_bytes()
        name = f"{hashlib.sha256(data).hexdigest()[:16]}.yaml"
        self._objects.put_if_absent(f"results/{stage}/{entry.key()}/{name}", data)

    def uncached(self, run: str, path: str) -> bytes | None:
        """Read an output that DVC does not keep."""
        return self._objects.read(f"runs/{run}/uncached/{path}")

    def add_uncached(self, run: str, path: str, data: bytes) -> None:
        """Keep an output that DVC does not keep."""
        self._objects.put_if_absent(f"runs/{run}/uncached/{path}", data)

    def sealed(self, run: str) -> dict[str, Any] | None:
        """Read the result of `seal`; None if the run is not sealed."""
        data = self._objects.read(f"runs/{run}/sealed.json")
        found: dict[str, Any] | None = None if data is None else json.loads(data)
        return found

    def add_sealed(self, run: str, sealed: dict[str, Any]) -> dict[str, Any]:
        """Write the result of `seal`, and return the valid one."""
        self._objects.put_if_absent(f"runs/{run}/sealed.json", _json(sealed))
        return self.sealed(run) or sealed


def _json(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()
