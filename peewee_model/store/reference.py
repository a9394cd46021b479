"""How a user names a channel, and a release: `store@stable`, `s3://bucket/voices@0123456789abcdef`."""

import re
from dataclasses import dataclass

from peewee_model.errors import ReleaseNotFoundError
from peewee_model.release.manifest import VERSION_PATTERN

DEFAULT_CHANNEL = "stable"
CHANNEL_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True)
class Reference:
    """A release as a user names it."""

    address: str
    """The store's address: a folder, or a URL."""
    selector: str
    """A channel or a version."""

    @property
    def is_version(self) -> bool:
        """Whether the selector is a version; otherwise it is a channel."""
        return VERSION_PATTERN.fullmatch(self.selector) is not None

    def __str__(self) -> str:
        """Write it so that `parse_reference` reads it, and no part of it looks like a password.

        In `s3://bucket@version` the bucket would look like one, so a slash is added.
        """
        _, slashes, rest = self.address.partition("://")
        return f"{self.address}{'/' if slashes and '/' not in rest else ''}@{self.selector}"


def parse_reference(reference: str) -> Reference:
    """Split `ADDRESS@CHANNEL` or `ADDRESS@VERSION`; without `@` the channel is `stable`.

    Raises:
        ReleaseNotFoundError: If no store is named.
    """
    address, at, selector = reference.rpartition("@")
    if at and (CHANNEL_PATTERN.fullmatch(selector)):
        if not address:
            raise ReleaseNotFoundError(f"{reference!r} names no store; write it as `store@{selector}`")
        return Reference(address, selector)
    if not reference:
        raise ReleaseNotFoundError("the release's name is empty; write it as `store@stable`")
    return Reference(reference, DEFAULT_CHANNEL)


def is_channel(name: str) -> bool:
    """Return whether a name can be a channel's. A name that could be a version can't."""
    return CHANNEL_PATTERN.fullmatch(name) is not None and VERSION_PATTERN.fullmatch(name) is None
