"""`peewee-tts prepare`: raw recordings of one person become clips with texts, which `peewee-tts adapt` takes."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peewee_model.errors import AudioError, PeeweeError

if TYPE_CHECKING:
    from pipeline.preparation.clips import Clip, Journal, Limits, Listener
    from pipeline.preparation.folder import Folder, Prepared
    from pipeline.preparation.sound import Sound

LANGUAGE = "en-us"


def command(
    recordings: Annotated[
        list[Path], typer.Argument(help="Recordings of one person, or folders of them: any kind of sound, or video.")
    ],
    out: Annotated[Path, typer.Option(help="The folder of the clips; a run that was stopped goes on in it.")],
    release: Annotated[str, typer.Option(help="Whose encoder tells voices apart: STORE@CHANNEL.")] = "store@stable",
    recognizer: Annotated[str, typer.Option(help="moonshine or whisper, of the extra `judges`.")] = "moonshine",
    model: Annotated[Path | None, typer.Option(help="A folder with a Whisper for CTranslate2, in their place.")] = None,
    shortest: Annotated[float, typer.Option(min=0.5, help="Seconds of the shortest clip.")] = 1.0,
    longest: Annotated[float, typer.Option(min=4.0, max=20.0, help="Seconds of the longest clip.")] = 15.0,
    max_cer: Annotated[float, typer.Option(help="CER against a given text, above which a clip is dropped.")] = 0.3,
) -> None:
    """Find speech, cut it at pauses, write down what is said, and drop what is of no use, each with its reason.

    A text beside a recording (NAME.txt, NAME.lab) is divided between its clips.
    """
    from pipeline.preparation import sound
    from pipeline.preparation.clips import Limits
    from pipeline.preparation.folder import METADATA, PAGE, Folder, counts
    from pipeline.preparation.listening import Ears

    limits = Limits(shortest_s=shortest, longest_s=longest, cer=max_cer)
    paths = sound.find(recordings)
    folder = Folder(out)
    ears = Ears(release, recognizer, model, LANGUAGE)
    sounds = []
    for path in paths:
        try:
            sounds.append(sound.decode(path, folder.state / "sound"))
        except AudioError as error:
            typer.echo(f"left out: {error}", err=True)
    clips = [folder.corrected(clip) for clip in prepare(sounds, folder, limits, ears, ears.one_voice)]
    folder.write(clips)
    found = counts(clips)
    for reason, (number, minutes) in sorted(found.items(), key=lambda one: one[0] != "kept"):
        typer.echo(f"{reason:12s} {number:5d} clips {minutes:6.1f} min")
    if "kept" not in found:
        raise PeeweeError(f"nothing is left of the recordings; {out}/dropped.csv says why")
    typer.echo(f"Listen and correct: {out}/{PAGE}. Texts: {out}/{METADATA}. Then: peewee-tts adapt --speech {out} ...")


def prepare(
    sounds: "Sequence[Sound]", folder: "Folder", limits: "Limits", listener: "Listener", one_voice: float
) -> "list[Prepared]":
    """Measure the clips of recordings, and decide on each.

    Args:
        sounds: The recordings.
        folder: Where measurements are kept.
        limits: What a clip must be.
        listener: Who recognises, and tells voices apart.
        one_voice: The cosine from which on a clip is of the main voice.
    """
    from pipeline.preparation.clips import Journal, likeness, reason_of
    from pipeline.preparation.folder import Prepared
    from pipeline.preparation.texts import Said, align

    journal = Journal(folder.state / "clips.jsonl")
    heard = [(sound, _listened(sound, limits, journal, listener)) for sound in sounds]
    likes = iter(likeness([clip for _, clips in heard for clip in clips]))
    prepared: list[Prepared] = []
    names: set[str] = set()
    for sound, clips in heard:
        recognized = [clip.recognized for clip in clips]
        said = align(sound.text, recognized, LANGUAGE) if sound.text else [Said(text, None) for text in recognized]
        stem = _stem(sound, names)
        for number, (clip, text) in enumerate(zip(clips, said, strict=True), 1):
            like = next(likes)
            reason = reason_of(clip, like, text.cer, one_voice, limits)
            line = " ".join(text.text.replace("|", " ").split())
            prepared.append(Prepared(f"{stem}-{number:04d}", sound, clip.span, line, text.cer, like, reason))
    return prepared


def _listened(sound: "Sound", limits: "Limits", journal: "Journal", listener: "Listener") -> "list[Clip]":
    from tqdm import tqdm

    from pipeline.preparation.clips import measured
    from pipeline.preparation.cutting import cut

    spans = cut(sound, journal.speech(sound), limits.shortest_s, limits.longest_s)
    return [measured(sound, span, journal, listener) for span in tqdm(spans, Path(sound.name).name, unit=" clips")]


def _stem(sound: "Sound", names: set[str]) -> str:
    """A plain name of a recording, that no other one has."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", Path(sound.name).stem).strip("-")[:40] or "clip"
    name = stem if stem not in names else f"{stem}-{sound.key[:6]}"
    names.add(name)
    return name
