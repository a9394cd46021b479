"""Text that others will read: it must be one plain line, and must contain no secret.

Logs of channels, plans and lists of exclusions are kept for ever, and their readers refuse invalid Unicode. So each
text that a person types for others is checked before anything is written. A text that a program composes is changed
until it passes.

Secrets travel in URLs: before an `@` (`https://user:password@host`), after a `?` (signatures of presigned URLs) and
after a `#` (tokens). A server's message or an exception may repeat such a URL, so `masked` is the one rule for
messages, logs and records.
"""

import re
from typing import Any

from peewee_model.errors import PeeweeError, describe_characters, unreadable_characters

LONGEST = 1000
"""Characters of a line."""

_BREAKS = str.maketrans("\t\n\r", "   ")

HIDDEN = "***"
_ONE_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)(\S*)")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^\s'\"<>]*)")
_USER = re.compile(r"[^\s/'\"<>@(=]+:[^\s'\"<>@]*@")
"""`user:password@` without a scheme before it."""
_QUERY = re.compile(r"\?[^\s'\"<>?]*=[^\s'\"<>]*")
"""A query of a path without a scheme, as servers repeat it."""


class PlainLineError(PeeweeError):
    """A text is not what others can read in one line."""


def plain_line(text: str, what: str, longest: int = LONGEST) -> str:
    """Return a text as one line: line breaks, tabs and runs of spaces become one space.

    Args:
        text: As it was typed.
        what: Its name in an error: `--reason`.
        longest: Characters at most.

    Raises:
        PlainLineError: As `check_plain_line`.
    """
    line = " ".join(part for part in text.translate(_BREAKS).split(" ") if part)
    check_plain_line(line, what, longest)
    return line


def check_plain_line(text: str, what: str, longest: int = LONGEST) -> None:
    """Refuse a text that is not one line for everybody to read. For the arguments see `plain_line`.

    Raises:
        PlainLineError: If it is blank, too long, no Unicode, or holds characters that control a terminal, turn the
            direction of writing, are invisible or are undefined.
    """
    if len(text) > longest:
        raise PlainLineError(f"{what} has {len(text)} characters; write {longest} at most")
    if not text.strip():
        raise PlainLineError(f"{what} is blank; write it out, for whoever reads it")
    if found := unreadable_characters(text):
        number = min(text.index(character) for character in found) + 1
        raise PlainLineError(
            f"{what} holds {describe_characters(found)} at character {number}; write it as one line of plain UTF-8 text"
        )


def printable(text: str) -> str:
    """Return any text as one line that can't steer a terminal: `?` for each character that nobody can read."""
    odd = dict.fromkeys(map(ord, unreadable_characters(text.translate(_BREAKS))), "?")
    return " ".join(text.translate(_BREAKS).translate(odd).split())


def fitted(text: str, longest: int = LONGEST) -> str:
    """Turn a text that a program composed into one line that `check_plain_line` accepts: printable, and shortened.

    Args:
        text: Not blank.
        longest: Characters at most.
    """
    line = printable(text)
    return line if len(line) <= longest else f"{line[: longest - 3].rstrip()}..."


def masked(text: str) -> str:
    """Hide the secrets in each URL of a text: user and password, query, fragment.

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
