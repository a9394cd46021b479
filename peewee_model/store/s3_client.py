"""A connection to an S3 server, and what its errors mean to a person.

boto3 is imported when something is first asked of the server: opening a store, and reading from the cache, need none.
"""

import contextlib
import os
import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from peewee_model.errors import ReleaseError, ReleaseNotFoundError, TamperedReleaseError, TryAgainError
from peewee_model.masking import masked

MAX_CONNECTIONS = 32
MAX_ATTEMPTS = 6  # of one request, with jitter between; AWS_MAX_ATTEMPTS says otherwise
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 10, 60

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=+-]*")


class StoreUnavailableError(TryAgainError, ReleaseError):
    """The server can't be reached, or does not answer as it should."""


class UploadForgottenError(StoreUnavailableError):
    """The server does not know an upload in parts any more, because it finished it and the answer was lost."""


def split_address(address: str) -> tuple[str, str]:
    """Split `s3://bucket/prefix` into bucket and prefix; the prefix may be empty.

    Raises:
        ReleaseNotFoundError: If it is malformed; what may be a secret in it is not repeated.
    """
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    if "@" in bucket or ":" in bucket:
        raise ReleaseNotFoundError(
            "s3://...: the address holds `:` or `@` before the prefix; write it as s3://bucket/prefix, and give keys "
            "and endpoint as AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL"
        )
    if not _BUCKET.fullmatch(bucket):
        raise ReleaseNotFoundError(
            f"{masked(address)}: {masked(bucket)!r} can't be a bucket; write it as s3://bucket/prefix"
        )
    parts = [part for part in prefix.split("/") if part]
    for part in parts:
        if not _PREFIX_PART.fullmatch(part):
            raise ReleaseNotFoundError(
                f"{masked(address)}: {masked(part)!r} can't be part of a prefix; write it as s3://bucket/prefix"
            )
    return bucket, "/".join(parts)


class S3Client:
    """A boto3 client, made when it is first needed; safe to use from several threads.

    Args:
        address: Of the store, for messages.
        bucket: For messages.
    """

    def __init__(self, address: str, bucket: str) -> None:
        self._address = address
        self._bucket = bucket
        self._lock = threading.Lock()
        self._client: Any = None

    def get(self) -> Any:
        """Give the client."""
        with self._lock:
            if self._client is None:
                with self.explained():
                    self._client = _connect()
            return self._client

    @contextlib.contextmanager
    def explained(self, key: str = "") -> Iterator[None]:
        """Turn what boto3 raises inside into one line that says what to do.

        Args:
            key: What is asked for.
        """
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError
        from s3transfer.exceptions import RetriesExceededError

        try:
            yield
        except RetriesExceededError as error:
            raise self._explain(error.last_exception, key) from None
        except (BotoCoreError, ClientError, Boto3Error, ValueError) as error:
            if isinstance(error, ValueError) and "endpoint" not in str(error).lower():
                raise
            raise self._explain(error, key) from None

    def _explain(self, error: Exception, key: str) -> ReleaseError:
        code, status = error_code(error), error_status(error)
        name = type(error).__name__
        endpoint = masked(self._client.meta.endpoint_url if self._client else os.environ.get("AWS_ENDPOINT_URL", "AWS"))
        what = f"{self._address}/{key}" if key else self._address
        if code == "NoSuchBucket":
            return ReleaseNotFoundError(
                f"{self._address}: {endpoint} has no bucket {self._bucket!r}; create it, or correct the address"
            )
        if code == "NoSuchKey":
            return TamperedReleaseError(f"{what}: expected an object, found none; publish it again, or restore it")
        if code == "NoSuchUpload":
            return UploadForgottenError(f"{what}: {endpoint} does not know the upload any more; publish again")
        if name in ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "CredentialRetrievalError"):
            return ReleaseError(
                f"{what}: {_line(error)}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
            )
        if code in _BAD_CREDENTIALS:
            return ReleaseError(
                f"{what}: {endpoint} does not accept the credentials ({code}); correct AWS_ACCESS_KEY_ID, "
                "AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), or AWS_PROFILE"
            )
        if code in ("AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"):
            return ReleaseError(f"{what}: {_line(error)}; set AWS_REGION to the bucket's region")
        if code == "AccessDenied" or status in (401, 403):
            return ReleaseError(
                f"{what}: {endpoint} denies access{_operation(error)}; ask who runs the store for that permission"
            )
        if code == "NotImplemented":
            return ReleaseError(
                f"{what}: {endpoint} can't do what a store needs{_operation(error)}; use another server"
            )
        if name in ("InvalidRegionError", "NoRegionError", "InvalidEndpointError") or isinstance(error, ValueError):
            return ReleaseError(f"{what}: {_line(error)}; correct AWS_ENDPOINT_URL and AWS_REGION")
        if "Timeout" in name or "Connection" in name or name in _LOST:
            return StoreUnavailableError(
                f"{what}: {endpoint} can't be reached ({name}); check AWS_ENDPOINT_URL and the network, and try again"
            )
        if status >= 500 or code in ("SlowDown", "RequestTimeout", "Throttling"):
            return StoreUnavailableError(
                f"{what}: {endpoint} is out of order ({code or status}); try again later, and check AWS_ENDPOINT_URL"
            )
        return ReleaseError(
            f"{what}: {endpoint} does not answer as an S3 server ({_line(error)}); check AWS_ENDPOINT_URL"
        )


_BAD_CREDENTIALS = (
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "InvalidClientTokenId",
    "RequestTimeTooSkewed", "TokenRefreshRequired",
)  # fmt: skip


_LOST = ("SSLError", "HTTPClientError", "IncompleteReadError", "ResponseStreamingError")


def error_code(error: Exception) -> str:
    """Give the code in a server's answer, such as `NoSuchKey`; empty if the error is no answer."""
    return str((getattr(error, "response", None) or {}).get("Error", {}).get("Code", ""))


def error_status(error: Exception) -> int:
    """Give the HTTP status of a server's answer; 0 if the error is no answer."""
    return int((getattr(error, "response", None) or {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _operation(error: Exception) -> str:
    operation = getattr(error, "operation_name", "")
    return f" to {operation}" if operation else ""


def _line(error: Exception) -> str:
    return masked(" ".join(str(error).split()))[:200]


def _connect() -> Any:
    import boto3
    from botocore.config import Config

    session = boto3.session.Session()
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        max_pool_connections=MAX_CONNECTIONS,
        tcp_keepalive=True,
        # The SHA-256 of each body is part of the signature, so the server checks what it received. Further checksums,
        # and trailers that servers other than AWS refuse, would add nothing to that and to our own.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"payload_signing_enabled": True},
    )
    if "AWS_MAX_ATTEMPTS" not in os.environ:
        config = config.merge(Config(retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS}))
    client = session.client("s3", config=config)
    host = urlsplit(client.meta.endpoint_url).hostname or ""
    if not re.search(r"(^|\.)amazonaws\.com(\.cn)?$", host) and not _chooses_style(session):
        # Elsewhere `bucket.host` seldom has a name or a certificate.
        path = Config(s3={"payload_signing_enabled": True, "addressing_style": "path"})
        client = session.client("s3", config=config.merge(path))
    return client


def _chooses_style(session: Any) -> bool:
    """Whether the user's profile says how buckets are addressed."""
    return "addressing_style" in (session._session.get_scoped_config().get("s3") or {})
