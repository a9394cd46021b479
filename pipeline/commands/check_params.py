"""`python -m pipeline.commands.check_params`: checks params.yaml as a whole, before the first stage runs.

Each stage reads and checks its own sections when it runs. A contradiction between two sections would be found by the
later stage, perhaps after a week of training. Here all sections are read together, and RULES are the conditions between
them. Exit codes: 0 params.yaml is right, 2 it is wrong; one line explains why.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pipeline
from peewee_model.entry import run
from peewee_model.errors import ConfigError, PeeweeError
from peewee_model.networks.weights import WeightsConfig
from peewee_model.store.channels import check_channel
from peewee_model.text.symbols.config import TextConfig
from peewee_model.text.symbols.tokenizer import Tokenizer
from peewee_model.vocoder.hifi_gan import check_upsampling
from pipeline.commands.entry import command
from pipeline.corpora.sources import CorpusConfig
from pipeline.evaluation.config import EvaluateConfig, check_recognizer
from pipeline.evaluation.gate import GateConfig
from pipeline.evaluation.judges.panel import describe_judges
from pipeline.ingest.prepare import IngestConfig
from pipeline.ingest.readers.registry import check_layouts, layout_of
from pipeline.params.params import PARAMS_FILE, parse
from pipeline.params.yaml_file import read_yaml
from pipeline.stages.extract_mels import MelsConfig
from pipeline.stages.publish import PublishParams
from pipeline.training.encoder.learner import EncoderParams
from pipeline.training.loop.loop import Schedule
from pipeline.training.synthesizer.settings import SynthesizerParams
from pipeline.training.vocoder.learner import check_loss_mel
from pipeline.training.vocoder.settings import VocoderParams
from pipeline.warm_start import Part, WarmStartConfig

STAGES = Path(pipeline.__file__).parent / "stages"


@dataclass(frozen=True)
class Params:
    """All of params.yaml, section by section."""

    base: WarmStartConfig
    corpus: CorpusConfig
    encoder: EncoderParams
    evaluate: EvaluateConfig
    gate: GateConfig
    ingest: IngestConfig
    mel: MelsConfig
    publish: PublishParams
    synthesizer: SynthesizerParams
    text: TextConfig
    vocoder: VocoderParams
    weights: WeightsConfig


def upsampling_is_the_hop(params: Params) -> None:
    """`vocoder` and `mel`: a trained vocoder makes as many samples of a frame as the hop length."""
    if params.vocoder.arch == "hifi_gan":
        check_upsampling(params.vocoder.hifi_gan.generator.upsample_rates, params.mel.acoustic.hop_length)


def loss_mel_is_below_half_the_rate(params: Params) -> None:
    """`vocoder` and `mel`: the loss of a vocoder's training uses only frequencies that the recordings have."""
    if params.vocoder.arch == "hifi_gan" and params.vocoder.hifi_gan.training.schedule.steps:
        check_loss_mel(params.vocoder.hifi_gan.training, params.mel.acoustic.sample_rate)


def a_model_that_is_not_trained_comes_from_a_release(params: Params) -> None:
    """`base` and the models' schedules: a model with 0 steps takes its weights from a release."""
    schedules: dict[Part, Schedule] = {
        "encoder": params.encoder.training.schedule,
        "synthesizer": params.synthesizer.training.schedule,
    }
    if params.vocoder.arch == "hifi_gan":
        schedules["vocoder"] = params.vocoder.hifi_gan.training.schedule
    elif params.vocoder.arch == "source_filter":
        schedules["vocoder"] = params.vocoder.source_filter.training.schedule
    for part, schedule in schedules.items():
        if schedule.steps == 0 and part not in params.base.parts:
            raise ConfigError(
                f"schedule.steps of the {part} is 0, which keeps the weights of a release, but base.parts does not "
                f"name {part}; name it and base.release, or ask for steps"
            )


def the_synthesizer_is_trained_on_corpora_that_are_read(params: Params) -> None:
    """`synthesizer` and `corpus`: the synthesizer's corpora are among the sources."""
    known = {source.corpus for source in params.corpus.sources}
    if absent := sorted(set(params.synthesizer.training.corpora) - known):
        raise ConfigError(
            f"synthesizer.training.corpora names {', '.join(absent)}, but corpus.sources are of "
            f"{', '.join(sorted(known))}; name corpora of these"
        )


def the_layouts_are_known(params: Params) -> None:
    """`corpus`: each source has a layout that is read here."""
    check_layouts(params.corpus.sources)


def the_synthesizer_has_texts(params: Params) -> None:
    """`synthesizer` and `corpus`: each corpus that is named for the synthesizer has texts; without names, one has."""
    layouts = {source.corpus: layout_of(source) for source in params.corpus.sources}
    spoken = {name for name, layout in layouts.items() if layout.texts != "none"}
    silent = sorted(set(params.synthesizer.training.corpora or (() if spoken else layouts)) - spoken)
    if silent:
        raise ConfigError(
            f"the synthesizer is to learn from {', '.join(silent)}, which has no texts and is for the encoder alone; "
            "name a corpus with texts in corpus.sources and synthesizer.training.corpora"
        )


