"""Which release a person means by a channel, a version, or a version's first characters."""

import re

from peewee_model.errors import ReleaseNotFoundError
from peewee_model.release.manifest import VERSION_PATTERN
from peewee_model.store.store import Store

MIN_PREFIX = 4
_PREFIX = re.compile(rf"[0-9a-f]{{{MIN_PREFIX},}}")


def find(store: Store, name: str) -> str:
    """Work out which version a person means: a channel's, a whole version, or one by its first characters.

    A whole version is taken as it is, and no server is asked for it.

    Raises:
        ReleaseNotFoundError: If there is none, or several begin so.
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
    """Refuse a version, or a channel that there is not.

    Raises:
        ReleaseNotFoundError: Names the channels that there are.
    """
    if VERSION_PATTERN.fullmatch(channel):
        raise ReleaseNotFoundError(
            f"{channel} is a version, not a channel; its channels: {', '.join(store.channels())}"
        )
    store.resolve(channel)
