"""The frame of `python -m pipeline` and of the commands under it: logs on stderr, and how a command ends."""

import functools
from collections.abc import Callable

from peewee_model.entry import framed
from pipeline.logs import log_to_stderr

Main = Callable[[list[str]], int]


def command(name: str) -> Callable[[Main], Main]:
    """Wrap a `main(arguments)` that returns an exit code; see `peewee_model.entry.framed`.

    Args:
        name: The first word of the line on stderr that describes an error.
    """

    def frame(main: Main) -> Main:
        @functools.wraps(main)
        def with_frame(arguments: list[str]) -> int:
            log_to_stderr()
            return framed(name, lambda: main(arguments))

        return with_frame

    return frame
