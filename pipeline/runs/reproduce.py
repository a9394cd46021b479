"""The child of a worker that works with DVC: `python -m pipeline.runs.reproduce REQUEST ANSWER`, two files of JSON.

It is a separate process for two reasons: the worker can stop it with all its descendants, and a worker without work
does not import DVC (1 s).
"""

import hashlib
import json
import logging
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peewee_model.entry import run
from peewee_model.errors import PeeweeError, TryAgainError
from peewee_model.files import write_whole
from pipeline.graph.stages import LOCK, edges, load_stages, outputs
from pipeline.logs import log_to_stderr
from pipeline.params.params import PARAMS_FILE
from pipeline.params.yaml_file import dump_yaml, load_yaml
from pipeline.release.lineage import ancestors
from pipeline.runs.process import die_with_parent
from pipeline.runs.records import Entry, Records, RunError, UnavailableError, result_key

logger = logging.getLogger(__name__)


class StageFailedError(PeeweeError):
    """The stage's own command failed; its output is in the log above.

    Args:
        stage: Its name.
        codes: Exit codes that its processes recorded; empty if it crashed.
        detail: Further information.
    """

    def __init__(self, stage: str, codes: Iterable[int], detail: str) -> None:
        known = sorted(code for code in codes if code)
        again = TryAgainError.exit_code
        self.exit_code = again if again in known else known[0] if known else 1
        super().__init__(f"stage {stage} failed with {self.exit_code if known else 'a crash'}: {detail}")


@dataclass(frozen=True)
class Request:
    """The child's task. Its current folder is the clone."""

    remote: str
    run: str
    stage: str | None
    """The stage to run; None to find the stages that another run has done already."""
    outcomes: str
    """Folder in which the stage's processes write their exit codes and seconds."""


def configure(clone: Path, remote: str, site: Path) -> None:
    """Configure DVC in a clone: set the remote, and verify every file from it."""
    lines = [
        "[core]",
        "    remote = run",
        "    analytics = false",
        "    check_update = false",
        f"    site_cache_dir = {site}",
        "[cache]",
        "    type = reflink,hardlink,copy",  # the clone is removed later, so it needs no second copy of the data
        "['remote \"run\"']",
        f"    url = {remote}/dvc",
        "    verify = true",
    ]
    (clone / ".dvc" / "config.local").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_lock(entries: dict[str, Entry]) -> None:
    """Write dvc.lock with these entries alone, because the commit's dvc.lock may be outdated."""
    stages = {name: entry.data for name, entry in entries.items()}
    LOCK.write_bytes(dump_yaml({"schema": "2.0", "stages": stages}))


def run_stage(request: Request, repo: Any) -> dict[str, Any]:
    """Run a stage on the outputs of its ancestors in this run, or reuse another run's result of the same inputs."""
    records, stages, stage = Records(request.remote), load_stages(), str(request.stage)
    entries: dict[str, Entry] = {}
    for name in ancestors(stage, stages):
        done = records.entry(request.run, name)
        if done is None:
            raise RunError(f"{stage} needs {name}, which is not done in run {request.run}; run that first")
        entries[name] = done
    write_lock(entries)
    if found := _known_result(repo, records, stages, stage, entries):
        return _answer("restored", records.add_entry(request.run, stage, found))
    made = {path for other in entries.values() for path in other.hashes("outs")}
    _reproduce(repo, stage, [dep for dep in stages[stage]["deps"] if dep in made], Path(request.outcomes))
    entry = Entry.parse(dump_yaml(load_yaml(LOCK.read_bytes())["stages"].get(stage)), f"{LOCK}: {stage}")
    _check_deps(stage, entry, entries)
    _push(repo, stage)
    for path in _uncached(stages[stage]):
        records.add_uncached(request.run, path, Path(path).read_bytes())
    if _is_reusable(stages[stage]):
        records.add_result(stage, entry)
    return _answer("ran", records.add_entry(request.run, stage, entry))


def find_results(request: Request, repo: Any) -> dict[str, Any]:
    """Find the stages with a reusable result: another run had the same inputs, and its result still exists."""
    records, stages = Records(request.remote), load_stages()
    upstream = edges(stages)
    entries: dict[str, Entry] = {}
    for name in _sorted(stages):
        known = all(other in entries for other in upstream[name])
        if known and (found := _known_result(repo, records, stages, name, entries)):
            entries[name] = found
    return {"entries": {name: entry.data for name, entry in entries.items()}}


def _sorted(stages: dict[str, dict[str, Any]]) -> list[str]:
    """Return the stages, each after those that it depends on."""
    return sorted(stages, key=lambda name: (len(ancestors(name, stages)), name))


def _known_result(
    repo: Any, records: Records, stages: dict[str, dict[str, Any]], name: str, entries: dict[str, Entry]
) -> Entry | None:
    """Find a result of the same command, inputs, code and parameters, whose files are all in the remote."""
    stage = stages[name]
    if not _is_reusable(stage):
        return None
    made = {path: entry for other in ancestors(name, stages) if (entry := entries.get(other)) for path in _outs(entry)}
    deps: dict[str, str] = {}
    for dep in _find(repo, name).deps:
        if dep.def_path in made:
            deps[dep.def_path] = made[dep.def_path].hashes("outs")[dep.def_path]
        elif type(dep).__name__ == "Dependency":  # else parameters
            if not dep.exists:
                raise RunError(f"{name} reads {dep.def_path}, which neither a stage makes nor the commit holds")
            dep.save()
            deps[dep.def_path] = dep.hash_info.value
    document = load_yaml(PARAMS_FILE.read_bytes())
    params = {section: document[section] for section in stage.get("params", [])}
    for entry in records.results(name, result_key(stage["cmd"], deps, params, outputs(stage))):
        missing = _missing(repo, entry)
        if missing is None:
            return entry
        logger.warning("a result of %s is not used: the remote has lost %s", name, missing)
    return None


