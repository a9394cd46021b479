"""Chooses the release that a rollback leads to. `Store.roll_back` does the rollback: it adds an entry to the log."""

from collections.abc import Sequence

from peewee_model.errors import ReleaseError, ReleaseNotFoundError
from peewee_model.store.channels import Numbered


def version_before(history: Sequence[Numbered]) -> str | None:
    """Find the release that the channel pointed to before it pointed to the current one.

    A rollback works like "undo" in an editor: it drops the newest release from the history. So a second rollback goes
    further back. It never returns to the release that the first rollback left.

    Args:
        history: All entries of a channel, oldest first.

    Returns:
        A version; None if there was none before.
    """
    visited: list[str] = []
    for numbered in history:
        version = numbered.entry.version
        if numbered.entry.action == "rollback" and version in visited:
            while visited[-1] != version:
                visited.pop()
        elif not visited or visited[-1] != version:
            visited.append(version)
    return visited[-2] if len(visited) > 1 else None


def version_after_rollback(history: Sequence[Numbered], version: str | None, channel: str, address: str) -> str:
    """Choose the release that a channel is rolled back to.

    Args:
        history: All entries of the channel, oldest first; at least one.
        version: The release that a person asks for; None for the one before the current one.
        channel: Its name, for messages.
        address: Of its store, for messages.

    Raises:
        ReleaseError: If there is nothing to go back to.
        ReleaseNotFoundError: If the channel never pointed to that release.
    """
    current = history[-1].entry.version
    if version is None:
        if before := version_before(history):
            return before
        raise ReleaseError(
            f"{address}: channel {channel} pointed to nothing before {current}; publish or promote another release"
        )
    if version == current:
        raise ReleaseError(f"{address}: channel {channel} points to {version} already; name another version")
    if version not in {numbered.entry.version for numbered in history}:
        raise ReleaseNotFoundError(
            f"{address}: channel {channel} never pointed to {version}; to point it there, use "
            f"`peewee-tts release promote {version} --channel {channel}`"
        )
    return version
