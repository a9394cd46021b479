"""The model card of a release: its purpose, its quality, its training data, and how to verify them.

It is made from measured figures alone, so that no card claims more than was measured. The card is a part of the
release, whose version is a hash of all its files, so it can't contain the version; it explains where to find it. The
YAML head is in the format of model hubs.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from peewee_model.metric_labels import Labels
from peewee_model.release.features import FeaturesManifest
from peewee_model.release.manifest import CodeEntry, CorpusEntry, ParentEntry
from pipeline.release.card_figures import figures, has_attention
from pipeline.release.publications import is_synthetic, known_licence, published

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
    labels: Labels,
    parent: ParentEntry | None = None,
) -> str:
    """Write the card as Markdown.

    Args:
        corpora: The data that was trained and tested on.
        metrics: `reports/metrics.json`. The card names measurements that are missing in it.
        gate: `reports/gate.json`: `passed`, `failures`, and `checks` if it lists them.
        mel: The release's mel configs.
        params: Every parameter that a stage ran with.
        code: The commit.
        features: The tables that the models were trained on.
        exclusions: `speakers` and `utterances` that were left out.
        labels: `reports/metrics_labels.json`: the names of the metrics.
        parent: The release that training started from.
    """
    learned = [*corpora, *inherited(corpora, parent)]
    sections = [
        _head(learned, params, parent),
        _title(learned, mel, params, parent),
        _use(params),
        figures(metrics, params, labels),
        _limits(corpora, parent, metrics, params, labels),
        _data(corpora, exclusions, features, parent),
        ["## Release gate", "", *_gate_lines(gate)],
        _origin(code),
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def inherited(corpora: Sequence[CorpusEntry], parent: ParentEntry | None) -> list[CorpusEntry]:
    """Return the corpora that a release's parents were trained on, but not the release itself, each once."""
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
    tags = ["text-to-speech", "voice-cloning", "sv2tts", "ge2e", "tacotron"]
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
    # JSON, which is the same in every version of YAML: in YAML 1.1 a bare `no` (Norwegian) would be false.
    return ["---", *(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()), "---"]


def _title(
    corpora: Sequence[CorpusEntry],
    mel: Mapping[str, Mapping[str, Any]],
    params: Mapping[str, Any],
    parent: ParentEntry | None,
) -> list[str]:
    network = "Tacotron 2" if has_attention(params) else "Non-Attentive Tacotron, timed by durations,"
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
        f"A speaker encoder, a synthesizer ({network} with the speaker embedding joined to the encoded text) "
        "and a vocoder: from a recorded voice and a text to speech in that voice, as in arXiv:1806.04558 (SV2TTS). "
        f"It speaks at {mel['acoustic']['sample_rate']} Hz.",
        *(["", _descent(parent)] if parent else []),
    ]


def _descent(parent: ParentEntry) -> str:
    parts = " and ".join([", ".join(parent.parts[:-1]), parent.parts[-1]] if parent.parts[1:] else parent.parts)
    older = "".join(f", which was made from `{release.version}`" for release in parent.line[1:])
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


def _limits(
    corpora: Sequence[CorpusEntry],
    parent: ParentEntry | None,
    metrics: Mapping[str, Any],
    params: Mapping[str, Any],
    labels: Labels,
) -> list[str]:
    speech = metrics.get("speech") or {}
    made, recorded = speech.get("synthesized") or {}, speech.get("ground_truth") or {}
    limits = [f"It was trained on {_amount(corpora)}, in {_language(params)}."]
    if parent:
        limits.append(f"What it started from had been trained on {_amount(inherited((), parent))}.")
    if made.get("coverage") is not None and has_attention(params):
        limits.append(f"It skips {labels.text('coverage', 1 - made['coverage'])} of the text's symbols.")
    if made.get("stop_failures") is not None:
        limits.append(
            f"It stops too early or too late in {labels.text('stop_failures', made['stop_failures'])} of sentences."
        )
    rates = [row.get("verification_eer") for row in (made, recorded)]
    if None not in rates:
        lost, kept = (labels.text("verification_eer", rate) for rate in rates)
        limits.append(
            f"The independent verifier errs about its voices in {lost} of trials, about recordings in {kept}: so much "
            "of a voice is lost."
        )
    limits.append("Nothing else was measured: not naturalness, other languages, accents, noise, or children's voices.")
    return ["## Limits", "", *(f"- {limit}" for limit in limits)]


def _amount(corpora: Sequence[CorpusEntry]) -> str:
    hours, n_speakers = (sum(_trained(corpus, count) for corpus in corpora) for count in ("hours", "n_speakers"))
    # A manifest counts speakers in each corpus, and corpora with a common prefix of ids may share some.
    at_most = "at most " if sum(_trained(corpus, "n_speakers") > 0 for corpus in corpora) > 1 else ""
    return f"{hours:.2f} h of {at_most}{n_speakers:g} speaker{'' if n_speakers == 1 else 's'}"


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
        "",
        "To train it again, with the archives where the parameters name them (`corpus.sources`):",
        "",
        "```sh",
        f"git checkout {code.commit or 'COMMIT'}",
        "peewee-tts profile --release STORE@VERSION        # its parameters into params.yaml",
        "dvc repro",
        "```",
    ]


def _language(params: Mapping[str, Any]) -> str:
    return str((params.get("text") or {}).get("language") or "en")
