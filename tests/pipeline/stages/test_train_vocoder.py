import contextlib
import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from lightning_fabric import Fabric
from safetensors.torch import load_file

from peewee_model.audio.mel import MelConfig, log_mel
from peewee_model.errors import ConfigError
from peewee_model.networks.weights import save_model
from peewee_model.synthesizer.tacotron2.tacotron2 import Tacotron2
from peewee_model.text.symbols.config import TextConfig
from peewee_model.text.symbols.tokenizer import Tokenizer
from peewee_model.vocoder.factory import load_vocoder
from peewee_model.vocoder.griffin_lim import GriffinLim
from peewee_model.vocoder.hifi_gan import HiFiGan
from peewee_model.vocoder.source_filter import SourceFilter
from pipeline import tables
from pipeline.params.params import read
from pipeline.stages.train_vocoder import Params, train_vocoder
from pipeline.training.loop.loop import PreemptedError
from pipeline.training.loop.ragged import Ragged
from pipeline.training.vocoder.discriminators import adversarial_loss, discriminator_loss
from pipeline.training.vocoder.learner import HiFiGanLearner
from pipeline.training.vocoder.recordings import NoRecordingsError, Recordings
from pipeline.training.vocoder.teacher_forcing import teacher_forced_mels
from pipeline.warm_start import RELEASE
from tests.peewee_model.synthesizer.configs import small_config
from tests.pipeline.training.vocoder.speech_tables import write_tables

CORPUS, MELS = Path("data/corpus"), Path("data/mels/acoustic")
MEL = {
    "sample_rate": 16000, "n_fft": 512, "win_length": 512, "hop_length": 128, "n_mels": 40,
    "f_min": 50.0, "f_max": 7000.0, "log_floor": 1e-3,
}  # fmt: skip
VOCODER = {
    "arch": "griffin_lim",
    "n_validation": 2,
    "griffin_lim": {"n_iterations": 30, "momentum": 0.99, "n_inversion_updates": 32},
    "source_filter": {
        "pitch": {
            "f_min": 60.0, "f_max": 500.0, "bins_per_octave": 12, "channels": 8, "kernel_size": 3, "n_layers": 1,
        },
        "filter": {
            "smoothing_hz": 40.0, "formant_width_hz": 200.0, "sharpening": 0.5, "noise_from_hz": 5000.0,
            "noise_width_hz": 1000.0,
        },
        "training": {
            "schedule": {"seed": 1, "steps": 4, "validate_every": 2, "patience": 0, "precision": "32-true"},
            "n_utterances": 3, "batch_size": 2, "segment_frames": 33, "learning_rate": 2e-3,
            "blur_bands": 1.0, "blur_frames": 0.5, "gain": 1.0, "noise": 0.1,
        },
    },
    "hifi_gan": {
        "generator": {
            "upsample_rates": [8, 4, 4], "upsample_kernel_sizes": [16, 8, 8], "upsample_initial_channels": 64,
            "resblock_kernel_sizes": [3, 5], "resblock_dilations": [[1, 2], [2, 6]], "resblock_n_convolutions": 1,
            "leaky_relu_slope": 0.1,
        },
        "discriminators": {
            "periods": [2, 3], "period_channels": [4, 8], "n_scales": 2, "scale_channels": [16] * 7,
        },
        "training": {
            "schedule": {"seed": 1, "steps": 4, "validate_every": 2, "patience": 0, "precision": "32-true"},
            "fine_tune_steps": 0, "batch_size": 2, "segment_frames": 33, "learning_rate": 2e-3,
            "betas": [0.8, 0.99], "weight_decay": 0.01, "learning_rate_decay": 0.5, "decay_every": 1000,
            "feature_loss_weight": 2.0, "mel_loss_weight": 45.0, "mel_loss_f_max": 8000.0, "mel_loss_floor": 1e-4,
        },
    },
}  # fmt: skip


def speech(pitch, duration_s, sample_rate):
    """Harmonics under an envelope of syllables."""
    t = np.arange(int(duration_s * sample_rate)) / sample_rate
    phase = 2 * np.pi * np.cumsum(pitch + 20 * np.sin(2 * np.pi * t)) / sample_rate
    signal = sum(np.sin(k * phase) / k for k in range(1, 20))
    return (0.15 * (0.6 + 0.4 * np.sin(6 * np.pi * t)) * signal).astype(np.float32)


