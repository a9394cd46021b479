"""`peewee-tts`, the command line: its frame. What it can do is in `application`."""

from typing import NoReturn

from peewee_model.entry import run


def main() -> NoReturn:
    """Run `peewee-tts`. An error that a user can fix is printed as one line on stderr; its exit code is returned."""

    def commands() -> None:
        from peewee_model.cli import application

        application.build()()

    run("peewee-tts", commands)


if __name__ == "__main__":
    main()
