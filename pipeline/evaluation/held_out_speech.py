"""Tests all models together: speaks held-out sentences, measures them, and prepares them for the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peewee_model.audio.clip import decode_flac, resample
from peewee_model.audio.mel import MelConfig, log_mel
from pipeline import tables
from pipeline.evaluation import outputs, plots
from pipeline.evaluation.cloning import ClonedVoice, cloned_voices, summarize_cloning
from pipeline.evaluation.config import EvaluateConfig, check_recognizer
from pipeline.evaluation.judges.models import RESEMBLYZER
from pipeline.evaluation.judges.panel import describe_judges
from pipeline.evaluation.lengths import ReadSentence, Voice, make_sentences, read_lengths, summarize_lengths
from pipeline.evaluation.measures import Measurement, measure, summarize
from pipeline.evaluation.parent import Parent
from pipeline.evaluation.report import Sample, row_names
from pipeline.evaluation.sentences import (
    Overview,
    Reading,
    Row,
    Sentence,
    Spoken,
    choose_bystanders,
    choose_sentences,
    read_column,
)
from pipeline.evaluation.similarity import verifier_is_installed
from pipeline.evaluation.speech import Speaker
from pipeline.evaluation.voices import blend, hear, judge_voices

_NO_LENGTHS = "evaluate.lengths.n_sentences is 0"
_NO_VERIFIER = "there is no independent verifier: it is not installed, or evaluate.speech.verifier is none"
_NO_VOICES = "fewer than two of the speakers whose sentences were spoken are unknown to the models"


@dataclass(frozen=True)
class Sources:
    """Paths of the data and the models."""

    corpus: Path
    mels: Path
    embeddings: Path
    synthesizer: Path
    vocoder: Path


@dataclass(frozen=True)
class SpeechTest:
    """Results of the speech test."""

    metrics: dict[str, Any]
    """`speech`, `cloning`, `lengths` and `judges`; a part that was not measured has the reason under `not_measured`."""
    measurements: list[Measurement]
    voices: list[ClonedVoice]
    lengths: list[ReadSentence]
    samples: list[Sample]
    verifier: str
    """`resemblyzer`, `absent` where it is not installed, or `none`."""
    vocoder_arch: str
    timings: dict[str, float]


@dataclass(frozen=True)
class _Material:
    """Data from the tables for some sentences, by utterance_id."""

    mels: dict[str, NDArray[np.float32]]
    """Of the sentences' own recordings. (M, T)"""
    recordings: dict[str, bytes]
    """FLAC of these, their references and their enrolments."""
    voices: dict[str, NDArray[np.float32]]
    """Embedding of each sentence's references, each by its length. (E,)"""


@dataclass(frozen=True)
class _Voices:
    """What the independent verifier found."""

    measurements: list[Measurement]
    rates: Mapping[Row, float]
    """The verification EER of each row."""
    voices: list[ClonedVoice]
    verifier: str
    """`resemblyzer`, `absent` where it is not installed, or `none`."""
    n_people: int
    """Test speakers among whom a voice is identified."""
    judge: dict[str, Any]
    """Its description for metrics.json."""