@contextlib.contextmanager
def workspace_in(folder):
    """A repository's root with a small corpus: three to train on, one shorter than a segment; two to validate."""
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PEEWEE_DEVICE", "cpu")
        patch.setenv("PEEWEE_WORKERS", "1")
        write_small_corpus()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def workspace(tmp_path):
    with workspace_in(tmp_path):
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a HiFi-GAN that the stage trained for its four steps; nobody writes there afterwards."""
    folder = tmp_path_factory.mktemp("trained")
    with workspace_in(folder):
        write_params(arch="hifi_gan")
        train_vocoder()
    return folder / "models/vocoder"


def write_small_corpus():
    write_tables(
        CORPUS,
        MELS,
        [
            ("s1_a", "train", speech(120, 1.0, 16000), 16000),
            ("s1_b", "train", speech(140, 0.2, 16000), 16000),
            ("s2_a", "train", speech(210, 0.7, 24000), 24000),
            ("s3_a", "validation", speech(170, 0.6, 16000), 16000),
            ("s3_b", "validation", speech(180, 0.5, 16000), 16000),
        ],
        MEL,
    )


def write_params(base=(), dtype="float32", **changes):
    """`params.yaml` with other values at dotted keys of `vocoder`, and parts to start from."""
    document = json.loads(json.dumps(VOCODER))
    for key, value in changes.items():
        *sections, last = key.split("__")
        place = document
        for section in sections:
            place = place[section]
        place[last] = value
    started = {"release": "store@0123456789abcdef" if base else None, "parts": list(base)}
    Path("params.yaml").write_text(yaml.safe_dump({"base": started, "vocoder": document, "weights": {"dtype": dtype}}))
    return read(Params).vocoder


def hifi_gan_learner(forced_mels):
    params = write_params()
    return HiFiGanLearner(CORPUS, MELS, forced_mels, params.hifi_gan, params.n_validation)


def no_forced_mels(split):
    raise AssertionError("nothing asks for teacher-forced mels here")


def history(folder=Path("models/vocoder")):
    return [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]


def weights(folder=Path("models/vocoder")):
    return (folder / "model.safetensors").read_bytes()


def test_griffin_lim_is_written_with_its_copy_synthesis_figure():
    """It is a vocoder as the other."""
    write_params()
    train_vocoder()
    vocoder = load_vocoder(Path("models/vocoder"))
    assert isinstance(vocoder, GriffinLim)
    assert vocoder.config.mel == MelConfig(**MEL)
    (row,) = history()
    assert row["split"] == "validation"
    assert 0 < row["copy_mel_l1"] < 0.3


def test_griffin_lim_stage_gives_the_same_bytes_twice():
    """The model has a hash."""
    write_params()
    written = []
    for _ in range(2):
        train_vocoder()
        written.append({path.name: path.read_bytes() for path in Path("models/vocoder").iterdir()})
    assert set(written[0]) == {"config.json", "model.safetensors", "training.jsonl"}
    assert written[0] == written[1]


def test_hifi_gan_stage_leaves_plain_weights_that_give_the_figure_written_down(trained):
    """The released weights are the measured ones."""
    vocoder = load_vocoder(trained)
    assert isinstance(vocoder, HiFiGan)
    rows = history(trained)
    assert [(row["step"], row["split"]) for row in rows] == [
        (2, "train"), (2, "validation"), (4, "train"), (4, "validation")
    ]  # fmt: skip
    assert set(rows[0]) == {"step", "split", "discriminator", "adversarial", "feature", "mel"}
    distances = []
    for row in tables.iter_rows(MELS):
        if row["split"] == "validation":
            mel = row["mel"].reshape(MEL["n_mels"], -1)
            samples = vocoder.synthesize(torch.from_numpy(np.array(mel)))
            distances.append(np.abs(log_mel(samples, MelConfig(**MEL)) - mel).mean())
    best = min(row["copy_mel_l1"] for row in rows if row["split"] == "validation")
    assert np.mean(distances) == pytest.approx(best, abs=1e-4)


def test_hifi_gan_stage_gives_the_same_bytes_twice(trained):
    """On a CPU, training is reproducible."""
    write_params(arch="hifi_gan")
    train_vocoder()
    assert (weights(), history()) == (weights(trained), history(trained))


def test_stage_stopped_by_sigterm_goes_on_to_the_same_bytes(trained, monkeypatch):
    """T7, T9 with what only this learner has: two optimizers, both normalisations of weights."""
    write_params(arch="hifi_gan")
    train_step = HiFiGanLearner.train_step

    def stop_at_third(self, batch, step, fabric):
        if step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return train_step(self, batch, step, fabric)

    with monkeypatch.context() as patch, pytest.raises(PreemptedError, match="after step 3"):
        patch.setattr(HiFiGanLearner, "train_step", stop_at_third)
        train_vocoder()
    assert not Path("models").exists()
    train_vocoder()
    assert (weights(), history()) == (weights(trained), history(trained))
    assert not list(Path(".checkpoints").rglob("*.safetensors"))


def test_loss_above_half_the_rate_stops_the_stage():
    """There is no such frequency."""
    write_params(arch="hifi_gan", hifi_gan__training__mel_loss_f_max=12001.0)
    with pytest.raises(ConfigError, match=r"mel_loss_f_max is 12001 Hz, .* hold nothing above [0-9]+ Hz"):
        train_vocoder()


def test_hop_that_is_not_the_upsampling_stops_the_stage():
    """Before a week of training."""
    write_params(arch="hifi_gan", hifi_gan__generator__upsample_rates=[8, 4, 2])
    with pytest.raises(ConfigError, match=r"hop_length is 128 but the vocoder upsamples by 8\*4\*2 = 64"):
        train_vocoder()


@pytest.mark.parametrize("arch", ["griffin_lim", "source_filter", "hifi_gan"])
def test_no_validation_utterance_stops_the_stage(arch):
    """Nothing could choose the best step."""
    write_tables(CORPUS, MELS, [("s1_a", "train", speech(120, 1.0, 16000), 16000)], MEL)
    write_params(arch=arch)
    with pytest.raises(NoRecordingsError, match="validation"):
        train_vocoder()


def test_early_stop_that_would_skip_fine_tuning_is_refused():
    """The last steps are the ones on the synthesizer's mels."""
    with pytest.raises(ConfigError, match=r"schedule\.patience to 0"):
        write_params(hifi_gan__training__fine_tune_steps=2, hifi_gan__training__schedule__patience=3)


