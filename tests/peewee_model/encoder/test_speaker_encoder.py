import math

import pytest
import torch
from pydantic import ValidationError

from peewee_model.audio.mel import SpeakerMelConfig
from peewee_model.encoder.config import EcapaTdnnSizes, EncoderArchitecture, EncoderConfig, LstmSizes, TdnnSizes
from peewee_model.encoder.silence import loud_frames
from peewee_model.encoder.speaker_encoder import SpeakerEncoder, load_encoder
from peewee_model.errors import ShapeError
from peewee_model.networks.weights import save_model

MEL = SpeakerMelConfig(
    sample_rate=16000, n_fft=512, win_length=400, hop_length=160, n_mels=8, f_min=20, f_max=7600, log_floor=1e-3,
    loudness_lufs=None,
)  # fmt: skip


WINDOWS = {"embedding_dim": 5, "window_frames": 16, "window_overlap": 0.5}
LSTM = {"n_layers": 2, "hidden_dim": 12, "projection_dim": 6, "pooling": "last", "attention_channels": 4}
ECAPA = {
    "channels": 8, "kernel_sizes": [5, 3, 3, 3], "dilations": [1, 2, 3, 4], "stride": 1, "res2_scale": 4,
    "se_channels": 3, "mfa_channels": 10, "attention_channels": 4, "input_statistics": False,
}  # fmt: skip
TDNN = {
    "channels": 8, "kernel_sizes": [5, 3], "dilations": [1, 2], "stride": 1, "attention_channels": 4,
    "input_statistics": False,
}  # fmt: skip
KINDS = {"lstm": (LstmSizes, LSTM), "tdnn": (TdnnSizes, TDNN), "ecapa_tdnn": (EcapaTdnnSizes, ECAPA)}
NETWORKS = [
    {"arch": "tdnn"}, {"arch": "tdnn", "stride": 3, "input_statistics": True},
    {"arch": "tdnn", "kernel_sizes": [], "dilations": [], "input_statistics": True},
    {"arch": "ecapa_tdnn", "input_statistics": True},
    {"pooling": "last"}, {"projection_dim": 0}, {"pooling": "mean"}, {"pooling": "attentive_statistics"},
    {"arch": "ecapa_tdnn"}, {"arch": "ecapa_tdnn", "normalize": "utterance"},
    {"arch": "ecapa_tdnn", "stride": 2}, {"silence_db": 20.0},
]  # fmt: skip


def encoder(arch="lstm", normalize="global", silence_db=0.0, **sizes):
    """In evaluation mode, its batch norms having seen some data."""
    torch.manual_seed(1)
    kind, plain = KINDS[arch]
    chosen = kind(**WINDOWS | plain | sizes)
    config = EncoderConfig(arch=arch, normalize=normalize, silence_db=silence_db, mel=MEL, **{arch: chosen})
    model = SpeakerEncoder(config)
    for _ in range(3):
        model(torch.randn(6, 8, 20))
    return model.eval()


@pytest.mark.parametrize("settings", NETWORKS, ids=str)
def test_forward_gives_points_on_the_unit_sphere(settings):
    """Whatever the network, an embedding has length 1, and voices differ."""
    embeddings = encoder(**settings)(torch.randn(3, 8, 20))
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(3))
    assert not torch.allclose(embeddings[0], embeddings[1], atol=1e-3)


@pytest.mark.parametrize("settings", NETWORKS, ids=str)
def test_embedding_does_not_depend_on_the_batch(settings):
    """One alone, and one among others of other lengths: batch norm takes the training's statistics, in any mode."""
    model = encoder(**settings)
    mels = [torch.randn(8, n_frames) for n_frames in (40, 9, 37, 40, 1)]
    together = model.embed_utterances(mels)
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for mel, embedding in zip(mels, together, strict=True):
        torch.testing.assert_close(model.embed_utterance(mel), embedding, atol=1e-5, rtol=0)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("settings", NETWORKS, ids=str)
def test_every_weight_learns(settings):
    """No part of a network is cut off from the embedding."""
    model = encoder(**settings).train()
    (model(torch.randn(4, 8, 20)) * torch.randn(4, 5)).sum().backward()
    assert not [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()]


def test_forward_refuses_mels_of_another_size():
    """The error names the expected and the given shape."""
    with pytest.raises(ShapeError, match=r"\(B, 8, T\) mels, not \(1, 9, 20\)"):
        encoder()(torch.randn(1, 9, 20))


def test_embed_utterance_averages_normalised_windows():
    """Windows of 16 frames every 8, the last one ending with the utterance, averaged on the sphere."""
    model, mel = encoder(), torch.randn(8, 37)
    windows = torch.stack([mel[:, start : start + 16] for start in (0, 8, 16, 21)])
    mean = model(windows).mean(dim=0)
    torch.testing.assert_close(model.embed_utterance(mel), mean / mean.norm())


@pytest.mark.parametrize("settings", NETWORKS, ids=str)
@pytest.mark.parametrize("n_frames", [1, 15, 16, 17])
def test_embed_utterance_takes_any_length(n_frames, settings):
    """Shorter than a window, equal, or one frame more."""
    assert encoder(**settings).embed_utterance(torch.randn(8, n_frames)).norm() == pytest.approx(1, abs=1e-5)


