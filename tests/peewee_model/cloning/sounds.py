"""Sounds that are no speech."""

import numpy as np

RATE = 16_000


def times(seconds=8.0):
    return np.arange(round(seconds * RATE)) / RATE


def harmonics(hz, seconds=8.0, n_harmonics=8, decay=0.0):
    time = times(seconds)
    partials = (np.sin(2 * np.pi * hz * k * time) / k * np.exp(-decay * k * time) for k in range(1, n_harmonics + 1))
    return 0.2 * sum(partials)


def noise(slope=0.0, seconds=8.0):
    """White, or falling by `slope` x 3 dB an octave: 1 is pink."""
    spectrum = np.fft.rfft(np.random.default_rng(0).normal(size=round(seconds * RATE)))
    spectrum[1:] /= np.arange(1, len(spectrum)) ** (slope / 2)
    spectrum[0] = 0
    samples = np.fft.irfft(spectrum)
    return 0.1 * samples / samples.std()


def melody(per_s, decay, n_voices=1, seconds=8.0):
    """Notes of a scale that ring on, as of a plucked string."""
    rng = np.random.default_rng(per_s)
    found = np.zeros(round((seconds + 2) * RATE))
    for number in range(round(seconds * per_s)):
        at = round(number / per_s * RATE)
        for _ in range(n_voices):
            note = harmonics(110 * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 11, 12, 14, 16]) / 12), 1.5, 12, decay)
            found[at : at + len(note)] += note * np.minimum(1, times(1.5) / 0.01)
    return 0.5 * found[: round(seconds * RATE)]


def drums(per_s):
    found = np.zeros(round(9 * RATE))
    time = times(0.3)
    kick = np.sin(2 * np.pi * (60 * time + 20 * np.exp(-30 * time))) * np.exp(-12 * time)
    snare = np.random.default_rng(0).normal(0, 0.4, len(time)) * np.exp(-20 * time)
    for number in range(8 * per_s):
        at = round(number / per_s * RATE)
        found[at : at + len(time)] += 0.4 * (snare if number % 2 else kick)
    return found[: 8 * RATE]


def clicks(per_s):
    found = np.zeros(8 * RATE)
    found[np.random.default_rng(0).integers(0, len(found), 8 * per_s)] = 0.8
    return found + 1e-5 * np.random.default_rng(1).normal(size=len(found))


def beating(samples, hz=4.0):
    return samples * (0.5 + 0.5 * np.sin(2 * np.pi * hz * times()))


NO_SPEECH = {
    **{f"tone of {hz} Hz": harmonics(hz, n_harmonics=1) for hz in (50, 220, 440, 1000, 3000, 6000)},
    "major chord": sum(harmonics(hz) for hz in (220, 277.2, 329.6)) / 3,
    "minor chord": sum(harmonics(hz) for hz in (110, 130.8, 164.8)) / 3,
    **{f"melody of {n} notes/s": melody(n, 2.0) for n in (2, 3, 4, 6, 8)},
    **{f"chords of {n}/s": melody(n, 1.0, n_voices=3) for n in (1, 2, 4)},
    "plucked melody": melody(4, 6.0), "drums": drums(4), "band": melody(4, 2.0) + drums(4) + melody(1, 0.5),
    "white noise": noise(), "pink noise": noise(1), "brown noise": noise(2), "beating noise": beating(noise(1)),
    "hum of 50 Hz": harmonics(50, n_harmonics=20) + 0.01 * noise(), "hum of 120 Hz": harmonics(120, n_harmonics=20),
    "beating tone": beating(harmonics(220)), "beating hum": beating(harmonics(120, n_harmonics=20), 3.0),
    "sweep": 0.3 * np.sin(2 * np.pi * (100 * times() + 240 * times() ** 2)),
    "siren": 0.3 * np.sin(2 * np.pi * 600 * times() - 400 * np.cos(np.pi * times())),
    **{f"{n} clicks/s": clicks(n) for n in (2, 10, 50)},
    "fan": noise(1) + 0.3 * harmonics(120, n_harmonics=20),
}  # fmt: skip
"""16 kHz, 8 s each."""
