"""Objects in an S3 bucket, by keys: small ones that are written once, and files that are replaced and removed.

Put-if-absent is `If-None-Match: *`. Some servers answer it rightly in sequence, and yet let several racing writers win
(OpenStack Swift, Ceph); some ignore it. `s3.S3Backend` finds that out.
"""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peewee_model.errors import ReleaseError
from peewee_model.public_text import masked
from peewee_model.store.cache import Cache
from peewee_model.store.s3_connection.address import split_address
from peewee_model.store.s3_connection.client import S3Client
from peewee_model.store.s3_connection.errors import error_code, error_status

ABSENT = ("NoSuchKey", "404")
"""Codes of an answer that says that there is no such object."""

CONFLICTS = 10  # attempts in a row, before a conditional write is given up
CUT_ANSWERS = 6  # attempts in a row, before a read is given up
_CONFLICT = ("ConditionalRequestConflict", "OperationAborted")


class S3Objects:
    """Objects in a bucket, under a prefix.

    Args:
        address: `s3://bucket/prefix`, as the user wrote it.
        cache: Keeps objects that are read.

    Raises:
        ReleaseNotFoundError: If the address is malformed.
    """

    def __init__(self, address: str, cache: Cache) -> None:
        self._bucket, prefix = split_address(address)
        self._prefix = f"{prefix}/" if prefix else ""
        self.address = f"s3://{self._bucket}/{prefix}".rstrip("/")
        self._cache = cache
        self._client = S3Client(self.address, self._bucket)

    def names(self, prefix: str, start: str = "") -> list[str]:
        """See `Backend`. One request for each 1,000 names."""
        parent = f"{self._prefix}{prefix}/"
        pages = self._pages(parent + start, prefix, Delimiter="/")
        names = {
            (item.get("Prefix") or item["Key"])[len(parent) :].rstrip("/")
            for page in pages
            for item in (*page.get("CommonPrefixes", ()), *page.get("Contents", ()))
        }
        return sorted(names - {""})

    def keys(self, prefix: str) -> list[str]:
        """See `Backend`. One request for each 1,000 keys."""
        return sorted(self._sizes(prefix))

    def read(self, key: str, keep: bool = False) -> bytes | None:
        """See `Backend`."""
        if keep and (kept := self._cache.kept(key)) is not None:
            return kept
        with self._client.explained(key):
            data = self._read(key)
        if data is None:
            return None
        if keep:
            self._cache.keep(key, data)
        return data

    def _read(self, key: str) -> bytes | None:
        from botocore.exceptions import BotoCoreError, ClientError

        client = self._client.get()
        for attempt in range(CUT_ANSWERS):
            try:
                answer = client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            except ClientError as error:
                if error_code(error) in ABSENT:
                    return None
                raise
            try:
                data: bytes = answer["Body"].read()
                return data
            except BotoCoreError:  # the transfer broke off; botocore does not retry once an answer has begun
                if attempt + 1 == CUT_ANSWERS:
                    raise
                _wait(attempt)
        raise AssertionError

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """See `Backend`. If the answer is lost or unclear, the object in the bucket decides."""
        from botocore.exceptions import BotoCoreError, ClientError

        client = self._client.get()
        for attempt in range(CONFLICTS):
            with self._client.explained(key):
                try:
                    client.put_object(Bucket=self._bucket, Key=self._prefix + key, Body=data, IfNoneMatch="*")
                    return True
                except (BotoCoreError, ClientError) as error:
                    status = error_status(error)  # 0 if there was no answer
                    if status == 412 or status >= 500 or not status:
                        present = self.read(key)
                        if present is not None:
                            return present == data
                    if attempt + 1 == CONFLICTS or not (status == 412 or error_code(error) in _CONFLICT):
                        raise
            _wait(attempt)  # another writer is creating the object
        raise AssertionError

    def upload(self, path: Path, key: str) -> None:
        """See `Backend`."""
        client = self._client.get()
        with self._client.explained(key):
            client.upload_file(str(path), self._bucket, self._prefix + key)

    def download(self, key: str, path: Path) -> None:
        """See `Backend`."""
        client = self._client.get()
        with self._client.explained(key):
            client.download_file(self._bucket, self._prefix + key, str(path))

    def delete(self, key: str) -> None:
        """See `Backend`."""
        client = self._client.get()
        with self._client.explained(key):
            client.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def _pages(self, start: str, prefix: str, **options: str) -> Iterator[dict[str, Any]]:
        client = self._client.get()
        with self._client.explained(prefix):
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=start, **options):
                if "Name" not in page:  # botocore reads a web page with status 200 as an empty listing
                    raise ReleaseError(
                        f"{self.address}: {masked(self._client.endpoint)} does not answer as an S3 server; "
                        "check AWS_ENDPOINT_URL"
                    )
                yield page

    def _sizes(self, prefix: str) -> dict[str, int]:
        """The size of every object under a prefix, by key."""
        pages = self._pages(f"{self._prefix}{prefix}/", prefix)
        return {item["Key"][len(self._prefix) :]: item["Size"] for page in pages for item in page.get("Contents", ())}


def _wait(attempt: int) -> None:
    """Wait a random time, which grows with each attempt, so that writers do not retry at the same moment."""
    time.sleep(random.uniform(0, 0.05 * 2**attempt))
