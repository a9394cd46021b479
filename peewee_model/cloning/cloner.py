"""VoiceCloner: reference clips and a text in, a waveform out."""

import warnings
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from torch import Tensor, nn

from peewee_model import environment
from peewee_model.cloning.arguments import device_of, list_of, loudness_of, path_of, seed_of, text_of
from peewee_model.cloning.joining import join
from peewee_model.cloning.lines import Lines, write_lines
from peewee_model.cloning.reference import HeardReference, hear_reference
from peewee_model.cloning.reference_checks import ReferenceFigures, ReferenceWarning
from peewee_model.cloning.sound_file import LOUDNESS_LUFS
from peewee_model.cloning.sources import Reference
from peewee_model.cloning.speaking import SentenceSpeaker, Spoken, Voice
from peewee_model.cloning.speech import Speech
from peewee_model.encoder.speaker_encoder import SpeakerEncoder, load_encoder
from peewee_model.errors import ConfigError, TextError
from peewee_model.networks.device import flush_denormals
from peewee_model.release.manifest import read_manifest
from peewee_model.release.verification import verify_release
from peewee_model.script.lexicon import Lexicon, LexiconSource
from peewee_model.script.pauses import PAUSES, Pauses
from peewee_model.store.reference import parse_reference
from peewee_model.store.store import open_store
from peewee_model.synthesizer.factory import load_synthesizer
from peewee_model.synthesizer.synthesizer import Synthesizer
from peewee_model.text.symbols.config import TextConfig
from peewee_model.text.symbols.tokenizer import Tokenizer
from peewee_model.vocoder.factory import Vocoder, load_vocoder

MAX_STRETCH = 0.25  # of a symbol, where a seed varies the durations


