"""`peewee-tts adapt` on the project's own graph: a small release and a minute of speech, to a release in the store."""

import json
import os
import shutil
import sys
import tomllib
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import typer
import yaml
from safetensors.torch import load_file
from typer.testing import CliRunner

from peewee_model.errors import ConfigError, PeeweeError, ReleaseNotFoundError
from peewee_model.networks.weights import save_model
from peewee_model.release.manifest import MANIFEST, hash_file, read_manifest
from peewee_model.store.store import open_store
from pipeline.adaptation import settings
from pipeline.audit.trace import trace
from pipeline.audit.verify import Request, audit
from pipeline.commands import adapt as command
from pipeline.commands.adapt import AdaptationError, before_and_after
from pipeline.evaluation.metrics import labels
from pipeline.mini.corpus import VOICES, Reading, read_aloud
from pipeline.mini.sentences import training_sentences
from pipeline.profiles import overlay as profile
from pipeline.profiles.from_release import pin, start_from
from pipeline.release.provenance import PARENT, read_provenance
from pipeline.warm_start import RELEASE
from tests.closure import ROOT
from tests.peewee_model.cloning.test_cloner import make_encoder, make_synthesizer, make_vocoder
from tests.peewee_model.releases import write_manifest

CORPUS = {
    "corpus": "toy", "subset": "clean", "url": "https://example.org/toy.tar.gz", "sha256": "ab" * 32,
    "licence": "CC BY 4.0", "n_speakers": 9, "n_utterances": 90, "hours": 1.5,
    "splits": {"train": {"n_speakers": 9, "n_utterances": 90, "hours": 1.5}},
}  # fmt: skip
"""What the parent says that it was trained on."""
SMALL = {
    "synthesizer": {"training": {"frame_budget": 2000, "min_diagonality": 0.0, "n_validation": 2}},
    "vocoder": {"n_validation": 1},
    "evaluate": {
        "n_samples": 1,
        "lengths": {"n_sentences": 0},
        "speech": {"n_sentences": 2, "verifier": "none", "max_s_per_symbol": 0.05, "n_bootstrap": 10},
    },
    "gate": {"speech.synthesized.stop_failures": {"max": 1.0}},
}
"""So that untrained weights get through."""


def write_parent(folder, store):
    """Publish a release of random weights as `stable`, and return its version."""
    for name, model in (("encoder", make_encoder()), ("synthesizer", make_synthesizer()), ("vocoder", make_vocoder())):
        save_model(folder / name, model, model.config)
    version = write_manifest(folder, corpora=[CORPUS])
    open_store(store).publish(folder, "stable", "a test")
    return version


def write_speech(folder, n=36):
    """A voice of the mini corpus reads to somebody, who keeps the files."""
    folder.mkdir()
    for number, sentence in enumerate(training_sentences()[:n]):
        (folder / f"{number:02d}.wav").write_bytes(read_aloud(Reading("", VOICES[3], sentence)))
        (folder / f"{number:02d}.txt").write_text(sentence[0])
    return folder


def run(*arguments):
    """The command that `peewee-tts` finds by its entry point."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["peewee_tts.commands"]
    app = typer.Typer()
    app.command()(EntryPoint("adapt", scripts["adapt"], "peewee_tts.commands").load())
    return CliRunner().invoke(app, list(map(str, arguments)))


def enter_project(folder, patch):
    """A copy of this project with nothing in it that was run, as the current folder."""
    folder.mkdir()
    for name in ("dvc.yaml", "params.yaml", "exclusions.csv", "requirements.lock", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("peewee_model", "pipeline"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    patch.chdir(folder)
    patch.setenv("PEEWEE_DEVICE", "cpu")
    patch.setenv("PEEWEE_STORE", "store")
    patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    loaded = profile.load_overlay

    def smaller(name, *arguments):
        found = loaded(name, *arguments)
        if name == "adapt":
            profile.merge(found, SMALL)
        return found

    patch.setattr(profile, "load_overlay", smaller)
    patch.setattr(settings, "load_overlay", smaller)


@pytest.fixture(scope="module")
def adapted(tmp_path_factory):
    """The command, run once: its answer, and the version of the parent. The current folder is the project."""
    from dvc.repo import Repo

    folder = tmp_path_factory.mktemp("adapt")
    with pytest.MonkeyPatch.context() as patch:
        enter_project(folder / "project", patch)
        Repo.init(no_scm=True).close()
        parent = write_parent(folder / "parent", "store")
        speech = write_speech(folder / "me")
        answer = run(
            "--release", "store@stable", "--speech", speech, "--steps", 4, "--speaker", "ada", "--licence", "mine"
        )
        yield SimpleNamespace(output=answer.output, error=answer.exception, parent=parent, speech=speech)


def test_adapt_makes_a_release_that_names_its_parent(adapted):
    """From a channel and a folder to a channel: pinned, credited, verified, and with the parent's encoder."""
    assert adapted.error is None, adapted.output
    version = open_store("store").resolve("adapted")
    manifest = open_store("store").verify(version)
    assert manifest.parent is not None
    assert (manifest.parent.version, manifest.parent.store) == (adapted.parent, "store")
    assert manifest.parent.parts == ("encoder", "synthesizer", "vocoder")
    assert [corpus.corpus for corpus in manifest.parent.corpora] == ["toy"]
    assert manifest.params["base"]["release"] == f"store@{adapted.parent}"
    folder = Path("store/releases")
    for name in ("encoder/model.safetensors", "vocoder/model.safetensors"):
        assert (folder / version / name).read_bytes() == (folder / adapted.parent / name).read_bytes()
    before, after = (
        load_file(folder / release / "synthesizer/model.safetensors") for release in (adapted.parent, version)
    )
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert open_store("store").resolve("stable") == adapted.parent


