import numpy as np
import pytest
import torch

from peewee_model.audio.mel import log_mel
from peewee_model.vocoder.log_mel import LogMel


@pytest.mark.parametrize("changes", [{}, {"win_length": 800, "hop_length": 200}, {"f_max": 12000.0, "log_floor": 1e-5}])
def test_log_mel_agrees_with_the_data_s_own(mel_config, voiced, changes):
    """The loss measures what the tables hold."""
    config = mel_config.model_copy(update=changes)
    samples = voiced[:20011]  # no multiple of the hop
    ours = LogMel(config)(torch.from_numpy(samples)[None])[0].numpy()
    theirs = log_mel(samples, config)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_gradient_is_finite_and_points_downhill_from_silence_and_speech(mel_config, voiced):
    """The root of 0 has none."""
    log_mel_of = LogMel(mel_config)
    target = log_mel_of(torch.from_numpy(voiced[:8192])[None])
    for start in (torch.zeros(1, 8192), 0.5 * torch.from_numpy(voiced[:8192])[None]):
        samples = start.requires_grad_()
        torch.nn.functional.l1_loss(log_mel_of(samples), target).backward()
        assert torch.isfinite(samples.grad).all()
    # The quieter copy is to become louder: the gradient opposes the signal.
    assert (samples.grad * samples.detach()).sum() < 0