def held_out_subsets_are_read(params: Params) -> None:
    """`ingest` and `corpus`: a subset that is held out is one of the sources'."""
    known = {source.subset for source in params.corpus.sources}
    if absent := sorted(params.ingest.split.by_subset.keys() - known):
        raise ConfigError(
            f"ingest.split.by_subset names {', '.join(absent)}, but corpus.sources are of subsets "
            f"{', '.join(sorted(known))}; name subsets of these"
        )


def the_recognizer_knows_the_language(params: Params) -> None:
    """`evaluate` and `text`: the speech recogniser knows the language that is spoken."""
    check_recognizer(params.evaluate.speech.recognizer, params.text.language)


def the_gate_asks_for_what_is_measured(params: Params) -> None:
    """`gate` and `evaluate`: every metric of the gate is measured; an unmeasured one would fail it at the end."""
    speech = params.evaluate.speech
    is_made = {
        **dict.fromkeys(("cer", "wer", "cer_ratio"), ("recognizer", speech.recognizer.name != "none")),
        **dict.fromkeys(("similarity", "likeness", "identified"), ("verifier", speech.verifier != "none")),
        **dict.fromkeys(("f0_deviation", "voiced", "harmonic_ripple", "pace"), ("pitch", speech.pitch != "none")),
        "dnsmos": ("naturalness", "dnsmos" in speech.naturalness),
        "distill_mos": ("naturalness", "distill_mos" in speech.naturalness),
    }
    for metric in params.gate:
        room, _, name = metric.rpartition(".")
        key, is_measured = is_made.get(name, ("", True))
        if room.startswith(("speech", "cloning")) and not is_measured:
            raise ConfigError(
                f"gate names {metric}, but evaluate.speech.{key} names nothing that measures it; set one, or remove "
                "the threshold"
            )


def the_judges_are_installed(params: Params) -> None:
    """`evaluate`: the models that judge speech are at hand, before a training of days is to be judged by them."""
    describe_judges(params.evaluate.speech)


def the_language_can_be_spoken(params: Params) -> None:
    """`text`: the installed tokenizer has the language."""
    Tokenizer(params.text).encode("a")


def the_channel_has_a_name(params: Params) -> None:
    """`publish`: the store accepts the channel's name."""
    try:
        check_channel(params.publish.channel)
    except PeeweeError as error:
        raise ConfigError(f"publish.channel: {error}") from None


RULES: tuple[Callable[[Params], None], ...] = (
    upsampling_is_the_hop,
    loss_mel_is_below_half_the_rate,
    a_model_that_is_not_trained_comes_from_a_release,
    the_synthesizer_is_trained_on_corpora_that_are_read,
    the_layouts_are_known,
    the_synthesizer_has_texts,
    held_out_subsets_are_read,
    the_recognizer_knows_the_language,
    the_gate_asks_for_what_is_measured,
    the_judges_are_installed,
    the_language_can_be_spoken,
    the_channel_has_a_name,
)
"""The conditions between sections. Each raises an error that names both sides."""


def check(document: Mapping[str, Any], path: Path = PARAMS_FILE) -> None:
    """Check a whole params.yaml.

    Args:
        document: Its content as plain data.
        path: Its name in errors.

    Raises:
        ConfigError: Names every key that is unknown, missing or of the wrong kind; if there is none, every broken rule.
    """
    if unknown := sorted(document.keys() - {field.name for field in fields(Params)}):
        raise ConfigError(f"{path}: {', '.join(unknown)}: no stage reads that section; remove it or correct its name")
    found: dict[str, Any] = {}
    wrong: dict[str, None] = {}
    for kind in _kinds():
        try:
            sections = parse(kind, document, path)
        except ConfigError as error:
            wrong |= dict.fromkeys(str(error).split("; " + str(path)))
        else:
            found |= {name: getattr(sections, name) for name in kind.model_fields}
    if not wrong:
        params = Params(**found)
        wrong = dict.fromkeys(f"{path}: {broken}" for broken in _broken(params))
    if wrong:
        raise ConfigError("; ".join(wrong))


def _broken(params: Params) -> Iterator[str]:
    for rule in RULES:
        try:
            rule(params)
        except PeeweeError as error:
            yield str(error)


def _kinds() -> Iterator[Any]:
    """The model of each stage's sections."""
    for path in sorted(STAGES.glob("*.py")):
        kind = getattr(import_module(f"pipeline.stages.{path.stem}"), "Params", None)
        if kind is not None:
            yield kind


@command("params")
def main(arguments: list[str]) -> int:
    """Check the params.yaml of this folder."""
    if arguments:
        raise PeeweeError("usage: python -m pipeline.commands.check_params, without arguments")
    check(read_yaml(PARAMS_FILE))
    return 0


if __name__ == "__main__":
    run("params", lambda: main(sys.argv[1:]))
