"""Taking a channel back to what it meant before: one more entry in its log, never a change of it."""

from collections.abc import Sequence

from peewee_model.errors import ReleaseError, ReleaseNotFoundError
from peewee_model.store.channels import Numbered
from peewee_model.store.store import Store


def version_before(history: Sequence[Numbered]) -> str | None:
    """Work out where a rollback goes: to what the channel meant before the release it means now came.

    Entries are read as one presses undo. What was rolled back from is gone, so a second rollback goes further back, and
    never forth again to the release that the first one left.

    Args:
        history: All entries of a channel, oldest first.

    Returns:
        A version; None if there was none before.
    """
    meant: list[str] = []
    for numbered in history:
        version = numbered.entry.version
        if numbered.entry.action == "rollback" and version in meant:
            while meant[-1] != version:
                meant.pop()
        elif not meant or meant[-1] != version:
            meant.append(version)
    return meant[-2] if len(meant) > 1 else None


def roll_back(store: Store, channel: str, reason: str, version: str | None = None) -> Numbered:
    """Make a channel mean an earlier release again.

    Args:
        store: Where the channel is.
        channel: Its name.
        reason: Why, for whoever reads the history.
        version: Which release the channel meant; without it, the one before the current one.

    Returns:
        The new entry. If its `previous` is not what the caller saw, somebody else set the channel in between.

    Raises:
        ReleaseNotFoundError: If there is no such channel, or the release is no longer in the store.
        ReleaseError: If there is nothing to go back to.
    """
    current = store.resolve(channel)
    history = store.history(channel)
    if version is None:
        version = version_before(history)
        if version is None:
            raise ReleaseError(
                f"{store.address}: channel {channel} meant nothing before {current}; publish or promote another release"
            )
    elif version == current:
        raise ReleaseError(f"{store.address}: channel {channel} means {version} already; name another version")
    elif version not in {numbered.entry.version for numbered in history}:
        raise ReleaseNotFoundError(
            f"{store.address}: channel {channel} never meant {version}; to make it mean that, use "
            f"`peewee-tts release promote {version} --channel {channel}`"
        )
    return store.append(channel, version, "rollback", reason)