def speak_sentences(
    sources: Sources, overview: Overview, parent: Path | None, config: EvaluateConfig, device: str, audio: Path
) -> SpeechTest:
    """Speak and measure held-out sentences, and write the samples to listen to.

    Args:
        sources: Data and models.
        overview: Of the corpus.
        parent: The release that the synthesizer's training started from; None if there was none.
        config: How to measure.
        device: Where to speak.
        audio: The folder of the samples.

    Raises:
        EvaluationError: If there are no sentences to speak, the recognizer does not know their language, or a model
            that judges is not installed.
        ConfigError: If synthesizer and vocoder were made for different mels.
    """
    sentences = choose_sentences(overview, config.speech, config.seed)
    speaker = Speaker(sources.synthesizer, sources.vocoder, config.speech, config.seed, device)
    check_recognizer(config.speech.recognizer, speaker.language)
    judges = describe_judges(config.speech)  # before minutes of work, if one is missing
    bystanders = choose_bystanders(overview, sentences, config.speech)
    material = _read_material(sources, overview, sentences, bystanders, speaker.mel.n_mels)
    before = Parent(parent, config.speech, config.seed, device) if parent else None
    spoken = [_speak(speaker, before, sentence, material) for sentence in sentences]
    measurements = measure(spoken, config.speech, speaker.mel, speaker.language)
    verdict = _judge_voices(spoken, measurements, bystanders, material, speaker.mel.sample_rate, config)
    lengths = _read_lengths(speaker, overview, sentences, material, config)
    shown = spoken[: config.n_samples]
    flacs = outputs.write_audio(audio, shown, speaker.mel.sample_rate)
    names = row_names(speaker.vocoder_arch)
    return SpeechTest(
        metrics={
            "speech": _speech_metrics(sentences, verdict, config, speaker.language),
            "cloning": _cloning_metrics(verdict, config),
            "lengths": summarize_lengths(lengths) if lengths else {"not_measured": _NO_LENGTHS},
            "judges": judges | verdict.judge,
        },
        measurements=verdict.measurements,
        voices=verdict.voices,
        lengths=lengths,
        samples=[
            _sample(item, flac, verdict.measurements, speaker.mel, names)
            for item, flac in zip(shown, flacs, strict=True)
        ],
        verifier=verdict.verifier,
        vocoder_arch=speaker.vocoder_arch,
        timings=speaker.clock.document(),
    )


def _judge_voices(
    spoken: Sequence[Spoken],
    measurements: list[Measurement],
    bystanders: Sequence[Sequence[str]],
    material: _Material,
    sample_rate: int,
    config: EvaluateConfig,
) -> _Voices:
    """Compare voices by the independent verifier, if there is one."""
    name = config.speech.verifier
    if name == "none" or not verifier_is_installed():
        return _Voices(measurements, {}, [], "none" if name == "none" else "absent", 0, {})
    embedded = hear(spoken, bystanders, material.recordings, sample_rate)
    f0_hz: dict[str, list[float]] = {}
    for item in measurements:
        if item.row == "ground_truth" and item.f0_hz is not None:
            f0_hz.setdefault(item.speaker_id, []).append(item.f0_hz)
    voices = cloned_voices(spoken, embedded, {speaker: float(np.median(found)) for speaker, found in f0_hz.items()})
    judged, rates = judge_voices(measurements, spoken, embedded)
    n_people = len({item.sentence.speaker_id for item in spoken}) + len(bystanders)
    judge = {"verifier": {"name": name, "title": RESEMBLYZER.title, "sha256": RESEMBLYZER.sha256}}
    return _Voices(judged, rates, voices, name, n_people, judge)


def _read_material(
    sources: Sources,
    overview: Overview,
    sentences: Sequence[Sentence],
    bystanders: Sequence[Sequence[str]],
    n_mels: int,
) -> _Material:
    own = {sentence.utterance_id for sentence in sentences}
    references = {name for sentence in sentences for name in sentence.reference_ids}
    needed = own | references | {name for sentence in sentences for name in sentence.enrolment_ids}
    needed |= {name for names in bystanders for name in names}
    rows = {row["utterance_id"]: row for row in overview.test}
    embeddings = {
        row["utterance_id"]: row["embedding"]
        for row in tables.iter_rows(sources.embeddings, ["utterance_id", "embedding"])
        if row["utterance_id"] in references
    }
    mels = read_column(sources.mels, {rows[name]["shard"] for name in own}, "mel", own)
    return _Material(
        mels={name: tables.shaped_mel(mel, n_mels) for name, mel in mels.items()},
        recordings=read_column(sources.corpus, {rows[name]["shard"] for name in needed}, "audio", needed),
        voices={
            sentence.utterance_id: blend(
                [embeddings[name] for name in sentence.reference_ids],
                [rows[name]["duration_s"] for name in sentence.reference_ids],
            )
            for sentence in sentences
        },
    )


