"""Pulses at a changing pitch, and filters that change with time."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

_GUARD_HZ = 200.0  # below half the sample rate there are no harmonics
_SMALL_ANGLE = 1e-5


def pulse_train(frequencies: Tensor, sample_rate: int) -> Tensor:
    """Sum all harmonics of a pitch below half the sample rate, all in phase: a pulse a period, without aliases.

    The sum is Dirichlet's kernel. When the pitch moves, the highest harmonic fades in or out.

    Args:
        frequencies: Pitch at each sample, Hz, above 0. (S,)
        sample_rate: Hz.

    Returns:
        Samples of power 1, at any pitch. (S,)
    """
    f0 = frequencies.double()
    turns = torch.cumsum(f0 / sample_rate, dim=0)
    phase = 2 * math.pi * (turns - turns.floor())
    n_harmonics = (sample_rate / 2 - _GUARD_HZ) / f0
    whole = n_harmonics.floor()
    half = torch.sin(phase / 2)
    safe = torch.where(half.abs() > _SMALL_ANGLE, half, torch.ones_like(half))
    kernel = torch.where(half.abs() > _SMALL_ANGLE, torch.sin((whole + 0.5) * phase) / safe, 2 * whole + 1)
    harmonics = (kernel - 1) / 2 + (n_harmonics - whole) * torch.cos((whole + 1) * phase)
    return (harmonics * torch.sqrt(2 / n_harmonics)).float()


def minimum_phase(log_magnitudes: Tensor) -> Tensor:
    """Find the responses of minimum phase that have these magnitudes, by the folded cepstrum.

    Args:
        log_magnitudes: Natural log, at the bins of a real transform. (..., n_fft // 2 + 1)

    Returns:
        Complex. (..., n_fft // 2 + 1)

    Source:
        Oppenheim and Schafer, "Discrete-Time Signal Processing", section on the cepstrum of minimum-phase sequences.
    """
    n_fft = 2 * (log_magnitudes.shape[-1] - 1)
    cepstrum = torch.fft.irfft(log_magnitudes, n=n_fft)
    fold = torch.zeros(n_fft, device=log_magnitudes.device)
    fold[0] = fold[n_fft // 2] = 1
    fold[1 : n_fft // 2] = 2
    return torch.exp(torch.fft.rfft(cepstrum * fold))


def filter_by_frames(samples: Tensor, responses: Tensor, hop_length: int) -> Tensor:
    """Filter samples by responses that change with time, with Hann windows of four hops that add up to 1.

    Args:
        samples: (S,)
        responses: Complex; frame t is centred on sample t * hop_length, and the last on the end. (T, n_fft // 2 + 1)
        hop_length: Samples between frames; S = (T - 1) * hop_length.

    Returns:
        (S,)
    """
    n_fft, length = 2 * (responses.shape[-1] - 1), 4 * hop_length
    window = torch.hann_window(length, device=samples.device) / 2
    edge = length // 2 + hop_length  # one more frame on either side, filtered as the outermost is
    responses = torch.cat([responses[:1], responses, responses[-1:]])
    frames = F.pad(samples, (edge, edge)).unfold(0, length, hop_length) * window
    filtered = torch.fft.irfft(torch.fft.rfft(frames, n=n_fft) * responses, n=n_fft)
    n_out = (len(frames) - 1) * hop_length + n_fft
    added = F.fold(filtered.T[None], (1, n_out), (1, n_fft), stride=(1, hop_length))[0, 0, 0]
    return added[edge : edge + len(samples)]
