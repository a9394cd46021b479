"""A run's code: a clone at its commit, with its parameters, the same for each worker to the bit.

A run that changes parameters is a commit on top of the one that was asked for. Author, message and date are the plan's,
so that every worker makes the very same commit, and only `seal` has to push it.
"""

import logging
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from peewee_model.masking import HIDDEN, masked
from pipeline.runs.records import Plan, RunError, UnavailableError

logger = logging.getLogger(__name__)

AUTHOR = {"GIT_AUTHOR_NAME": "Pee Wee TTS worker", "GIT_AUTHOR_EMAIL": "worker@peewee-tts.invalid"}
PARAMS = "params.yaml"
_PATIENCE_S = 600
_NOT_THERE = (
    "couldn't find remote ref", "not our ref", "does not exist", "not found", "does not appear to be a git repository",
    "no such remote ref", "unadvertised object", "Authentication failed", "Permission denied",
    "could not read Username", "dubious ownership",
)  # fmt: skip


def git(folder: Path, *arguments: str, env: Mapping[str, str] | None = None, secret: str = "") -> str:
    """Run git in a folder, without asking anybody anything.

    Args:
        folder: Where.
        arguments: Of git.
        env: In addition to ours.
        secret: A URL of which only the masked form may be shown.

    Raises:
        RunError: If git refuses.
        UnavailableError: If the server can't be reached.
    """
    fixed = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **AUTHOR}
    fixed |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in AUTHOR.items()}
    options = ("gc.auto=0", "core.autocrlf=false", "core.hooksPath=/dev/null", "commit.gpgSign=false")
    command = ["git", *(part for option in options for part in ("-c", option)), *arguments]
    try:
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **fixed, **(env or {})}, capture_output=True, text=True,
            timeout=_PATIENCE_S, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except FileNotFoundError:
        raise RunError("git is not installed; a worker needs it") from None
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"git {arguments[0]} took more than {_PATIENCE_S} s; try again") from None
    if done.returncode == 0:
        return done.stdout.strip()
    said = " ".join(done.stderr.split())
    if secret:
        said = said.replace(secret, masked(secret))
        parts = urlsplit(secret)
        for part in (parts.password, parts.username if parts.username != "git" else None, parts.query):
            said = said.replace(part, HIDDEN) if part else said
    network = arguments[0] in ("fetch", "push", "ls-remote")
    kind = UnavailableError if network and not any(text in said for text in _NOT_THERE) else RunError
    raise kind(f"git {arguments[0]} failed: {said[-500:]}")


def address(repository: str) -> str:
    """Give a repository's URL, or the absolute path of a local one."""
    is_path = "://" not in repository and not repository.partition("/")[0].count(":")
    return str(Path(repository).absolute()) if is_path else repository


def resolve(folder: Path, repository: str, revision: str) -> str:
    """Fetch a revision's files, without history, into a new clone.

    Returns:
        Its commit.

    Raises:
        RunError: If there is no such revision.
        UnavailableError: If the repository can't be reached.
    """
    url = address(repository)
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch", "run")
    # A remote without a name: `dvc` and the stages find no URL, and with it no credentials, in .git/config.
    git(folder, "fetch", "--quiet", "--no-tags", "--depth", "1", url, revision, secret=url)
    git(folder, "checkout", "--quiet", "--detach", "FETCH_HEAD")
    return git(folder, "rev-parse", "HEAD")


def check_out(folder: Path, repository: str, plan: Plan) -> None:
    """Make the clone that a run's stage runs in.

    Raises:
        RunError: If it is not the plan's to the bit.
        UnavailableError: If the repository can't be reached.
    """
    found = resolve(folder, repository, plan.base_commit)
    if found != plan.base_commit:
        raise RunError(f"{masked(repository)} gave commit {found} for {plan.base_commit}; use a new run")
    if plan.params is not None:
        found = commit_params(folder, plan.params, plan.run, plan.reason, plan.at)
    if found != plan.commit:
        raise RunError(f"run {plan.run}: its parameters make commit {found}, the plan has {plan.commit}; use a new run")


def commit_params(folder: Path, params: str, run: str, reason: str, at: str) -> str:
    """Commit a run's parameters.

    Returns:
        The commit: a function of the arguments and of the commit below, nothing else.
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
