"""The card that goes with a release: what it is for, how good it is, what it was trained on, how to check all that.

It is made of figures alone, so that no card says more than was measured. It is a part of the release and so can't name
its version, which is a hash of everything in it; the card tells where the version stands instead. The head in YAML is
the one that model hubs read.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from peewee_model.features import FeaturesManifest
from peewee_model.release import CodeEntry, CorpusEntry, ParentEntry
from pipeline.corpora.publications import is_synthetic, known_licence, published

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
_SHOWN = 5
"""Changed files that the card names; the manifest names all."""


def write_model_card(
    corpora: Sequence[CorpusEntry],
    metrics: Mapping[str, Any],
    gate: Mapping[str, Any],
    mel: Mapping[str, Mapping[str, Any]],
    *,
    params: Mapping[str, Any],
    code: CodeEntry,
    features: FeaturesManifest,
    exclusions: Mapping[str, Sequence[str]],
    parent: ParentEntry | None = None,
) -> str:
    """Write the card as Markdown.

    Args:
        corpora: What was trained and tested on.
        metrics: `reports/metrics.json`: what was measured; what is missing in it is said to be.
        gate: `reports/gate.json`: `passed`, `failures`, and `checks` if it lists them.
        mel: The release's mel configs.
        params: Every parameter that a stage ran with.
        code: The commit.
        features: The tables that the models were trained on.
        exclusions: `speakers` and `utterances` that were left out.
        parent: The release that training started from.
    """
    learned = [*corpora, *inherited(corpora, parent)]
    sections = [
        _head(learned, params, parent),
        _title(learned, mel, parent),
        _use(params),
        _figures(metrics, params),
        _limits(corpora, parent, metrics, params),
        _data(corpora, exclusions, features, parent),
        ["## Release gate", "", *_gate_lines(gate)],
        _origin(code),
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def inherited(corpora: Sequence[CorpusEntry], parent: ParentEntry | None) -> list[CorpusEntry]:
    """Give what a release's parents were trained on and it was not, each once."""
    seen = {corpus.sha256 for corpus in corpora}
    found = []
    for release in parent.line if parent else ():
        for corpus in release.corpora:
            if corpus.sha256 not in seen:
                seen.add(corpus.sha256)
                found.append(corpus)
    return found


def _head(corpora: Sequence[CorpusEntry], params: Mapping[str, Any], parent: ParentEntry | None) -> list[str]:
    licences = {found.identifier if (found := known_licence(corpus.licence)) else "other" for corpus in corpora}
    tags = ["text-to-speech", "voice-cloning", "sv2tts", "ge2e", "tacotron2"]
    if any(is_synthetic(corpus) for corpus in corpora):
        tags.append("synthetic-training-data")
    if parent:
        tags.append("fine-tuned")
    head = {
        "language": _language(params).partition("-")[0],
        "license": licences.pop() if len(licences) == 1 else "other",
        "library_name": "peewee-tts",
        "pipeline_tag": "text-to-speech",
        "tags": tags,
    }
    return ["---", yaml.safe_dump(head, sort_keys=False).strip(), "---"]


def _title(
    corpora: Sequence[CorpusEntry], mel: Mapping[str, Mapping[str, Any]], parent: ParentEntry | None
) -> list[str]:
    lines = ["# A voice-cloning model of Pee Wee TTS", ""]
    if any(is_synthetic(corpus) for corpus in corpora):
        lines += [
            "**Trained on SYNTHETIC speech.** Corpora marked below were spoken by espeak-ng, not by people. Such a "
            "model shows that the pipeline works; it is not fit to clone human voices, and its figures say nothing "
            "about them.",
            "",
        ]
    return [
        *lines,
        "A speaker encoder (GE2E), a synthesizer (Tacotron 2 with the speaker embedding joined to the encoded text) "
        "and a vocoder: from a recorded voice and a text to speech in that voice, as in arXiv:1806.04558 (SV2TTS). "
        f"It speaks at {mel['acoustic']['sample_rate']} Hz.",
        *(["", _descent(parent)] if parent else []),
    ]


