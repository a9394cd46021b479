"""The error of an archive, and its kinds."""

from peewee_model.errors import PeeweeError

KINDS = {
    "empty": "no bytes, or no regular file inside",
    "not_gzip": "the file does not begin as gzip",
    "not_tar": "a header is no tar header: wrong checksum or number",
    "truncated": "the archive ends early",
    "damaged": "gzip's own checksum or coding is wrong",
    "trailing_data": "bytes after the end of the gzip stream, or of the tar inside",
    "concatenated": "a second gzip stream after the first, which other readers would not see",
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
    "duplicate": "a name that stood before",
    "case_collision": "a name that stood before in other case",
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
