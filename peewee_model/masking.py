"""What hides secrets: the one rule for messages, logs and records that others read.

Secrets travel in URLs: before an `@` (`https://user:password@host`), after a `?` (signatures of presigned URLs) and
after a `#` (tokens). A server's message or an exception may repeat such a URL.
"""

import re
from typing import Any

HIDDEN = "***"
_ONE_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)(\S*)")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^\s'\"<>]*)")
_USER = re.compile(r"[^\s/'\"<>@(=]+:[^\s'\"<>@]*@")
"""`user:password@` without a scheme before it."""
_QUERY = re.compile(r"\?[^\s'\"<>?]*=[^\s'\"<>]*")
"""A query of a path without a scheme, as servers repeat it."""


def masked(text: str) -> str:
    """Hide what opens a door in a URL, or in each URL of a text: user and password, query, fragment.

    An `@` in a path hides nothing: `s3://bucket/voices@stable`.
    """
    if url := _ONE_URL.fullmatch(text):
        return url[1] + _shown(url[2])
    pieces, end = [], 0
    for url in _URL.finditer(text):
        pieces += [_without_scheme(text[end : url.start()]), url[1] + _shown(url[2])]
        end = url.end()
    return "".join([*pieces, _without_scheme(text[end:])])


def without_secrets(value: Any) -> Any:
    """Copy plain data (dicts, lists, scalars) with each URL in it masked; other texts stay as they are."""
    if isinstance(value, dict):
        return {key: without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return masked(value) if isinstance(value, str) and "://" in value else value


def _shown(rest: str) -> str:
    """Mask what follows `scheme://`."""
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    port = host.rpartition("]")[2].partition(":")[2]  # the colons of an IPv6 address are in brackets
    if "@" in host:
        rest = f"{HIDDEN}@{rest[host.rindex('@') + 1 :]}"
    elif port and not port.rstrip(":,;.").isdecimal():  # a password with an unquoted `/`, `?`, `#` or space
        rest = f"{HIDDEN}@{rest[rest.rindex('@') + 1 :]}" if "@" in rest else HIDDEN
    place, question, _ = rest.partition("#")[0].partition("?")
    return place + (f"?{HIDDEN}" if question else "")


def _without_scheme(text: str) -> str:
    return _QUERY.sub(f"?{HIDDEN}", _USER.sub(f"{HIDDEN}@", text))