def _speak(speaker: Speaker, parent: Parent | None, sentence: Sentence, material: _Material) -> Spoken:
    """Make all rows of a sentence."""
    name, rate = sentence.utterance_id, speaker.mel.sample_rate
    clip = decode_flac(material.recordings[name])
    samples: dict[Row, NDArray[np.float32]] = {"ground_truth": resample(clip.samples, clip.sample_rate, rate)}
    samples |= speaker.copy(material.mels[name])
    readings: dict[Row, Reading] = {}
    if parent:
        samples["parent"], readings["parent"] = parent.say(sentence, material.recordings, rate)
    samples["synthesized"], readings["synthesized"] = speaker.say(
        name,
        sentence.text,
        material.voices[name],
        [decode_flac(material.recordings[reference]) for reference in sentence.reference_ids],
    )
    return Spoken(sentence, samples, readings)


def _read_lengths(
    speaker: Speaker, overview: Overview, sentences: Sequence[Sentence], material: _Material, config: EvaluateConfig
) -> list[ReadSentence]:
    """Read sentences of every length, in the voices by turns; empty if the config has 0 sentences."""
    if not config.lengths.n_sentences:
        return []
    pace: dict[str, tuple[float, int]] = {}
    for row in overview.test:
        duration_s, n_characters = pace.get(row["speaker_id"], (0.0, 0))
        pace[row["speaker_id"]] = (duration_s + row["duration_s"], n_characters + len(row["normalized_text"]))
    voices = [
        Voice(item.speaker_id, material.voices[item.utterance_id], duration_s / n_characters)
        for item in sentences
        for duration_s, n_characters in [pace[item.speaker_id]]
    ]
    texts = make_sentences([row["normalized_text"] for row in overview.test], config.lengths, config.seed)
    frame_s = speaker.mel.hop_length / speaker.mel.sample_rate
    return read_lengths(speaker, texts, voices, frame_s, config.speech, config.lengths.slack_s)


def _speech_metrics(
    sentences: Sequence[Sentence], verdict: _Voices, config: EvaluateConfig, language: str
) -> dict[str, Any]:
    """Figures of all sentences, and of seen and unseen speakers apart where there are both."""

    def figures(part: Sequence[Sentence], found: Sequence[Measurement], eer: Mapping[Row, float]) -> dict[str, Any]:
        counts = {"n_sentences": len(part), "n_speakers": len({sentence.speaker_id for sentence in part})}
        return counts | summarize(found, eer, config.speech.n_bootstrap, config.seed, language)

    seen = [sentence for sentence in sentences if sentence.is_seen]
    metrics = figures(sentences, verdict.measurements, verdict.rates)
    metrics["n_seen_speakers"] = len({sentence.speaker_id for sentence in seen})
    if verdict.n_people:
        metrics["n_people"] = verdict.n_people
    if 0 < len(seen) < len(sentences):
        unseen = [sentence for sentence in sentences if not sentence.is_seen]
        metrics["seen"] = figures(seen, [item for item in verdict.measurements if item.is_seen], {})
        metrics["unseen"] = figures(unseen, [item for item in verdict.measurements if not item.is_seen], {})
    return metrics


def _cloning_metrics(verdict: _Voices, config: EvaluateConfig) -> dict[str, Any]:
    if not verdict.voices:
        return {"not_measured": _NO_VOICES if verdict.n_people else _NO_VERIFIER}
    return summarize_cloning(verdict.voices, config.speech.n_bootstrap, config.seed)


def _sample(
    item: Spoken,
    flac: dict[str, bytes],
    measurements: Sequence[Measurement],
    mel: MelConfig,
    names: Mapping[str, str],
) -> Sample:
    sentence, reading = item.sentence, item.readings["synthesized"]
    own = {found.row: found for found in measurements if found.utterance_id == sentence.utterance_id}
    pictures = {names[row]: log_mel(samples, mel) for row, samples in reversed(item.samples.items()) if len(samples)}
    return Sample(
        speaker_id=sentence.speaker_id,
        is_seen=sentence.is_seen,
        utterance_id=sentence.utterance_id,
        text=sentence.text,
        audio=flac,
        recognized={row: own[row].recognized for row in item.samples},
        mels_svg=plots.mels_figure(pictures, mel.hop_length / mel.sample_rate),
        alignment_svg=plots.alignment_figure(reading.alignment),
        diagonality=reading.diagonality,
        truncated=reading.truncated,
    )
