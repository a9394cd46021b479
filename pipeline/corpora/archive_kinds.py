"""What a file is, by how it begins: only .tar.gz is read here, whatever a file's name says."""

GZIP = b"\x1f\x8b"
HEAD_BYTES = 512
READ = "a .tar.gz is read here, and nothing else"
_BEGINNINGS = (
    (b"\xfd7zXZ\x00", "an .xz file"),
    (b"BZh", "a .bz2 file"),
    (b"\x28\xb5\x2f\xfd", "a .zst file"),
    (b"PK\x03\x04", "a .zip file"),
    (b"PK\x05\x06", "an empty .zip file"),
    (b"7z\xbc\xaf\x27\x1c", "a .7z file"),
    (b"Rar!\x1a\x07", "a .rar file"),
    (b"\x04\x22\x4d\x18", "an .lz4 file"),
)
_TAR = slice(257, 262)


def other_archive(head: bytes) -> str | None:
    """Say which other kind of archive a file is; None if it is gzip, or no archive that is known.

    Args:
        head: Its first bytes, `HEAD_BYTES` if it has so many.
    """
    if head[_TAR] == b"ustar":
        return "a .tar that is not compressed"
    return next((kind for beginning, kind in _BEGINNINGS if head.startswith(beginning)), None)


def what_it_is(head: bytes) -> str | None:
    """Say what a file is in place of a .tar.gz; None if it begins as one."""
    if head.startswith(GZIP):
        return None
    if not head:
        return "empty"
    if kind := other_archive(head):
        return kind
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<"):
        return "a web page, perhaps one that says an error"
    if text.startswith((b"{", b"[")):
        return "JSON, perhaps an error of a server"
    return "no archive"
