"""params.yaml as a whole: what contradicts between sections is found before the first stage runs."""

import copy
import shutil
import subprocess

import pytest

from peewee_model.errors import ConfigError
from pipeline.commands.check_params import RULES, Params, check, main
from pipeline.commands.worker import check_params
from pipeline.graph.stages import load_stages
from pipeline.params.yaml_file import dump_yaml, read_yaml
from tests.closure import ROOT

SHIPPED = read_yaml(ROOT / "params.yaml")


def changed(*changes):
    """The shipped parameters with `key.key=value` changed."""
    document = copy.deepcopy(SHIPPED)
    for keys, value in changes:
        *above, last = keys
        node = document
        for key in above:
            node = node[key]
        node[last] = value
    return document


HIFI_GAN = (("vocoder", "arch"), "hifi_gan")
SCHEDULE = ("training", "schedule", "steps")
BROKEN = {
    "upsampling_is_the_hop": (
        [HIFI_GAN, (("mel", "acoustic", "hop_length"), 300)],
        "mel.acoustic.hop_length is 300 but the vocoder upsamples by 8*8*4 = 256; make them equal",
    ),
    "loss_mel_is_below_half_the_rate": (
        [HIFI_GAN, (("vocoder", "hifi_gan", "training", "mel_loss_f_max"), 12001.0)],
        "vocoder.hifi_gan.training.mel_loss_f_max is 12001 Hz, but mels of 24000 Hz hold nothing above 12000 Hz",
    ),
    "a_model_that_is_not_trained_comes_from_a_release": (
        [(("encoder", *SCHEDULE), 0)],
        "schedule.steps of the encoder is 0, which keeps the weights of a release, but base.parts does not name",
    ),
    "the_synthesizer_is_trained_on_corpora_that_are_read": (
        [(("synthesizer", "training", "corpora"), ["libritts"])],
        "synthesizer.training.corpora names libritts, but corpus.sources are of mini; name corpora of these",
    ),
    "the_layouts_are_known": (
        [(("corpus", "sources", 0, "layout"), "libritz")],
        "corpus.sources: mini train-clean: libritz is no corpus and no layout that is known here; there are",
    ),
    "the_synthesizer_has_texts": (
        [(("corpus", "sources", number, "layout"), "voxceleb1") for number in (0, 1)],
        "the synthesizer is to learn from mini, which has no texts and is for the encoder alone",
    ),
    "held_out_subsets_are_read": (
        [(("ingest", "split", "by_subset"), {"dev-klean": "test"})],
        "ingest.split.by_subset names dev-klean, but corpus.sources are of subsets dev-clean, train-clean",
    ),
    "the_recognizer_knows_the_language": (
        [(("text", "language"), "de")],
        "evaluate.speech.recognizer is moonshine, which knows English, but the text's language is 'de'",
    ),
    "the_gate_asks_for_what_is_measured": (
        [(("evaluate", "speech", "verifier"), "none"), (("gate", "speech.synthesized.similarity"), {"min": 0.5})],
        "gate names speech.synthesized.similarity, but evaluate.speech.verifier names nothing that measures it",
    ),
    "the_judges_are_installed": (
        [(("evaluate", "speech", "recognizer"), {"name": "whisper", "model": "no-such-folder", "sha256": "0" * 64})],
        "no-such-folder: evaluate.speech.recognizer.model has no file config.json; name a model's folder",
    ),
    "the_language_can_be_spoken": (
        [(("text", "units"), "phonemes"), (("text", "language"), "en-zz")],
        "espeak-ng has no language 'en-zz'",
    ),
    "the_channel_has_a_name": ([(("publish", "channel"), "Stable Voices")], "publish.channel: 'Stable Voices' can't"),
}


def test_shipped_parameters_break_no_rule():
    """Else no rule could be trusted."""
    check(SHIPPED)


