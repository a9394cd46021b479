"""Reads archives from S3 and compatible servers."""

from collections.abc import Mapping
from typing import Any

from peewee_model.errors import ReleaseError, TryAgainError
from peewee_model.public_text import masked
from peewee_model.store.s3_connection.address import split_url
from peewee_model.store.s3_connection.client import S3Client
from pipeline.download.answer import (
    CONTENT_RANGE,
    SLOWEST_BYTES,
    TRY_AGAIN,
    Answer,
    DownloadError,
    Have,
    Patience,
    RefusedError,
    StalePartError,
    TransientError,
    kind,
    lively,
)

_CHANGED = (412, 416)
"""Status codes of an object that has changed."""


def open_s3(url: str, have: Have, patience: Patience) -> Answer:
    """Read `s3://bucket/key`; AWS_ENDPOINT_URL is the address of a server other than AWS."""
    from botocore.exceptions import BotoCoreError

    bucket, key = split_url(url)
    asked = {"Range": f"bytes={have.size}-", "IfMatch": have.validator} if have.size and have.validator else {}
    client = S3Client(
        masked(url), bucket, connect_timeout=patience.connect_s, read_timeout=patience.stall_s,
        retries={"max_attempts": 0},
    )  # fmt: skip
    try:
        got = _get(client, url, Bucket=bucket, Key=key, **asked)
    except TryAgainError as error:
        raise TransientError(str(error)) from None
    except ReleaseError as error:
        raise RefusedError(str(error)) from None

    def read() -> bytes:
        try:
            data: bytes = got["Body"].read(SLOWEST_BYTES)
        except (BotoCoreError, OSError) as error:
            raise TransientError(f"{masked(url)}: {kind(error)}") from None
        return data

    span = CONTENT_RANGE.fullmatch(got.get("ContentRange", ""))
    start = int(span[1]) if span and span[1] else 0
    if start not in (0, have.size):
        raise StalePartError(f"{masked(url)}: asked from byte {have.size} on, the answer begins at {start}")
    chunks = lively(url, read, patience)
    return Answer(start, start + int(got["ContentLength"]), got.get("ETag"), chunks, close=got["Body"].close)


def _get(client: S3Client, url: str, **asked: Any) -> Mapping[str, Any]:
    """Request an object.

    Raises:
        StalePartError: If the object has changed.
        ReleaseError: By the table of S3's errors.
    """
    from botocore.exceptions import ClientError

    connected = client.get()
    with client.explained():
        try:
            got: Mapping[str, Any] = connected.get_object(**asked)
        except ClientError as error:
            if (refusal := _refusal(url, error.response)) is not None:
                raise refusal from None
            raise
    return got


def _refusal(url: str, response: Mapping[str, Any]) -> DownloadError | None:
    """Return an error that only a download has; None for errors in the table."""
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = response.get("Error", {}).get("Code", "?")
    if status in _CHANGED:
        return StalePartError(f"{masked(url)}: the object has changed ({code})")
    if status in TRY_AGAIN:
        return TransientError(f"{masked(url)}: {code}")
    return None
