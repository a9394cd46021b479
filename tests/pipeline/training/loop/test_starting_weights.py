"""Trainings that start from a release's weights, or keep them."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from peewee_model.encoder.speaker_encoder import load_encoder
from peewee_model.errors import ConfigError
from peewee_model.synthesizer.factory import load_synthesizer
from pipeline import tables
from pipeline.stages import train_encoder, train_synthesizer
from pipeline.warm_start import RELEASE
from tests.peewee_model.synthesizer.configs import with_sizes
from tests.pipeline.training.encoder import test_learner as test_encoder_learner
from tests.pipeline.training.synthesizer.test_learner import SIZES

STAGES = {"encoder": train_encoder.train_encoder, "synthesizer": train_synthesizer.train_synthesizer}
METRIC = {"encoder": "eer", "synthesizer": "mel_after"}
VERSION = "0123456789abcdef"
NO_DATA = Path("data/mels/speaker/part-00000.parquet")


@pytest.fixture
def ask(speech, repository, monkeypatch):
    """`ask(model, changes, parts, dtype)` writes params.yaml for a small model, changes merged in."""
    monkeypatch.setenv("PEEWEE_DEVICE", "cpu")
    shipped = yaml.safe_load((repository / "params.yaml").read_text())
    shipped["encoder"] = test_encoder_learner.params().model_dump(mode="json")
    shipped["synthesizer"]["architecture"] = with_sizes(shipped["synthesizer"]["architecture"], SIZES)
    shipped["synthesizer"]["training"] |= {"frame_budget": 200, "decay_from": 4, "min_diagonality": 0.0}
    shipped["synthesizer"]["training"]["schedule"] |= {"steps": 8, "validate_every": 4}
    shipped["encoder"]["training"]["schedule"] |= {"steps": 8, "validate_every": 4}

    def write(model, changes=None, parts=(), dtype="float32"):
        document = json.loads(json.dumps({name: shipped[name] for name in ("encoder", "synthesizer", "text")}))
        merge(document[model], changes or {})
        document["base"] = {"release": f"store@{VERSION}" if parts else None, "parts": list(parts)}
        document["weights"] = {"dtype": dtype}
        Path("params.yaml").write_text(yaml.safe_dump(document))

    return write


def merge(document, changes):
    for key, value in changes.items():
        if isinstance(value, dict):
            merge(document[key], value)
        else:
            document[key] = value


def steps(n):
    return {"training": {"schedule": {"steps": n}}}


def history(model):
    """Of a model's name, or of its folder."""
    return [json.loads(line) for line in (Path("models") / model / "training.jsonl").read_text().splitlines()]


def weights(folder):
    return load_file(Path(folder) / "model.safetensors")


def release(model):
    """What was trained becomes what is started from."""
    shutil.move(f"models/{model}", RELEASE / model)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder of models that were trained once; tests copy them."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture(params=list(STAGES))
def released(request, ask, shelf):
    """A model of which a small training was released."""
    model = request.param
    RELEASE.mkdir(parents=True)
    if not (shelf / model).exists():
        ask(model)
        STAGES[model]()
        shutil.move(f"models/{model}", shelf / model)
    shutil.copytree(shelf / model, RELEASE / model)
    rows = history(Path.cwd() / RELEASE / model)
    return model, min(row[METRIC[model]] for row in rows if row["split"] == "validation")


def test_training_starts_from_the_weights_of_the_base(released, ask):
    """Before the first step it measures what the base's training ended with; then the weights move."""
    model, best = released
    ask(model, parts=[model])
    STAGES[model]()
    first = history(model)[0]
    assert (first["step"], first["split"]) == (0, "validation")
    assert first[METRIC[model]] == pytest.approx(best, rel=1e-6)
    if model == "synthesizer":  # the encoder's EER is 0 already, and does not move
        assert history(model)[-1][METRIC[model]] != first[METRIC[model]]


