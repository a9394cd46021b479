import numpy as np
import pytest
import torch
from pydantic import ValidationError

from peewee_model.audio.mel import log_mel
from peewee_model.errors import ConfigError, ShapeError
from peewee_model.networks.weights import save_model
from peewee_model.vocoder.factory import load_vocoder
from peewee_model.vocoder.hifi_gan import HiFiGan, HiFiGanConfig, add_weight_norm, remove_weight_norm

TINY = {
    "upsample_rates": (8, 8, 4),
    "upsample_kernel_sizes": (16, 16, 8),
    "upsample_initial_channels": 16,
    "resblock_kernel_sizes": (3, 5),
    "resblock_dilations": ((1, 2), (2, 6)),
    "resblock_n_convolutions": 1,
    "leaky_relu_slope": 0.1,
}
V1 = {
    "upsample_rates": (8, 8, 2, 2),
    "upsample_kernel_sizes": (16, 16, 4, 4),
    "upsample_initial_channels": 512,
    "resblock_kernel_sizes": (3, 7, 11),
    "resblock_dilations": ((1, 3, 5),) * 3,
    "resblock_n_convolutions": 2,
    "leaky_relu_slope": 0.1,
}
V3 = {
    "upsample_rates": (8, 8, 4),
    "upsample_kernel_sizes": (16, 16, 8),
    "upsample_initial_channels": 256,
    "resblock_kernel_sizes": (3, 5, 7),
    "resblock_dilations": ((1, 2), (2, 6), (3, 12)),
    "resblock_n_convolutions": 1,
    "leaky_relu_slope": 0.1,
}


@pytest.fixture
def config(mel_config):
    return HiFiGanConfig(arch="hifi_gan", mel=mel_config, **TINY)


@pytest.fixture
def generator(config):
    torch.manual_seed(0)
    return HiFiGan(config).eval()


@pytest.mark.parametrize(
    ("sizes", "millions"),
    # arXiv:2010.05646, table 1: 13.92, 0.92 and 1.46 million parameters.
    [(V1, 13.92), ({**V1, "upsample_initial_channels": 128}, 0.92), (V3, 1.46)],
)
def test_parameters_number_as_in_the_paper(mel_config, sizes, millions):
    """The network is the published one."""
    with torch.device("meta"):
        generator = HiFiGan(HiFiGanConfig(arch="hifi_gan", mel=mel_config, **sizes))
    assert sum(p.numel() for p in generator.parameters()) / 1e6 == pytest.approx(millions, abs=0.012)


@pytest.mark.parametrize("n_frames", [1, 2, 7, 40])
def test_length_is_that_between_frame_centres(generator, mel_config, n_frames):
    """A mel of T frames has (T - 1) hops."""
    samples = generator.synthesize(torch.randn(80, n_frames))
    assert samples.shape == ((n_frames - 1) * 256,)
    if n_frames > 1:
        assert log_mel(samples, mel_config).shape == (80, n_frames)


def test_length_is_kept_when_the_hop_is_odd(mel_config):
    """Padding is not half of it then."""
    mel = mel_config.model_copy(update={"hop_length": 225})
    sizes = {**TINY, "upsample_rates": (15, 15), "upsample_kernel_sizes": (31, 31)}
    generator = HiFiGan(HiFiGanConfig(arch="hifi_gan", mel=mel, **sizes))
    assert generator(torch.randn(2, 80, 5)).shape == (2, 4 * 225)


def test_samples_stand_where_their_frame_is_centred(generator):
    """A change of one frame changes the samples around its centre, as much before as behind.

    In double precision: what the outermost samples change by is lost in single precision, more or less by the CPU.
    """
    generator.double()
    mel = torch.zeros(1, 80, 61, dtype=torch.float64)
    changed = mel.clone()
    changed[:, :, 30] = 3.0
    with torch.no_grad():
        change = (generator(changed) - generator(mel)).abs()[0]
    moved = torch.nonzero(change > 0)[:, 0].float()
    assert float(moved.min() + moved.max()) / 2 == pytest.approx(30 * 256, abs=16)