def test_embed_utterance_without_windows_hears_all_at_once():
    """`window_frames: 0`: an utterance of any length is one input."""
    model, mel = encoder("ecapa_tdnn", window_frames=0), torch.randn(8, 50)
    torch.testing.assert_close(model.embed_utterance(mel), model(mel[None])[0], rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(9, 20), (8, 0), (1, 8, 20)])
def test_embed_utterance_refuses_what_is_no_mel(shape):
    """The error names what is embedded and what came."""
    with pytest.raises(ShapeError, match=r"\(8, T\) mels of T > 0, not"):
        encoder().embed_utterance(torch.randn(shape))


@pytest.mark.parametrize("arch", ["lstm", "ecapa_tdnn"])
def test_silence_changes_no_embedding_where_it_is_dropped(arch):
    """Frames 60 dB below the speech, before, after and in it, leave the embedding as it was."""
    model, speech = encoder(arch, silence_db=30.0), torch.randn(8, 30)
    silence = torch.full((8, 7), -8.0)
    padded = torch.cat([silence, speech[:, :10], silence, speech[:, 10:], silence], dim=1)
    torch.testing.assert_close(model.embed_utterance(padded), model.embed_utterance(speech), rtol=0, atol=0)
    heard = encoder(arch)
    assert not torch.allclose(heard.embed_utterance(padded), heard.embed_utterance(speech), atol=1e-3)


def test_loud_frames_are_told_by_the_level_of_the_loud_ones_not_of_a_click():
    """100 frames at 0 dB, 100 at -20, 100 at -40 and one click at +30: 30 dB keeps the first 200 and the click."""
    level_db = torch.tensor([0.0] * 100 + [-20.0] * 100 + [-40.0] * 100 + [30.0])
    mel = (level_db * math.log(10) / 20).repeat(8, 1)
    kept = loud_frames(mel, 30.0)
    assert kept.nonzero()[:, 0].tolist() == [*range(200), 300]


def test_utterance_normalisation_takes_a_microphone_away():
    """An offset of each band changes nothing if the mean of the frames is subtracted, and something if not."""
    mel, colour = torch.randn(1, 8, 20), torch.randn(8, 1)
    relative, absolute = encoder(normalize="utterance"), encoder()
    torch.testing.assert_close(relative(mel + colour), relative(mel), atol=1e-5, rtol=0)
    assert not torch.allclose(absolute(mel + colour), absolute(mel), atol=1e-3)


def test_statistics_make_a_louder_copy_alike():
    """The encoder's input is relative to the training data: shifting data and statistics changes nothing."""
    model, mel = encoder(), torch.randn(1, 8, 20)
    before = model(mel)
    model.set_statistics(torch.full((8,), 3.0), torch.full((8,), 2.0))
    torch.testing.assert_close(model(mel * 2 + 3), before)


@pytest.mark.parametrize("settings", NETWORKS, ids=str)
def test_save_and_load_give_the_same_embedding(tmp_path, settings):
    """Weights, statistics and config come back."""
    model, mel = encoder(**settings), torch.randn(8, 50)
    save_model(tmp_path, model, model.config)
    torch.testing.assert_close(load_encoder(tmp_path).embed_utterance(mel), model.embed_utterance(mel), rtol=0, atol=0)


def test_config_keeps_the_chosen_network_alone():
    """What a release says of its encoder is what its encoder is."""
    architecture = EncoderArchitecture(
        arch="ecapa_tdnn", normalize="utterance", silence_db=30.0, lstm=LstmSizes(**WINDOWS | LSTM),
        tdnn=TdnnSizes(**WINDOWS | TDNN),
        ecapa_tdnn=EcapaTdnnSizes(**WINDOWS | ECAPA | {"embedding_dim": 7}),
    )  # fmt: skip
    config = EncoderConfig.of(architecture, MEL)
    assert (config.lstm, config.normalize, config.silence_db, config.embedding_dim) == (None, "utterance", 30.0, 7)
    with pytest.raises(ValidationError, match="arch is lstm, but lstm is missing"):
        EncoderConfig(**config.model_dump() | {"arch": "lstm"})


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"kernel_sizes": [5, 3]}, "kernel_sizes has 2 and dilations 4 values"),
        ({"kernel_sizes": [5, 3, 4, 3]}, "must be odd"),
        ({"kernel_sizes": [5], "dilations": [1]}, "one for each block, at least 2"),
        ({"channels": 10}, "channels is 10, which res2_scale 4 does not divide"),
    ],
)
def test_sizes_that_make_no_network_are_refused(sizes, message):
    """The error names the values and what they contradict."""
    with pytest.raises(ValidationError, match=message):
        EcapaTdnnSizes(**WINDOWS | ECAPA | sizes)


def test_tdnn_of_nothing_is_refused():
    """Neither convolutions nor statistics."""
    with pytest.raises(ValidationError, match="leaves nothing"):
        TdnnSizes(**WINDOWS | TDNN | {"kernel_sizes": [], "dilations": []})
