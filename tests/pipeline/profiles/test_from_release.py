"""What a release fixes of a profile, for the releases of `examples/store`; the older has settings of the flat form."""

import shutil
from pathlib import Path

import pytest
import yaml

from peewee_model.audio.mel import SpeakerMelConfig
from peewee_model.encoder.config import EncoderArchitecture, EncoderConfig
from peewee_model.synthesizer.architecture import SynthesizerArchitecture
from peewee_model.synthesizer.factory import load_synthesizer
from peewee_model.text.symbols.tokenizer import Tokenizer
from pipeline.commands.profile import command
from pipeline.params.params import read
from pipeline.profiles.from_release import params_of, pin, start_from
from pipeline.profiles.overlay import apply, load_overlay
from pipeline.stages.train_synthesizer import Params
from pipeline.training.loop.starting_weights import check_same_model
from pipeline.training.synthesizer.settings import synthesizer_config
from tests.closure import ROOT

STORE = ROOT / "examples/store"
VERSIONS = sorted(folder.name for folder in (STORE / "releases").iterdir())


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """The shipped parameters in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", "params.yaml")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("profile", ["adapt", "further", "vocoder"])
def test_training_from_a_release_asks_for_the_release_s_own_synthesizer(version, profile):
    """Field by field, so that its weights fit."""
    overlay = load_overlay(profile)
    start_from(overlay, pin(f"{STORE}@{version}"))
    apply(overlay)
    params = read(Params)
    released = load_synthesizer(STORE / "releases" / version / "synthesizer").config
    width = released.speaker_embedding_dim
    assert synthesizer_config(released.mel, width, params.synthesizer, params.text) == released
    assert Tokenizer(params.text).n_symbols == released.n_symbols


@pytest.mark.parametrize(("profile", "arch"), [("adapt", "griffin_lim"), ("vocoder", "source_filter")])
def test_the_vocoder_is_the_release_s_only_where_it_is_kept(profile, arch):
    """The profile `vocoder` trains a new one, and keeps the other two models."""
    overlay = load_overlay(profile)
    start_from(overlay, pin(f"{STORE}@4dc087353bfb71f3"))
    apply(overlay)
    document = yaml.safe_load(Path("params.yaml").read_text())
    assert document["vocoder"]["arch"] == arch
    steps = {part: document[part]["training"]["schedule"]["steps"] for part in ("encoder", "synthesizer")}
    assert (steps["encoder"], steps["synthesizer"] == 0) == (0, profile == "vocoder")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("profile", ["adapt", "further", "the release's own"])
def test_the_encoder_is_asked_to_take_recordings_as_the_release_does(version, profile):
    """The older is older than `loudness_lufs`; with the shipped one, its encoder would be refused."""
    if profile == "the release's own":
        command(release=f"{STORE}@{version}")
    else:
        overlay = load_overlay(profile)
        start_from(overlay, pin(f"{STORE}@{version}"))
        apply(overlay)
    document = yaml.safe_load(Path("params.yaml").read_text())
    mel = SpeakerMelConfig.model_validate(document["mel"]["speaker"])
    architecture = EncoderArchitecture.model_validate(document["encoder"]["architecture"])
    check_same_model(STORE / "releases" / version / "encoder", EncoderConfig.of(architecture, mel))


@pytest.mark.parametrize("version", VERSIONS)
def test_release_is_trained_again_with_its_own_parameters(version):
    """`profile --release` writes today's form, which the stage reads, and nothing of the flat form."""
    command(release=f"{STORE}@{version}")
    document = yaml.safe_load(Path("params.yaml").read_text())["synthesizer"]
    assert document["architecture"].keys() == SynthesizerArchitecture.model_fields.keys()
    params = read(Params).synthesizer
    old = pin(f"{STORE}@{version}").manifest.params["synthesizer"]
    assert params.architecture.arch == "non_attentive"
    sizes = old["architecture"].get("tacotron2", old["architecture"])  # the older has the flat form
    assert params.architecture.tacotron2.prenet_dim == sizes["prenet_dim"]
    training = params.training.model_dump(mode="json")
    adversarial = training["adversarial"] | old["training"]["adversarial"]
    assert training == training | old["training"] | {"adversarial": adversarial}  # some keys are younger than a release


def test_parameters_without_a_synthesizer_stay_as_they_are():
    """A manifest may say less than today's."""
    manifest = pin(f"{STORE}@{VERSIONS[0]}").manifest.model_copy(update={"params": {"evaluate": {"seed": 8}}})
    assert params_of(manifest) == {"evaluate": {"seed": 8}}


def test_stop_threshold_of_an_older_release_is_left_out():
    """It is a default of the synthesizer now; params.yaml has no such key, and an unknown one is refused."""
    older = {"evaluate": {"seed": 8, "speech": {"stop_threshold": 0.5, "n_sentences": 3}}}
    manifest = pin(f"{STORE}@{VERSIONS[0]}").manifest.model_copy(update={"params": older})
    assert params_of(manifest) == {"evaluate": {"seed": 8, "speech": {"n_sentences": 3}}}


def test_corpus_of_an_older_release_has_the_layout_that_was_the_only_one():
    """A corpus of any name was LibriTTS's; one that is known here needs no layout."""
    sources = [{"corpus": "mine"}, {"corpus": "mini"}, {"corpus": "mine", "layout": "folder"}]
    older = {"corpus": {"sources": sources}}
    manifest = pin(f"{STORE}@{VERSIONS[0]}").manifest.model_copy(update={"params": older})
    found = params_of(manifest)["corpus"]["sources"]
    assert found == [{"corpus": "mine", "layout": "libritts"}, *sources[1:]]
