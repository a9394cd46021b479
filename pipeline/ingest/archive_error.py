"""The error of an archive, and its kinds."""

from peewee_model.errors import PeeweeError

KINDS = {
    "empty": "no bytes, or no regular file inside",
    "not_archive": "the file does not begin as an archive that is read here",
    "not_tar": "a header is no tar header: wrong checksum or number",
    "not_zip": "the records of a zip are missing or no such records",
    "contradiction": "two records of a zip differ about the same member, or about the zip",
    "overlap": "two members of a zip share bytes",
    "encrypted": "a member of a zip is encrypted",
    "unknown_method": "a member of a zip is compressed in a way that is not read here",
    "truncated": "the archive ends early",
    "damaged": "the archive's own checksum or coding is wrong",
    "trailing_data": "bytes after the end of the stream, of the tar inside, or of the zip; or before a zip",
    "concatenated": "a second stream after the first, which other readers would not see",
    "wrong_hash": "the SHA-256 is not the one in params.yaml",
    "bomb": "decompressed size out of proportion",
    "too_many_members": "more headers than any speech corpus, or too many tiny ones",
    "header_bloat": "an extended header of more than a MiB",
    "link": "a symbolic or hard link",
    "device": "a FIFO or a device",
    "sparse": "a sparse file",
    "unknown_type": "a member type that is no file",
    "special_mode": "setuid, setgid or sticky bit on a file",
    "negative_size": "a size below zero",
    "outside": "`..` or an absolute name",
    "bad_name": "a name that is empty, too long, not UTF-8, or holds NUL, a backslash or a control character",
    "duplicate": "a name that was there before",
    "case_collision": "a name that was there before in other case",
}
"""Every kind of ArchiveError, with an explanation."""


class ArchiveError(PeeweeError):
    """An archive is damaged or unsafe, so nothing of it is used.

    Attributes:
        kind: One of `KINDS`.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
