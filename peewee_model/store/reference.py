"""How a user names a release: `store@stable`, `s3://bucket/voices@0123456789abcdef`."""

from dataclasses import dataclass

from peewee_model.errors import ReleaseNotFoundError
from peewee_model.release.manifest import VERSION_PATTERN
from peewee_model.store.channels import CHANNEL_PATTERN

DEFAULT_CHANNEL = "stable"


@dataclass(frozen=True)
class Reference:
    """A release as a user names it."""

    address: str
    """Of the store: a folder, or a URL."""
    selector: str
    """A channel or a version."""

    @property
    def is_version(self) -> bool:
        """Whether the selector pins a version; otherwise it names a channel."""
        return VERSION_PATTERN.fullmatch(self.selector) is not None

    def __str__(self) -> str:
        """Write it so that `parse_reference` reads it, and nothing of it is taken for a password.

        `s3://bucket@version` would be: so a slash comes between.
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
