"""The card: what hubs and people read, made of figures alone."""

import json
import re

import pytest
import yaml

from peewee_model.release.features import FeaturesManifest
from peewee_model.release.manifest import CodeEntry, CorpusEntry, FileEntry, ParentEntry
from pipeline.evaluation.gate import AtLeast, AtMost, check_gate, gate_document
from pipeline.evaluation.measures import Measurement, summarize
from pipeline.evaluation.metrics import labels
from pipeline.release.model_card import write_model_card

MEL = {"acoustic": {"sample_rate": 24000}, "speaker": {"sample_rate": 16000}}
PARAMS = {
    "text": {"language": "en-us"},
    "evaluate": {"speech": {"recognizer": "pocketsphinx", "verifier": "resemblyzer"}},
}
FEATURES = FeaturesManifest(files={"utterances.parquet": FileEntry(sha256="1" * 64, size=1)})
SPLITS = {
    "train": {"n_speakers": 3, "n_utterances": 30, "hours": 0.5},
    "test": {"n_speakers": 1, "n_utterances": 10, "hours": 0.25},
}
SPEAKER = {"eer": 0.044, "eer_low": 0.005, "eer_high": 0.101, "n_trials": 12720, "n_speakers": 10}


def corpus(**changes):
    entry = {
        "corpus": "libritts", "subset": "train-clean-100", "url": "https://example.org/train.tar.gz",
        "sha256": "ab" * 32, "licence": "CC BY 4.0", "n_speakers": 4, "n_utterances": 40, "hours": 0.75,
        "splits": SPLITS,
    }  # fmt: skip
    return CorpusEntry(**(entry | changes))


SYNTHETIC = corpus(corpus="mini", subset="train-clean", url="mini:train-clean", licence="CC0-1.0; synthetic speech")


def card(*corpora, **changes):
    arguments = {
        "metrics": {"speaker": SPEAKER},
        "gate": {"passed": True, "failures": [], "checks": []},
        "mel": MEL,
        "params": PARAMS,
        "code": CodeEntry(commit="c" * 40, modified=()),
        "features": FEATURES,
        "exclusions": {"speakers": [], "utterances": []},
        "labels": labels(),
    } | changes
    return write_model_card(corpora or (corpus(),), **arguments)


def speech(*rows):
    """As `evaluate` sums it up, by its own code, so that the names are those of today."""
    rows = rows or ("ground_truth", "copy_synthesis", "synthesized")
    measurements = [
        Measurement(
            utterance_id=f"u{index}", speaker_id="s", is_seen=False, row=row, text="hello", duration_s=1.0,
            length_ratio=1.0, recognized="hello", cer=0.1, wer=0.25, mcd_db=None if row == "ground_truth" else 5.5,
            similarity=0.9, similarity_others=0.5, truncated=False, diagonality=0.9, focus_rate=0.8, coverage=0.93,
            stop_failure=row == "synthesized" and index == 0,
        )
        for index in range(4)
        for row in rows
    ]  # fmt: skip
    rates = {"ground_truth": 0.0, "copy_synthesis": 0.01, "parent": 0.4, "synthesized": 0.29}
    return {"n_sentences": 4} | summarize(measurements, rates, n_bootstrap=10, seed=0)


def head_of(text):
    start, head, _ = text.split("---\n", 2)
    assert start == ""
    found = yaml.safe_load(head)
    return found


def test_head_is_what_model_hubs_read():
    """YAML with licence, language and tags."""
    head = head_of(card())
    assert head["license"] == "cc-by-4.0"
    assert head["language"] == "en"
    assert head["pipeline_tag"] == "text-to-speech"
    assert "voice-cloning" in head["tags"]
    assert "synthetic-training-data" not in head["tags"]
    assert head_of(card(SYNTHETIC))["license"] == "cc0-1.0"
    assert head_of(card(corpus(), SYNTHETIC))["license"] == "other"
    assert head_of(card(corpus(licence="All rights reserved: yes\n---\nlicense: mit")))["license"] == "other"


def test_synthetic_corpus_is_named_as_such_and_a_recorded_one_is_not():
    """Nobody may take one for the other."""
    assert "**Trained on SYNTHETIC speech.**" in card(SYNTHETIC)
    assert "| mini train-clean (SYNTHETIC) | 4 | 40 | 0.75 |" in card(SYNTHETIC)
    assert "synthetic-training-data" in head_of(card(SYNTHETIC))["tags"]
    assert "SYNTHETIC" not in card()


