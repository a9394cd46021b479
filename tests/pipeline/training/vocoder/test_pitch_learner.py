import pytest
import torch
from lightning_fabric import Fabric

from pipeline.training.vocoder.pitch_learner import PitchLearner, SourceFilterParams
from pipeline.training.vocoder.recordings import NoRecordingsError
from tests.pipeline.training.vocoder.speech_tables import voice, write_tables

SETTINGS = {
    "pitch": {"f_min": 60.0, "f_max": 500.0, "bins_per_octave": 12, "channels": 16, "kernel_size": 3, "n_layers": 2},
    "filter": {
        "smoothing_hz": 40.0, "formant_width_hz": 200.0, "sharpening": 0.5, "noise_from_hz": 5e3, "noise_width_hz": 1e3,
    },
    "training": {
        "schedule": {"seed": 1, "steps": 150, "validate_every": 30, "patience": 0, "precision": "32-true"},
        "n_utterances": 14, "batch_size": 8, "segment_frames": 24, "learning_rate": 5e-3,
        "blur_bands": 0.3, "blur_frames": 0.5, "gain": 1.0, "noise": 0.1,
    },
}  # fmt: skip


def settings(**training):
    return SourceFilterParams.model_validate(SETTINGS | {"training": SETTINGS["training"] | training})


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """Voices at pitches from 100 to 300 Hz; the two to validate lie between them."""
    folder = tmp_path_factory.mktemp("speech")
    utterances = [(f"s{pitch}_t", "train", voice(pitch, 0.5), 16000) for pitch in range(100, 300, 15)]
    utterances += [(f"s{pitch}_v", "validation", voice(pitch, 0.5), 16000) for pitch in (123, 207)]
    write_tables(folder / "corpus", folder / "mels", utterances)
    return folder / "corpus", folder / "mels"


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PEEWEE_WORKERS", "1")


def test_network_learns_the_pitch_of_unheard_voices(speech):
    """After 150 steps pitch is right to 1.5 semitones, and voicing in 9 of 10 frames."""
    learner = PitchLearner(*speech, settings(), n_validation=2)
    fabric = Fabric(accelerator="cpu", devices=1)
    learner.modules["pitch"] = fabric.setup_module(learner.modules["pitch"])
    learner.optimizers["pitch"] = fabric.setup_optimizers(learner.optimizers["pitch"])
    before = learner.validate()
    for step in range(150):
        learner.train_step(learner.batch(step), step, fabric)
    after = learner.validate()
    assert after["pitch_loss"] < 0.6 * before["pitch_loss"]
    assert after["pitch_error_semitones"] < 1.5
    assert after["voicing_error"] < 0.1


def test_batch_depends_on_its_index_alone(speech):
    """Training can resume anywhere."""
    first, second = (PitchLearner(*speech, settings(), n_validation=2) for _ in range(2))
    second.batch(0)
    a, b, other = first.batch(7), second.batch(7), first.batch(8)
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    assert not torch.equal(a.mel, other.mel)
    assert a.mel.shape == (8, 40, 24)
    assert a.pitch.shape == (8, 24)


def test_blurred_mels_are_smoother_and_at_another_level(speech):
    """What a synthesizer does to them."""
    plain = settings(blur_bands=0.0, blur_frames=0.0, gain=0.0, noise=0.0)
    blurred = settings(blur_bands=4.0, blur_frames=0.0, gain=0.0, noise=0.0)
    one, other = (PitchLearner(*speech, made, n_validation=2) for made in (plain, blurred))

    def roughness(batch):
        return (batch.mel[:, 1:] - batch.mel[:, :-1]).abs().mean()

    assert torch.equal(one.batch(1).pitch, other.batch(1).pitch)
    assert roughness(other.batch(1)) < 0.8 * roughness(one.batch(1))


def test_split_without_utterances_is_refused_by_name(tmp_path):
    """Nothing could choose the best step."""
    write_tables(tmp_path / "corpus", tmp_path / "mels", [("a_1", "train", voice(120, 0.8), 16000)])
    with pytest.raises(NoRecordingsError, match="no validation utterances"):
        PitchLearner(tmp_path / "corpus", tmp_path / "mels", settings(), n_validation=2)