class VoiceCloner:
    """Speaks any text in the voice of a reference.

    It calls `flush_denormals`: this process takes numbers below 1.2e-38 for zero from then on.

    Args:
        encoder: Computes the voice's embedding from the reference.
        synthesizer: Predicts mels from text in that voice.
        vocoder: Turns mels into samples.
        precision: Of the synthesizer's decoder: float32, float16 or int8; None for the fastest that the device has
            without loss of quality.
        loudness_lufs: Of every sentence, in LUFS; peaks are limited.
        one_voice: Cosine of the encoder's embeddings above which two recordings are of one person: `speaker.threshold`
            of a release's metrics. None if it was not measured: then nobody looks for two people in a reference.

    Raises:
        ConfigError: If the three do not fit together, or the device does not have the precision.
    """

    def __init__(
        self,
        encoder: SpeakerEncoder,
        synthesizer: Synthesizer,
        vocoder: Vocoder,
        precision: str | None = None,
        loudness_lufs: float = LOUDNESS_LUFS,
        one_voice: float | None = None,
    ) -> None:
        self._loudness_lufs = loudness_of(loudness_lufs)
        self._one_voice = one_voice
        flush_denormals()
        self._encoder = encoder
        self._vocoder = vocoder
        self._tokenizer = Tokenizer(TextConfig.model_validate(synthesizer.config.text))
        _check_fit(encoder, synthesizer, vocoder, self._tokenizer)
        self._speaker = SentenceSpeaker(synthesizer, vocoder, precision)

    @classmethod
    def load(
        cls,
        reference: str,
        device: str = "cpu",
        public_key: Path | str | None = None,
        precision: str | None = None,
        loudness_lufs: float = LOUDNESS_LUFS,
    ) -> "VoiceCloner":
        """Load a release from a store, verified before any tensor is read.

        Releases from S3 are kept in the folder that PEEWEE_CACHE names (`~/.cache/peewee-tts` by default). A version
        that is kept there needs no network.

        Args:
            reference: `STORE@CHANNEL` or `STORE@VERSION`; the channel is `stable` if none is named. The store is a
                folder, or `s3://bucket/prefix` with the usual AWS environment.
            device: Where to compute, as torch names it.
            public_key: A PEM file; a signature by this key is required. None for the key that PEEWEE_PUBLIC_KEY names,
                if it is set.
            precision: As the class has it.
            loudness_lufs: Likewise.

        Raises:
            ReleaseNotFoundError: If there is no such store, channel or version.
            TamperedReleaseError: If a file differs from the manifest.
            SignatureError: If a signature is required and no valid one exists.
            ConfigError: If an argument is of a wrong kind, or the device can't be used.
        """
        loudness_of(loudness_lufs), device_of(device)  # refused before a download
        if not isinstance(reference, str):  # a folder's path, and never an URL, which a path would shorten
            reference = str(path_of(reference, "the release"))
        parsed = parse_reference(reference)
        required = public_key or environment.PUBLIC_KEY.path()
        key = path_of(required, "the public key") if required else None
        folder, _ = open_store(parsed.address).fetch(parsed.selector, key)
        return cls._from_verified(folder, device, precision, loudness_lufs)

    @classmethod
    def load_folder(
        cls,
        folder: Path | str,
        device: str = "cpu",
        precision: str | None = None,
        loudness_lufs: float = LOUDNESS_LUFS,
    ) -> "VoiceCloner":
        """Load a release from a folder that is not in a store, such as `release/` before it is published."""
        folder = path_of(folder, "the release's folder")
        _, version = read_manifest(folder)
        verify_release(folder, version)
        return cls._from_verified(folder, device, precision, loudness_lufs)

    @classmethod
    def _from_verified(cls, folder: Path, device: str, precision: str | None, loudness_lufs: float) -> "VoiceCloner":
        where = device_of(device)
        vocoder = load_vocoder(folder / "vocoder")
        if isinstance(vocoder, nn.Module):
            vocoder.to(where)
        encoder = load_encoder(folder / "encoder").to(where)
        synthesizer = load_synthesizer(folder / "synthesizer").to(where)
        measured = read_manifest(folder)[0].metrics.get("speaker")
        threshold = measured.get("threshold") if isinstance(measured, dict) else None
        one_voice = float(threshold) if isinstance(threshold, int | float) else None
        return cls(encoder, synthesizer, vocoder, precision, loudness_lufs, one_voice)

    @property
    def sample_rate(self) -> int:
        """The sample rate of the speech, in Hz."""
        return self._vocoder.config.mel.sample_rate

    def clone(
        self,
        text: str,
        reference: Reference,
        seed: int = 0,
        lexicon: LexiconSource | None = None,
        pauses: Pauses = PAUSES,
    ) -> Speech:
        """Say a text in the voice of a reference.

        Args:
            text: Of any length; spoken a sentence at a time, several sentences at once. `<break time="500ms"/>` in it
                is a pause.
            reference: Recordings of one voice, or one alone: files by path or open, their content, `Clip`s, or
                (samples, sample_rate) of numpy or torch. 1 s to 10 min of speech, at any rate.
            seed: The same seed gives the same samples. With 0, a network timed by durations takes those that it
                predicts; with another, each symbol lasts up to a quarter longer, or a fifth shorter. A Tacotron 2
                draws its dropout by every seed.
            lexicon: Words that are taught: a mapping from words to spellings or {phonemes}, or the path of a file.
            pauses: How long each kind is.

        Raises:
            TextError: If there is nothing to say, or a character has no symbol.
            AudioError: If a recording is silent, too short, too long, unreadable or no speech.
            ConfigError: If an argument is of a wrong kind, or an entry of the lexicon can't be used; it is named.

        Warns:
            ReferenceWarning: If a recording is noisy, of a narrow band or clipped, or there is little speech, or two
                people speak: see `Speech.reference`.
        """
        lines = self._lines(text, seed, Lexicon.of(lexicon), pauses)
        return self._clone([lines], [self._voice(reference)], seed)[0]

    def clone_many(
        self,
        texts: Sequence[str],
        references: Sequence[Reference],
        seed: int = 0,
        lexicon: LexiconSource | None = None,
        pauses: Pauses = PAUSES,
    ) -> list[Speech]:
        """Say many texts, in one voice or each in its own: much faster than one after the other.

        The random numbers of a sentence depend on the seed and on the sentence's place in its text alone. So the same
        call gives the same samples. Each text also gets the samples that `clone` gives with that seed, up to rounding:
        in a batch the sums are computed in another order, and rounding can move the end of a sentence by a frame.

        Args:
            texts: Each as for `clone`.
            references: One for all texts, `[["me.wav"]]`, or one for each; each is a recording or a list of them.
            seed: As for `clone`, of each text.
            lexicon: As for `clone`.
            pauses: As for `clone`.

        Returns:
            One for each text, in their order.

        Raises:
            TextError: As `clone`; its message names the text. No text has been spoken then.
            AudioError: As `clone`.
            ConfigError: As `clone`, or if the number of references is neither one nor the number of texts.

        Warns:
            ReferenceWarning: As `clone`.
        """
        texts, references = list_of(texts, "the texts"), list_of(references, "the references")
        if len(references) not in (1, len(texts)):
            raise ConfigError(
                f"{len(references)} references for {len(texts)} texts; give a list of one, or one for each"
            )
        lines, taught = [], Lexicon.of(lexicon)
        for number, text in enumerate(texts, 1):
            try:
                lines.append(self._lines(text, seed, taught, pauses))
            except TextError as error:
                raise TextError(f"text {number}: {error}") from None
        voices = [self._voice(reference) for reference in references]
        return self._clone(lines, voices if len(voices) == len(texts) else voices * len(texts), seed)

    def _clone(
        self, texts: Sequence[Lines], voices: Sequence[tuple[Voice, ReferenceFigures]], seed: int
    ) -> list[Speech]:
        """Speak texts, each in its voice."""
        spoken = iter(
            self._speaker.speak(
                [line for text in texts for line in text.lines],
                [voice for text, (voice, _) in zip(texts, voices, strict=True) for _ in text.lines],
                MAX_STRETCH if seed else 0.0,
            )
        )
        return [
            self._join(text, list(islice(spoken, len(text.lines))), figures)
            for text, (_, figures) in zip(texts, voices, strict=True)
        ]

    def _join(self, text: Lines, spoken: Sequence[Spoken], figures: ReferenceFigures) -> Speech:
        return Speech(
            samples=join(text.lines, spoken, self.sample_rate, self._loudness_lufs, text.after_s),
            sample_rate=self.sample_rate,
            text=" ".join(line.text for line in text.lines),
            alignment=tuple(sentence.alignment for sentence in spoken),
            truncated=any(sentence.truncated for sentence in spoken),
            unspoken=text.unspoken,
            reference=figures,
        )

    @property
    def one_voice(self) -> float | None:
        """The cosine above which two voices are of one person; None if the release did not measure it."""
        return self._one_voice

    def embed_voice(self, reference: Reference) -> Tensor:
        """Embed a voice, as `clone` does. (E,)

        Raises:
            AudioError: As `clone`.
            ConfigError: As `clone`.
        """
        return self._hear(reference).embedding

    def _voice(self, reference: Reference) -> tuple[Voice, ReferenceFigures]:
        heard = self._hear(reference)
        return Voice(heard.embedding, self._speaker.match(heard.embedding, heard.recordings)), heard.figures

    def _hear(self, reference: Reference) -> HeardReference:
        heard = hear_reference(self._encoder, reference, self._one_voice)
        for doubt in heard.figures.doubts:
            warnings.warn(ReferenceWarning(doubt), stacklevel=4)
        return heard

    def _lines(self, text: str, seed: int, lexicon: Lexicon, pauses: Pauses) -> Lines:
        return write_lines(text_of(text), self._tokenizer, seed_of(seed), lexicon, pauses)


def _check_fit(encoder: SpeakerEncoder, synthesizer: Synthesizer, vocoder: Vocoder, tokenizer: Tokenizer) -> None:
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
