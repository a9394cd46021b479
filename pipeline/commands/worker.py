"""`python -m pipeline.commands.worker`: one task of a run on any machine; docs/worker.md describes it.

The last line of stdout is the answer, as JSON; logs go to stderr. Exit codes: 0 done, now or before; 2 refused, trying
again changes nothing; 75 stopped, or something is out of reach, try again; any other code, a crash.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from peewee_model import environment
from peewee_model.entry import run as run_program
from peewee_model.errors import ConfigError, PeeweeError, ReleaseNotFoundError
from peewee_model.store.backends import absolute, open_backend
from pipeline.commands.entry import command
from pipeline.commands.result_line import write_result
from pipeline.graph.stages import GRAPH, load_stages
from pipeline.paths import METRICS, RECEIPT
from pipeline.runs.checkout import check_out, commit_params, project_path, resolve, shown
from pipeline.runs.checkpoints import Mirror
from pipeline.runs.planning import change_params, checked_reason, now, parse_overrides
from pipeline.runs.process import Stop, run_child
from pipeline.runs.records import Entry, Plan, Records, RunError, UnavailableError, clean_run_id
from pipeline.runs.reproduce import Request, configure, read_outcomes
from pipeline.runs.scratch import scratch, scratch_parent
from pipeline.runs.seal import release_figures, seal
from pipeline.runs.unsent import Unsent
from pipeline.tracking.settings import PAGE

logger = logging.getLogger(__name__)

PUBLISH = "publish"
CHECK_PARAMS = "pipeline/commands/check_params.py"
_MAX_METRICS = 64_000  # bytes
_PATHS = (environment.SIGNING_KEY, environment.PUBLIC_KEY, environment.CACHE)


class ChildError(PeeweeError):
    """The error that the child process reported, with its exit code.

    Args:
        message: The child's message.
        code: Negative for a signal.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code if code > 0 else 1


def plan(run: str, repository: str, revision: str, profile: str | None, overrides: dict[str, Any], reason: str) -> Plan:
    """Write the plan of a run, and reuse results of other runs. A second call changes nothing.

    Raises:
        PlainLineError: If a text of the plan, or the reason, is not fit for everybody to read.
        RunError: If the run already has another plan, or can't be planned.
    """
    reason = checked_reason(reason, run=run, repository=repository, revision=revision, profile=profile)
    records = _records()
    asks = (shown(repository), revision, profile, overrides)
    if records.has_plan(run):
        found = records.plan(run)
        if found.asks() != asks:
            raise RunError(f"run {run} was planned as {found.asks()}, not as {asks}; use a new run")
        return found
    with scratch(scratch_parent()) as folder:
        clone = folder / "clone"
        base = resolve(clone, repository, revision)
        project = clone / project_path(clone, base, repository)
        params = change_params(project, profile, overrides)
        check_params(project)
        at = now()
        commit = commit_params(project, params, run, reason, at) if params else base
        answer = _child(folder, project, records, run, None, Stop(), None)
        entries = {name: Entry(data) for name, data in answer["entries"].items()}
        order = list(load_stages(project / GRAPH))
        planned = records.add_plan(
            Plan(
                format=1, run=run, repository=shown(repository), revision=revision, base_commit=base, commit=commit,
                profile=profile, overrides=overrides, params=params, reason=reason, at=at,
                would_run=[name for name in order if name not in entries],
            )
        )  # fmt: skip
        if planned.asks() != asks:
            raise RunError(f"run {run} was planned otherwise meanwhile; use a new run")
        if planned.commit == commit:
            for name, entry in entries.items():
                records.add_entry(run, name, entry)
    return planned


def check_params(clone: Path) -> None:
    """Check params.yaml as a whole by the clone's own code, so that a run does not fail after a week.

    Raises:
        ConfigError: If it is wrong.
    """
    if not (clone / CHECK_PARAMS).is_file():
        logger.info("the revision has no %s: its parameters are checked stage by stage", CHECK_PARAMS)
        return
    module = CHECK_PARAMS.removesuffix(".py").replace("/", ".")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    done = subprocess.run([sys.executable, "-m", module], cwd=clone, env=env, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"{module} ended with {done.returncode}"])[-1]
        raise ConfigError(last.removeprefix("params: "))