def test_training_without_a_base_measures_nothing_before_its_first_step(released, ask):
    """The base of another part is not read."""
    model, _ = released
    other = next(name for name in STAGES if name != model)
    ask(model, parts=[other])
    STAGES[model]()
    assert min(row["step"] for row in history(model)) == 4


def test_no_steps_keep_the_base_to_the_byte(released, ask):
    """The file is the base's, and the history has no step in it."""
    model, _ = released
    ask(model, steps(0), parts=[model])
    STAGES[model]()
    for name in ("model.safetensors", "config.json"):
        assert Path(f"models/{model}/{name}").read_bytes() == (RELEASE / model / name).read_bytes()
    assert history(model) == []


def test_no_steps_need_no_speakers(released, ask):
    """A corpus of one speaker, none of whom is held out, keeps an encoder as well as any."""
    model, _ = released
    if model == "encoder":
        (first, *_) = tables.iter_rows(NO_DATA)
        metadata = tables.read_metadata(NO_DATA.parent)
        tables.write_shard(NO_DATA, tables.MELS, [first], metadata)
        ask(model, parts=[model])
        with pytest.raises(Exception, match="both need at least 2"):
            STAGES[model]()
    ask(model, steps(0), parts=[model])
    STAGES[model]()
    assert Path(f"models/{model}/config.json").exists()


def test_no_steps_without_a_base_are_refused(released, ask):
    """There is nothing to keep."""
    model, _ = released
    ask(model, steps(0))
    with pytest.raises(ConfigError, match=f"steps of the {model} is 0.*base.parts does not name {model}"):
        STAGES[model]()


@pytest.mark.parametrize("n_steps", [0, 8])
def test_another_model_is_refused_by_its_fields(released, ask, n_steps):
    """Every difference is named at once."""
    model, _ = released
    changes = {
        "encoder": {"architecture": {"silence_db": 30.0, "lstm": {"hidden_dim": 24}}},
        "synthesizer": {"architecture": {"tacotron2": {"prenet_dim": 24}, "reduction_factor": 2}},
    }[model]
    merge_in = changes | steps(n_steps)
    ask(model, merge_in, parts=[model])
    found = {
        "encoder": "lstm.hidden_dim is 16 there, 24 here; silence_db is 0.0 there, 30.0 here",
        "synthesizer": "reduction_factor is 3 there, 2 here; tacotron2.prenet_dim is 8 there, 24 here",
    }[model]
    with pytest.raises(ConfigError, match=found):
        STAGES[model]()


def test_mels_and_symbols_must_be_those_of_the_base(ask):
    """A model can't hear other mels than it was trained on, nor read other symbols."""
    RELEASE.mkdir(parents=True)
    ask("synthesizer")
    train_synthesizer.train_synthesizer()
    release("synthesizer")
    config = json.loads((RELEASE / "synthesizer/config.json").read_text())
    config["mel"]["hop_length"], config["text"]["units"] = 300, "phonemes"
    (RELEASE / "synthesizer/config.json").write_text(json.dumps(config))
    ask("synthesizer", parts=["synthesizer"])
    with pytest.raises(
        ConfigError, match=r"mel.hop_length is 300 there, 256 here; text.units is phonemes there, graphemes here"
    ):
        train_synthesizer.train_synthesizer()


@pytest.mark.parametrize("arch", ["tacotron2", "non_attentive"])
def test_base_of_the_flat_form_is_the_same_model(ask, arch):
    """A release from before there was a section for each network is kept to the byte, or refused by name."""
    RELEASE.mkdir(parents=True)
    plain = {"arch": arch, "non_attentive": {"speaker_film_dim": 0}}
    ask("synthesizer", {"architecture": plain})
    train_synthesizer.train_synthesizer()
    release("synthesizer")
    path = RELEASE / "synthesizer/config.json"
    config = json.loads(path.read_text())
    sizes = config.pop(config.pop("arch"))
    if arch == "non_attentive":
        sizes["attention_dim"] = sizes.pop("aligner_dim")
        assert sizes.pop("speaker_film_dim") == 0
    path.write_text(json.dumps(config | sizes | ({"timing": "durations"} if arch == "non_attentive" else {})))
    ask("synthesizer", {"architecture": plain} | steps(0), parts=["synthesizer"])
    train_synthesizer.train_synthesizer()
    kept = Path("models/synthesizer")
    assert (kept / "model.safetensors").read_bytes() == path.with_name("model.safetensors").read_bytes()
    assert json.loads((kept / "config.json").read_text())["arch"] == arch
    name = {"tacotron2": "prenet_dim", "non_attentive": "aligner_channels"}[arch]
    changed = plain | {arch: plain.get(arch, {}) | {name: 12}}
    ask("synthesizer", {"architecture": changed} | steps(0), parts=["synthesizer"])
    with pytest.raises(ConfigError, match=f"ask for: {arch}.{name} is 8 there, 12 here. Ask"):
        train_synthesizer.train_synthesizer()


