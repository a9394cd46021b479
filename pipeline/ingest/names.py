"""The names in an archive: relative, plain, and each there once, whatever a file system would make of them."""

import hashlib
import re

from pipeline.ingest.archive_error import ArchiveError

MAX_NAME_BYTES = 1024
MAX_PART_BYTES = 255  # of a name between two slashes

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Names:
    """The names of an archive's files, one after the other."""

    def __init__(self, archive: str) -> None:
        """Set the archive's name for errors."""
        self._archive = archive
        self._seen: dict[bytes, bytes] = {}

    def error(self, kind: str, name: str, message: str) -> ArchiveError:
        """Make an error that names the archive and the member."""
        member = f" member {name[:200]!r}" if name else ""
        return ArchiveError(kind, f"{self._archive}{member}: {message}")

    def decoded(self, name: bytes) -> str:
        """Decode a name, which must be UTF-8."""
        try:
            return name.decode("utf-8")
        except UnicodeDecodeError:
            shown = name.decode("utf-8", "backslashreplace")
            raise self.error("bad_name", shown, "its name is not UTF-8; rename it and pack the archive anew") from None

    def safe(self, name: str) -> str:
        """Return a name without empty parts and `.`; refuse one that leads out of the archive."""
        parts = name.split("/")
        if name.startswith("/") or ".." in parts or name[1:2] == ":":
            raise self.error("outside", name, "its name leads out of the archive; don't use this archive")
        if "\\" in name or _CONTROL.search(name):
            raise self.error("bad_name", name, "its name holds a backslash or a control character; rename it")
        if len(name.encode()) > MAX_NAME_BYTES or any(len(part.encode()) > MAX_PART_BYTES for part in parts):
            raise self.error(
                "bad_name", name, f"its name has more than {MAX_NAME_BYTES} bytes, or a part of it {MAX_PART_BYTES}"
            )
        return "/".join(part for part in parts if part not in ("", "."))

    def add_file(self, name: str) -> None:
        """Record a file's name, and refuse it if it is empty or was there before."""
        if not name:
            raise self.error("bad_name", name, "its name is empty; pack it anew")
        # Hashes, because 600,000 names and their case-folded forms would take 200 MB.
        exact = hashlib.blake2b(name.encode(), digest_size=8).digest()
        lower = name.casefold()
        folded = exact if lower == name else hashlib.blake2b(lower.encode(), digest_size=8).digest()
        before = self._seen.setdefault(folded, exact)
        if before is exact:
            return
        if before == exact:
            raise self.error("duplicate", name, "it is there twice, and which one counts nobody knows; pack it anew")
        raise self.error("case_collision", name, "another differs from it in case only; rename one and pack it anew")