def test_adapt_holds_out_sentences_of_the_speaker(adapted):
    """One speaker in three splits, counted once."""
    (corpus,) = read_manifest(Path("release"))[0].corpora
    assert (corpus.corpus, corpus.n_speakers, corpus.n_utterances) == ("adapt", 1, 36)
    assert {split: counts["n_utterances"] for split, counts in corpus.splits.items()} == {
        "train": 27, "validation": 3, "test": 6,
    }  # fmt: skip
    assert (corpus.url.startswith("file:data/adapt/"), corpus.licence) == (True, "mine")


def test_adapt_compares_before_and_after(adapted):
    """The parent and the adapted release speak the same sentences; the output has the page's figures."""
    metrics = json.loads(Path("reports/metrics.json").read_text())
    assert metrics["speech"].keys() >= {"parent", "synthesized", "ground_truth"}
    assert f"{100 * metrics['speech']['parent']['cer']:.1f} % ->" in adapted.output
    assert "2 held-out sentences, before and after, and as recorded:" in adapted.output
    history = [json.loads(line) for line in Path("models/synthesizer/training.jsonl").read_text().splitlines()]
    assert (history[0]["step"], history[0]["split"]) == (0, "validation")


def test_adapted_release_is_what_it_was_made_as(adapted):
    """Every file between the archive, the parent and the release; the provenance names the parent's manifest."""
    version = open_store("store").resolve("adapted")
    report = audit(Request(version, "store", Path(), everything=True))
    assert report.findings == []
    provenance = read_provenance(Path("release/provenance.json").read_bytes())
    assert provenance.dependencies[PARENT].digests["sha256"] == hash_file(RELEASE / MANIFEST).sha256
    assert provenance.dependencies[PARENT].uri == f"store/releases/{adapted.parent}/manifest.json"


def test_card_of_an_adapted_release_credits_the_parent(adapted):
    """Who made the voice possible, and under which terms."""
    card = Path("release/MODEL_CARD.md").read_text()
    assert f"started from release `{adapted.parent}`" in card
    assert "[toy clean](https://example.org/toy.tar.gz) | 9 | 90 | 1.50 |" in card
    assert "of the speaker, other sentences were" in card
    assert 'license: "other"' in card  # the parent's CC BY, and `mine`


def test_trace_follows_to_the_parent_and_says_what_it_can_not_tell(adapted):
    """The parent was published without tables: nobody knows whom it heard."""
    found = {item.version: item for item in trace(open_store("store"), "speaker", "adapt_ada").appearances}
    made = found[open_store("store").resolve("adapted")]
    assert sum(share.n_utterances for share in made.shares) == 36
    (parent,) = made.heritage
    assert parent.version == adapted.parent
    assert parent.unknown
    assert made.gap == parent.unknown


def test_parameters_of_an_adaptation_name_no_machine(adapted):
    """The packed archive's path is the project's own."""
    text = Path("params.yaml").read_text()
    assert str(Path.cwd()) not in text
    source = yaml.safe_load(text)["corpus"]["sources"][0]
    assert Path(source["url"].removeprefix("file:")).is_file()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project in which nothing was run, with a parent in its store; the parent's version."""
    enter_project(tmp_path / "project", monkeypatch)
    return write_parent(tmp_path / "parent", "store")