@pytest.mark.parametrize("n_steps", [0, 8])
def test_statistics_of_the_mels_stay_those_of_the_base(released, ask, n_steps):
    """What the weights were trained with; another corpus is louder."""
    model, _ = released
    folder = Path({"encoder": "data/mels/speaker", "synthesizer": "data/mels/acoustic"}[model])
    rows = [row | {"mel": row["mel"] + 3.0} for row in tables.iter_rows(folder)]
    metadata = tables.read_metadata(folder)
    tables.write_shard(folder / "part-00000.parquet", tables.MELS, rows, metadata)
    ask(model, steps(n_steps), parts=[model])
    STAGES[model]()
    before, after = weights(RELEASE / model), weights(f"models/{model}")
    statistics = [name for name in before if name.startswith("mel_")]
    assert len(statistics) == 2
    assert all(torch.equal(before[name], after[name]) for name in statistics)


def test_checkpoints_of_another_base_are_not_resumed(released, ask, monkeypatch):
    """No base, a base, and one of other weights: three runs, each with checkpoints of its own."""
    model, _ = released
    module = {"encoder": train_encoder, "synthesizer": train_synthesizer}[model]
    runs = []

    def stop(learner, schedule, run, warm):
        runs.append(run)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "train", stop)
    data = (RELEASE / model / "model.safetensors").read_bytes()
    for parts, end in (([], b"\0"), ([model], b"\0"), ([model], b"\1"), ([model], b"\1")):
        (RELEASE / model / "model.safetensors").write_bytes(data[:-1] + end)
        ask(model, parts=parts)
        with pytest.raises(KeyboardInterrupt):
            STAGES[model]()
    assert len(set(runs)) == 3
    assert runs[2] == runs[3]


def test_half_precision_halves_the_file_and_changes_no_training(released, ask):
    """Saved as float16, loaded as float32; what the training measured is the same."""
    model, _ = released
    ask(model, dtype="float16")
    STAGES[model]()
    saved = weights(f"models/{model}")
    kinds = {tensor.dtype for tensor in saved.values() if tensor.is_floating_point()}
    assert kinds == {torch.float16}
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (RELEASE / model, Path(f"models/{model}"))]
    assert sizes[1] < 0.65 * sizes[0]
    loaded = {"encoder": load_encoder, "synthesizer": load_synthesizer}[model](Path(f"models/{model}"))
    whole = weights(RELEASE / model)
    for name, value in loaded.state_dict().items():
        assert value.dtype == whole[name].dtype
        assert torch.allclose(value, whole[name], rtol=2**-11, atol=1e-7), name
    rows = history(model)
    ask(model)
    STAGES[model]()
    assert history(model) == rows


def test_half_precision_of_a_base_is_kept(released, ask):
    """What was rounded once is not rounded again."""
    model, _ = released
    ask(model, steps(0), parts=[model], dtype="float16")
    STAGES[model]()
    shutil.rmtree(RELEASE / model)
    release(model)
    ask(model, steps(0), parts=[model], dtype="float16")
    STAGES[model]()
    assert (
        Path(f"models/{model}/model.safetensors").read_bytes() == (RELEASE / model / "model.safetensors").read_bytes()
    )
