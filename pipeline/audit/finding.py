"""The results of an audit: its findings, what it could not read, and its verdict."""

import re
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pipeline.audit.errors import DiffersError, NotAllSeenError

_ENTRY = re.compile(r"(?P<path>\S+) is no channel entry: (?P<found>.+?)(;|$)", re.DOTALL)
_SAID = re.compile(r"(?P<path>\S+): expected (?P<expected>.+?), found (?P<found>.+?)(;|$)", re.DOTALL)


@dataclass(frozen=True)
class Finding:
    """One thing that differs from the release's record."""

    place: str
    """`workspace`, `cache` and `remote` (DVC's), `store`, `channel`, `record` (the release's own files contradict each
    other), `code` (git), or `source` (the URL of an archive)."""
    path: str
    expected: str
    found: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.place}: {self.path}: expected {self.expected}, found {self.found}"


class Verdict(StrEnum):
    """The conclusion of an audit."""

    AS_IT_WAS_MADE = "as it was made"
    """Everything that the release depends on was read, and nothing differs."""
    DIFFERS = "differs"
    """Something differs from the release's record."""
    NOT_ALL_SEEN = "not all seen"
    """Nothing that was read differs, but something was found in no place."""


@dataclass
class Report:
    """Counts and results of an audit."""

    version: str
    findings: list[Finding] = field(default_factory=list)
    n_files: Counter[str] = field(default_factory=Counter)
    """Number of hashed files, by place."""
    n_bytes: int = 0
    """Number of hashed bytes."""
    unseen: list[str] = field(default_factory=list)
    """Things that the release depends on and that no place has. If there are any, the verdict is `not all seen`."""
    notes: list[str] = field(default_factory=list)
    """Things that were not read and that the verdict does not need, such as a further copy."""
    remedies: list[str] = field(default_factory=list)
    """How the user can make the missing things readable, each advice once."""
    complete: bool = True
    """Whether the audit ran to its end; it stops at the first finding unless it is asked to continue."""

    @property
    def verdict(self) -> Verdict:
        """The verdict."""
        if self.findings:
            return Verdict.DIFFERS
        return Verdict.NOT_ALL_SEEN if self.unseen else Verdict.AS_IT_WAS_MADE

    def miss(self, what: str, remedy: str) -> None:
        """Note something that the release depends on and that no place has."""
        self.unseen.append(what)
        self.advise(remedy)

    def advise(self, remedy: str) -> None:
        """Add an advice how to make missing things readable."""
        if remedy not in self.remedies:
            self.remedies.append(remedy)

    def raise_for_verdict(self) -> None:
        """Return if the release is as it was made.

        Raises:
            DiffersError: If something differs; names the first.
            NotAllSeenError: If something was not found; names the first, and the remedies.
        """
        if self.verdict is Verdict.DIFFERS:
            raise DiffersError(f"release {self.version} is not what it was made as: {self.findings[0]}")
        if self.verdict is Verdict.NOT_ALL_SEEN:
            more = f" and {len(self.unseen) - 1} more" if len(self.unseen) > 1 else ""
            raise NotAllSeenError(
                f"release {self.version}: nothing that was seen differs, but not all was seen: {self.unseen[0]}{more}; "
                + "; ".join(self.remedies)
            )

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data, for `--json`."""
        return {
            "version": self.version,
            "verdict": self.verdict,
            "ok": self.verdict is Verdict.AS_IT_WAS_MADE,
            "complete": self.complete,
            "findings": [vars(finding) for finding in self.findings],
            "n_files": dict(sorted(self.n_files.items())),
            "n_bytes": self.n_bytes,
            "unseen": self.unseen,
            "remedies": self.remedies,
            "notes": self.notes,
        }


def from_error(place: str, path: str, error: Exception) -> Finding:
    """Make a finding from an error that has the expected and the found value; `path` is used if it has none."""
    text = " ".join(str(error).split())
    said = _SAID.search(text)
    if said:
        return Finding(place, said["path"], said["expected"], said["found"])
    entry = _ENTRY.search(text)
    if entry:
        return Finding(place, entry["path"], "a channel's entry", entry["found"])
    return Finding(place, path, "what the release says", text)
