"""`peewee-tts adapt`: turns a release and minutes of one speaker into a release in that voice, by the same graph."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peewee_model.errors import PeeweeError
from peewee_model.metric_labels import LABELS_FILE, Labels, MetricLabel
from pipeline.graph.stages import GRAPH
from pipeline.params.params import PARAMS_FILE
from pipeline.paths import METRICS

if TYPE_CHECKING:
    from pipeline.adaptation.archive import Speech


class AdaptationError(PeeweeError):
    """The graph was not completed."""


def command(
    release: Annotated[str, typer.Option(help="What to start from: STORE@CHANNEL or STORE@VERSION.")],
    speech: Annotated[
        Path,
        typer.Option(
            help="1 to 20 minutes of one speaker: a folder of NAME.wav or .flac with NAME.txt or .lab, or with "
            "metadata.csv; or a .tar.gz in LibriTTS's layout."
        ),
    ],
    steps: Annotated[int, typer.Option(min=1, help="Steps of the synthesizer's training.")],
    vocoder_steps: Annotated[int, typer.Option(min=0, help="Steps of HiFi-GAN's; 0 keeps it.")] = 0,
    channel: Annotated[str, typer.Option(help="The channel that will point to the new release.")] = "adapted",
    speaker: Annotated[
        str | None, typer.Option(help="What to call the speaker of a folder; a hash if not given.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Terms of the recordings, for the manifest.")] = "as stated by the owner",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only write params.yaml; `dvc repro` runs it.")] = False,
) -> None:
    """Adapt a release to a speaker: merge what it takes into params.yaml, run the graph, and compare with before."""
    from peewee_model.store.channels import check_channel
    from pipeline.adaptation import settings
    from pipeline.profiles import overlay as profile
    from pipeline.profiles.from_release import pin

    if not GRAPH.is_file() or not PARAMS_FILE.is_file():
        raise AdaptationError(f"{Path.cwd()} has no dvc.yaml and params.yaml; run this in the root of the project")
    check_channel(channel)
    base = pin(release)
    overlay = profile.load_overlay(settings.PROFILE)
    archive, found = _archive(speech, speaker, overlay["ingest"]["max_duration_s"])
    typer.echo(f"speech    {found.n_utterances} recordings, {found.duration_s / 60:.1f} minutes, of {found.speaker}")
    typer.echo(f"base      {base.reference}")
    wanted = settings.Wanted(steps, vocoder_steps, channel)
    from pipeline.commands.check_params import check

    difference = profile.apply(settings.overlay(base, archive, found, wanted, licence), accept=check)
    typer.echo(difference or "params.yaml says so already.")
    if dry_run:
        typer.echo("params.yaml is written; `dvc repro` runs it.")
        return
    _run_graph()
    from pipeline.commands.summary import summary

    typer.echo(summary())
    labels = Labels.parse(Path(LABELS_FILE).read_bytes())
    for line in before_and_after(json.loads(METRICS.read_text(encoding="utf-8")), labels):
        typer.echo(line)


def _archive(speech: Path, speaker: str | None, max_duration_s: float) -> "tuple[Path, Speech]":
    from pipeline.adaptation import archive, recordings

    if not speech.exists():
        raise recordings.SpeechError(f"{speech} does not exist; give a folder of recordings or a .tar.gz")
    if speech.is_dir():
        path = archive.pack(recordings.find_recordings(speech), speaker, max_duration_s)
    elif speaker is not None:
        raise recordings.SpeechError(f"--speaker {speaker}: {speech} is an archive, which names its speaker itself")
    else:
        path = speech.resolve()
    return path, archive.look_over(path, max_duration_s, speech)


def _run_graph() -> None:
    """Run the stages that are not up to date, by DVC. `python` in dvc.yaml is then this process's Python."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    done = subprocess.run([sys.executable, "-m", "dvc", "repro"], env=os.environ | {"PATH": path}, check=False)
    if done.returncode:
        raise AdaptationError(
            f"`dvc repro` ended with {done.returncode}; its messages are above. Put that right and run `dvc repro`: "
            "it goes on from where it was"
        )


def before_and_after(metrics: Mapping[str, Any], labels: Labels) -> Iterator[str]:
    """Compare the figures of the old and the new release on the held-out sentences.

    Args:
        metrics: `reports/metrics.json`.
        labels: The names of the metrics.
    """
    speech = metrics.get("speech") or {}
    before, after = speech.get("parent") or {}, speech.get("synthesized") or {}
    if not before:
        yield "before    not measured"
        return
    yield f"{speech.get('n_sentences', 'some')} held-out sentences, before and after, and as recorded:"
    recorded = speech.get("ground_truth") or {}
    for label in labels.at("comparison", before, after):
        old, new, real = (figures.get(label.key) for figures in (before, after, recorded))
        line = f"  {label.name}: {label.text(old)} -> {label.text(new)}{_verdict(label, old, new)}"
        yield line if real is None else f"{line} ({label.text(real)})"


def _verdict(label: MetricLabel, old: float | None, new: float | None) -> str:
    if not label.better or old is None or new is None or old == new:
        return ""
    return ", better" if (new < old) == (label.better == "lower") else ", worse"
