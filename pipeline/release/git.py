"""Runs git. No other module starts it.

PeeweeError
└── GitError                git is not installed, or refuses; the message has git's own words
    └── GitServerError      another repository can't be reached now; a TryAgainError too
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from peewee_model.errors import PeeweeError, TryAgainError
from peewee_model.public_text import HIDDEN, masked

_PATIENCE_S = 600
_NETWORK = ("clone", "fetch", "ls-remote", "push")
_REFUSALS = (
    "couldn't find remote ref", "not our ref", "does not exist", "not found", "does not appear to be a git repository",
    "no such remote ref", "unadvertised object", "Authentication failed", "Permission denied",
    "could not read Username", "dubious ownership",
)  # fmt: skip
"""Messages of git about another repository after which trying again changes nothing."""


class GitError(PeeweeError):
    """git is not installed, or refuses; the message has git's own words."""


class GitServerError(TryAgainError, GitError):
    """Another repository can't be reached now."""


def run_git(
    folder: Path,
    *arguments: str,
    config: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    secret: str = "",
) -> bytes:
    """Run git in a folder and return what it prints. git asks for no password, and takes paths literally.

    Args:
        folder: Where.
        arguments: Of git.
        config: `name=value` of git's configuration, for this call alone.
        env: In addition to ours.
        stdin: What git reads.
        secret: A URL whose user, password and query are hidden in messages.

    Raises:
        GitServerError: If another repository can't be reached.
        GitError: If git is not installed, or refuses.
    """
    options = [part for option in config for part in ("-c", option)]
    fixed = {"GIT_TERMINAL_PROMPT": "0", "GIT_LITERAL_PATHSPECS": "1", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", *options, *arguments], cwd=folder, env={**os.environ, **fixed, **(env or {})}, input=stdin,
            capture_output=True, timeout=_PATIENCE_S,
        )  # fmt: skip
    except FileNotFoundError:
        raise GitError(f"git is not installed, and {folder.absolute()} needs it; install git") from None
    except subprocess.TimeoutExpired:
        raise GitServerError(f"git {arguments[0]} took more than {_PATIENCE_S} s; try again") from None
    if done.returncode == 0:
        return done.stdout
    said = _without_secrets(" ".join(done.stderr.decode(errors="replace").split()), secret) or "it says nothing"
    may_help = arguments[0] in _NETWORK and not any(text in said for text in _REFUSALS)
    kind = GitServerError if may_help else GitError
    raise kind(f"git {arguments[0]} failed in {folder.absolute()}: {said[-500:]}")


def git(
    folder: Path, *arguments: str, config: Sequence[str] = (), env: Mapping[str, str] | None = None, secret: str = ""
) -> str:
    """Run git, and return what it prints, as text without the white space around it. See `run_git`."""
    return run_git(folder, *arguments, config=config, env=env, secret=secret).decode(errors="replace").strip()


def is_in_repository(folder: Path) -> bool:
    """Return whether a folder, or one above it, has a `.git`. If so, an error of git must stop the caller."""
    inside = folder.resolve()
    return "GIT_DIR" in os.environ or any(os.path.lexists(path / ".git") for path in (inside, *inside.parents))


def find_commit(folder: Path, name: str) -> str | None:
    """Return the id of a commit; None if the folder's repository has no commit of that name.

    Raises:
        GitError: If git refuses.
    """
    answer = run_git(folder, "cat-file", "--batch-check", stdin=f"{name}^{{commit}}\n".encode()).decode()
    return None if answer.rstrip().endswith(" missing") else answer.split()[0]


def names(listing: bytes) -> list[str]:
    """Return the paths of a listing that git made with `-z`."""
    return [os.fsdecode(name) for name in listing.split(b"\0") if name]


def _without_secrets(text: str, url: str) -> str:
    """Hide a URL's secrets, also if git's message contains only a part of the URL."""
    text = text.replace(url, masked(url)) if url else text
    parts = urlsplit(url)
    for part in (parts.password, parts.username if parts.username != "git" else None, parts.query):
        text = text.replace(part, HIDDEN) if part else text
    return text
