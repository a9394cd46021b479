"""Reads and checks the recordings of a voice that a user gives, and prepares them for the encoder."""

from dataclasses import dataclass
from os import PathLike

import torch
from torch import Tensor, nn

from peewee_model.audio.clip import Clip, resample, trim_silence
from peewee_model.audio.speaker_mel import speaker_mel
from peewee_model.cloning.one_voice import likeness_of_halves
from peewee_model.cloning.reference_checks import Measured, ReferenceFigures, figures_of, measured
from peewee_model.cloning.sources import Recording, Reference, read_source, recordings_of
from peewee_model.encoder.speaker_encoder import SpeakerEncoder
from peewee_model.errors import AudioError

MIN_SPEECH_S = 1.0
MAX_REFERENCE_S = 610.0  # ten minutes, and what a recorder adds to them
SILENCE_DB = 40.0  # below the loudest part of a clip
MARGIN_S = 0.05  # of silence left at each edge


@dataclass(frozen=True)
class HeardReference:
    """What the recordings of a voice say of it."""

    embedding: Tensor
    """(E,)"""
    recordings: tuple[Clip, ...]
    """Without silence at their ends."""
    figures: ReferenceFigures


def read_recording(source: Recording, name: str) -> Measured:
    """Read one recording of a reference, cut the silence off its edges, and measure it.

    Args:
        source: The recording.
        name: Its name in an error, if it has no path.

    Raises:
        AudioError: If it can't be used.
        ConfigError: If it is no recording at all.
    """
    clip = read_source(source, name, max_duration_s=MAX_REFERENCE_S)
    name = str(source) if isinstance(source, str | PathLike) else name
    try:
        samples, _ = trim_silence(clip.samples, clip.sample_rate, top_db=SILENCE_DB, margin_s=MARGIN_S)
    except AudioError as error:
        raise AudioError(error.reason, f"{name}: {error}") from None
    return measured(Clip(samples, clip.sample_rate), name)


def hear_reference(encoder: SpeakerEncoder, reference: Reference, one_voice: float | None = None) -> HeardReference:
    """Embed a voice from all of its recordings, weighted by their lengths, and measure them.

    Args:
        encoder: Computes the embedding.
        reference: Recordings of one voice.
        one_voice: Cosine of this encoder's embeddings above which two recordings are of one voice; None if it is
            not known: then nobody looks for two people.

    Raises:
        AudioError: If a recording can't be used or is no speech, or all hold too little speech or too much.
        ConfigError: If something given is no recording at all.
    """
    mel = encoder.config.mel
    device = next(encoder.parameters()).device
    total = torch.zeros(encoder.config.embedding_dim, device=device)
    recordings, mels, speech_s = [], [], 0.0
    for number, source in enumerate(recordings_of(reference), 1):
        recording = read_recording(source, f"reference {number}")
        clip = recording.clip
        samples = resample(clip.samples, clip.sample_rate, mel.sample_rate)
        mels.append(torch.from_numpy(speaker_mel(samples, mel)).to(device))
        total += clip.duration_s * encoder.embed_utterance(mels[-1])
        recordings.append(recording)
        speech_s += clip.duration_s
        if speech_s > MAX_REFERENCE_S:
            raise AudioError("too_long", "the reference holds more than 10 minutes of speech; give less")
    if speech_s < MIN_SPEECH_S:
        raise AudioError(
            "too_short",
            f"the reference holds {speech_s:.2f} s of speech, silence at its edges not counted; "
            f"give at least {MIN_SPEECH_S:g} s, better 5 s",
        )
    cosine = likeness_of_halves(encoder, mels)
    return HeardReference(
        nn.functional.normalize(total, dim=0),
        tuple(recording.clip for recording in recordings),
        figures_of(recordings, cosine, one_voice),
    )


def embed_reference(encoder: SpeakerEncoder, reference: Reference) -> Tensor:
    """Embed a voice, as `hear_reference`. (E,)"""
    return hear_reference(encoder, reference).embedding
