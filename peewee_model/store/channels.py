"""Channels, such as `stable`: each is an append-only log with one small object an entry.

    STORE/channels/<name>/00000042.json      the channel points to the last entry's release

The next entry is created only if no other has its number (put-if-absent), so two publishers cannot both win, nothing
is overwritten, and the history is the audit trail.
"""

import datetime
import json
import logging
import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from peewee_model import environment
from peewee_model.errors import ReleaseError, TamperedReleaseError
from peewee_model.public_text import plain_line
from peewee_model.store.backend import Backend
from peewee_model.store.reference import is_channel

logger = logging.getLogger(__name__)

Action = Literal["publish", "promote", "rollback"]
_ENTRY = re.compile(r"([0-9]{8})\.json")
_LONGEST_NAME = 100  # characters
READERS = 16
"""Threads that read a long history; each of them waits for the server most of the time."""


class ChannelEntry(BaseModel):
    """One change of a channel: to which release, when, by whom and why."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    version: str
    action: Action
    """`publish` is done by the pipeline, the other two by a person. The pipeline does not undo a person's change."""
    at: str
    """UTC, ISO 8601."""
    by: str
    reason: str
    previous: str | None
    """The version before; None in a channel's first entry."""
    nonce: str
    """A writer recognises its own entry by it, when the answer to the write was lost."""


@dataclass(frozen=True)
class Numbered:
    """A channel's entry and its number in the log, from 1."""

    number: int
    entry: ChannelEntry


class Channels:
    """The channels of a store.

    Args:
        address: Of the store, for messages.
        backend: Where it is.
    """

    def __init__(self, address: str, backend: Backend) -> None:
        self._address = address
        self._backend = backend

    def names(self) -> list[str]:
        """List the channels."""
        return sorted(self.logs())

    def logs(self) -> dict[str, list[int]]:
        """List the numbers of every channel's entries, sorted, by one listing."""
        logs: dict[str, list[int]] = {}
        for key in self._backend.keys("channels"):
            _, channel, *rest = key.split("/")
            if len(rest) == 1 and is_channel(channel) and (match := _ENTRY.fullmatch(rest[0])):
                logs.setdefault(channel, []).append(int(match[1]))
        return logs

    def history(self, channel: str) -> list[Numbered]:
        """Read a channel's entries, oldest first; empty if there is no such channel."""
        numbers = self._numbers(channel)
        with ThreadPoolExecutor(READERS) as pool:
            return list(pool.map(lambda number: self._entry(channel, number), numbers))

    def latest(self, channel: str, numbers: list[int] | None = None) -> Numbered | None:
        """Read the newest entry; None if there is no such channel.

        An S3 server's listing may be outdated, but reading a key never is. So this also reads the numbers after the
        last listed one.

        Args:
            channel: Its name.
            numbers: Numbers of its entries, listed just now; None to list them here.
        """
        numbers = self._numbers(channel) if numbers is None else numbers
        last = self._entry(channel, numbers[-1]) if numbers else None
        while (data := self._backend.read(_key(channel, last.number + 1 if last else 1))) is not None:
            last = self._parse(channel, last.number + 1 if last else 1, data)
        return last

    def newest_first(self, channel: str, numbers: list[int] | None = None) -> Iterator[Numbered]:
        """Yield entries, the newest first. They are read as they are needed, several at once, and more each time.

        Args:
            channel: Its name.
            numbers: As of `latest`.
        """
        numbers = self._numbers(channel) if numbers is None else numbers
        last = self.latest(channel, numbers)
        if last is None:
            return
        yield last
        beyond = range((numbers[-1] if numbers else 0) + 1, last.number)  # of the listing
        older = [number for number in (*numbers, *beyond) if number < last.number][::-1]
        n_ahead = 2
        with ThreadPoolExecutor(READERS) as pool:
            while older:
                now, older = older[:n_ahead], older[n_ahead:]
                yield from pool.map(lambda number: self._entry(channel, number), now)
                n_ahead = min(2 * n_ahead, READERS)

    def published(self, channel: str) -> Numbered | None:
        """Read the newest entry of the action `publish`; None if there is none."""
        return next((found for found in self.newest_first(channel) if found.entry.action == "publish"), None)

    def append(self, channel: str, version: str, action: Action, reason: str) -> Numbered:
        """Make a channel point to a version, by a new entry. To `publish` again what was published last adds no entry.

        Raises:
            PlainLineError: If the reason, or the publisher's name, is not for everybody to read.
            ReleaseError: If the name can't be a channel's, or the store can't be trusted with racing publishers.
        """
        reason, publisher = check_entry(channel, reason)
        nonce = uuid.uuid4().hex
        while True:
            if action == "publish" and (found := self.published(channel)) and found.entry.version == version:
                return found
            self._backend.require_atomic()
            last = self.latest(channel)
            number = last.number + 1 if last else 1
            entry = ChannelEntry(
                version=version,
                action=action,
                at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                by=publisher,
                reason=reason,
                previous=last.entry.version if last else None,
                nonce=nonce,
            )
            data = json.dumps(entry.model_dump(), sort_keys=True, indent=1).encode() + b"\n"
            self._parse(channel, number, data)  # an entry can't be changed later, so parse it first
            self._backend.put_if_absent(_key(channel, number), data)
            # The answer may be wrong or lost. The entry in the store decides whether it is ours.
            written = self._entry(channel, number)
            if written.entry.nonce == nonce:
                logger.info("channel=%s number=%d version=%s action=%s", channel, number, version, action)
                return written

    def _numbers(self, channel: str) -> list[int]:
        matches = (_ENTRY.fullmatch(name) for name in self._backend.names(f"channels/{channel}"))
        return sorted(int(match[1]) for match in matches if match)

    def _entry(self, channel: str, number: int) -> Numbered:
        return self._parse(channel, number, self._backend.read(_key(channel, number)) or b"")

    def _parse(self, channel: str, number: int, data: bytes) -> Numbered:
        try:
            return Numbered(number, ChannelEntry.model_validate_json(data))
        except ValidationError as error:
            key, problem = _key(channel, number), error.errors()[0]["msg"]
            raise TamperedReleaseError(f"{self._address}/{key} is no channel entry: {problem}; restore it") from None


def check_channel(name: str) -> None:
    """Raise a ReleaseError if a name can't be a channel's."""
    if not is_channel(name):
        raise ReleaseError(
            f"{name[:_LONGEST_NAME]!r} can't be a channel; use lower-case letters, digits, `-` and `_`: `stable`"
        )


def check_entry(channel: str, reason: str) -> tuple[str, str]:
    """Check the texts of an entry, before anything of a release is written.

    Args:
        channel: Its name.
        reason: Why the entry is added.

    Returns:
        The reason as one line, and the publisher's name.

    Raises:
        PlainLineError: If the reason, or the publisher's name, is not for everybody to read.
        ReleaseError: If the name can't be a channel's.
    """
    check_channel(channel)
    named = environment.PUBLISHER.read()
    what = environment.PUBLISHER.name if named else f"the user's name (set {environment.PUBLISHER.name})"
    return plain_line(reason, "the reason"), plain_line(named or environment.user_name(), what, _LONGEST_NAME)


def _key(channel: str, number: int) -> str:
    return f"channels/{channel}/{number:08d}.json"