def test_dry_run_writes_parameters_that_every_stage_takes(project, tmp_path):
    """The diff is shown, nothing is run, and a second time there is nothing to change."""
    import importlib

    from pipeline.params.params import read

    speech = write_speech(tmp_path / "me")
    arguments = ("--release", "store@stable", "--speech", speech, "--steps", 100, "--dry-run", "--channel", "mine")
    answer = run(*arguments)
    assert answer.exception is None, answer.output
    assert f"+  release: store@{project}" in answer.output
    assert not Path("data/archives").exists()
    document = yaml.safe_load(Path("params.yaml").read_text())
    assert document["publish"]["channel"] == "mine"
    assert document["synthesizer"]["training"]["schedule"]["steps"] == 100
    assert document["synthesizer"]["architecture"]["tacotron2"]["attention_rnn_dim"] == 8
    assert document["encoder"]["architecture"]["lstm"]["hidden_dim"] == 16
    assert document["ingest"]["split"]["within"] == {"adapt": {"validation": 3, "test": 6}}
    for stage in Path("pipeline/stages").glob("[a-z]*.py"):
        module = importlib.import_module(f"pipeline.stages.{stage.stem}")
        if hasattr(module, "Params"):
            read(module.Params)
    assert "params.yaml says so already" in run(*arguments).output


@pytest.mark.parametrize(
    ("arguments", "kind", "problem"),
    [
        (("--release", "store@beta", "--speech", "me"), ReleaseNotFoundError, "no channel 'beta'"),
        (("--release", "store@stable", "--speech", "you"), PeeweeError, "you does not exist"),
        (("--release", "store@stable", "--speech", "me", "--channel", "a b"), PeeweeError, "a b"),
        (("--release", "store@stable", "--speech", "me", "--vocoder-steps", "5"), ConfigError, "needs no training"),
    ],
)
def test_mistakes_are_told_before_params_are_touched(project, arguments, kind, problem):
    """Each by name."""
    before = Path("params.yaml").read_bytes()
    write_speech(Path("me"))
    answer = run(*arguments, "--steps", 5)
    assert isinstance(answer.exception, kind)
    assert problem in str(answer.exception)
    assert Path("params.yaml").read_bytes() == before


@pytest.mark.parametrize("params", [{}, {"synthesizer": {"training": {"adversarial": {"weight": 0.4}}}}])
def test_judge_that_a_release_was_trained_against_goes_on(project, tmp_path, params):
    """From the first step; a release that had none, or is of a time before, gets none."""
    base = pin("store@stable")
    base = replace(base, manifest=base.manifest.model_copy(update={"params": params}))
    overlay = {
        "base": {"parts": ["encoder", "synthesizer"]},
        "synthesizer": {"training": {"adversarial": {"weight": 0.0, "from_step": 9}}},
    }
    start_from(overlay, base)
    found = overlay["synthesizer"]["training"]["adversarial"]
    assert found == ({"weight": 0.4, "from_step": 0} if params else {"weight": 0.0, "from_step": 9})


def test_adapt_outside_a_project_says_where_to_run(tmp_path, monkeypatch):
    """It makes no params.yaml of its own."""
    monkeypatch.chdir(tmp_path)
    answer = run("--release", "store@stable", "--speech", tmp_path, "--steps", 5)
    assert isinstance(answer.exception, AdaptationError)
    assert "root of the project" in str(answer.exception)


def test_graph_that_fails_is_told_with_how_to_go_on(project, tmp_path, monkeypatch):
    """The stage's output is above; `dvc repro` continues."""
    monkeypatch.setattr(command.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=255))
    answer = run("--release", "store@stable", "--speech", write_speech(tmp_path / "me"), "--steps", 5)
    assert isinstance(answer.exception, AdaptationError)
    assert "ended with 255" in str(answer.exception)


def test_what_was_not_measured_is_not_made_up():
    """Without a verifier there is no similarity; without a parent's row there is no comparison."""
    lines = list(before_and_after({"speech": {"parent": {"cer": 0.5}, "synthesized": {"cer": 0.25}}}, labels()))
    assert lines[1:] == ["  character error rate: 50.0 % -> 25.0 %, better"]
    assert list(before_and_after({"speech": {"synthesized": {"cer": 0.25}}}, labels())) == ["before    not measured"]


@pytest.mark.parametrize(
    ("key", "before", "after", "line"),
    [
        ("wer", 0.5, 0.75, "word error rate: 50.0 % -> 75.0 %, worse (10.0 %)"),
        ("similarity", 0.5, 0.75, "similarity to the speaker: 0.500 -> 0.750, better (0.100)"),
        ("similarity", 0.75, 0.5, "similarity to the speaker: 0.750 -> 0.500, worse (0.100)"),
        ("mcd_db", 5.0, 5.0, "mel cepstral distortion: 5.00 dB -> 5.00 dB (0.10 dB)"),
    ],
)
def test_comparison_says_which_direction_is_better(key, before, after, line):
    """By the table of metrics: an error falls, a similarity rises, and what stays the same is neither."""
    rows = {"parent": {key: before}, "synthesized": {key: after}, "ground_truth": {key: 0.1}}
    assert list(before_and_after({"speech": rows}, labels()))[1:] == [f"  {line}"]
