"""Environment variables: the one place that names, reads and documents them.

What can change a result is in params.yaml. What can't (where a store is, how many processes work, who publishes) is
here. An empty variable counts as unset. docs/configuration.md lists the same names; a test compares the two.
dags/ imports nothing of this package; its own variables are in `dags/settings.py`, and in the same document.
"""

import getpass
import os
from dataclasses import dataclass
from pathlib import Path

from peewee_model.errors import ConfigError


@dataclass(frozen=True)
class Variable:
    """One environment variable."""

    name: str
    meaning: str
    """Its description in one sentence, for docs/configuration.md and for `--help`."""
    default: str | None = None
    """Its value when it is unset; None if there is no default."""

    def read(self) -> str | None:
        """Return the value; the default if it is unset or empty."""
        return os.environ.get(self.name) or self.default

    def is_set(self) -> bool:
        """Return whether it is set to something that is not empty."""
        return bool(os.environ.get(self.name))

    def text(self) -> str:
        """Return the value of a variable that has a default."""
        value = self.read()
        assert value is not None, f"{self.name} has no default"
        return value

    def path(self) -> Path | None:
        """Return the value as a path, with `~` as the home folder.

        Raises:
            ConfigError: If `~` is used and the home folder is unknown.
        """
        value = self.read()
        try:
            return Path(value).expanduser() if value else None
        except RuntimeError:
            raise ConfigError(
                f"{self.name} is {value!r}, and that home folder is not known; set a whole path"
            ) from None

    def count(self) -> int | None:
        """Return the value as a whole number.

        Raises:
            ConfigError: If it is no whole number above 0.
        """
        value = self.read()
        if value is None:
            return None
        if not (value.isascii() and value.isdecimal()) or int(value) < 1:
            raise ConfigError(f"{self.name} is {value!r}; set a whole number, 1 or more, or unset it")
        return int(value)

    def seconds(self) -> float:
        """Return the value as seconds.

        Raises:
            ConfigError: If it is no number, or below 0.
        """
        value = self.text()
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 <= number < float("inf"):
            raise ConfigError(f"{self.name} is {value!r}; set a number of seconds, or unset it")
        return number

    def one_of(self, *choices: str) -> str:
        """Return the value, which must be one of the choices.

        Raises:
            ConfigError: If it is another one.
        """
        value = self.text()
        if value not in choices:
            raise ConfigError(f"{self.name} is {value!r}; set {' or '.join(choices)}, or unset it")
        return value

    def is_on(self) -> bool:
        """Say whether a switch is on.

        Raises:
            ConfigError: If it is neither 1 nor 0.
        """
        value = self.read() or "0"
        if value not in ("0", "1"):
            raise ConfigError(f"{self.name} is {value!r}; set 1 to switch it on, or unset it")
        return value == "1"


def user_name() -> str:
    """Return the user's name; `uid12345` for a user that the system does not know."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid{os.getuid()}"


def home_folder() -> Path | None:
    """Find the user's home folder; None without HOME for a user whom the system does not know.

    The folder may not exist, or may not be writable.
    """
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return home if home.is_absolute() and os.environ.get("HOME") != "" else None


STORE = Variable("PEEWEE_STORE", "The store of releases: a folder, or s3://bucket/prefix.", "store")
CACHE = Variable("PEEWEE_CACHE", "The folder of fetched releases; without it, ~/.cache/peewee-tts, or a temporary one.")
PUBLIC_KEY = Variable("PEEWEE_PUBLIC_KEY", "A PEM file; each release that is used must be signed by this key.")
SIGNING_KEY = Variable("PEEWEE_SIGNING_KEY", "A private key, a PEM file; each release that is published is signed.")
SIGNING_PASSWORD = Variable("PEEWEE_SIGNING_PASSWORD", "The password of PEEWEE_SIGNING_KEY, if it is encrypted.")
VOICES = Variable("PEEWEE_VOICES", "The folder in which `serve` keeps voices and consents.", "voices")
API_KEYS = Variable("PEEWEE_API_KEYS", "The file of API keys of `serve`: a name and the key's SHA-256 a line.")
MARK_KEY = Variable(
    "PEEWEE_MARK_KEY",
    "The key of the inaudible mark in what is synthesized; everybody knows the default.",
    "peewee-tts",
)
CREDENTIALS = Variable(
    "PEEWEE_CREDENTIALS",
    "A folder with chain.pem and key.pem, which sign Content Credentials; without it, each process makes its own.",
)
PUBLISHER = Variable("PEEWEE_PUBLISHER", "Who publishes, for a channel's log; without it, the user's name.")
SINGLE_PUBLISHER = Variable(
    "PEEWEE_SINGLE_PUBLISHER", "1: nobody else ever publishes into this store, so it need not be atomic."
)
PUBLISH_ANYWAY = Variable(
    "PEEWEE_PUBLISH_ANYWAY", "Why a release whose gate failed is published all the same; the reason is recorded."
)
DEVICE = Variable("PEEWEE_DEVICE", "What computes: cpu, cuda or auto.", "auto")
CUDA_GRAPHS = Variable("PEEWEE_CUDA_GRAPHS", "1: the synthesizer's attention loop replays CUDA graphs.")
WORKERS = Variable("PEEWEE_WORKERS", "Worker processes of the CPU stages; without it, one a core.")
REPOSITORY = Variable("PEEWEE_REPOSITORY", "The git URL of the project that a run's tasks clone.")
REMOTE = Variable("PEEWEE_REMOTE", "The DVC remote that all tasks of a run reach: a folder, or s3://bucket/prefix.")
SCRATCH = Variable("PEEWEE_SCRATCH", "The folder in which a task makes its clone; without it, the system's.")
CHECKPOINTS_S = Variable("PEEWEE_CHECKPOINTS_S", "Seconds between two copies of checkpoints to the remote.", "60")
GRACE_S = Variable("PEEWEE_GRACE_S", "Seconds that a stage has to end after SIGTERM.", "60")
PROCESSES = Variable("PEEWEE_PROCESSES", "Processes that train together on one machine.", "1")
RESULT = Variable("PEEWEE_RESULT", "A file that receives a command's result line too.")
RUN = Variable("PEEWEE_RUN", "The run that a task belongs to; a worker sets it.")
RUN_STAGE = Variable("PEEWEE_RUN_STAGE", "The only stage that a task may run; a worker sets it.")
TASK_PAGE = Variable("PEEWEE_TASK_PAGE", "The page of a task in Airflow, for its run in MLflow; the DAGs set it.")
OUTCOMES = Variable("PEEWEE_OUTCOMES", "The folder in which a stage leaves its exit code; a worker sets it.")
HASH_LISTS = Variable("PEEWEE_HASH_LISTS", "URLs of lists of checksums that the corpus watch reads.", "")
CORPUS_INBOX = Variable("PEEWEE_CORPUS_INBOX", "Where the corpus watch looks for archives: a folder, or s3://.", "")

ALL = tuple(value for value in globals().values() if isinstance(value, Variable))