def test_segments_hold_samples_that_their_mel_is_of():
    """Cut at the same place."""
    recordings = Recordings(CORPUS, MELS, "train")
    assert len(recordings) == 3
    mel, samples = recordings.segment(2, 20, 33)  # the one that was resampled
    assert mel.shape == (40, 33)
    assert samples.shape == (32 * 128,)
    again = log_mel(np.ascontiguousarray(samples), recordings.config)
    inner = slice(2, -2)  # frames that see nothing beyond the segment
    np.testing.assert_allclose(again[:, inner], mel[:, inner], atol=0.02)  # 16-bit rounding near the floor


def test_segment_of_a_short_utterance_ends_in_silence():
    """Padding is silence, not noise."""
    recordings = Recordings(CORPUS, MELS, "train")
    n_frames = int(recordings.mels.lengths[1])
    assert n_frames < 33
    mel, samples = recordings.segment(1, 0, 33)
    assert np.isfinite(mel).all()
    np.testing.assert_allclose(mel[:, n_frames:], np.log(MEL["log_floor"]), rtol=1e-6)
    assert (samples[n_frames * 128 :] == 0).all()
    assert np.abs(samples[: 20 * 128]).max() > 0.05


def test_corpus_and_mels_of_other_utterances_are_refused():
    """Rows have to fit each other."""
    rows = [dict(row) for row in tables.iter_rows(MELS)]
    tables.write_shard(MELS / "part-00000.parquet", tables.MELS, rows[1:], {"mel": MEL})
    with pytest.raises(tables.TableError, match="not of the same recordings"):
        Recordings(CORPUS, MELS, "train")


def test_batch_depends_on_its_index_alone():
    """Training can resume anywhere."""
    params = write_params()
    first, second = (
        HiFiGanLearner(CORPUS, MELS, no_forced_mels, params.hifi_gan, params.n_validation) for _ in range(2)
    )
    second.batch(0)
    torch.rand(5)
    a, b, other = first.batch(7), second.batch(7), first.batch(8)
    assert torch.equal(a.mel, b.mel)
    assert torch.equal(a.samples, b.samples)
    assert not torch.equal(a.samples, other.samples)
    assert a.mel.shape == (2, 40, 33)
    assert a.samples.shape == (2, 32 * 128)