def test_frames_beyond_the_receptive_field_change_nothing(generator):
    """What makes speaking in pieces possible."""
    mel = torch.randn(1, 80, 60)
    longer = torch.cat([mel, torch.randn(1, 80, 30)], dim=2)
    with torch.no_grad():
        short, long = generator(mel), generator(longer)
    torch.testing.assert_close(long[:, : 40 * 256], short[:, : 40 * 256])
    assert not torch.allclose(long[:, 58 * 256 : 59 * 256], short[:, 58 * 256 : 59 * 256], atol=1e-9, rtol=0)


def test_other_utterances_of_a_batch_change_nothing(generator):
    """There is no normalisation over a batch."""
    mel = torch.randn(3, 80, 20)
    with torch.no_grad():
        torch.testing.assert_close(generator(mel)[1:2], generator(mel[1:2]))


def test_hop_that_is_not_the_upsampling_is_refused(mel_config):
    """The error says by what the network upsamples."""
    mel = mel_config.model_copy(update={"hop_length": 300})
    with pytest.raises(ConfigError) as refused:
        HiFiGan(HiFiGanConfig(arch="hifi_gan", mel=mel, **V1))
    assert str(refused.value) == (
        "mel.acoustic.hop_length is 300 but the vocoder upsamples by 8*8*2*2 = 256; make them equal"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"upsample_kernel_sizes": (16, 16)}, "3 upsample_rates but 2 upsample_kernel_sizes"),
        ({"upsample_kernel_sizes": (16, 16, 7)}, "upsample kernel 7 for rate 4"),
        ({"resblock_dilations": ((1, 2),)}, "2 resblock_kernel_sizes but 1 resblock_dilations"),
        ({"resblock_kernel_sizes": (3, 4)}, "must be odd"),
        ({"upsample_initial_channels": 20}, "make it a multiple of 8"),
        ({"resblock_n_convolutions": 3}, "resblock_n_convolutions"),
        ({"width": 3}, "width"),
    ],
)
def test_contradictory_sizes_are_refused(mel_config, changes, message):
    """Before a week of training."""
    with pytest.raises(ValidationError, match=message):
        HiFiGanConfig(arch="hifi_gan", mel=mel_config, **{**TINY, **changes})


@pytest.mark.parametrize("shape", [(1, 40, 10), (1, 80, 0), (80, 10)])
def test_another_shape_is_refused(generator, shape):
    """With what was given and what is wanted."""
    with pytest.raises(ShapeError, match="80 bands"):
        generator(torch.zeros(shape))


def test_weight_norm_comes_off_without_a_trace(generator):
    """The release has plain weights and the same samples."""
    mel = torch.randn(1, 80, 10)
    names = set(generator.state_dict())
    with torch.no_grad():
        plain = generator(mel)
        add_weight_norm(generator)
        assert set(generator.state_dict()) != names
        torch.testing.assert_close(generator(mel), plain)
        generator.input.parametrizations.weight.original0.mul_(2)  # training changes lengths
        trained = generator(mel)
        remove_weight_norm(generator)
        assert set(generator.state_dict()) == names
        torch.testing.assert_close(generator(mel), trained)


def test_saved_and_loaded_gives_the_same_samples(generator, config, tmp_path):
    """The folder holds all that it needs."""
    mel = torch.randn(80, 12)
    save_model(tmp_path, generator, config)
    loaded = load_vocoder(tmp_path)
    assert loaded.config == config
    np.testing.assert_array_equal(loaded.synthesize(mel), generator.synthesize(mel))


def test_weights_of_other_sizes_are_refused(generator, config, tmp_path):
    """The error names the field."""
    save_model(tmp_path, generator, config.model_copy(update={"upsample_initial_channels": 32}))
    with pytest.raises(ShapeError, match=r"config\.json asks for"):
        load_vocoder(tmp_path)
