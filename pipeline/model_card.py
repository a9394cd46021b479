"""The card that goes with a release: what it was trained on, how good it is, what it is not for."""

from collections.abc import Iterator, Sequence
from typing import Any

from peewee_model.release import CorpusEntry

MAX_METRICS = 60


def write_model_card(
    corpora: Sequence[CorpusEntry], metrics: dict[str, Any], gate: dict[str, Any], mel: dict[str, dict[str, Any]]
) -> str:
    """Write the card as Markdown, from figures alone.

    Args:
        corpora: What was trained and tested on.
        metrics: `reports/metrics.json`: numbers, nested by name.
        gate: `reports/gate.json`: `passed`, `failures`, and `checks` if it lists them.
        mel: The release's mel configs.
    """
    acoustic = mel["acoustic"]
    lines = ["# Pee Wee TTS voice-cloning model", ""]
    if any(is_synthetic(corpus) for corpus in corpora):
        lines += [
            "**Trained on SYNTHETIC speech.** Corpora marked below were spoken by espeak-ng, not by people. Such a "
            "model shows that the pipeline works; it is not fit to clone human voices, and its figures say nothing "
            "about them.",
            "",
        ]
    lines += [
        "A speaker encoder (GE2E), a synthesizer (Tacotron 2 with the speaker embedding joined to the encoded text) "
        "and a vocoder: from a recorded voice and a text to speech in that voice, as in arXiv:1806.04558 (SV2TTS). "
        f"It speaks at {acoustic['sample_rate']} Hz.",
        "",
        "## Trained on",
        "",
        "| corpus | speakers | utterances | hours | licence |",
        "|---|---:|---:|---:|---|",
    ]
    lines += [_corpus_row(corpus) for corpus in corpora]
    lines += ["", "Speakers of the splits `validation` and `test` were never trained on:", ""]
    lines += [_split_line(corpus) for corpus in corpora]
    lines += ["", "## Release gate", "", *_gate_lines(gate), "", "## Figures", "", "| metric | value |", "|---|---:|"]
    figures = list(_flatten(metrics))
    lines += [f"| {name} | {value} |" for name, value in figures[:MAX_METRICS]]
    if len(figures) > MAX_METRICS:
        lines += ["", f"{len(figures) - MAX_METRICS} more stand in `reports/metrics.json`."]
    lines += [
        "",
        "## Use",
        "",
        "Clone a voice only with its owner's consent, and tell listeners that the speech is synthesized. "
        "`reports/index.html` has audio, plots and curves; `manifest.json` has the hashes of all that made this "
        "release.",
    ]
    return "\n".join(lines) + "\n"


def is_synthetic(corpus: CorpusEntry) -> bool:
    """Say whether a corpus was spoken by a machine: the one that this project makes itself."""
    return corpus.url.startswith("mini:")


def _corpus_row(corpus: CorpusEntry) -> str:
    name = f"{corpus.corpus} {corpus.subset}" + (" (SYNTHETIC)" if is_synthetic(corpus) else "")
    return f"| {name} | {corpus.n_speakers} | {corpus.n_utterances} | {corpus.hours:.2f} | {corpus.licence} |"


def _split_line(corpus: CorpusEntry) -> str:
    splits = []
    for split, counts in sorted(corpus.splits.items()):
        assert isinstance(counts, dict)
        splits.append(f"{split} {counts['n_speakers']} speakers, {counts['hours']:.2f} h")
    return f"- {corpus.corpus} {corpus.subset}: {'; '.join(splits) or 'nothing of it was used'}"


def _gate_lines(gate: dict[str, Any]) -> list[str]:
    verdict = "Passed." if gate.get("passed") else "**Not passed.** The thresholds are not met."
    lines = [verdict, "", *(f"- {failure}" for failure in gate.get("failures", []))]
    for check in gate.get("checks", []):
        if check["passed"]:
            lines.append(
                f"- {check['metric']} is {check['value']:g}, the gate asks for {check['op']} {check['threshold']:g}"
            )
    return lines


def _flatten(metrics: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in sorted(metrics.items()):
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            shown = f"{value:.4g}" if isinstance(value, float) else "not measured" if value is None else str(value)
            yield prefix + name, shown
