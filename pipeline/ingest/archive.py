"""Reads members of an untrusted archive: a tar (plain, or packed by gzip, xz or bzip2), or a zip, whole or in pieces.

Nothing is unpacked, so a member's name is only ever compared and recorded, and only regular files are read. The first
bytes decide what an archive is, and not its name.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pipeline.corpora.sources import HEAD_BYTES, archive_kind
from pipeline.ingest.archive_error import ArchiveError
from pipeline.ingest.pieces import Pieces, check_hash
from pipeline.ingest.readers.reader import Member
from pipeline.ingest.tar_archive import Tar
from pipeline.ingest.unpacked import Unpacked
from pipeline.ingest.zip_archive import Zip


def read_members(
    path: Path,
    sha256: str = "",
    progress: Callable[[int], object] = lambda n_bytes: None,
    *,
    further: Sequence[tuple[Path, str]] = (),
) -> Iterator[Member]:
    """Yield an archive's regular files in their order, one in memory at a time.

    Args:
        path: The archive, or the first piece of a zip.
        sha256: Of the whole file, in hexadecimal; not compared if empty. A tar's is compared after the last member, a
            zip's before the first.
        progress: Called with the number of bytes of the archive read since its last call.
        further: The other pieces of a zip, each with its SHA-256.

    Raises:
        ArchiveError: Names the archive, the member and the kind. Members that were yielded before must then not be
            used.
    """
    try:
        with path.open("rb") as file:
            kind = archive_kind(file.read(HEAD_BYTES))
            if kind == "zip" or further:
                pieces = [(path, sha256), *further]
                for piece, expected in pieces:
                    check_hash(piece, expected)
                with Pieces([piece for piece, _ in pieces]) as whole:
                    yield from Zip(whole, path, progress).members()
                return
            file.seek(0)
            stream = Unpacked(file, path, progress)
            yield from Tar(stream, path).members()
            stream.finish(sha256)
    except OSError as error:
        name = error.filename or path
        raise ArchiveError("empty", f"{name} can't be read: {error.strerror}; run the stage download again") from None