@pytest.mark.parametrize("rule", [rule.__name__ for rule in RULES])
def test_rule_between_sections_is_held(rule):
    """Each alone, by name, in one line; a rule without an example here is an error."""
    changes, message = BROKEN[rule]
    with pytest.raises(ConfigError) as refused:
        check(changed(*changes))
    assert str(refused.value).startswith("params.yaml: ")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("metric", "key", "value"),
    [
        ("speech.synthesized.cer_ratio", "recognizer", "none"),
        ("speech.synthesized.dnsmos", "naturalness", ["distill_mos"]),
        ("speech.unseen.synthesized.distill_mos", "naturalness", []),
        ("speech.synthesized.harmonic_ripple", "pitch", "none"),
        ("cloning.synthesized.likeness", "verifier", "none"),
    ],
)
def test_gate_on_what_no_judge_measures_is_refused(metric, key, value):
    """Every figure of a judge; with the judges of the shipped parameters each can be asked for."""
    gate = (("gate", metric), {"min": 0.0})
    check(changed(gate))
    with pytest.raises(ConfigError, match=f"gate names {metric}, but evaluate.speech.{key} names nothing"):
        check(changed(gate, (("evaluate", "speech", key), value)))


def test_every_broken_rule_is_named_at_once():
    """Who corrects one need not start again to learn of the next."""
    (first, message), (second, other) = BROKEN["the_channel_has_a_name"], BROKEN["held_out_subsets_are_read"]
    with pytest.raises(ConfigError) as refused:
        check(changed(*first, *second))
    assert message in str(refused.value) and other in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        [(("vocoder", "hifi_gan", "generator", "upsample_rates"), [8, 8, 8])],
        [(("vocoder", "hifi_gan", "training", "schedule", "steps"), 0)],
        [(("vocoder", "hifi_gan", "training", "mel_loss_f_max"), 99999.0)],
    ],
)
def test_settings_of_the_vocoder_that_is_not_used_break_no_rule(changes):
    """Griffin-Lim upsamples by nothing."""
    check(changed(*changes))


def test_misspelt_keys_anywhere_are_found():
    """Of the last stage as well as of the first; a section that two stages read is named once."""
    document = changed((("publish", "chanel"), "x"), (("weights", "dtypo"), "x"))
    with pytest.raises(ConfigError) as refused:
        check(document)
    assert str(refused.value).count("weights.dtypo is unknown") == 1
    assert "params.yaml: publish.chanel is unknown" in str(refused.value)


def test_a_section_that_no_stage_reads_is_found():
    """Its name is a slip of the pen."""
    with pytest.raises(ConfigError, match="encodr: no stage reads that section"):
        check(changed((("encodr",), {})))


def test_the_whole_is_what_the_stages_read():
    """A stage with a new section has it here too."""
    read = {section for stage in load_stages(ROOT / "dvc.yaml").values() for section in stage.get("params", [])}
    assert set(Params.__dataclass_fields__) == read


def test_command_ends_with_one_line(tmp_path, monkeypatch, capsys):
    """As `make repro` and a worker's plan run it."""
    changes, message = BROKEN["upsampling_is_the_hop"]
    (tmp_path / "params.yaml").write_bytes(dump_yaml(changed(*changes)))
    monkeypatch.chdir(tmp_path)
    assert main([]) == 2
    assert capsys.readouterr() == ("", f"params: params.yaml: {message}\n")


def test_make_repro_checks_before_it_runs():
    """A week of training is not begun."""
    shown = subprocess.run(["make", "--dry-run", "repro"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown.index("pipeline.commands.check_params") < shown.index("dvc repro")


@pytest.fixture
def clone(tmp_path):
    """A clone as a worker's plan has one."""
    for package in ("peewee_model", "pipeline"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "params.yaml").write_bytes(dump_yaml(SHIPPED))
    return tmp_path


@pytest.mark.system
def test_worker_plans_no_run_whose_parameters_contradict(clone):
    """By the clone's own rules."""
    check_params(clone)
    changes, message = BROKEN["upsampling_is_the_hop"]
    (clone / "params.yaml").write_bytes(dump_yaml(changed(*changes)))
    with pytest.raises(ConfigError) as refused:
        check_params(clone)
    assert str(refused.value) == f"params.yaml: {message}"


def test_worker_plans_a_revision_that_has_no_rules(clone):
    """An older one."""
    (clone / "pipeline/commands/check_params.py").unlink()
    (clone / "params.yaml").write_text("")
    check_params(clone)
