import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from peewee_model.cli import application
from peewee_model.cli import main as cli
from peewee_model.errors import ConfigError, PeeweeError

RUN = [sys.executable, "-m", "peewee_model.cli.main"]


def run(*arguments, cwd):
    return subprocess.run([*RUN, *arguments], capture_output=True, text=True, check=False, cwd=cwd)


@pytest.fixture
def command(tmp_path, monkeypatch):
    """A module with a command `greet`, whose import leaves a trace."""
    module = tmp_path / "greeting_plugin.py"
    module.write_text(
        "import pathlib, typer\n"
        f"pathlib.Path({str(tmp_path / 'imported')!r}).touch()\n"
        "from peewee_model.errors import ConfigError, PeeweeError\n"
        "def greet(name: str, times: int = 1) -> None:\n"
        "    'Say hello.'\n"
        "    if name == 'nobody':\n"
        "        raise ConfigError('nobody\\nis here')\n"
        "    typer.echo(f'hello {name} ' * times)\n"
        "app = typer.Typer()\n"
        "@app.command()\n"
        "def first() -> None: typer.echo('first')\n"
        "@app.command()\n"
        "def second() -> None: typer.echo('second')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = [
        EntryPoint(name, value, application.COMMANDS_GROUP)
        for name, value in (
            ("greet", "greeting_plugin:greet"),
            ("group", "greeting_plugin:app"),
            ("lacking", "no_such_module_here:f"),
        )
    ]
    monkeypatch.setattr(application, "entry_points", lambda group: found if group == application.COMMANDS_GROUP else [])
    return tmp_path / "imported"


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["peewee-tts", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return int(caught.value.code or 0)


def test_help_names_other_packages_commands_without_importing_them(command, monkeypatch, capsys):
    """`--help` is fast and lists what pipeline adds."""
    assert call(monkeypatch, "--help") == 0
    shown = capsys.readouterr().out
    assert "greet" in shown and "clone" in shown
    assert not command.exists()


def test_command_of_another_package_gets_its_arguments(command, monkeypatch, capsys):
    """Options of the added command are not read by ours."""
    assert call(monkeypatch, "greet", "Ada", "--times", "2") == 0
    assert capsys.readouterr().out.strip() == "hello Ada hello Ada"
    assert command.exists()
    assert call(monkeypatch, "group", "second") == 0
    assert capsys.readouterr().out.strip() == "second"


def test_command_of_another_package_shows_its_own_help(command, monkeypatch, capsys):
    """`--help` after its name is its own."""
    assert call(monkeypatch, "greet", "--help") == 0
    shown = capsys.readouterr().out
    assert "Say hello." in shown and "--times" in shown and "peewee-tts greet" in shown


def test_error_that_a_user_can_put_right_is_one_line_and_exit_2(command, monkeypatch, capsys):
    """No traceback, and the remedy is in the line."""
    assert call(monkeypatch, "greet", "nobody") == PeeweeError.exit_code
    captured = capsys.readouterr()
    assert captured.err == "peewee-tts: nobody is here\n"
    assert captured.out == ""


def test_command_whose_package_is_not_installed_says_what_to_install(command, monkeypatch, capsys):
    """An ImportError names a module; a user needs an extra's name."""
    assert call(monkeypatch, "lacking") == PeeweeError.exit_code
    assert "needs no_such_module_here; install it with `pip install 'peewee-tts[pipeline]'`" in capsys.readouterr().err


def test_wrong_usage_exits_2_and_names_the_option(monkeypatch, capsys):
    """As every command line does."""
    assert call(monkeypatch, "clone", "--text", "hello") == PeeweeError.exit_code
    assert "--reference" in capsys.readouterr().err


def test_error_of_a_programmer_is_not_hidden(command, monkeypatch):
    """A traceback is what a developer needs."""

    def broken():
        raise ZeroDivisionError

    monkeypatch.setattr(application, "build", broken)
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_config_error_is_one_of_those_that_are_caught(monkeypatch):
    """Every error of our tree is one line."""

    def refuse():
        raise ConfigError("params.yaml: mel is missing; add it")

    monkeypatch.setattr(application, "build", refuse)
    assert call(monkeypatch) == PeeweeError.exit_code


def test_error_ends_with_an_exit_code_of_its_own(monkeypatch, capsys):
    """Runners read from it whether to try again."""

    class TryAgainError(PeeweeError):
        exit_code = 75

    def refuse():
        raise TryAgainError("the server is out of order; try again later")

    monkeypatch.setattr(application, "build", refuse)
    assert call(monkeypatch) == 75
    assert capsys.readouterr().err == "peewee-tts: the server is out of order; try again later\n"


def test_help_names_the_release_commands_without_importing_them(repository):
    """`release` reads manifests, so it imports pydantic, which costs as much time as all else together."""
    code = (
        "import sys; from peewee_model.cli import main as cli\n"
        "sys.argv = ['peewee-tts', '--help']\n"
        "try: cli.main()\n"
        "finally: print(*sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=repository)
    listed, modules = shown.stdout.rsplit("\n", 2)[0], shown.stdout.splitlines()[-1].split()
    assert "  release  " in listed
    assert {"peewee_model.cli.release_commands", "pydantic", "boto3", "rich", "tqdm"}.isdisjoint(modules)


def test_release_commands_have_a_help_of_their_own(monkeypatch, capsys):
    """`release --help` lists its commands."""
    assert call(monkeypatch, "release", "--help") == 0
    shown = capsys.readouterr().out
    for name in ("list", "show", "pull", "verify", "promote", "rollback", "history", "sign"):
        assert f"  {name}  " in shown
    assert "..." not in shown.split("Commands:")[1]  # no line is cut


def test_help_imports_nothing_heavy(repository):
    """`import torch` alone would take two seconds."""
    done = subprocess.run(
        [RUN[0], "-X", "importtime", *RUN[1:], "--help"], capture_output=True, text=True, check=True, cwd=repository
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert {"peewee_model", "typer"} <= imported
    assert not imported & {"boto3", "botocore", "dvc", "librosa", "numpy", "pandas", "pyarrow", "pydantic", "torch"}
