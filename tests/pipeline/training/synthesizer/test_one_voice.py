"""A synthesizer of many voices begins as the one voice that it starts from, whatever the embedding."""

import pytest
import torch

from peewee_model.errors import ConfigError
from peewee_model.networks.weights import save_model
from peewee_model.synthesizer.factory import make_synthesizer
from pipeline.training.synthesizer.one_voice import is_of_one_voice, start_from_one_voice
from tests.peewee_model.synthesizer.configs import small_config


def made(arch, embedding_dim, seed, **changes):
    torch.manual_seed(seed)
    return make_synthesizer(small_config(arch, speaker_embedding_dim=embedding_dim, **changes)).eval()


@pytest.fixture(params=["tacotron2", "non_attentive"])
def arch(request):
    return request.param


@pytest.fixture
def one_voice(tmp_path, arch):
    model = made(arch, 0, 1)
    save_model(tmp_path, model, model.config)
    return tmp_path, model


def test_it_says_the_same_in_any_voice(one_voice, arch):
    """Forward under teacher forcing; and it is no longer so once an embedding's column is not zero."""
    folder, narrow = one_voice
    assert is_of_one_voice(folder)
    wide = made(arch, 6, 2)
    start_from_one_voice(folder, wide)
    tokens, lengths = torch.randint(1, 5, (2, 7)), torch.tensor([7, 5])
    mel = torch.randn(2, narrow.config.mel.n_mels, 12)
    arguments = (tokens, lengths, mel, torch.tensor([12, 9]))
    voice = torch.randn(2, 6)
    expected = narrow(*arguments, None)
    for said, told in zip(wide(*arguments, voice), expected, strict=True):
        torch.testing.assert_close(said, told)
    with torch.no_grad():
        drawer = wide.decoder.mel_projection if arch == "tacotron2" else wide.frame_decoder.projection
        drawer.weight[:, -1] = 1.0
    assert not torch.allclose(wide(*arguments, voice).mel_after, expected.mel_after)


def test_another_network_is_refused_by_the_field_that_differs(one_voice, arch):
    """With both values."""
    name, size = {"tacotron2": ("prenet_dim", 10), "non_attentive": ("aligner_channels", 11)}[arch]
    with pytest.raises(ConfigError, match=f"ask for: {arch}.{name} is {size} there, 12 here. Ask"):
        start_from_one_voice(one_voice[0], made(arch, 6, 2, **{name: 12}))


def test_a_synthesizer_of_many_voices_is_told_apart(tmp_path):
    """The result depends on the embedding."""
    model = made("tacotron2", 6, 1)
    save_model(tmp_path, model, model.config)
    assert not is_of_one_voice(tmp_path)
