"""What a recording's level, pauses, offset, channels, noise, bandwidth and codec do to the voice that is heard in it.

    python -m tests.bench.invariance ENCODER [--corpus data/corpus] [RECORDING ...]

ENCODER is a folder with an encoder (`models/encoder`, or `encoder` of a release). People are those of the recordings
and of the corpus's validation and test splits. Of each, one half of the speech is the reference that is changed, and
the other half is compared with all changed halves. For each change: the mean cosine of the embedding to that of the
untouched half, the least one, and how often the person's other half is the nearest of all people's.
"""

import argparse
import io
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import butter, sosfilt

from peewee_model.audio.clip import Clip, decode_flac, resample
from peewee_model.cloning.reference import embed_reference
from peewee_model.encoder.speaker_encoder import load_encoder
from peewee_model.errors import AudioError
from peewee_model.recordings.reading import read_clip

MIN_HALF_S = 8.0
MAX_HALF_S = 30.0


def wav(samples, rate, **how):
    """A file in memory: as 24-bit WAV unless asked otherwise."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, **({"format": "WAV", "subtype": "PCM_24"} | how))
    return buffer.getvalue()


def louder(db):
    return lambda samples, rate: wav(samples * 10 ** (db / 20), rate)


def paused(seconds):
    """Zeros in the middle of the recording's first 20 s."""

    def change(samples, rate):
        spoken = samples[: max(rate, round((20 - seconds) * rate))]
        middle = len(spoken) // 2
        return wav(np.concatenate([spoken[:middle], np.zeros(round(seconds * rate)), spoken[middle:]]), rate)

    return change


def noisy(snr_db):
    def change(samples, rate):
        noise = np.random.default_rng(0).normal(0, np.sqrt(np.mean(samples**2)) * 10 ** (-snr_db / 20), len(samples))
        return wav(samples + noise, rate)

    return change


def at_8_khz(samples, rate):
    return wav(resample(samples, rate, 8000), 8000)


def phone(samples, rate):
    """ITU-T's narrow band, 300 to 3,400 Hz, at 8 kHz."""
    narrow = sosfilt(butter(4, [300, 3400], "bandpass", fs=rate, output="sos"), samples)
    return wav(resample(narrow.astype(np.float32), rate, 8000), 8000)


def mp3(samples, rate):
    """64 kbit/s: libsndfile's levels are between 320 and 32 kbit/s at these rates."""
    return encoded(samples, rate, 64_000, format="MP3", subtype="MPEG_LAYER_III")


def opus(samples, rate):
    return encoded(samples, rate, 24_000, format="OGG", subtype="OPUS")


def encoded(samples, rate, bits_per_s, **how):
    """At the compression level whose size is nearest to a bit rate."""
    rate, samples = (24_000, resample(samples, rate, 24_000)) if rate not in (16_000, 24_000) else (rate, samples)
    level = level_for(rate, bits_per_s, how["format"], how["subtype"])
    return wav(samples, rate, compression_level=level, **how)


@cache
def level_for(rate, bits_per_s, kind, subtype):
    noise = np.random.default_rng(0).normal(0, 0.1, 5 * rate)

    def distance(level):
        data = wav(noise, rate, format=kind, subtype=subtype, compression_level=level)
        return abs(np.log(8 * len(data) * rate / len(noise) / bits_per_s))

    return min(np.linspace(0, 0.99, 12).tolist(), key=distance)


CHANGES = {
    "level -20 dB": louder(-20), "level -10 dB": louder(-10), "pause of 1 s in 20 s": paused(1),
    "pause of 3 s": paused(3), "pause of 10 s": paused(10), "DC of 0.5 %": lambda x, rate: wav(x + 0.005, rate),
    "one of two channels silent": lambda x, rate: wav(np.stack([x, 0 * x], axis=1), rate),
    "white noise at 40 dB": noisy(40), "white noise at 20 dB": noisy(20), "8 kHz": at_8_khz, "MP3, 64 kbit/s": mp3,
    "Opus, 24 kbit/s": opus, "a phone's band": phone,
}  # fmt: skip


def halves(recordings, corpus):
    """Of each person two stretches of speech: (samples, samples, rate)."""
    found = {}
    for path in recordings:
        clip = read_clip(Path(path))
        middle = len(clip.samples) // 2
        longest = round(MAX_HALF_S * clip.sample_rate)
        found[Path(path).stem] = (clip.samples[:middle][:longest], clip.samples[middle:][:longest], clip.sample_rate)
    for speaker, clips in _held_out(corpus).items() if corpus else ():
        rate = clips[0].sample_rate
        parts = [resample(clip.samples, clip.sample_rate, rate) for clip in clips]
        first, second = np.concatenate(parts[::2]), np.concatenate(parts[1::2] or parts)
        if min(len(first), len(second)) >= MIN_HALF_S * rate:
            longest = round(MAX_HALF_S * rate)
            found[speaker] = (first[:longest], second[:longest], rate)
    return found


def _held_out(corpus):
    from pipeline import tables

    clips = {}
    for row in tables.iter_rows(corpus, ["speaker_id", "split", "audio"]):
        if row["split"] != "train":
            clips.setdefault(row["speaker_id"], []).append(decode_flac(row["audio"]))
    return clips


def run(encoder_folder, recordings, corpus=None):
    """Measure each change.

    Returns:
        By change: mean cosine, least cosine, share of people whose own half is the nearest, and how many were
        refused. And the number of people.
    """
    encoder = load_encoder(encoder_folder)
    people = halves(recordings, corpus)
    gallery = np.stack([_embed(encoder, Clip(first, rate)) for first, _, rate in people.values()])
    untouched = [_embed(encoder, Clip(second, rate)) for _, second, rate in people.values()]
    found = {"untouched": _measure(untouched, untouched, gallery)}
    for name, change in CHANGES.items():
        changed = []
        for _, second, rate in people.values():
            try:
                changed.append(_embed(encoder, change(second, rate)))
            except AudioError:
                changed.append(None)
        found[name] = _measure(changed, untouched, gallery)
    return found, len(people)


def _embed(encoder, recording):
    return embed_reference(encoder, recording).numpy()


def _measure(changed, untouched, gallery):
    kept = [number for number, voice in enumerate(changed) if voice is not None]
    if not kept:
        return float("nan"), float("nan"), float("nan"), len(changed)
    cosines = [float(changed[number] @ untouched[number]) for number in kept]
    nearest = [int(np.argmax(gallery @ changed[number])) == number for number in kept]
    return float(np.mean(cosines)), min(cosines), float(np.mean(nearest)), len(changed) - len(kept)


def main():
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("encoder", type=Path)
    parser.add_argument("recordings", nargs="*", type=Path)
    parser.add_argument("--corpus", type=Path)
    arguments = parser.parse_args()
    found, n_people = run(arguments.encoder, arguments.recordings, arguments.corpus)
    print(f"| change, {n_people} people | cosine | least | nearest is the person | refused |\n|---|---|---|---|---|")
    for name, (mean, least, nearest, refused) in found.items():
        print(f"| {name} | {mean:.3f} | {least:.3f} | {nearest:.0%} | {refused} |")


if __name__ == "__main__":
    main()
