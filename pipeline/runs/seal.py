"""The last task of a run, and the only one that writes to git: dvc.lock on a branch, and a tag for the release."""

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from peewee_model import environment
from peewee_model.errors import PeeweeError
from peewee_model.metric_labels import release_labels
from pipeline.graph.stages import GRAPH, LOCK, load_stages
from pipeline.params.yaml_file import dump_yaml
from pipeline.paths import RECEIPT
from pipeline.release.git import GitError
from pipeline.runs.checkout import address, check_out, commit, git
from pipeline.runs.records import Plan, Records, RunError

logger = logging.getLogger(__name__)

_TRIES = 3


def seal(records: Records, plan: Plan, repository: str, clone: Path) -> dict[str, Any]:
    """Commit the run's results. A second call changes nothing.

    If an earlier run has sealed the same release, nothing is written to git.

    Raises:
        RunError: If a stage is not done.
        GitError: If git refuses, or the repository can't be reached.
    """
    if done := records.sealed(plan.run):
        return done
    project = check_out(clone, repository, plan)
    stages = load_stages(project / GRAPH)
    entries = {name: records.entry(plan.run, name) for name in stages}
    if missing := [name for name, entry in entries.items() if entry is None]:
        raise RunError(f"run {plan.run} is not done: {', '.join(missing)}; run what is missing, then seal")
    receipt = records.uncached(plan.run, str(RECEIPT))
    version = json.loads(receipt)["version"] if receipt else None
    branch, tag = f"runs/{plan.run}", f"release-{version}" if version else None
    url = address(repository)
    lock = dump_yaml({"schema": "2.0", "stages": {name: entry.data for name, entry in entries.items() if entry}})
    (project / LOCK).write_bytes(lock)
    message = f"run {plan.run}: {f'release {version}' if version else 'done'}\n\n{plan.reason}\n"
    sealed = commit(project, [str(LOCK)], message, plan.at)
    there = _refs(clone, url, branch, tag)
    if tag and there.get(f"refs/tags/{tag}", sealed) != sealed:
        logger.info("release %s was sealed by an earlier run, nothing is new", version)
        sealed, written = there[f"refs/tags/{tag}"], None
    else:
        _push(clone, url, sealed, branch, tag, there)
        written = branch
    answer = {"run": plan.run, "commit": sealed, "branch": written, "tag": tag, "version": version}
    return records.add_sealed(plan.run, answer)


def release_figures(version: str | None) -> dict[str, Any]:
    """Read a release's figures from the store, if there is a store.

    Returns:
        `metrics`, as in metrics.json, None if unknown; `headlines`, those that describe the release at a glance: the
        path in `metrics`, a name, the value, and the value as a text.
    """
    nothing: dict[str, Any] = {"metrics": None, "headlines": []}
    if not version or not environment.STORE.is_set():
        return nothing
    from peewee_model.store.store import open_store

    try:
        store = open_store(environment.STORE.text())
        manifest = store.read_manifest(version)
    except PeeweeError as error:
        logger.warning("metrics of release %s can't be read: %s", version, error)
        return nothing
    labels = release_labels(manifest.files, lambda name: store.read_file(version, name))
    headlines = [asdict(headline) for headline in labels.headlines(manifest.metrics)]
    return {"metrics": manifest.metrics, "headlines": headlines}


def _refs(clone: Path, url: str, branch: str, tag: str | None) -> dict[str, str]:
    wanted = [f"refs/heads/{branch}", *([f"refs/tags/{tag}"] if tag else [])]
    lines = git(clone, "ls-remote", url, *wanted, secret=url).splitlines()
    return {name: commit for commit, name in (line.split("\t") for line in lines)}


def _push(clone: Path, url: str, sealed: str, branch: str, tag: str | None, there: dict[str, str]) -> None:
    """Create the branch and the tag, unless they exist already; nothing is ever overwritten."""
    names = [f"refs/heads/{branch}", *([f"refs/tags/{tag}"] if tag else [])]
    for attempt in range(_TRIES):
        new = [name for name in names if there.get(name) != sealed]
        if not new:
            return
        if other := [name for name in new if name in there]:
            raise RunError(f"{other[0]} is commit {there[other[0]]} already, not {sealed}; use a new run")
        try:
            git(clone, "push", "--quiet", url, *(f"{sealed}:{name}" for name in new), secret=url)
        except GitError:
            if attempt == _TRIES - 1:
                raise
        there = _refs(clone, url, branch, tag)
