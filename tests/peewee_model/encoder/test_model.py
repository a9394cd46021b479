import pytest
import torch

from peewee_model.audio.mel import MelConfig
from peewee_model.encoder.model import EncoderConfig, SpeakerEncoder, load_encoder
from peewee_model.errors import ShapeError
from peewee_model.weights import save_model

MEL = MelConfig(
    sample_rate=16000, n_fft=512, win_length=400, hop_length=160, n_mels=8, f_min=20, f_max=7600, log_floor=1e-3
)


def encoder(projection_dim: int = 6) -> SpeakerEncoder:
    torch.manual_seed(1)
    config = EncoderConfig(
        mel=MEL, n_layers=2, hidden_dim=12, projection_dim=projection_dim, embedding_dim=5, window_frames=16,
        window_overlap=0.5,
    )  # fmt: skip
    return SpeakerEncoder(config).eval()


@pytest.mark.parametrize("projection_dim", [0, 6])
def test_forward_gives_points_on_the_unit_sphere(projection_dim):
    """Whatever the sizes, an embedding has length 1."""
    embeddings = encoder(projection_dim)(torch.randn(3, 8, 20))
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(3))


def test_forward_refuses_mels_of_another_size():
    """The error names what the encoder hears and what it got."""
    with pytest.raises(ShapeError, match=r"\(B, 8, T\) mels, not \(1, 9, 20\)"):
        encoder()(torch.randn(1, 9, 20))


def test_embed_utterance_averages_normalised_windows():
    """Windows of 16 frames every 8, the last one ending with the utterance, averaged on the sphere."""
    model, mel = encoder(), torch.randn(8, 37)
    windows = torch.stack([mel[:, start : start + 16] for start in (0, 8, 16, 21)])
    mean = model(windows).mean(dim=0)
    torch.testing.assert_close(model.embed_utterance(mel), mean / mean.norm())


@pytest.mark.parametrize("n_frames", [1, 15, 16, 17])
def test_embed_utterance_takes_any_length(n_frames):
    """Shorter than a window, equal, or one frame more."""
    assert encoder().embed_utterance(torch.randn(8, n_frames)).norm() == pytest.approx(1, abs=1e-5)


def test_statistics_make_a_louder_copy_alike():
    """What the encoder hears is relative to the training data: shifting data and statistics changes nothing."""
    model, mel = encoder(), torch.randn(1, 8, 20)
    before = model(mel)
    model.set_statistics(torch.full((8,), 3.0), torch.full((8,), 2.0))
    torch.testing.assert_close(model(mel * 2 + 3), before)


def test_save_and_load_give_the_same_embedding(tmp_path):
    """Weights, statistics and config come back."""
    model, mel = encoder(), torch.randn(1, 8, 20)
    save_model(tmp_path, model, model.config)
    torch.testing.assert_close(load_encoder(tmp_path)(mel), model(mel), rtol=0, atol=0)