def test_last_steps_train_on_teacher_forced_mels():
    """Fine-tuning begins at its step."""

    def forced(split):
        lengths = [int(row["n_frames"]) for row in tables.iter_rows(MELS) if row["split"] == split]
        return Ragged((np.full((length, 40), 1.5) for length in lengths), np.float32, 40)

    params = write_params(hifi_gan__training__fine_tune_steps=1)
    learner = HiFiGanLearner(CORPUS, MELS, forced, params.hifi_gan, params.n_validation)
    plain = hifi_gan_learner(no_forced_mels)
    assert torch.equal(learner.batch(2).mel, plain.batch(2).mel)
    assert set(learner.batch(3).mel.unique().tolist()) <= {1.5, float(np.float32(np.log(1e-3)))}
    assert torch.equal(learner.batch(3).samples, plain.batch(3).samples)
    assert learner.monitor == "forced_mel_l1"
    with torch.no_grad():
        figures = learner.validate()
    assert figures["forced_mel_l1"] != figures["copy_mel_l1"]


@pytest.fixture
def synthesizer():
    """Small and untrained, with embeddings of the corpus."""
    text = TextConfig(units="graphemes", language="en-us")
    config = small_config(
        mel=MelConfig(**MEL), text=text.model_dump(), n_symbols=Tokenizer(text).n_symbols, speaker_embedding_dim=4,
        symbol_embedding_dim=8, encoder_n_convolutions=1, encoder_kernel_size=3, encoder_dropout=0.5, prenet_dim=8,
        prenet_dropout=0.5, attention_rnn_dim=8, attention_dim=4, attention_location_n_filters=2,
        attention_location_kernel_size=3, attention_dropout=0.1, decoder_rnn_dim=8, decoder_dropout=0.1,
        postnet_n_convolutions=2, postnet_channels=8, postnet_kernel_size=3, postnet_dropout=0.5, reduction_factor=2,
    )  # fmt: skip
    torch.manual_seed(0)
    save_model(Path("models/synthesizer"), Tacotron2(config), config)
    rows = [{key: row[key] for key in ("utterance_id", "speaker_id", "split")} for row in tables.iter_rows(MELS)]
    random = np.random.default_rng(0)
    for row in rows:
        embedding = random.normal(size=4).astype(np.float32)
        row["embedding"] = embedding / np.linalg.norm(embedding)
    tables.write_shard(Path("data/speakers/utterances.parquet"), tables.UTTERANCE_EMBEDDINGS, rows)


def test_teacher_forced_mels_are_those_of_the_rows_and_the_same_each_time(synthesizer):
    """Each in its own row, without chance."""
    sources = CORPUS, MELS, Path("data/speakers/utterances.parquet"), Path("models/synthesizer")
    first, second, other = (teacher_forced_mels(*sources, "train", seed, "cpu") for seed in (1, 1, 2))
    assert first.lengths.tolist() == Recordings(CORPUS, MELS, "train").mels.lengths.tolist()
    assert all(np.array_equal(first[row], second[row]) for row in range(3))
    assert not np.array_equal(first[0], other[0])  # another seed, another dropout


def test_fine_tuning_stage_measures_on_the_synthesizer_s_mels(synthesizer):
    """That is what it is for."""
    write_params(arch="hifi_gan", hifi_gan__training__fine_tune_steps=2)
    train_vocoder()
    figures = [row for row in history() if row["split"] == "validation"]
    assert all(row["forced_mel_l1"] != row["copy_mel_l1"] for row in figures)
    assert load_vocoder(Path("models/vocoder")).config.arch == "hifi_gan"


@pytest.mark.system
def test_hifi_gan_overfits_one_batch():
    """The losses can teach it."""
    params = write_params(hifi_gan__training__batch_size=1)
    learner = HiFiGanLearner(CORPUS, MELS, no_forced_mels, params.hifi_gan, params.n_validation)
    fabric = Fabric(accelerator="cpu", devices=1)
    for name in learner.modules:
        learner.modules[name] = fabric.setup_module(learner.modules[name])
        learner.optimizers[name] = fabric.setup_optimizers(learner.optimizers[name])
    batch = learner.batch(0)
    losses = [learner.train_step(batch, step, fabric)["mel"].item() for step in range(100)]
    assert np.mean(losses[-5:]) < 0.2 * losses[0]


