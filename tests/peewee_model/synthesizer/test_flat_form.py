"""Synthesizers of releases from before there was a section for each network are read as what they are."""

import json

import pytest

from peewee_model.errors import ConfigError
from peewee_model.networks.weights import save_model
from peewee_model.synthesizer.architecture import architecture_of
from peewee_model.synthesizer.factory import load_synthesizer, make_synthesizer
from peewee_model.synthesizer.flat_form import in_sections, of_one_network
from peewee_model.synthesizer.non_attentive.non_attentive import NonAttentiveTacotron
from peewee_model.synthesizer.tacotron2.tacotron2 import Tacotron2
from tests.closure import ROOT
from tests.peewee_model.synthesizer.configs import SHARED, SIZES, small_config

PUBLISHED = json.loads((ROOT / "tests/peewee_model/synthesizer/flat_form.json").read_text())
"""The synthesizer's config and the manifest's `synthesizer.architecture` of release 36d8c5be708e0df1."""


def flat(**changes):
    """A small config as it was written in the flat form."""
    config = json.loads(small_config().model_dump_json())
    sizes = SIZES["non_attentive"] | config.pop("tacotron2")
    later = ("arch", "aligner_dim", "speaker_film_dim")
    return {name: value for name, value in (config | sizes | changes).items() if name not in later}


def test_published_config_of_the_flat_form_is_loaded(tmp_path):
    """As release 36d8c5be708e0df1 has it; weights that were saved beside it fit the converted config."""
    document = PUBLISHED["config"]
    assert document["timing"] == "durations" and "arch" not in document
    converted = small_config(**of_one_network(document))
    save_model(tmp_path, make_synthesizer(converted), converted)
    (tmp_path / "config.json").write_text(json.dumps(document))
    model = load_synthesizer(tmp_path)
    assert isinstance(model, NonAttentiveTacotron)
    assert model.config.non_attentive.aligner_dim == document["attention_dim"]
    assert json.loads(model.config.model_dump_json()) == of_one_network(document)


def test_parameters_of_a_published_release_keep_every_size():
    """Of both networks, since both were set up; `attention_dim` was the size of the one and of the other's aligner."""
    old = PUBLISHED["architecture"]
    new = in_sections(old)
    assert new["arch"] == "non_attentive"
    shared = {name: value for name, value in new.items() if name in SHARED}
    assert new.keys() - shared.keys() == {"arch", "tacotron2", "non_attentive"}
    sizes = new["non_attentive"] | {"attention_dim": new["non_attentive"]["aligner_dim"]}
    del sizes["aligner_dim"]
    assert sizes.pop("speaker_film_dim") == 0
    assert old == shared | new["tacotron2"] | sizes | {"timing": "durations"}
    assert new["tacotron2"].keys() == SIZES["tacotron2"].keys()
    assert new["non_attentive"].keys() == SIZES["non_attentive"].keys()


@pytest.mark.parametrize(
    ("changes", "kind"),
    [({"timing": "attention"}, Tacotron2), ({"timing": "durations"}, NonAttentiveTacotron), ({}, Tacotron2)],
)
def test_timing_was_the_network(tmp_path, changes, kind):
    """Releases from before there was a choice do not say: there was one network."""
    document = flat(**changes)
    if not changes:
        document = {name: value for name, value in document.items() if name not in SIZES["non_attentive"]}
    (tmp_path / "config.json").write_text(json.dumps(document))
    with pytest.raises(ConfigError, match=r"model\.safetensors can't be read"):
        load_synthesizer(tmp_path)
    model = make_synthesizer(small_config(**architecture_of(document)))
    assert type(model) is kind
    assert model.config == small_config({Tacotron2: "tacotron2"}.get(kind, "non_attentive"), speaker_film_dim=0)


def test_sizes_of_before_a_voice_scaled_and_shifted_are_completed():
    """Their networks do what they did; what is complete stays as it is."""
    today = small_config("non_attentive").model_dump()
    older = today | {"non_attentive": {k: v for k, v in today["non_attentive"].items() if k != "speaker_film_dim"}}
    assert small_config("non_attentive", speaker_film_dim=0).model_dump() == in_sections(older)
    assert "speaker_film_dim" not in older["non_attentive"]
    assert in_sections(today) is today


def test_settings_of_today_stay_as_they_are():
    """A misspelt key in them is not taken for the flat form, and an unknown timing is named."""
    today = json.loads(small_config().model_dump_json())
    assert in_sections(today) is today
    assert in_sections({"prenet_dmi": 3}) == {"prenet_dmi": 3}
    assert in_sections(None) is None
    assert of_one_network(flat(timing="guesses"))["arch"] == "guesses"