def run(stage: str, run_id: str, repository: str, commit: str | None) -> dict[str, Any]:
    """Run a stage of a run, unless it is done.

    Raises:
        RunError: If the request is wrong, or something is missing.
        PeeweeError: If the stage's own command failed.
    """
    began = time.monotonic()
    records = _records()
    planned = records.plan(run_id)
    if commit and commit != planned.commit:
        raise RunError(f"run {run_id} has commit {planned.commit}, not {commit}; give the plan's, or none")
    if entry := records.entry(run_id, stage):
        return _answer(records, run_id, stage, "already done", entry, began, 0.0, None)
    if stage == PUBLISH and not environment.STORE.is_set():
        raise ConfigError("PEEWEE_STORE is not set: where is the release to go? A folder, or s3://bucket/prefix")
    with Stop().listening() as stop, scratch(scratch_parent()) as folder:
        project = check_out(folder / "clone", repository, planned)
        stages = load_stages(project / GRAPH)
        if stage not in stages:
            raise RunError(f"dvc.yaml has no stage {stage!r}; it has: {', '.join(stages)}")
        every_s = environment.CHECKPOINTS_S.seconds()
        mirror = Mirror(open_backend(records.remote), f"runs/{run_id}/checkpoints", project, stage, every_s)
        with Unsent(open_backend(records.remote), f"runs/{run_id}/tracking", project).running():
            found = _child(folder, project, records, run_id, stage, stop, mirror)
        page = folder / "outcomes" / PAGE
        tracked = {"mlflow": page.read_text()} if page.is_file() else {}
        metrics = project / METRICS
        shown = metrics.read_text() if metrics.is_file() and metrics.stat().st_size < _MAX_METRICS else None
        _, stage_s = read_outcomes(folder / "outcomes")
    return _answer(records, run_id, stage, found["did"], Entry(found["entry"]), began, stage_s, shown) | tracked


def seal_run(run_id: str, repository: str) -> dict[str, Any]:
    """See `seal`."""
    records = _records()
    planned = records.plan(run_id)
    with scratch(scratch_parent()) as folder:
        sealed = seal(records, planned, repository, folder / "clone")
    return {**sealed, **release_figures(sealed["version"])}


def show(run_id: str) -> dict[str, Any]:
    """Return the state of a run."""
    records = _records()
    planned = records.plan(run_id)
    return {**planned.model_dump(exclude={"params"}), "done": records.done(run_id), "sealed": records.sealed(run_id)}


def _child(
    folder: Path, project: Path, records: Records, run_id: str, stage: str | None, stop: Stop, mirror: Mirror | None
) -> dict[str, Any]:
    """Run the child process that uses DVC, in the project's folder of the clone."""
    outcomes, request, answer = (folder / name for name in ("outcomes", "request.json", "answer.json"))
    outcomes.mkdir()
    configure(project, records.remote, folder / "site")
    request.write_text(json.dumps(asdict(Request(records.remote, run_id, stage, str(outcomes)))))
    if stop.asked:
        raise UnavailableError("asked to stop before the stage began; start it again")
    command = [sys.executable, "-m", "pipeline.runs.reproduce", str(request), str(answer), str(project)]
    grace_s = environment.GRACE_S.seconds()
    if mirror:
        with mirror.running():
            code = run_child(command, _environment(run_id, stage, outcomes), stop, grace_s)
    else:
        code = run_child(command, _environment(run_id, stage, outcomes), stop, grace_s)
    found: dict[str, Any] = json.loads(answer.read_text()) if answer.exists() else {}
    if code == 0 and "error" not in found:
        if mirror:
            mirror.forget()
        return found
    if stop.asked:
        raise UnavailableError(f"asked to stop; {found.get('error', 'the stage was killed')}; start it again to go on")
    raise ChildError(found.get("error", f"the stage's process ended with {code}; see the log above"), code)


