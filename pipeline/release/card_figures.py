"""The figures of a model card: as `evaluate` measured them, beside those of recordings. None is made up."""

from collections.abc import Mapping
from typing import Any

ROWS = (
    ("ground_truth", "recording"),
    ("copy_synthesis_griffin_lim", "copy-synthesis by Griffin-Lim"),
    ("copy_synthesis", "copy-synthesis"),
    ("parent", "parent, synthesized"),
    ("synthesized", "**synthesized**"),
)
"""Rows of `reports/metrics.json`, and how they are called."""
_SOMETIMES = ("copy_synthesis_griffin_lim", "parent")
"""Rows that not every release has."""
_COLUMNS = (
    ("cer", "CER"),
    ("wer", "WER"),
    ("similarity", "similarity"),
    ("similarity_others", "to other speakers"),
    ("verification_eer", "verifier's EER"),
    ("mcd_db", "MCD, dB"),
    ("coverage", "coverage"),
    ("stop_failures", "stop failures"),
)
_DECIMALS = {"similarity": 3, "similarity_others": 3, "mcd_db": 2}
"""Of the columns that are no share of a whole."""
_NOT_MEASURED = "not measured"


def has_attention(params: Mapping[str, Any]) -> bool:
    """Whether the synthesizer finds by attention which symbol it speaks, or else by durations."""
    architecture = (params.get("synthesizer") or {}).get("architecture") or {}
    return bool(architecture.get("arch") != "non_attentive")


def figures(metrics: Mapping[str, Any], params: Mapping[str, Any]) -> list[str]:
    """Write the section: the encoder, a row of figures for each way to speak, cloning and lengths.

    Args:
        metrics: `reports/metrics.json`.
        params: Every parameter that a stage ran with.
    """
    speaker, speech = metrics.get("speaker") or {}, metrics.get("speech") or {}
    config = (params.get("evaluate") or {}).get("speech") or {}
    rows = [(label, speech.get(row) or {}) for row, label in ROWS if row not in _SOMETIMES or speech.get(row)]
    columns = [(key, label) for key, label in _COLUMNS if any(figures.get(key) is not None for _, figures in rows)]
    lines = ["## How good it is", "", _held_out(speech), "", _encoder_line(speaker)]
    if not columns:
        return [*lines, "", f"Speech: {_NOT_MEASURED}."]
    lines += [
        "",
        f"{speech.get('n_sentences', 'Some')} sentences, as recorded, from the recording's mel through the vocoder "
        "(copy-synthesis), and from text in the voice of another recording (synthesized):",
        "",
        f"| | {' | '.join(label for _, label in columns)} |",
        f"|---|{'---:|' * len(columns)}",
        *(f"| {label} | {' | '.join(_cell(key, figures) for key, _ in columns)} |" for label, figures in rows),
        "",
    ]
    notes = []
    if any(key in ("cer", "wer") for key, _ in columns):
        notes.append(
            f"CER and WER are those of {config.get('recognizer', 'a recogniser')}, and mean something only beside "
            "those of the recording."
        )
    if any(key.startswith("similarity") for key, _ in columns):
        notes.append(
            f"Similarity is the cosine with other recordings of the speaker by {config.get('verifier', 'a verifier')}, "
            "which had no part in making the voice; its EER is how often it errs about whose voice it hears. MCD is "
            "the distance to the recording, coverage the share of the text's symbols that the attention dwells on."
        )
    if speech.get("parent"):
        notes.append("The parent, the release that training started from, says the same sentences in the same voices.")
    if not has_attention(params):
        notes.append(
            "Durations time the synthesizer: it reads every symbol, in order, by construction, so that coverage and a "
            "diagonal say nothing of how good it is."
        )
    notes += _cloning_lines(metrics.get("cloning") or {}) + _length_lines(metrics.get("lengths") or {})
    return [*lines, *notes, "More, with audio and plots: `reports/index.html`, `reports/metrics.json`, `samples/`."]


def _cloning_lines(cloning: Mapping[str, Any]) -> list[str]:
    if "synthesized" not in cloning:
        return []
    clone, own, other = (cloning[row] for row in ("synthesized", "same_speaker", "other_speakers"))
    low, high = (clone[f"similarity_reference_{end}"] for end in ("low", "high"))
    return [
        f"Voices of {cloning['n_speakers']} unseen speakers: similarity to the very recordings that a voice was taken "
        f"from {clone['similarity_reference']:.3f} (95 % interval {low:.3f} to {high:.3f}), between that of the "
        f"speaker's own recordings, {own['similarity_reference']:.3f}, and of other speakers', "
        f"{other['similarity_reference']:.3f}."
    ]


def _length_lines(lengths: Mapping[str, Any]) -> list[str]:
    if "stop_failures" not in lengths:
        return []
    return [
        f"Of {lengths['n_sentences']} sentences of 1 to {lengths['max_words']} words, "
        f"{share(lengths['stop_failures'])} ended too early, too late or not at all; in "
        f"{share(lengths['aligned'])} the attention was diagonal."
    ]


def _held_out(speech: Mapping[str, Any]) -> str:
    n_seen, n_speakers = speech.get("n_seen_speakers") or 0, speech.get("n_speakers")
    if not n_seen:
        return "All on speakers that nothing was trained on."
    who = "the speaker" if n_seen == n_speakers == 1 else f"{n_seen} of {n_speakers} speakers"
    return f"All on sentences that nothing was trained on; of {who}, other sentences were."


def _encoder_line(speaker: Mapping[str, Any]) -> str:
    if speaker.get("eer") is None:
        reason = speaker.get("not_measured")
        return f"Speaker encoder: {_NOT_MEASURED}{f', {reason}' if reason else ''}."
    line = f"Speaker encoder: equal error rate {share(speaker['eer'])}"
    details = []
    if speaker.get("eer_low") is not None and speaker.get("eer_high") is not None:
        details.append(f"95 % interval {share(speaker['eer_low'])} to {share(speaker['eer_high'])}")
    if speaker.get("n_trials") is not None:
        details.append(f"{speaker['n_trials']:,} trials")
    if speaker.get("n_speakers") is not None:
        details.append(f"{speaker['n_speakers']} speakers")
    return f"{line} ({'; '.join(details)})." if details else f"{line}."


def _cell(key: str, figures: Mapping[str, Any]) -> str:
    value = figures.get(key)
    if value is None:
        return ""
    return f"{value:.{_DECIMALS[key]}f}" if key in _DECIMALS else share(value)


def share(value: float) -> str:
    """Write a share of one in per cent."""
    return f"{100 * value:.1f} %"