@pytest.mark.system
def test_discriminators_learn_to_score_recordings_above_generated_samples():
    """Thirty steps on a batch, and the mean scores of its recordings are above those of what was generated at first."""
    learner = hifi_gan_learner(no_forced_mels)
    fabric = Fabric(accelerator="cpu", devices=1)
    for name in learner.modules:
        learner.modules[name] = fabric.setup_module(learner.modules[name])
        learner.optimizers[name] = fabric.setup_optimizers(learner.optimizers[name])
    batch, discriminators = learner.batch(0), learner.modules["discriminators"]
    with torch.no_grad():
        generated = learner.modules["generator"](batch.mel)

    def gap():
        with torch.no_grad():
            real, fake = (
                [maps[-1].mean() for maps in discriminators(samples)] for samples in (batch.samples, generated)
            )
        return torch.stack(real).mean() - torch.stack(fake).mean()

    assert abs(gap()) < 0.01
    for step in range(30):
        learner.train_step(batch, step, fabric)
    assert gap() > 0.05


def test_generator_pays_for_the_scores_and_maps_of_what_it_generated():
    """Of the discriminators' losses its own samples are judged, by discriminators that have taken their step."""
    params = write_params(hifi_gan__discriminators__n_scales=0)  # a spectral norm moves with each forward pass
    learner = HiFiGanLearner(CORPUS, MELS, no_forced_mels, params.hifi_gan, params.n_validation)
    fabric = Fabric(accelerator="cpu", devices=1)
    for name, optimizer in learner.optimizers.items():
        learner.optimizers[name] = fabric.setup_optimizers(optimizer)
    batch, discriminators = learner.batch(0), learner.modules["discriminators"]
    with torch.no_grad():
        generated = learner.modules["generator"](batch.mel)
        real, fake = discriminators(batch.samples), discriminators(generated)
        judging = discriminator_loss(real, fake)
    losses = learner.train_step(batch, 0, fabric)
    assert losses["discriminator"].item() == pytest.approx(judging.item(), rel=1e-4)
    assert discriminator_loss(fake, real).item() != pytest.approx(judging.item(), rel=1e-3)
    with torch.no_grad():
        real, fake = discriminators(batch.samples), discriminators(generated)
    assert losses["adversarial"].item() == pytest.approx(adversarial_loss(fake).item(), rel=1e-4)
    assert adversarial_loss(real).item() != pytest.approx(adversarial_loss(fake).item(), rel=1e-3)


def test_learning_rate_halves_at_its_steps():
    """At the steps of params.yaml."""
    params = write_params(hifi_gan__training__decay_every=10)
    learner = HiFiGanLearner(CORPUS, MELS, no_forced_mels, params.hifi_gan, params.n_validation)
    fabric = Fabric(accelerator="cpu", devices=1)
    for step, rate in ((9, 2e-3), (10, 1e-3), (25, 5e-4)):
        learner.train_step(learner.batch(0), step, fabric)
        assert [o.param_groups[0]["lr"] for o in learner.optimizers.values()] == [pytest.approx(rate)] * 2


def test_generator_starts_from_the_base_under_its_weight_norm(trained):
    """Before the first step it copies as well as the released one; then it learns on."""
    best = min(row["copy_mel_l1"] for row in history(trained) if row["split"] == "validation")
    shutil.copytree(trained, RELEASE / "vocoder")
    schedule = {"hifi_gan__training__schedule__steps": 12, "hifi_gan__training__schedule__validate_every": 6}
    write_params(base=["vocoder"], arch="hifi_gan", **schedule)
    train_vocoder()
    first, *others = [row for row in history() if row["split"] == "validation"]
    assert first["step"] == 0
    assert first["copy_mel_l1"] == pytest.approx(best, rel=1e-5)
    assert min(row["copy_mel_l1"] for row in others) < best


