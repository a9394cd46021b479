"""Reads a table that is too large for memory in pieces, each of whole lines."""

from collections.abc import Callable, Iterable, Iterator

from pipeline.ingest.archive_error import ArchiveError
from pipeline.ingest.readers.reader import Member

PIECE_BYTES = 1 << 20
MAX_LINE_BYTES = 1 << 20


def in_pieces(
    name: str, size: int, chunks: Iterable[bytes], error: Callable[[str, str], ArchiveError]
) -> Iterator[Member]:
    """Cut a table after lines.

    Args:
        name: Of the member.
        size: Its bytes.
        chunks: Its content.
        error: Makes an error of a kind and a message.

    Raises:
        ArchiveError: If a line is longer than `MAX_LINE_BYTES`.
    """
    head: bytes | None = None
    rest = b""
    for chunk in chunks:
        rest += chunk
        if len(rest) < PIECE_BYTES:
            continue
        end = rest.rfind(b"\n") + 1
        if not end and len(rest) > MAX_LINE_BYTES:
            raise error("header_bloat", f"a line of this table has more than {MAX_LINE_BYTES} bytes; pack it anew")
        if end:
            yield Member(name, size, rest[:end], head)
            head = head if head is not None else rest[: rest.index(b"\n") + 1]
            rest = rest[end:]
    if rest:
        yield Member(name, size, rest, head)
