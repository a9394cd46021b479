"""Addresses on S3 servers: `s3://bucket/key` of one object, `s3://bucket/prefix` of a place."""

import re

from peewee_model.errors import ReleaseNotFoundError
from peewee_model.public_text import masked

SCHEME = "s3"

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=+-]*")


def is_s3(url: str) -> bool:
    """Say whether a URL is one of an S3 server."""
    return url.startswith(f"{SCHEME}://")


def split_url(url: str) -> tuple[str, str]:
    """Split `s3://bucket/key` into bucket and key. The key may be any text, or empty."""
    bucket, _, key = url.removeprefix(f"{SCHEME}://").partition("/")
    return bucket, key


def split_address(address: str) -> tuple[str, str]:
    """Split `s3://bucket/prefix`, a place where we write, into bucket and prefix; the prefix may be empty.

    Raises:
        ReleaseNotFoundError: If it is malformed; the message does not repeat parts that may be secret.
    """
    bucket, prefix = split_url(address)
    if "@" in bucket or ":" in bucket:
        raise ReleaseNotFoundError(
            "s3://...: the address holds `:` or `@` before the prefix; write it as s3://bucket/prefix, and give keys "
            "and endpoint as AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL"
        )
    parts = [part for part in prefix.split("/") if part]
    wrong = [f"{bucket!r} can't be a bucket"] if not _BUCKET.fullmatch(bucket) else []
    wrong += [f"{part!r} can't be part of a prefix" for part in parts if not _PREFIX_PART.fullmatch(part)]
    if wrong:
        raise ReleaseNotFoundError(f"{masked(address)}: {masked(wrong[0])}; write it as s3://bucket/prefix")
    return bucket, "/".join(parts)
