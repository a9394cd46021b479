"""VoiceCloner: reference clips and a text in, a waveform out."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from peewee_model.audio.clip import Clip, read_clip, resample, trim_silence, write_wav
from peewee_model.audio.mel import log_mel
from peewee_model.encoder.model import SpeakerEncoder, load_encoder
from peewee_model.errors import AudioError, ConfigError, PeeweeError, TextError
from peewee_model.release import read_manifest, verify_release
from peewee_model.store import open_store, parse_reference
from peewee_model.synthesizer.model import Tacotron2, load_synthesizer
from peewee_model.text.config import TextConfig
from peewee_model.text.normalize import normalize
from peewee_model.text.sentences import split_sentences
from peewee_model.text.symbols import Tokenizer
from peewee_model.vocoder.vocoder import Vocoder, load_vocoder

MIN_SPEECH_S = 1.0
MAX_REFERENCE_S = 610.0  # ten minutes, and what a recorder adds to them
PAUSE_S = 0.25  # between sentences
SILENCE_DB = 40.0  # below the loudest part of a clip
MARGIN_S = 0.05  # of silence left at each edge
MAX_SECONDS_PER_SYMBOL = 0.25  # slow speech has 0.1: who needs more has lost the thread
MAX_PEAK = 2.0  # beyond this, samples are integers that somebody forgot to scale

Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Speech:
    """What was said."""

    samples: Float32Array
    """Full scale is 1. (S,)"""
    sample_rate: int
    """Hz."""
    text: str
    """As it was spoken: numbers and abbreviations written out."""
    alignment: tuple[Float32Array, ...]
    """For each sentence, where the decoder looked at each of its steps. (T', L)"""
    truncated: bool
    """Whether a sentence did not end by itself and was cut off: listen before use."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate

    def save(self, path: Path | str) -> None:
        """Write a WAV file of 16 bits.

        Raises:
            PeeweeError: If the file can't be written.
        """
        try:
            write_wav(Path(path), self.samples, self.sample_rate)
        except OSError as error:
            raise PeeweeError(f"{path} can't be written: {error.strerror}; choose another path") from None


class VoiceCloner:
    """Speaks any text in the voice of a reference.

    Args:
        encoder: Hears the reference.
        synthesizer: Makes mels of text in that voice.
        vocoder: Makes samples of mels.

    Raises:
        ConfigError: If the three do not fit together.
    """

    def __init__(self, encoder: SpeakerEncoder, synthesizer: Tacotron2, vocoder: Vocoder) -> None:
        self._encoder = encoder
        self._synthesizer = synthesizer
        self._vocoder = vocoder
        self._tokenizer = Tokenizer(TextConfig.model_validate(synthesizer.config.text))
        _check_fit(encoder, synthesizer, vocoder, self._tokenizer)

    @classmethod
    def load(cls, reference: str, device: str = "cpu", public_key: Path | str | None = None) -> "VoiceCloner":
        """Load a release from a store, verified before any tensor is read.

        What comes from S3 is kept in the folder that PEEWEE_CACHE names (`~/.cache/peewee-tts` without it): a version
        that is there needs no network any more.

        Args:
            reference: `STORE@CHANNEL` or `STORE@VERSION`; the channel is `stable` if none is named. The store is a
                folder, or `s3://bucket/prefix` with the usual AWS environment.
            device: Where to compute, as torch names it.
            public_key: Require a signature by this key, a PEM file; without it, by the one that PEEWEE_PUBLIC_KEY
                names, if it does.

        Raises:
            ReleaseNotFoundError: If there is no such store, channel or version.
            TamperedReleaseError: If a file is not what it should be.
            SignatureError: If a signature is required and there is none that is good.
        """
        parsed = parse_reference(reference)
        required = public_key or os.environ.get("PEEWEE_PUBLIC_KEY")
        folder, _ = open_store(parsed.address).fetch(parsed.selector, Path(required) if required else None)
        return cls._from_verified(folder, device)

    @classmethod
    def load_folder(cls, folder: Path, device: str = "cpu") -> "VoiceCloner":
        """Load a release that is no store's, such as `release/` before it is published."""
        _, version = read_manifest(folder)
        verify_release(folder, version)
        return cls._from_verified(folder, device)

    @classmethod
    def _from_verified(cls, folder: Path, device: str) -> "VoiceCloner":
        vocoder = load_vocoder(folder / "vocoder")
        if isinstance(vocoder, nn.Module):
            vocoder.to(device)
        return cls(
            load_encoder(folder / "encoder").to(device), load_synthesizer(folder / "synthesizer").to(device), vocoder
        )

    @property
    def sample_rate(self) -> int:
        """Of what is spoken, in Hz."""
        return self._vocoder.config.mel.sample_rate

    def clone(self, text: str, reference: Sequence[Path | str | bytes | Clip], seed: int = 0) -> Speech:
        """Say a text in the voice of a reference.

        Args:
            text: Of any length; spoken a sentence at a time.
            reference: Recordings of one voice: files, their content, or `Clip`s. 1 s to 10 min of speech, at any rate.
            seed: The same seed gives the same samples.

        Raises:
            TextError: If there is nothing to say, or characters that no symbol stands for.
            AudioError: If a recording is silent, too short, too long or unreadable.
        """
        sentences = self._sentences(text)
        embedding = self.embed_voice(reference)
        generator = torch.Generator(embedding.device).manual_seed(seed % 2**63)
        pause = np.zeros(round(PAUSE_S * self.sample_rate), dtype=np.float32)
        pieces: list[Float32Array] = []
        alignments: list[Float32Array] = []
        truncated = False
        for sentence in sentences:
            samples, alignment, cut = self._say(sentence, embedding, generator)
            pieces += [pause, samples] if pieces else [samples]
            alignments.append(alignment)
            truncated |= cut
        joined = np.concatenate(pieces)
        peak = float(np.abs(joined).max(initial=0.0))
        if peak > 1:
            joined /= np.float32(peak)
        return Speech(joined, self.sample_rate, " ".join(sentences), tuple(alignments), truncated)

    def embed_voice(self, reference: Sequence[Path | str | bytes | Clip]) -> Tensor:
        """Embed a voice from all of its clips, each by its length. (E,)

        Raises:
            AudioError: As `clone`.
        """
        if isinstance(reference, str | bytes | Path | Clip):
            reference = [reference]
        mel = self._encoder.config.mel
        device = next(self._encoder.parameters()).device
        total = torch.zeros(self._encoder.config.embedding_dim, device=device)
        speech_s = 0.0
        for number, source in enumerate(reference, 1):
            clip = _speech(source, f"reference {number}")
            samples = resample(clip.samples, clip.sample_rate, mel.sample_rate)
            embedding = self._encoder.embed_utterance(torch.from_numpy(log_mel(samples, mel)).to(device))
            total += clip.duration_s * embedding
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

    def _sentences(self, text: str) -> list[str]:
        pieces = split_sentences(normalize(text))  # of a long word that was cut, punctuation alone may be left
        sentences = [normalize(piece) for piece in pieces if any(character.isalnum() for character in piece)]
        if not sentences:
            raise TextError("the text is empty; give something to say")
        return sentences

    @torch.inference_mode()
    def _say(
        self, sentence: str, embedding: Tensor, generator: torch.Generator
    ) -> tuple[Float32Array, Float32Array, bool]:
        """Samples (S,), alignment (T', L), and whether it was cut off."""
        tokens = torch.tensor([self._tokenizer.encode(sentence)], device=embedding.device)
        frame_s = self.sample_rate / self._vocoder.config.mel.hop_length
        config = self._synthesizer.config
        spoken = self._synthesizer.infer(
            tokens,
            torch.tensor([tokens.shape[1]], device=embedding.device),
            embedding[None] if config.speaker_embedding_dim else None,
            max_frames=round((1 + MAX_SECONDS_PER_SYMBOL * tokens.shape[1]) * frame_s),
            generator=generator,
        )
        n_frames = int(spoken.mel_lengths[0])
        n_steps = -(-n_frames // config.reduction_factor)
        samples = self._vocoder.synthesize(spoken.mel[0, :, :n_frames])
        with contextlib.suppress(AudioError):  # nothing but silence: what was made is what the user gets
            samples, _ = trim_silence(samples, self.sample_rate, top_db=SILENCE_DB, margin_s=MARGIN_S)
        return samples, spoken.alignment[0, :n_steps].cpu().numpy(), bool(spoken.truncated[0])


def _speech(source: Path | str | bytes | Clip, name: str) -> Clip:
    """Read one clip of a reference and cut the silence off its edges."""
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


def _checked(clip: Clip, name: str) -> Clip:
    """What `read_clip` would have refused in a file is refused in an array."""
    samples = np.asarray(clip.samples, dtype=np.float32)
    if samples.ndim != 1 or samples.size == 0:
        raise AudioError("unreadable", f"{name} has shape {samples.shape}; a Clip's samples are one channel, (S,)")
    if not np.isfinite(samples).all():
        raise AudioError("non_finite", f"{name} holds NaN or infinity; repair the recording")
    if np.abs(samples).max() > MAX_PEAK:
        raise AudioError("out_of_range", f"{name} reaches {np.abs(samples).max():g}; scale it so that full scale is 1")
    return Clip(samples, clip.sample_rate)


def _check_fit(encoder: SpeakerEncoder, synthesizer: Tacotron2, vocoder: Vocoder, tokenizer: Tokenizer) -> None:
    ours, theirs = synthesizer.config.mel, vocoder.config.mel
    for field in type(ours).model_fields:
        if getattr(ours, field) != getattr(theirs, field):
            raise ConfigError(
                f"mel.{field} is {getattr(ours, field)} in the synthesizer, {getattr(theirs, field)} in the vocoder; "
                "use models that were trained on the same mels"
            )
    width, wanted = encoder.config.embedding_dim, synthesizer.config.speaker_embedding_dim
    if wanted not in (0, width):
        raise ConfigError(
            f"the encoder's embeddings have {width} values, the synthesizer wants {wanted}; train it anew"
        )
    if synthesizer.config.n_symbols != tokenizer.n_symbols:
        raise ConfigError(
            f"the synthesizer knows {synthesizer.config.n_symbols} symbols, its text settings give "
            f"{tokenizer.n_symbols}; it was trained by another version of peewee_model"
        )