def _descent(parent: ParentEntry) -> str:
    parts = " and ".join([", ".join(parent.parts[:-1]), parent.parts[-1]] if parent.parts[1:] else parent.parts)
    older = "".join(f", which came of `{release.version}`" for release in parent.line[1:])
    return (
        f"It was not trained from nothing: its {parts} started from release `{parent.version}`{older} "
        f"(store `{parent.store}`). What that one learned of is listed below."
    )


def _use(params: Mapping[str, Any]) -> list[str]:
    return [
        "## Use",
        "",
        "```python",
        "from peewee_model import VoiceCloner",
        "",
        'cloner = VoiceCloner.load("STORE@VERSION")',
        'cloner.clone("Hello there.", reference=["voice.wav"]).save("hello.wav")',
        "```",
        "",
        "`STORE` is where this release was published, a folder or `s3://bucket/prefix`. `VERSION` is the name of the "
        "release's folder there: the first 16 digits of the SHA-256 of `manifest.json`.",
        "",
        f"It is meant for research on speech synthesis, and for speech ({_language(params)}) in voices whose owners "
        "agreed. Clone a voice only with its owner's consent, and tell listeners that the speech is synthesized. It is "
        "not meant to pass for a person, and nobody's identity may rest on what it says or on whom its encoder hears.",
    ]


def _figures(metrics: Mapping[str, Any], params: Mapping[str, Any]) -> list[str]:
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
        f"{_share(lengths['stop_failures'])} ended too early, too late or not at all; in "
        f"{_share(lengths['aligned'])} the attention was diagonal."
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
    line = f"Speaker encoder: equal error rate {_share(speaker['eer'])}"
    details = []
    if speaker.get("eer_low") is not None and speaker.get("eer_high") is not None:
        details.append(f"95 % interval {_share(speaker['eer_low'])} to {_share(speaker['eer_high'])}")
    if speaker.get("n_trials") is not None:
        details.append(f"{speaker['n_trials']:,} trials")
    if speaker.get("n_speakers") is not None:
        details.append(f"{speaker['n_speakers']} speakers")
    return f"{line} ({'; '.join(details)})." if details else f"{line}."


def _limits(
    corpora: Sequence[CorpusEntry],
    parent: ParentEntry | None,
    metrics: Mapping[str, Any],
    params: Mapping[str, Any],
) -> list[str]:
    speech = metrics.get("speech") or {}
    made, recorded = speech.get("synthesized") or {}, speech.get("ground_truth") or {}
    limits = [f"It was trained on {_amount(corpora)}, in {_language(params)}."]
    if parent:
        limits.append(f"What it started from had been trained on {_amount(inherited((), parent))}.")
    if made.get("coverage") is not None:
        limits.append(f"It skips {_share(1 - made['coverage'])} of the text's symbols.")
    if made.get("stop_failures") is not None:
        limits.append(f"It stops too early or too late in {_share(made['stop_failures'])} of sentences.")
    if made.get("verification_eer") is not None and recorded.get("verification_eer") is not None:
        limits.append(
            f"The independent verifier errs about its voices in {_share(made['verification_eer'])} of trials, about "
            f"recordings in {_share(recorded['verification_eer'])}: so much of a voice is lost."
        )
    limits.append("Nothing else was measured: not naturalness, other languages, accents, noise, or children's voices.")
    return ["## Limits", "", *(f"- {limit}" for limit in limits)]


def _amount(corpora: Sequence[CorpusEntry]) -> str:
    hours, n_speakers = (sum(_trained(corpus, count) for corpus in corpora) for count in ("hours", "n_speakers"))
    return f"{hours:.2f} h of {n_speakers:g} speaker{'' if n_speakers == 1 else 's'}"


def _trained(corpus: CorpusEntry, count: str) -> float:
    counts = corpus.splits.get("train")
    value = counts.get(count) if isinstance(counts, dict) else None
    return float(value) if isinstance(value, int | float) else 0.0


