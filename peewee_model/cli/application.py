"""The commands of `peewee-tts`.

`clone` is defined here. The other commands are loaded only when they are called, so that `--help` answers quickly.
`release` belongs to this package. Other packages add commands by entry points of the group `peewee_tts.commands`.
"""

import sys
import warnings
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated

import typer

from peewee_model.cloning.sound_file import LOUDNESS_LUFS, READ_KINDS, format_of, known
from peewee_model.errors import PeeweeError

COMMANDS_GROUP = "peewee_tts.commands"

OURS = {
    "release": ("peewee_model.cli.release_commands:app", "List, show, get, check, promote and sign releases."),
    "detect": ("peewee_model.cli.detect:detect", "Say whether recordings are marked as synthetic speech."),
    "serve": ("peewee_model.service.command:serve", "Speak by HTTP, as OpenAI's audio API does."),
    "demo": ("peewee_model.service.demo:demo", "Open a page on which a voice is recorded and speaks."),
    "api-key": ("peewee_model.service.command:api_key", "Make an API key for `serve`."),
}
"""Commands of this package that are loaded when called: the module and object of each, and its help text."""
EXTRAS = {"serve": "service", "demo": "service", "api-key": "service"}
"""The extra that a command needs; of the others it is `pipeline`."""

_FORWARDED = {"allow_extra_args": True, "ignore_unknown_options": True}


def clone(
    text: Annotated[str, typer.Option(help="What to say.")],
    reference: Annotated[
        list[Path], typer.Option(help=f"A recording of one voice, 1 s to 10 min; may be repeated: {READ_KINDS}.")
    ],
    out: Annotated[Path, typer.Option(help=f"The file to write ({known()}), or - for WAV on stdout.")],
    release: Annotated[str, typer.Option(help="STORE@CHANNEL or STORE@VERSION.")] = "store@stable",
    seed: Annotated[int, typer.Option(help="The same gives the same samples; another one, another timing.")] = 0,
    loudness: Annotated[float, typer.Option(help="Of every sentence, in LUFS.")] = LOUDNESS_LUFS,
    lexicon: Annotated[
        Path | None, typer.Option(help="Words that are taught, one a line: the word, a tab, a spelling or {phonemes}.")
    ] = None,
    mark: Annotated[bool, typer.Option(help="Whether the file says that its speech is synthetic.")] = True,
) -> None:
    """Say a text in the voice of a recording."""
    from peewee_model.cloning.cloner import VoiceCloner
    from peewee_model.cloning.reference_checks import ReferenceWarning
    from peewee_model.script.lexicon import Lexicon

    to_stdout = out == Path("-")
    if not to_stdout:
        format_of(out)  # refused before minutes of work
    taught = Lexicon.of(lexicon)
    cloner = VoiceCloner.load(release, loudness_lufs=loudness)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReferenceWarning)  # printed below
        speech = cloner.clone(text, reference=list(reference), seed=seed, lexicon=taught)
    if to_stdout:
        sys.stdout.buffer.write(speech.encode(mark=mark))
    else:
        speech.save(out, mark=mark)
    typer.echo(f"{out}: {speech.duration_s:.2f} s", err=to_stdout)
    for doubt in speech.reference.doubts if speech.reference else ():
        typer.echo(doubt, err=True)
    if speech.unspoken:
        shown = "".join(dict.fromkeys(character for character in speech.unspoken if character.isprintable()))
        typer.echo(
            f"left out of the text, because no reader says it: {shown} ({len(speech.unspoken)} in all)",
            err=True,
        )
    if speech.truncated:
        typer.echo("the voice did not stop by itself, so it was cut off; try a shorter text", err=True)


def build() -> typer.Typer:
    """Put the command line together."""
    app = typer.Typer(
        name="peewee-tts",
        help="Clone voices with released models, and look after the releases.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # its import takes longer than everything else here
    )
    app.callback()(_root)  # with a callback even a single command keeps its name
    app.command()(clone)
    for name, (where, what) in OURS.items():
        _add(app, EntryPoint(name, where, COMMANDS_GROUP), what)
    for entry_point in sorted(entry_points(group=COMMANDS_GROUP), key=lambda found: found.name):
        _add(app, entry_point, f"See `peewee-tts {entry_point.name} --help`.")
    return app


def _root() -> None:
    """Do nothing: only the commands do work."""


def _add(app: typer.Typer, entry_point: EntryPoint, what: str) -> None:
    forward = _forward(entry_point)
    app.command(entry_point.name, context_settings=_FORWARDED, add_help_option=False, help=what)(forward)


def _forward(entry_point: EntryPoint) -> Callable[[typer.Context], None]:
    def forward(context: typer.Context) -> None:
        try:
            loaded = entry_point.load()
        except ModuleNotFoundError as error:
            extra = EXTRAS.get(entry_point.name, "pipeline")
            raise PeeweeError(
                f"command {entry_point.name} needs {error.name}; install it with `pip install 'peewee-tts[{extra}]'`"
            ) from None
        if isinstance(loaded, typer.Typer):
            command = loaded
        else:
            command = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
            command.command()(loaded)
        command(args=context.args, prog_name=f"peewee-tts {entry_point.name}")

    return forward