def test_corpus_has_source_licence_splits_and_citation():
    """What a licence asks for."""
    text = card()
    assert (
        "| [libritts train-clean-100](https://example.org/train.tar.gz) | 4 | 40 | 0.75 | "
        "[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/) |" in text
    )
    assert "- libritts train-clean-100: test 1 speakers, 0.25 h; train 3 speakers, 0.50 h" in text
    assert "It was trained on 0.50 h of 3 speakers" in text
    assert "zen2019libritts" in text


def test_figures_stand_beside_those_of_the_recording():
    """A number alone says little."""
    text = card(metrics={"speaker": SPEAKER, "speech": speech()})
    assert "equal error rate 4.4 % (95 % interval 0.5 % to 10.1 %); 12,720 trials; 10 speakers." in text
    rows = {line.split(" | ")[0].strip("|* "): line.count("|") for line in text.splitlines() if "| " in line}
    assert rows["recording"] == rows["copy-synthesis"] == rows["synthesized"]
    (made,) = [line for line in text.splitlines() if line.startswith("| synthesized")]
    assert made == "| synthesized | 0 % | 0 % | 5.50 dB | 0.900 | 0.500 | 29.0 % | 93.0 % | 25.0 % |"
    assert "It skips 7.0 % of the text's symbols." in text
    assert "It stops too early or too late in 25.0 % of sentences." in text
    assert "errs about its voices in 29.0 % of trials, about recordings in 0 %" in text
    assert "pocketsphinx" in text
    assert "resemblyzer" in text


@pytest.mark.parametrize(
    "metrics",
    [{}, {"speaker": None, "speech": None}, {"speaker": {}, "speech": {"synthesized": {"cer": None}}}, {"n": 3}],
)
def test_what_was_not_measured_is_said_and_nothing_is_made_up(metrics):
    """With the reason."""
    text = card(metrics=metrics)
    assert "Speaker encoder: not measured." in text
    assert "Speech: not measured." in text
    assert "CER" not in text
    assert "None" not in text


def test_cloning_stands_between_its_bounds_and_lengths_are_summed_up():
    """Another voice below, the same voice above."""
    voices = {
        row: {"similarity_reference": value, "similarity_reference_low": value - 0.1, "similarity_reference_high": 0.9}
        for row, value in (("synthesized", 0.7), ("same_speaker", 0.8), ("other_speakers", 0.5))
    }
    cloning = {"n_speakers": 10, "n_sentences": 20, **voices}
    lengths = {"n_sentences": 40, "max_words": 30, "stop_failures": 0.025, "aligned": 0.98}
    text = card(metrics={"speech": speech(), "cloning": cloning, "lengths": lengths})
    assert "10 unseen speakers" in text and "0.700 (95 % interval 0.600 to 0.900)" in text
    assert "own recordings is 0.800, of other speakers' 0.500." in text
    assert "Of 40 sentences of 1 to 30 words, 2.5 % ended too early" in text and "in 98.0 % the attention" in text
    silent = {
        "cloning": {"not_measured": "nobody"},
        "lengths": {"not_measured": "0"},
        "speaker": {"not_measured": "so"},
    }
    text = card(metrics={"speech": speech()} | silent)
    assert "unseen speakers" not in text and "words," not in text and "Speaker encoder: not measured, so." in text


def test_columns_that_nobody_measured_are_left_out():
    """An empty column is noise."""
    text = card(metrics={"speech": {"n_sentences": 2, "synthesized": {"coverage": 0.5}}})
    assert "| | coverage ↑ |" in text
    assert "resemblyzer" not in text
    assert "pocketsphinx" not in text


def test_gate_that_did_not_pass_is_told():
    """On the card, where users look."""
    config = {"speaker.eer": AtMost(max=0.1), "speech.synthesized.coverage": AtLeast(min=0.8)}
    document = gate_document(check_gate(config, {"speaker": SPEAKER}))
    text = card(gate=json.loads(json.dumps(document)))
    assert "**Not passed.**" in text
    assert "- speech.synthesized.coverage was not measured, the gate asks for >= 0.8" in text
    assert "- speaker.eer is 0.044, the gate asks for <= 0.1" in text


def test_exclusions_are_counted_and_nobody_is_named():
    """A name would undo the exclusion."""
    text = card(exclusions={"speakers": ["libritts_84", "libritts_85"], "utterances": ["libritts_1_2_3"]})
    assert "2 speakers, 1 utterances" in text
    assert "libritts_84" not in text


def test_card_tells_how_to_load_and_check_without_naming_its_own_version():
    """It is a part of what the version is a hash of."""
    text = card()
    assert 'VoiceCloner.load("STORE@VERSION")' in text
    assert "peewee-tts release verify VERSION --store STORE" in text
    hashes = set(re.findall(r"\b[0-9a-f]{16}\b", text))
    assert hashes == {FEATURES.version}