def _data(
    corpora: Sequence[CorpusEntry],
    exclusions: Mapping[str, Sequence[str]],
    features: FeaturesManifest,
    parent: ParentEntry | None,
) -> list[str]:
    n_speakers, n_utterances = len(exclusions.get("speakers", ())), len(exclusions.get("utterances", ()))
    lines = [
        "## Trained on",
        "",
        *_corpus_table(corpora),
        "",
        "Utterances of the splits `validation` and `test` were never trained on:",
        "",
        *(_split_line(corpus) for corpus in corpora),
        "",
        f"Excluded for good, such as by withdrawn consent: {n_speakers} speakers, {n_utterances} utterances; none of "
        "them is in the data (`exclusions.json`).",
        "",
        f"The tables of utterances and mels are features version `{features.version}` (`features.json`), described for "
        "machines in `croissant.json`.",
    ]
    older = inherited(corpora, parent)
    if older:
        lines += ["", "The release that it started from learned of these too:", "", *_corpus_table(older)]
    if citations := [publication.citation for publication in published([*corpora, *older])]:
        lines += ["", "Cite:", "", "```bibtex", *citations, "```"]
    return lines


def _corpus_table(corpora: Sequence[CorpusEntry]) -> list[str]:
    head = ["| corpus | speakers | utterances | hours | licence |", "|---|---:|---:|---:|---|"]
    return [*head, *(_corpus_row(corpus) for corpus in corpora)]


def _corpus_row(corpus: CorpusEntry) -> str:
    name = f"{corpus.corpus} {corpus.subset}"
    source = f"[{name}]({corpus.url})" if corpus.url.startswith(("https://", "http://")) else name
    marked = f"{source} (SYNTHETIC)" if is_synthetic(corpus) else source
    known = known_licence(corpus.licence)
    words = " ".join(corpus.licence.replace("|", "/").split())
    licence = f"[{words}]({known.url})" if known else words
    return f"| {marked} | {corpus.n_speakers} | {corpus.n_utterances} | {corpus.hours:.2f} | {licence} |"


def _split_line(corpus: CorpusEntry) -> str:
    splits = []
    for split, counts in sorted(corpus.splits.items()):
        assert isinstance(counts, dict)
        splits.append(f"{split} {counts['n_speakers']} speakers, {counts['hours']:.2f} h")
    return f"- {corpus.corpus} {corpus.subset}: {'; '.join(splits) or 'nothing of it was used'}"


def _gate_lines(gate: Mapping[str, Any]) -> list[str]:
    verdict = "Passed." if gate.get("passed") else "**Not passed.** The thresholds are not met."
    lines = [verdict, "", *(f"- {failure}" for failure in gate.get("failures", []))]
    for check in gate.get("checks", []):
        if check["passed"]:
            lines.append(
                f"- {check['metric']} is {check['value']:g}, the gate asks for {check['op']} {check['threshold']:g}"
            )
    return lines


def _origin(code: CodeEntry) -> list[str]:
    commit = f"commit `{code.commit}`" if code.commit else "code that no commit names"
    if code.modified:
        shown = ", ".join(f"`{name}`" for name in code.modified[:_SHOWN])
        rest = len(code.modified) - _SHOWN
        commit += f", but these files differed from it: {shown}" + (f" and {rest} more" if rest > 0 else "")
    return [
        "## Where it comes from, and how to check it",
        "",
        f"Made by {commit}. `manifest.json` has every file's SHA-256, every parameter and the record of every stage; "
        "`links.json` the SHA-256 of every file between the archives and the models; `provenance.json` says the same "
        "as an in-toto statement (SLSA v1).",
        "",
        "```sh",
        "peewee-tts release verify VERSION --store STORE   # every byte; --public-key KEY.pem asks for a signature too",
        "peewee-tts audit verify VERSION                   # in the repository: every step from the archives on",
        "```",
    ]


def _language(params: Mapping[str, Any]) -> str:
    return str((params.get("text") or {}).get("language") or "en")


def _cell(key: str, figures: Mapping[str, Any]) -> str:
    value = figures.get(key)
    if value is None:
        return ""
    return f"{value:.{_DECIMALS[key]}f}" if key in _DECIMALS else _share(value)


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"
