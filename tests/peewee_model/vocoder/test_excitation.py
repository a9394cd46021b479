import numpy as np
import pytest
import torch

from peewee_model.vocoder.excitation import filter_by_frames, minimum_phase, pulse_train

RATE = 16000


def spectrum(samples):
    return np.abs(np.fft.rfft(samples * np.hanning(len(samples))))


@pytest.mark.parametrize("pitch", [80.0, 123.4, 400.0])
def test_pulses_have_power_1_and_energy_at_the_harmonics_alone(pitch):
    """Nothing between the harmonics: no alias folds back."""
    samples = pulse_train(torch.full((RATE,), pitch), RATE).numpy()
    assert np.mean(samples**2) == pytest.approx(1, rel=0.02)
    found = spectrum(samples)  # a bin is 1 Hz
    distance = np.abs((np.arange(len(found)) + pitch / 2) % pitch - pitch / 2)
    assert found[distance > 5].max() < 1e-2 * found.max()
    harmonics = found[(np.arange(1, int(7800 / pitch)) * pitch).round().astype(int)]
    assert harmonics.min() > 0.5 * harmonics.max()  # all alike, as far as bins are near to them


def test_pulses_follow_a_pitch_that_glides_without_clicks():
    """From 100 to 300 Hz the number of harmonics falls by two thirds."""
    pitch = torch.linspace(100, 300, RATE)
    samples = pulse_train(pitch, RATE).numpy()
    peaks = np.flatnonzero((samples[1:-1] > samples[:-2]) & (samples[1:-1] >= samples[2:]) & (samples[1:-1] > 3))
    assert len(peaks) == pytest.approx(200, abs=3)  # the mean pitch for a second
    powers = np.mean(samples[: RATE // 200 * 200].reshape(-1, RATE // 20) ** 2, axis=1)
    assert np.ptp(powers) < 0.5


def test_minimum_phase_keeps_magnitudes_and_comes_at_once():
    """The energy of its response is in the first samples; that of a zero-phase response is split in two."""
    magnitudes = 1 + 5 * torch.exp(-0.5 * ((torch.arange(513) - 60) / 10) ** 2)
    response = minimum_phase(torch.log(magnitudes))
    assert torch.allclose(response.abs(), magnitudes, rtol=1e-4)
    impulse = torch.fft.irfft(response)
    assert (impulse[:128] ** 2).sum() > 0.999 * (impulse**2).sum()


def test_filters_of_1_give_the_samples_back():
    """The windows add up to 1, up to both ends."""
    samples = torch.randn(64 * 50, generator=torch.Generator().manual_seed(0))
    found = filter_by_frames(samples, torch.ones(51, 513, dtype=torch.complex64), 64)
    assert torch.allclose(found, samples, atol=1e-5)


def test_filter_changes_where_it_is_asked_to():
    """Silent in the first half, doubled in the second."""
    samples = torch.randn(64 * 100, generator=torch.Generator().manual_seed(0))
    responses = torch.zeros(101, 513, dtype=torch.complex64)
    responses[51:] = 2
    found = filter_by_frames(samples, responses, 64)
    assert found[: 64 * 48].abs().max() < 1e-5
    assert torch.allclose(found[64 * 53 :], 2 * samples[64 * 53 :], atol=1e-4)
