"""A run's code: a clone at its commit, with its parameters. It is identical for all workers.

A run that changes parameters has its own commit on top of the requested one. Author, message and date are the plan's.
So every worker makes the same commit, and only `seal` has to push it.
"""

import logging
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from peewee_model.errors import ConfigError
from peewee_model.public_text import masked
from pipeline.params.params import PARAMS_FILE
from pipeline.release.git import git as run
from pipeline.release.git import names, run_git
from pipeline.runs.records import Plan, RunError

logger = logging.getLogger(__name__)

AUTHOR = {"GIT_AUTHOR_NAME": "Pee Wee TTS worker", "GIT_AUTHOR_EMAIL": "worker@peewee-tts.invalid"}
PARAMS = str(PARAMS_FILE)
_CONFIG = ("gc.auto=0", "core.autocrlf=false", "core.hooksPath=/dev/null", "commit.gpgSign=false")
_SUBFOLDER = "#subdirectory="


def git(folder: Path, *arguments: str, env: Mapping[str, str] | None = None, secret: str = "") -> str:
    """Run git in a worker's clone: as the worker, whatever the user's configuration says; see `release.git`."""
    identity = AUTHOR | {name.replace("AUTHOR", "COMMITTER"): value for name, value in AUTHOR.items()}
    return run(folder, *arguments, config=_CONFIG, env={**identity, **(env or {})}, secret=secret)


def address(repository: str) -> str:
    """Return a repository's URL, or the absolute path of a local one, without `#subdirectory=`."""
    url = repository.partition(_SUBFOLDER)[0]
    is_path = "://" not in url and not url.partition("/")[0].count(":")
    return str(Path(url).absolute()) if is_path else url


def shown(repository: str) -> str:
    """Return a repository's address without user, password and query, for plans and messages."""
    url, mark, folder = repository.partition(_SUBFOLDER)
    return f"{masked(url)}{mark}{folder}"


def project_path(clone: Path, revision: str, repository: str) -> str:
    """Find the project in a repository: `.`, or the subfolder that has dvc.yaml and params.yaml.

    Args:
        clone: Of the repository.
        revision: The revision to read.
        repository: Its address; `#subdirectory=PATH` at its end chooses one of several projects.

    Raises:
        ConfigError: If no folder is a project, or if several are and none is chosen.
    """
    files = set(names(run_git(clone, "ls-tree", "-r", "-z", "--name-only", "--full-tree", revision)))
    chosen = repository.partition(_SUBFOLDER)[2].strip("/")
    if chosen or PARAMS in files:
        found = [chosen or "."]
    else:
        folders = sorted(str(PurePosixPath(name).parent) for name in files if PurePosixPath(name).name == PARAMS)
        found = [folder for folder in folders if f"{folder}/dvc.yaml" in files]
    if len(found) == 1 and (found[0] == "." or f"{found[0]}/{PARAMS}" in files):
        return found[0]
    problem = f"has several projects: {', '.join(found)}" if len(found) > 1 else f"has no {chosen or '.'}/{PARAMS}"
    raise ConfigError(f"{shown(repository)} {problem}; name the project's folder: URL{_SUBFOLDER}PATH")


def resolve(folder: Path, repository: str, revision: str) -> str:
    """Fetch a revision's files, without history, into a new clone.

    Returns:
        Its commit.

    Raises:
        GitError: If there is no such revision.
        GitServerError: If the repository can't be reached.
    """
    url = address(repository)
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch", "run")
    # The remote has no name, so that .git/config contains no URL with credentials for `dvc` and the stages.
    git(folder, "fetch", "--quiet", "--no-tags", "--depth", "1", url, revision, secret=url)
    git(folder, "checkout", "--quiet", "--detach", "FETCH_HEAD")
    return git(folder, "rev-parse", "HEAD")


def check_out(folder: Path, repository: str, plan: Plan) -> Path:
    """Make the clone that a run's stage runs in.

    Returns:
        The project's folder: the clone, or a subfolder of it.

    Raises:
        RunError: If its commit is not the plan's.
        GitServerError: If the repository can't be reached.
    """
    found = resolve(folder, repository, plan.base_commit)
    if found != plan.base_commit:
        raise RunError(f"{shown(repository)} gave commit {found} for {plan.base_commit}; use a new run")
    project = folder / project_path(folder, found, repository)
    if plan.params is not None:
        found = commit_params(project, plan.params, plan.run, plan.reason, plan.at)
    if found != plan.commit:
        raise RunError(f"run {plan.run}: its parameters make commit {found}, the plan has {plan.commit}; use a new run")
    return project


def commit_params(folder: Path, params: str, run: str, reason: str, at: str) -> str:
    """Commit a run's parameters.

    Returns: The commit's id. It depends on the arguments and on the parent commit alone.
    """
    (folder / PARAMS).write_text(params, encoding="utf-8")
    return commit(folder, [PARAMS], f"run {run}: parameters\n\n{reason}\n", at)


def commit(folder: Path, paths: list[str], message: str, at: str) -> str:
    """Commit files, even if .gitignore names them; the date is given, so that it is the same commit each time."""
    git(folder, "add", "--force", "--", *paths)
    if git(folder, "diff", "--cached", "--name-only"):
        dates = {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
        git(folder, "commit", "--quiet", "--no-verify", "--cleanup=strip", "--message", message, env=dates)
    return git(folder, "rev-parse", "HEAD")
