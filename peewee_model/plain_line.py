"""A line of text that a person typed and that others will read: a reason, a name, a licence.

Logs of channels, plans and lists of exclusions are kept for ever, and their readers refuse what is no Unicode. So each
such text is checked before anything is written. What a program composes itself is made to fit instead.
"""

from peewee_model.errors import PeeweeError, describe_characters, unreadable_characters

LONGEST = 1000
"""Characters of a line."""

_BREAKS = str.maketrans("\t\n\r", "   ")


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
            direction of writing, can't be seen or have no meaning.
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
    """Return what a program composed as one line that `check_plain_line` takes: as `printable`, and shortened.

    Args:
        text: Not blank.
        longest: Characters at most.
    """
    line = printable(text)
    return line if len(line) <= longest else f"{line[: longest - 3].rstrip()}..."
