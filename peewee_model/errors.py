"""The tree of errors.

PeeweeError
├── ConfigError            a parameter or a model's config is missing, unknown or contradicts another
├── ShapeError             a tensor does not have the shape that a model's config asks for
├── TextError              a text can't be spoken: it is empty, or a character has no symbol
├── AudioError             a recording can't be used; `reason` is its code
├── ReleaseError           a release can't be found or used
│   ├── ReleaseNotFoundError   no such store, channel or version
│   ├── TamperedReleaseError   a file differs from what the manifest says
│   └── StoreUnavailableError  a store can't be reached now; a TryAgainError too
└── TryAgainError          the request is right; the same request may succeed later

Errors of one module alone (a download, an archive, a training run) are defined beside their cause and derive from
PeeweeError. The command line prints any of them as one line and exits with its `exit_code`.
"""

import unicodedata
from collections.abc import Iterable

_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"


class PeeweeError(Exception):
    """Any error that a user can fix. The message says what is wrong, where, and the remedy.

    Attributes:
        exit_code: Exit code of a command that ends with this error.
    """

    exit_code = 2


class TryAgainError(PeeweeError):
    """The request is right: the same request may succeed later.

    Something outside does not answer now, or the work was stopped and its state is saved.
    """

    exit_code = 75  # EX_TEMPFAIL of sysexits.h


class ConfigError(PeeweeError):
    """A parameter or a model's config is missing, unknown or contradicts another."""


class ShapeError(PeeweeError):
    """A tensor does not have the shape that a model's config asks for."""


class TextError(PeeweeError):
    """A text can't be spoken."""


class AudioError(PeeweeError):
    """A recording can't be used.

    Attributes:
        reason: A short code, the same for every recording refused for the same cause.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type["AudioError"], tuple[str, str]]:
        """Keep the reason when the error travels between processes."""
        return type(self), (self.reason, str(self))


class ReleaseError(PeeweeError):
    """A release can't be found or used."""


class ReleaseNotFoundError(ReleaseError):
    """No such store, channel or version."""


class TamperedReleaseError(ReleaseError):
    """A file of a release differs from what its manifest says."""


class StoreUnavailableError(TryAgainError, ReleaseError):
    """The store can't be reached, or does not answer as it should."""


def unreadable_characters(text: str) -> list[str]:
    """List, each once, the characters that are not readable in a line of text.

    They are half characters (a byte that is no UTF-8 becomes one), control and format characters, separators of lines,
    private use, and code points that are no characters. The two joiners are allowed: Persian and Hindi need them.
    """
    return [one for one in dict.fromkeys(text) if not one.isprintable() and not _is_readable(one)]


def _is_readable(character: str) -> bool:
    category, code = unicodedata.category(character), ord(character)
    if category == "Cn":  # a character that this Python's Unicode does not have yet, or none
        return code & 0xFFFE != 0xFFFE and not 0xFDD0 <= code <= 0xFDEF
    return category == "Zs" or character in _JOINERS


def describe_characters(characters: Iterable[str]) -> str:
    """Name characters, five at most: "'é' (LATIN SMALL LETTER E WITH ACUTE, U+00E9)"."""
    named = list(characters)
    shown = [
        f"the byte 0x{ord(one) - 0xDC00:02X}, which is no UTF-8"
        if "\udc80" <= one <= "\udcff"  # as Python reads it from arguments and environment
        else f"{one!a} ({unicodedata.name(one, 'no name')}, U+{ord(one):04X})"
        for one in named[:5]
    ]
    return ", ".join(shown) + (f" and {len(named) - 5} more" if len(named) > 5 else "")
