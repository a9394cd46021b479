"""A connection to an S3 server: the one place that makes a boto3 client.

boto3 is imported at the first request. Opening a store, and reading from the cache, work without it.
"""

import contextlib
import os
import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from peewee_model.store.s3_connection.errors import explain

MAX_CONNECTIONS = 32
MAX_ATTEMPTS = 6  # attempts of one request, with random pauses between; AWS_MAX_ATTEMPTS overrides it
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 10, 60


class S3Client:
    """A boto3 client, created when it is first needed; safe to use from several threads.

    Args:
        address: Of the place, for messages.
        bucket: For messages.
        options: Options of botocore's `Config` that replace ours.
    """

    def __init__(self, address: str, bucket: str, **options: Any) -> None:
        self._address = address
        self._bucket = bucket
        self._options = options
        self._lock = threading.Lock()
        self._client: Any = None

    def get(self) -> Any:
        """Return the client.

        Raises:
            ReleaseError: If AWS's settings or credentials are wrong; in one line that says what to do.
        """
        with self._lock:
            if self._client is None:
                with self._explained((ValueError, OSError), ""):
                    self._client = _connect(self._options)
            return self._client

    @property
    def endpoint(self) -> str:
        """The server, for messages."""
        named: str = self._client.meta.endpoint_url if self._client else os.environ.get("AWS_ENDPOINT_URL") or "AWS"
        return named

    @contextlib.contextmanager
    def explained(self, key: str = "") -> Iterator[None]:
        """Turn what boto3 raises inside into one line that says what to do.

        Args:
            key: What is asked for.
        """
        with self._explained((), key):
            yield

    @contextlib.contextmanager
    def _explained(self, others: tuple[type[Exception], ...], key: str) -> Iterator[None]:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError
        from s3transfer.exceptions import RetriesExceededError

        try:
            yield
        except (BotoCoreError, ClientError, Boto3Error, ResponseParserError, RetriesExceededError, *others) as error:
            cause = error.last_exception if isinstance(error, RetriesExceededError) else error
            raise explain(cause, self._address, key, self.endpoint, self._bucket) from None


def _connect(options: dict[str, Any]) -> Any:
    import boto3
    from botocore.config import Config

    # AWS's other tools read AWS_REGION, botocore does not.
    session = boto3.session.Session(
        region_name=os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION") or None
    )
    config = Config(
        **{
            "connect_timeout": CONNECT_TIMEOUT_S,
            "read_timeout": READ_TIMEOUT_S,
            "max_pool_connections": MAX_CONNECTIONS,
            "tcp_keepalive": True,
            # The SHA-256 of each body is part of the signature, so the server checks what it received. Further
            # checksums, and trailers that servers other than AWS refuse, would add nothing to that and to our own.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
            "s3": {"payload_signing_enabled": True},
        }
        | options
    )
    if "retries" not in options and not os.environ.get("AWS_MAX_ATTEMPTS"):
        config = config.merge(Config(retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS}))
    if credentials := session.get_credentials():
        credentials.get_frozen_credentials()  # read now, so that an error in them is not reported as the server's
    client = session.client("s3", config=config)
    host = urlsplit(client.meta.endpoint_url).hostname or ""
    if not re.search(r"(^|\.)amazonaws\.com(\.cn)?$", host) and not _chooses_style(session):
        # On other servers, `bucket.host` seldom has a DNS name or a certificate.
        path = Config(s3={"payload_signing_enabled": True, "addressing_style": "path"})
        client = session.client("s3", config=config.merge(path))
    return client


def _chooses_style(session: Any) -> bool:
    """Whether the user's profile says how buckets are addressed."""
    return "addressing_style" in (session._session.get_scoped_config().get("s3") or {})
