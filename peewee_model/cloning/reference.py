"""Reads and checks the recordings of a voice that a user gives, and prepares them for the encoder."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from peewee_model.audio.clip import Clip, resample, trim_silence
from peewee_model.audio.speaker_mel import speaker_mel
from peewee_model.encoder.speaker_encoder import SpeakerEncoder
from peewee_model.errors import AudioError
from peewee_model.recordings.reading import read_clip

MIN_SPEECH_S = 1.0
MAX_REFERENCE_S = 610.0  # ten minutes, and what a recorder adds to them
SILENCE_DB = 40.0  # below the loudest part of a clip
MARGIN_S = 0.05  # of silence left at each edge
MAX_PEAK = 2.0  # above this, the samples are integers that nobody scaled to [-1, 1]

Recording = Path | str | bytes | Clip
"""A file, by its path; its content; or samples."""
Reference = Recording | Sequence[Recording]
"""Recordings of one voice."""


def read_recording(source: Recording, name: str) -> Clip:
    """Read one recording of a reference and cut the silence off its edges.

    Args:
        source: The recording.
        name: Its name in an error, if it has no path.

    Raises:
        AudioError: If it can't be used.
    """
    if isinstance(source, Clip):
        clip = _checked(source, name)
    else:
        clip = read_clip(Path(source) if isinstance(source, str) else source, max_duration_s=MAX_REFERENCE_S)
    if not isinstance(source, Clip | bytes):
        name = str(source)
    try:
        samples, _ = trim_silence(clip.samples, clip.sample_rate, top_db=SILENCE_DB, margin_s=MARGIN_S)
    except AudioError as error:
        raise AudioError(error.reason, f"{name}: {error}") from None
    return Clip(samples, clip.sample_rate)


def embed_reference(encoder: SpeakerEncoder, reference: Reference) -> Tensor:
    """Embed a voice from all of its recordings, weighted by their lengths. (E,)

    Raises:
        AudioError: If a recording can't be used, or all of them hold too little speech or too much.
    """
    recordings = [reference] if isinstance(reference, str | bytes | Path | Clip) else reference
    mel = encoder.config.mel
    device = next(encoder.parameters()).device
    total = torch.zeros(encoder.config.embedding_dim, device=device)
    speech_s = 0.0
    for number, source in enumerate(recordings, 1):
        clip = read_recording(source, f"reference {number}")
        samples = resample(clip.samples, clip.sample_rate, mel.sample_rate)
        total += clip.duration_s * encoder.embed_utterance(torch.from_numpy(speaker_mel(samples, mel)).to(device))
        speech_s += clip.duration_s
    if speech_s < MIN_SPEECH_S:
        raise AudioError(
            "too_short",
            f"the reference holds {speech_s:.2f} s of speech, silence at its edges not counted; "
            f"give at least {MIN_SPEECH_S:g} s, better 5 s",
        )
    if speech_s > MAX_REFERENCE_S:
        raise AudioError("too_long", f"the reference holds {speech_s:.0f} s of speech; give at most 10 minutes")
    return nn.functional.normalize(total, dim=0)


def _checked(clip: Clip, name: str) -> Clip:
    """Check samples in memory as `read_clip` checks a file."""
    samples = np.asarray(clip.samples, dtype=np.float32)
    if samples.ndim != 1 or samples.size == 0:
        raise AudioError("unreadable", f"{name} has shape {samples.shape}; a Clip's samples are one channel, (S,)")
    if not np.isfinite(samples).all():
        raise AudioError("non_finite", f"{name} holds NaN or infinity; repair the recording")
    if np.abs(samples).max() > MAX_PEAK:
        raise AudioError("out_of_range", f"{name} reaches {np.abs(samples).max():g}; scale it so that full scale is 1")
    return Clip(samples, clip.sample_rate)
