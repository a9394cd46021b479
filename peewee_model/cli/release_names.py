"""Finds the release that a person names by a channel, a version, or a version's first characters."""

import re

from peewee_model.errors import ReleaseNotFoundError
from peewee_model.release.manifest import VERSION_PATTERN
from peewee_model.store.store import Store

MIN_PREFIX = 4
_PREFIX = re.compile(rf"[0-9a-f]{{{MIN_PREFIX},}}")


def find(store: Store, name: str) -> str:
    """Find the version that a person names: by a channel, a whole version, or its first characters.

    A whole version is taken as it is, and no server is asked for it.

    Raises:
        ReleaseNotFoundError: If no version matches, or several begin with these characters.
    """
    if VERSION_PATTERN.fullmatch(name):
        return name
    if last := store.latest(name):
        return last.entry.version
    if _PREFIX.fullmatch(name):
        found = store.versions(name)
        if len(found) > 1:
            raise ReleaseNotFoundError(f"{store.address}: {name} begins {', '.join(found)}; write more of the one")
        if found:
            return found[0]
    raise ReleaseNotFoundError(
        f"{store.address} has no channel and no release {name!r}; its channels: "
        f"{', '.join(store.channels()) or 'none'}; its releases: {store.some_versions()}"
    )


def require_channel(store: Store, channel: str) -> None:
    """Refuse a version, or a channel that does not exist.

    Raises:
        ReleaseNotFoundError: Lists the channels that exist.
    """
    if VERSION_PATTERN.fullmatch(channel):
        raise ReleaseNotFoundError(
            f"{channel} is a version, not a channel; its channels: {', '.join(store.channels())}"
        )
    store.resolve(channel)
