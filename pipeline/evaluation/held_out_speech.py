"""The whole chain on held-out sentences: spoken, measured, and laid out for the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peewee_model.audio.mel import MelConfig, log_mel
from pipeline import tables
from pipeline.evaluation import outputs, plots
from pipeline.evaluation.config import EvaluateConfig, EvaluationError
from pipeline.evaluation.measures import Measurement, judge_voices, measure, summarize
from pipeline.evaluation.report import ROW_NAMES, Sample
from pipeline.evaluation.sentences import ROWS, Overview, Row, Sentence, Spoken, choose_sentences, read_column
from pipeline.evaluation.similarity import verifier_is_installed
from pipeline.evaluation.speech import Speaker, speak_all


@dataclass(frozen=True)
class Sources:
    """Where the data and the models stand."""

    corpus: Path
    mels: Path
    embeddings: Path
    synthesizer: Path
    vocoder: Path


@dataclass(frozen=True)
class SpeechTest:
    """What came of it."""

    metrics: dict[str, Any]
    measurements: list[Measurement]
    samples: list[Sample]
    verifier: str
    """`resemblyzer`, `absent` where it is not installed, or `none`."""
    timings: dict[str, float]


def speak_sentences(
    sources: Sources, overview: Overview, config: EvaluateConfig, device: str, audio: Path
) -> SpeechTest:
    """Speak and measure held-out sentences, and write the samples to listen to.

    Raises:
        EvaluationError: If there are no sentences to speak, or the recognizer does not know their language.
        ConfigError: If synthesizer and vocoder were made for different mels.
    """
    sentences = choose_sentences(overview.test, config.speech.n_sentences, config.speech.n_enrolment, config.seed)
    speaker = Speaker(sources.synthesizer, sources.vocoder, config.speech, config.seed, device)
    if config.speech.recognizer == "pocketsphinx" and not speaker.language.startswith("en"):
        raise EvaluationError(
            f"evaluate.speech.recognizer is pocketsphinx, which knows English, but the text's language is "
            f"{speaker.language!r}; set it to none"
        )
    spoken, recordings = _speak(speaker, sources, overview, sentences)
    measurements = measure(spoken, config.speech, speaker.mel)
    verifier = config.speech.verifier
    rates: dict[Row, float] = {}
    if verifier == "resemblyzer" and verifier_is_installed():
        measurements, rates = judge_voices(measurements, spoken, recordings, speaker.mel.sample_rate)
    shown = spoken[: config.n_samples]
    flacs = outputs.write_audio(audio, shown, speaker.mel.sample_rate)
    return SpeechTest(
        metrics={"n_sentences": len(spoken)} | summarize(measurements, rates),
        measurements=measurements,
        samples=[_sample(item, flac, measurements, speaker.mel) for item, flac in zip(shown, flacs, strict=True)],
        verifier=verifier if verifier == "none" or verifier_is_installed() else "absent",
        timings=speaker.clock.document(),
    )


def _speak(
    speaker: Speaker, sources: Sources, overview: Overview, sentences: Sequence[Sentence]
) -> tuple[list[Spoken], dict[str, bytes]]:
    """All rows of all sentences, and the recordings of these and of their enrolments."""
    own = {sentence.utterance_id for sentence in sentences}
    heard = own | {name for sentence in sentences for name in sentence.enrolment_ids}
    shard_of = {row["utterance_id"]: row["shard"] for row in overview.test}
    mels = read_column(sources.mels, {shard_of[name] for name in own}, "mel", own)
    recordings = read_column(sources.corpus, {shard_of[name] for name in heard}, "audio", heard)
    references = {sentence.reference_id for sentence in sentences}
    embeddings = {
        row["utterance_id"]: row["embedding"]
        for row in tables.iter_rows(sources.embeddings, ["utterance_id", "embedding"])
        if row["utterance_id"] in references
    }
    return list(speak_all(speaker, sentences, embeddings, mels, recordings)), recordings


def _sample(item: Spoken, flac: dict[str, bytes], measurements: Sequence[Measurement], mel: MelConfig) -> Sample:
    sentence = item.sentence
    own = {found.row: found for found in measurements if found.utterance_id == sentence.utterance_id}
    pictures = {ROW_NAMES[row]: log_mel(item.samples[row], mel) for row in reversed(ROWS) if len(item.samples[row])}
    return Sample(
        speaker_id=sentence.speaker_id,
        utterance_id=sentence.utterance_id,
        text=sentence.text,
        audio=flac,
        recognized={row: own[row].recognized for row in ROWS},
        mels_svg=plots.mels_figure(pictures, mel.hop_length / mel.sample_rate),
        alignment_svg=plots.alignment_figure(item.alignment),
        diagonality=item.diagonality,
        truncated=item.truncated,
    )