def _environment(run_id: str, stage: str | None, outcomes: Path) -> dict[str, str]:
    env = dict(os.environ)
    for name in ("PYTHONSAFEPATH", "DVC_ROOT", "DVC_STAGE", environment.RUN_STAGE.name):
        env.pop(name, None)
    # `python` in dvc.yaml is then this process's Python.
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', os.defpath)}"
    env["SHELL"] = "/bin/sh"
    # DVC needs both, and ends if there is no home folder or no user name.
    env["LOGNAME"] = environment.user_name()
    if environment.home_folder() is None:
        env["HOME"] = str(outcomes.parent / "home")
    env[environment.RUN.name] = run_id
    env[environment.OUTCOMES.name] = str(outcomes)
    if stage:
        env[environment.RUN_STAGE.name] = stage
    if store := env.get(environment.STORE.name):
        env[environment.STORE.name] = absolute(store)  # the stage runs in another folder
    for variable in _PATHS:
        if path := variable.path():
            env[variable.name] = str(path.absolute())
    if env.get("AWS_ENDPOINT_URL") or env.get("AWS_ENDPOINT_URL_S3"):
        env.setdefault("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")  # not all servers know the others
        env.setdefault("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
    return env


def _answer(
    records: Records, run_id: str, stage: str, did: str, entry: Entry, began: float, stage_s: float, metrics: str | None
) -> dict[str, Any]:
    answer: dict[str, Any] = {"run": run_id, "stage": stage, "did": did, "outs": entry.hashes("outs")}
    if str(RECEIPT) in answer["outs"] and (receipt := records.uncached(run_id, str(RECEIPT))):
        answer["receipt"] = json.loads(receipt)
    if str(METRICS) in answer["outs"] and metrics:
        answer["metrics"] = json.loads(metrics)
    answer["stage_s"] = round(stage_s, 2)
    answer["overhead_s"] = round(time.monotonic() - began - stage_s, 2)
    return answer


def _records() -> Records:
    remote = environment.REMOTE.read()
    if not remote:
        raise ConfigError("PEEWEE_REMOTE is not set: a folder or s3://bucket/prefix that all workers reach")
    try:
        return Records(remote)
    except ReleaseNotFoundError as error:
        raise ConfigError(f"{environment.REMOTE.name}: {error}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.commands.worker", description="One task of a run; docs/worker.md."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    from_environment: dict[str, Any] = {
        "default": environment.REPOSITORY.read(),
        "help": "git URL, or PEEWEE_REPOSITORY",
    }
    for name in ("plan", "run", "seal", "show"):
        command = commands.add_parser(name)
        if name == "run":
            command.add_argument("stage")
            command.add_argument("--commit", help="check that it is the plan's")
        command.add_argument("--run", required=True, help="the run's id; the same id is the same run")
        if name != "show":
            command.add_argument("--repository", **from_environment)
        if name == "plan":
            command.add_argument("--revision", default="HEAD", help="branch, tag or commit")
            command.add_argument("--profile", help="merged into params.yaml")
            command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="after the profile")
            command.add_argument("--reason", default="", help="why, for whoever reads the history")
    return parser


def _do(arguments: argparse.Namespace) -> dict[str, Any]:
    run_id = clean_run_id(arguments.run)
    if arguments.command == "show":
        return show(run_id)
    if not arguments.repository:
        raise ConfigError("no repository is given: --repository URL, or PEEWEE_REPOSITORY")
    if arguments.command == "run":
        return run(arguments.stage, run_id, arguments.repository, arguments.commit)
    if arguments.command == "seal":
        return seal_run(run_id, arguments.repository)
    overrides = parse_overrides(arguments.set)
    planned = plan(
        run_id, arguments.repository, arguments.revision, arguments.profile or None, overrides, arguments.reason
    )
    return planned.model_dump(include={"run", "commit", "base_commit", "would_run", "reason"})


@command("worker")
def main(arguments: list[str]) -> int:
    """Run the task of the command line."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        os.environ.pop(name, None)  # perhaps from a git hook that calls this program
    write_result(_do(_parser().parse_args(arguments)))
    return 0


if __name__ == "__main__":
    run_program("worker", lambda: main(sys.argv[1:]))
