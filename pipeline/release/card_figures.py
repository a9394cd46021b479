"""The figures of a model card: the measurements of `evaluate`, beside those of recordings."""

from collections.abc import Mapping, Set
from typing import Any

from peewee_model.metric_labels import Labels, MetricLabel

_NOT_MEASURED = "not measured"
_ARROWS = {"lower": " ↓", "higher": " ↑", "": ""}
"""Marks in the head of a column: which direction is better."""


def has_attention(params: Mapping[str, Any]) -> bool:
    """Return whether the synthesizer uses attention; otherwise it uses durations."""
    architecture = (params.get("synthesizer") or {}).get("architecture") or {}
    return bool(architecture.get("arch") != "non_attentive")


def figures(metrics: Mapping[str, Any], params: Mapping[str, Any], labels: Labels) -> list[str]:
    """Write the section: the encoder, a row of figures for each way to speak, cloning and lengths.

    Args:
        metrics: `reports/metrics.json`.
        params: Every parameter that a stage ran with.
        labels: The names of the metrics.
    """
    speech = metrics.get("speech") or {}
    rows = {part.name: speech[part.key] for part in labels.parts if isinstance(speech.get(part.key), Mapping)}
    rows = {name: figures for name, figures in rows.items() if labels.at("card", figures)}
    lines = ["## How good it is", "", _held_out(speech), "", _encoder_line(metrics.get("speaker") or {}, labels)]
    if not rows:
        return [*lines, "", f"Speech: {_NOT_MEASURED}."]
    columns = labels.at("card", *rows.values())
    lines += [
        "",
        f"{speech.get('n_sentences', 'Some')} sentences, as recorded, from the recording's mel through the vocoder "
        "(copy-synthesis), and from text in the voice of another recording (synthesized):",
        "",
        f"| | {' | '.join(f'{label.title}{_ARROWS[label.better]}' for label in columns)} |",
        f"|---|{'---:|' * len(columns)}",
        *(f"| {name} | {' | '.join(_cell(label, figures) for label in columns)} |" for name, figures in rows.items()),
        "",
    ]
    notes = _notes({label.key for label in columns}, speech, params, metrics.get("judges") or {})
    notes += _cloning_lines(metrics.get("cloning") or {}, labels) + _length_lines(metrics.get("lengths") or {}, labels)
    return [*lines, *notes, "More, with audio and plots: `reports/index.html`, `reports/metrics.json`, `samples/`."]


def _judge(described: Any, otherwise: str) -> str:
    """Name a model that judges, with the beginning of its hash, if the release has them."""
    if not isinstance(described, Mapping):
        return otherwise
    return f"{described.get('title', otherwise)} (`{str(described.get('sha256', ''))[:12]}`)"


def _notes(
    columns: Set[str], speech: Mapping[str, Any], params: Mapping[str, Any], judges: Mapping[str, Any]
) -> list[str]:
    """Write notes that explain the columns of the table."""
    config = (params.get("evaluate") or {}).get("speech") or {}
    notes = []
    if columns & {"cer", "wer"}:
        named = _judge(judges.get("recognizer"), str(config.get("recognizer") or "a recogniser"))
        notes.append(f"CER and WER are those of {named}: compare them with those of the recording.")
    if used := [_judge(judges.get(name), name) for name in ("dnsmos", "distill_mos") if name in columns]:
        notes.append(
            f"{' and '.join(used)} estimate how listeners would rate the speech, from 1 to 5: compare it with the "
            "recording."
        )
    if "f0_deviation" in columns:
        notes.append(
            "F0 deviation is that of a sentence's melody, in semitones; harmonic ripple is how far the harmonics stand "
            "out of the spectrum's envelope. Both are right where they are those of the recording."
        )
    if any(key.startswith("similarity") for key in columns):
        notes.append(
            f"Similarity is the cosine with other recordings of the speaker by {config.get('verifier', 'a verifier')}, "
            "which had no part in making the voice; identified is the share of sentences whose speaker is the nearest "
            "of all test speakers; the verification EER is how often it errs about whose voice it is. MCD is the "
            "distance to the recording, coverage the share of the text's symbols that the attention dwells on."
        )
    if speech.get("parent"):
        notes.append(
            "Synthesized before: by the parent, the release that training started from, with the same sentences in the "
            "same voices."
        )
    if not has_attention(params):
        notes.append(
            "Durations time the synthesizer: it reads every symbol, in order, by construction, so that coverage and a "
            "diagonal say nothing of how good it is."
        )
    return notes


def _cell(label: MetricLabel, figures: Mapping[str, Any]) -> str:
    return "" if figures.get(label.key) is None else label.text(figures[label.key])


def _cloning_lines(cloning: Mapping[str, Any], labels: Labels) -> list[str]:
    if "synthesized" not in cloning:
        return []
    key = "similarity_reference"
    clone, own, other = (
        labels.text(key, cloning[row][key]) for row in ("synthesized", "same_speaker", "other_speakers")
    )
    low, high = (labels.text(key, cloning["synthesized"][f"{key}_{end}"]) for end in ("low", "high"))
    lines = [
        f"Voices of {cloning['n_speakers']} unseen speakers: similarity to the recordings that a voice was taken from "
        f"is {clone} (95 % interval {low} to {high}). That of the speaker's own recordings is {own}, of other "
        f"speakers' {other}."
    ]
    label, figures = labels.find("likeness"), cloning["synthesized"]
    if label and figures.get("likeness") is not None:
        lines.append(
            f"Likeness is {label.text(figures['likeness'])}{_interval(label, figures)} on the scale from another "
            "person of the same sex, 0, to the same person's other recording, 1."
        )
    return lines


def _length_lines(lengths: Mapping[str, Any], labels: Labels) -> list[str]:
    if "stop_failures" not in lengths:
        return []
    failed, aligned = (labels.text(key, lengths[key]) for key in ("stop_failures", "aligned"))
    return [
        f"Of {lengths['n_sentences']} sentences of 1 to {lengths['max_words']} words, {failed} ended too early, too "
        f"late or not at all; in {aligned} the attention was diagonal."
    ]


def _held_out(speech: Mapping[str, Any]) -> str:
    n_seen, n_speakers = speech.get("n_seen_speakers") or 0, speech.get("n_speakers")
    if not n_seen:
        return "All on speakers that nothing was trained on."
    who = "the speaker" if n_seen == n_speakers == 1 else f"{n_seen} of {n_speakers} speakers"
    return f"All on sentences that nothing was trained on; of {who}, other sentences were."


def _encoder_line(speaker: Mapping[str, Any], labels: Labels) -> str:
    columns = labels.at("card", speaker)
    if not columns:
        reason = speaker.get("not_measured")
        return f"Speaker encoder: {_NOT_MEASURED}{f', {reason}' if reason else ''}."
    found = "; ".join(f"{label.name} {label.text(speaker[label.key])}{_interval(label, speaker)}" for label in columns)
    counts = {"n_trials": "trials", "n_speakers": "speakers"}
    details = [f"{speaker[key]:,} {name}" for key, name in counts.items() if speaker.get(key) is not None]
    return f"Speaker encoder: {'; '.join([found, *details])}."


def _interval(label: MetricLabel, figures: Mapping[str, Any]) -> str:
    low, high = (figures.get(f"{label.key}_{end}") for end in ("low", "high"))
    return "" if low is None else f" (95 % interval {label.text(low)} to {label.text(high)})"