def test_generator_without_steps_is_the_base_s_to_the_byte(trained):
    """No recording is looked at."""
    shutil.copytree(trained, RELEASE / "vocoder")
    shutil.rmtree(CORPUS)
    write_params(base=["vocoder"], arch="hifi_gan", hifi_gan__training__schedule__steps=0)
    train_vocoder()
    assert weights() == weights(trained)
    assert history() == []


def test_no_steps_of_a_generator_need_a_base():
    """Untrained weights are no vocoder."""
    write_params(arch="hifi_gan", hifi_gan__training__schedule__steps=0)
    with pytest.raises(ConfigError, match=r"base\.parts does not name vocoder"):
        train_vocoder()


@pytest.mark.parametrize(
    ("before", "after", "differing"),
    [
        ({"arch": "hifi_gan"}, {"arch": "griffin_lim"}, "arch is hifi_gan there, griffin_lim here"),
        ({"arch": "griffin_lim"}, {"arch": "hifi_gan"}, "arch is griffin_lim there, hifi_gan here"),
        (
            {"arch": "griffin_lim"},
            {"arch": "griffin_lim", "griffin_lim__n_iterations": 31},
            "n_iterations is 30 there, 31 here",
        ),
    ],
)
def test_another_vocoder_is_refused_by_its_fields(trained, before, after, differing):
    """The error names the field and both values."""
    if before["arch"] == "hifi_gan":
        shutil.copytree(trained, RELEASE / "vocoder")
    else:
        write_params(**before)
        train_vocoder()
        RELEASE.mkdir(parents=True)
        shutil.move("models/vocoder", RELEASE / "vocoder")
    write_params(base=["vocoder"], **after)
    with pytest.raises(ConfigError, match=differing):
        train_vocoder()


@pytest.mark.parametrize("arch", ["hifi_gan", "griffin_lim"])
def test_half_precision_vocoder_is_loaded_as_a_whole_one(trained, arch):
    """Half the bytes, and it speaks as before but for rounding."""
    write_params(arch=arch, dtype="float16")
    train_vocoder()
    assert {tensor.dtype for tensor in load_file("models/vocoder/model.safetensors").values()} == {torch.float16}
    vocoder = load_vocoder(Path("models/vocoder"))
    assert {tensor.dtype for tensor in vocoder.state_dict().values()} == {torch.float32}
    mel = torch.from_numpy(next(tables.iter_rows(MELS, ["mel"]))["mel"].reshape(40, -1).copy())
    if arch == "griffin_lim":
        write_params(arch=arch)
        train_vocoder()
    unrounded = load_vocoder(trained if arch == "hifi_gan" else Path("models/vocoder"))
    copies = [log_mel(made.synthesize(mel), MelConfig(**MEL)) for made in (vocoder, unrounded)]
    half, whole = (float(np.abs(copy - mel.numpy()).mean()) for copy in copies)
    assert half == pytest.approx(whole, rel=0.05)


def test_source_filter_is_trained_twice_to_the_same_bytes_and_speaks():
    """On a CPU, training is reproducible; what is written can be loaded."""
    write_params(arch="source_filter")
    written = []
    for _ in range(2):
        train_vocoder()
        written.append((Path("models/vocoder/model.safetensors").read_bytes(), history()))
    assert written[0] == written[1]
    figures = [row for row in history() if row["split"] == "validation"]
    assert [row["step"] for row in figures] == [2, 4]
    assert {"pitch_loss", "voicing_error", "pitch_error_semitones"} <= figures[0].keys()
    vocoder = load_vocoder(Path("models/vocoder"))
    assert isinstance(vocoder, SourceFilter)
    mel = next(tables.iter_rows(MELS, ["mel"]))["mel"].reshape(40, -1)
    assert len(vocoder.synthesize(torch.from_numpy(mel.copy()))) == (mel.shape[1] - 1) * 128


def test_source_filter_goes_on_from_a_release_s():
    """A second training starts where the first ended."""
    write_params(arch="source_filter")
    train_vocoder()
    best = min(row["pitch_loss"] for row in history() if row["split"] == "validation")
    RELEASE.mkdir(parents=True)
    shutil.move("models/vocoder", RELEASE / "vocoder")
    write_params(base=["vocoder"], arch="source_filter")
    train_vocoder()
    first = next(row for row in history() if row["split"] == "validation")
    assert (first["step"], first["pitch_loss"]) == (0, pytest.approx(best, rel=1e-5))