def _find(repo: Any, name: str) -> Any:
    """Return DVC's object of a stage. DVC's own search by name, or by an output's path, reads dvc.yaml again."""
    return next(stage for stage in repo.index.stages if stage.name == name)


def _outs(entry: Entry) -> list[str]:
    return list(entry.hashes("outs"))


def _missing(repo: Any, entry: Entry) -> str | None:
    """Name an output, or a file of one, that the remote does not have."""
    odb = repo.cloud.get_remote().odb
    wanted: dict[str, str] = {}
    for path, oid in entry.hashes("outs").items():
        wanted[oid] = path
        if oid.endswith(".dir"):
            try:
                listing = odb.fs.cat_file(odb.oid_to_path(oid))
            except FileNotFoundError:
                return path
            if hashlib.md5(listing, usedforsecurity=False).hexdigest() != oid.removesuffix(".dir"):
                return path
            wanted |= {item["md5"]: f"{path}/{item['relpath']}" for item in json.loads(listing)}
    found = set(odb.list_oids_exists(list(wanted)))
    return next((path for oid, path in wanted.items() if oid not in found), None)


def _reproduce(repo: Any, stage: str, inputs: list[str], outcomes: Path) -> None:
    """Do what `dvc repro --pull --allow-missing STAGE` does, without DVC's own cache of runs: see `Records.results`.

    The inputs are pulled first, because DVC reads dvc.yaml five times for each input that it pulls by itself: 5 s of
    CPU for `bundle`. A missing input still stops the stage, because DVC checks that it exists and compares its hash.
    """
    from dvc.exceptions import CheckoutError, DvcException, FileTransferError

    try:
        _pull(repo, inputs)
        repo.reproduce(targets=[stage], pull=True, allow_missing=True, run_cache=False)
    except DvcException as error:
        causes = _causes(error)
        if any(type(cause).__name__ == "StageCmdFailedError" for cause in causes):
            said = "; ".join(str(cause) for cause in causes)
            codes = read_outcomes(outcomes)[0] or [int(code) for code in re.findall(r"exited with ([0-9]+)", said)]
            raise StageFailedError(stage, codes, said) from None
        detail = "; ".join(" ".join(str(cause).split()) for cause in causes)
        if any(isinstance(cause, CheckoutError | FileTransferError) for cause in causes):
            raise UnavailableError(
                f"{stage}: what it reads can't be got from the remote, or is not what its hash says: {detail}"
            ) from None
        raise PeeweeError(f"{stage}: {detail}") from error


def _pull(repo: Any, paths: list[str]) -> None:
    outs = [out for stage in repo.index.stages for out in stage.outs if out.def_path in paths]
    objects = {obj for out in outs for found in out.get_used_objs().values() for obj in found}
    failed = repo.cloud.pull(objects).failed
    if failed:
        raise UnavailableError(f"{len(failed)} files can't be got from the remote, or are not what their hash says")
    for out in outs:
        out.checkout()
        if not out.exists:
            raise UnavailableError(f"{out.def_path} can't be got from the remote, or is not what its hash says")


def _push(repo: Any, stage: str) -> None:
    """Store what a stage wrote: a folder's files first, and then their list."""
    objects = {obj for found in _find(repo, stage).get_used_objs(push=True).values() for obj in found}
    failed = repo.cloud.push(objects).failed
    if failed:
        raise UnavailableError(f"{stage}: {len(failed)} files can't be stored in the remote; try again")


def _check_deps(stage: str, entry: Entry, entries: dict[str, Entry]) -> None:
    """Check that the stage read exactly the outputs of its ancestors in this run."""
    made = {path: hash_ for other in entries.values() for path, hash_ in other.hashes("outs").items()}
    for path, hash_ in entry.hashes("deps").items():
        if made.get(path, hash_) != hash_:
            raise RunError(f"{stage} read {path} {hash_}, but in this run it is {made[path]}; nothing was stored")


def _is_reusable(stage: dict[str, Any]) -> bool:
    return not stage.get("always_changed", False) and not _uncached(stage)


def _uncached(stage: dict[str, Any]) -> list[str]:
    """List the outputs with `cache: false`."""
    items = [*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]
    return [
        path
        for item in items
        if isinstance(item, dict)
        for path, options in item.items()
        if not (options or {}).get("cache", True)
    ]


def read_outcomes(folder: Path) -> tuple[list[int], float]:
    """Read the exit codes that the stage's processes recorded, and the seconds of the longest."""
    found = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    return [item["exit_code"] for item in found], max((item["seconds"] for item in found), default=0.0)


def _answer(did: str, entry: Entry) -> dict[str, Any]:
    return {"did": did, "entry": entry.data}


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    waiting: BaseException | None = error
    while waiting is not None:
        found.append(waiting)
        waiting = waiting.__cause__ or waiting.__context__
    return found


def main(request_file: Path, answer_file: Path, clone: Path) -> int:
    """Do the task, and write the answer or the error into a file, which the worker reads."""
    die_with_parent()
    log_to_stderr()
    request = Request(**json.loads(request_file.read_text()))
    os.chdir(clone)
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            answer = run_stage(request, repo) if request.stage else find_results(request, repo)
        code = 0
    except PeeweeError as error:
        answer, code = {"error": str(error)}, error.exit_code
    write_whole(answer_file, json.dumps(answer))
    return code


if __name__ == "__main__":
    run("reproduce", lambda: main(*map(Path, sys.argv[1:])))
