"""Archives from S3 and servers that speak its protocol."""

from collections.abc import Mapping
from typing import Any

from peewee_model.public_text import masked
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


def open_s3(url: str, have: Have, patience: Patience) -> Answer:
    """Get `s3://bucket/key`; AWS_ENDPOINT_URL names another server than AWS."""
    import boto3
    import botocore.config
    from botocore import exceptions

    bucket, _, key = url.removeprefix("s3://").partition("/")
    config = botocore.config.Config(
        connect_timeout=patience.connect_s,
        read_timeout=patience.stall_s,
        retries={"max_attempts": 0},
        request_checksum_calculation="when_required",  # servers other than AWS refuse the trailers
        response_checksum_validation="when_required",
    )
    asked = {"Range": f"bytes={have.size}-", "IfMatch": have.validator} if have.size and have.validator else {}
    try:
        client = boto3.client("s3", config=config)
        got = client.get_object(Bucket=bucket, Key=key, **asked)
    except exceptions.ClientError as error:
        raise _refusal(url, error.response) from None
    except (exceptions.HTTPClientError, exceptions.ConnectionError, OSError) as error:
        raise TransientError(f"{masked(url)}: {kind(error)}") from None
    except (exceptions.BotoCoreError, ValueError) as error:
        raise RefusedError(f"{masked(url)}: {type(error).__name__}; set AWS credentials and AWS_ENDPOINT_URL") from None

    def read() -> bytes:
        try:
            data: bytes = got["Body"].read(SLOWEST_BYTES)
        except (exceptions.BotoCoreError, OSError) as error:
            raise TransientError(f"{masked(url)}: {kind(error)}") from None
        return data

    span = CONTENT_RANGE.fullmatch(got.get("ContentRange", ""))
    start = int(span[1]) if span and span[1] else 0
    if start not in (0, have.size):
        raise StalePartError(f"{masked(url)}: asked from byte {have.size} on, the answer begins at {start}")
    chunks = lively(url, read, patience)
    return Answer(start, start + int(got["ContentLength"]), got.get("ETag"), chunks, close=got["Body"].close)


def _refusal(url: str, response: Mapping[str, Any]) -> DownloadError:
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = response.get("Error", {}).get("Code", "?")
    if status in (412, 416):
        return StalePartError(f"{masked(url)}: the object has changed ({code})")
    if status in TRY_AGAIN or code in ("SlowDown", "RequestTimeout"):
        return TransientError(f"{masked(url)}: {code}")
    return RefusedError(f"{masked(url)}: {code}; check bucket, key, AWS_ENDPOINT_URL and the credentials")
