"""Where a rollback of a channel goes. `Store.roll_back` does it: one more entry in the log, never a change of it."""

from collections.abc import Sequence

from peewee_model.store.channels import Numbered


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
