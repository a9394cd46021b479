"""Reads archives from http(s) servers. What a server announces is checked.

It uses requests, which supports proxies, netrc, redirects and certificates. The body is read undecoded, since some
servers label a .tar.gz as gzip-encoded. pooch can't resume a download, and aria2 is a program that pip does not
install.
"""

import email.utils
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from peewee_model.public_text import masked
from pipeline.corpora.sources import HEAD_BYTES, archive_kind
from pipeline.download.answer import (
    CHUNK,
    CONTENT_RANGE,
    TRY_AGAIN,
    Answer,
    Have,
    Patience,
    RefusedError,
    StalePartError,
    TransientError,
    WebPageError,
    causes,
    kind,
    lively,
)

if TYPE_CHECKING:
    import requests

_PAGE = re.compile(rb"^(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|head|body|\?xml[^>]*>\s*<!doctype\s+html)", re.I)
_TITLE = re.compile(rb"<title[^>]*>\s*([^<]{1,80})", re.I)


def open_http(url: str, have: Have, patience: Patience) -> Answer:
    """Send a request to an http(s) server. Every redirect is followed, because the hash is checked at the end."""
    import requests

    headers = {"Accept-Encoding": "identity", "User-Agent": "peewee-tts"}
    if have.size:
        headers["Range"] = f"bytes={have.size}-"
        if have.validator:
            headers["If-Range"] = have.validator
    timeout = (patience.connect_s, patience.stall_s)
    try:
        response = requests.get(url, headers=headers, stream=True, timeout=timeout)
    except (OSError, ValueError) as error:  # every RequestException is an OSError, an InvalidURL is a ValueError too
        final = (requests.TooManyRedirects, ssl.SSLCertVerificationError)
        if isinstance(error, ValueError) or any(isinstance(cause, final) for cause in causes(error)):
            raise RefusedError(
                f"{masked(url)}: {kind(error)}; check the URL in params.yaml, and that it opens"
            ) from None
        raise TransientError(f"{masked(url)}: {kind(error)}") from None
    try:
        return replace(_judge(url, have, patience, response), close=response.close)
    except BaseException:
        response.close()
        raise


def _judge(url: str, have: Have, patience: Patience, response: "requests.Response") -> Answer:
    status, headers = response.status_code, response.headers
    if status == 206:
        return _continued(url, have, patience, response)
    if status == 416 and have.size:
        span = CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
        total = int(span[3]) if span and span[3] != "*" else have.total
        if have.size == total:
            return Answer(have.size, total, have.validator, iter(()))
        raise StalePartError(f"{masked(url)}: {have.size} bytes came before, the server has {total or 'fewer'} now")
    if status == 200:
        length = headers.get("Content-Length")
        if length is not None and not re.fullmatch(r"\d{1,18}", length):
            raise TransientError(f"{masked(url)}: the answer's length is {length[:60]!r}")
        chunked = "Transfer-Encoding" in headers
        total = int(length) if length is not None and not chunked else None
        chunks = _no_page(url, _body(url, patience, response, total), headers.get("Content-Type", ""))
        return Answer(0, total, _validator(headers), chunks, sure_end=chunked or total is not None)
    if status in TRY_AGAIN:
        raise TransientError(f"{masked(url)}: status {status}", _retry_after(headers.get("Retry-After")))
    raise RefusedError(f"{masked(url)}: the server answered with status {status}; check the URL, or the access to it")


def _continued(url: str, have: Have, patience: Patience, response: "requests.Response") -> Answer:
    given = response.headers.get("Content-Range", "").strip()
    span = CONTENT_RANGE.fullmatch(given)
    if not span or not span[1] or int(span[1]) != have.size or int(span[2]) < have.size:
        raise StalePartError(f"{masked(url)}: asked from byte {have.size} on, Content-Range is {given[:60]!r}")
    total = int(span[3]) if span[3] != "*" else None
    if have.total is not None and total is not None and total != have.total:
        raise StalePartError(f"{masked(url)}: the archive had {have.total} bytes and has {total} now")
    validator = _validator(response.headers)
    if have.validator and validator and validator != have.validator:
        raise StalePartError(f"{masked(url)}: the archive has changed: {have.validator} is {validator} now")
    chunks = _body(url, patience, response, int(span[2]) - have.size + 1)
    return Answer(have.size, total, validator, chunks)


def _validator(headers: Mapping[str, str]) -> str | None:
    etag = headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified")  # If-Range needs a strong ETag


def _body(url: str, patience: Patience, response: "requests.Response", n_bytes: int | None) -> Iterator[bytes]:
    # read1 returns the bytes that have arrived, so that a slow transfer is noticed. Bytes after the announced length
    # are not read; http.client of some Python versions would read them.
    import urllib3

    left = n_bytes

    def read() -> bytes:
        nonlocal left
        try:
            data: bytes = response.raw.read1(CHUNK if left is None else min(CHUNK, left), decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise TransientError(f"{masked(url)}: {kind(error)}") from None
        if left is not None:
            left -= len(data)
        return data

    return lively(url, read, patience)


def _no_page(url: str, chunks: Iterator[bytes], content_type: str) -> Iterator[bytes]:
    # Checked before anything is written, so that a maintenance page does not replace the bytes that have arrived. An
    # archive that is only labelled as text is accepted.
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= 512:
            break
    labelled = content_type.lower().startswith(("text/html", "application/xhtml"))
    if _PAGE.match(head) or (labelled and head and not archive_kind(head[:HEAD_BYTES])):
        title = _TITLE.search(head)
        shown = f" titled {title[1].decode('utf-8', 'replace').strip()!r}" if title else ""
        raise WebPageError(
            f"{masked(url)}: the server answered a web page{shown} in place of the archive; open the URL in a browser: "
            "it may want a login or an agreement, or the archive has moved"
        )

    def rest() -> Iterator[bytes]:
        if head:
            yield head
        yield from chunks

    return rest()


def _retry_after(value: str | None) -> float:
    if not value:
        return 0.0
    if value.strip().isdecimal():
        return float(value.strip()[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0