def test_code_that_differs_from_its_commit_is_told():
    """The commit alone does not give the release again."""
    assert f"Made by commit `{'c' * 40}`. " in card()
    changed = tuple(f"pipeline/{name}.py" for name in "abcdefg")
    text = card(code=CodeEntry(commit="c" * 40, modified=changed))
    assert "these files differed from it: `pipeline/a.py`" in text
    assert "`pipeline/e.py` and 2 more" in text
    assert "no commit names" in card(code=CodeEntry(commit=None, modified=()))


def test_words_of_a_licence_can_not_break_the_table():
    """A pipe or a line break in params.yaml."""
    rows = [line for line in card(corpus(licence="mine | all\nmine")).splitlines() if line.startswith("| [libritts")]
    assert rows[0].endswith("| 0.75 | mine / all mine |")


PARENT = ParentEntry(
    version="a" * 16,
    store="s3://voices/released",
    parts=("encoder", "synthesizer"),
    corpora=(corpus(corpus="talks", sha256="cd" * 32, licence="CC0-1.0"), corpus()),
    parent=ParentEntry(
        version="b" * 16,
        store="store",
        parts=("encoder",),
        parent=None,
        corpora=(SYNTHETIC.model_copy(update={"sha256": "01" * 32}),),
    ),
)


def test_parents_and_what_they_were_made_of_are_credited():
    """Theirs and their parents', each corpus once; their licences count for the release."""
    own = corpus(corpus="adapt", sha256="ef" * 32)
    text = card(own, parent=PARENT)
    assert f"its encoder and synthesizer started from release `{'a' * 16}`, which was made from `{'b' * 16}`" in text
    assert "(store `s3://voices/released`)" in text
    older = text.partition("The release that it started from learned of these too:")[2]
    assert [line.split("]")[0].split("[")[-1].strip("| ") for line in older.splitlines()[4:6]] == [
        "talks train-clean-100", "libritts train-clean-100",
    ]  # fmt: skip
    assert "mini train-clean (SYNTHETIC)" in older
    assert "zen2019libritts" in older
    assert "**Trained on SYNTHETIC speech.**" in text
    assert head_of(text)["license"] == "other"
    assert "fine-tuned" in head_of(text)["tags"]
    assert "What it started from had been trained on 1.50 h of at most 9 speakers." in text
    assert "started from" not in card(own)


def test_corpus_of_parent_and_child_is_credited_once():
    """Trained further on the same."""
    text = card(parent=ParentEntry(version="a" * 16, store="s", parts=("encoder",), corpora=(corpus(),), parent=None))
    assert text.count("| [libritts train-clean-100]") == 1
    assert "learned of these too" not in text


def test_parent_stands_above_what_came_of_it():
    """Before and after, on the same sentences."""
    text = card(metrics={"speech": speech("ground_truth", "copy_synthesis", "parent", "synthesized")})
    rows = [line.split(" | ")[0].strip("| ") for line in text.splitlines() if " | 0.900 | " in line]
    assert rows == ["recording", "copy-synthesis", "synthesized before", "synthesized"]
    assert "synthesized before" not in card(metrics={"speech": speech()})


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({}, "All on speakers that nothing was trained on."),
        ({"n_seen_speakers": 0, "n_speakers": 4}, "All on speakers that nothing was trained on."),
        ({"n_seen_speakers": 1, "n_speakers": 1}, "trained on; of the speaker, other sentences were."),
        ({"n_seen_speakers": 2, "n_speakers": 5}, "trained on; of 2 of 5 speakers, other sentences were."),
    ],
)
def test_seen_speakers_are_told(counts, told):
    """A voice that was trained on is an easier one."""
    assert told in card(metrics={"speech": counts | speech()})


def test_card_names_the_network_that_speaks():
    """Tacotron 2 unless durations time it; releases from before there was a choice do not say."""
    timed = PARAMS | {"synthesizer": {"architecture": {"arch": "non_attentive"}}}
    metrics = {"speaker": SPEAKER, "speech": speech()}
    by_durations, by_attention = card(params=timed, metrics=metrics), card(metrics=metrics)
    assert "Non-Attentive Tacotron, timed by durations" in by_durations
    assert "a synthesizer (Tacotron 2 with the speaker" in by_attention
    claim, skips = "coverage and a diagonal say nothing", "of the text's symbols."  # what is so by construction
    assert claim in by_durations and claim not in by_attention
    assert skips in by_attention and skips not in by_durations
