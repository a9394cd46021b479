"""What an audit finds, and what it could not look at."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

_ENTRY = re.compile(r"(?P<path>\S+) is no channel entry: (?P<found>.+?)(;|$)", re.DOTALL)
_SAID = re.compile(r"(?P<path>\S+): expected (?P<expected>.+?), found (?P<found>.+?)(;|$)", re.DOTALL)


@dataclass(frozen=True)
class Finding:
    """One thing that is not what the release says."""

    place: str
    """`workspace`, `cache` and `remote` (DVC's), `store`, `channel`, `record` (the release's own files contradict each
    other), `code` (git), or `source` (where an archive comes from)."""
    path: str
    expected: str
    found: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.place}: {self.path}: expected {self.expected}, found {self.found}"


@dataclass
class Report:
    """What an audit did."""

    version: str
    findings: list[Finding] = field(default_factory=list)
    n_files: Counter[str] = field(default_factory=Counter)
    """Files that were hashed, by place."""
    n_bytes: int = 0
    """That were hashed."""
    unchecked: list[str] = field(default_factory=list)
    """What was not there, or not looked at, and why."""
    complete: bool = True
    """Whether everything was looked at; an audit stops at its first finding unless told otherwise."""

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "version": self.version,
            "ok": not self.findings,
            "complete": self.complete,
            "findings": [vars(finding) for finding in self.findings],
            "n_files": dict(sorted(self.n_files.items())),
            "n_bytes": self.n_bytes,
            "unchecked": self.unchecked,
        }


def from_error(place: str, path: str, error: Exception) -> Finding:
    """Make a finding of an error whose message says what was expected and found; `path` if it names none."""
    text = " ".join(str(error).split())
    said = _SAID.search(text)
    if said:
        return Finding(place, said["path"], said["expected"], said["found"])
    entry = _ENTRY.search(text)
    if entry:
        return Finding(place, entry["path"], "a channel's entry", entry["found"])
    return Finding(place, path, "what the release says", text)
