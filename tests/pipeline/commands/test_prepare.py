"""Raw recordings of one person become clips with texts."""

import csv

import numpy as np
import pytest

from peewee_model.recordings.reading import read_clip
from pipeline.adaptation.recordings import find_recordings
from pipeline.commands.prepare import command
from pipeline.evaluation.recognition import transcription_error_rates
from pipeline.preparation.folder import read_metadata
from tests.closure import ROOT
from tests.pipeline.preparation.long_recording import as_file, long_recording

RELEASE = f"{ROOT}/examples/store@stable"
N_UTTERANCES = 30
pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def prepared(shared_data, tmp_path_factory):
    """A folder made of one long MP3, what is in it, and each clip's place."""
    folder = tmp_path_factory.mktemp("prepared")
    samples, parts = long_recording(shared_data, N_UTTERANCES)
    path = as_file(folder / "an evening.mp3", samples)
    command([path], folder / "out", release=RELEASE)
    return folder, parts


def places(folder):
    """Start and end of each clip, kept and dropped, by name."""
    lines = (folder / "out/.prepare/written.json").read_text()
    kept = read_metadata(folder / "out/metadata.csv")
    with (folder / "out/dropped.csv").open() as table:
        dropped = {row["name"]: (float(row["start_s"]), float(row["end_s"])) for row in csv.DictReader(table)}
    assert all(name in lines for name in kept)
    return kept, dropped


def seconds_of(parts, kinds, spans):
    """How much of the parts of some kinds lies in spans."""
    return sum(
        max(0.0, min(part.end_s, end) - max(part.start_s, start))
        for part in parts if part.kind in kinds for start, end in spans
    )  # fmt: skip


def test_speech_is_kept_and_the_rest_is_dropped(prepared, kept_spans):
    """At least 95 % of the person's speech, at most 2 % of what is music, noise and other people."""
    _, parts = prepared
    own = [part for part in parts if part.kind == "own"]
    others = [part for part in parts if part.kind in ("other", "music", "noise")]
    whole = [(part.start_s, part.end_s) for part in own]
    assert seconds_of(parts, ("own",), kept_spans) >= 0.95 * seconds_of(parts, ("own",), whole)
    unwanted = seconds_of(parts, ("other", "music", "noise"), [(part.start_s, part.end_s) for part in others])
    assert seconds_of(parts, ("other", "music", "noise"), kept_spans) <= 0.02 * unwanted


@pytest.fixture(scope="module")
def kept_spans(prepared):
    """Where the clips that were kept are in the recording."""
    import json

    folder, _ = prepared
    kept, dropped = places(folder)
    lines = [json.loads(line) for line in (folder / "out/.prepare/clips.jsonl").read_text().splitlines()]
    spans = sorted((line["start_s"], line["end_s"]) for line in lines)
    assert len(spans) == len(kept) + len(dropped)
    return [span for span in spans if span not in set(dropped.values())]


def test_texts_are_as_good_as_of_clean_clips(prepared):
    """Within five points of CER, over all that was kept."""
    folder, parts = prepared
    kept, _ = places(folder)
    said = " ".join(part.text for part in parts if part.kind == "own")
    assert transcription_error_rates([said], [" ".join(kept.values())])[0] <= 0.07


def test_adapt_reads_what_it_wrote(prepared):
    """Each clip has its text, is a recording, and lasts 1 to 15 s."""
    folder, _ = prepared
    found = find_recordings(folder / "out")
    assert len(found) >= N_UTTERANCES / 4
    for recording in found:
        assert 1.0 <= read_clip(recording.audio).duration_s <= 15.01
        assert recording.text


def test_corrections_outlive_the_next_run(prepared):
    """A text that was changed, a clip that was taken out, and one that was put back; nothing is measured again."""
    folder, _ = prepared
    metadata, journal = folder / "out/metadata.csv", folder / "out/.prepare/clips.jsonl"
    measured = journal.read_bytes()
    kept, dropped = places(folder)
    changed, removed, *rest = kept
    back = next(iter(dropped))
    metadata.write_text(
        f"{changed}|Another text.\n{back}|Put back.\n" + "".join(f"{one}|{kept[one]}\n" for one in rest)
    )
    for _ in range(2):
        command([folder / "an evening.mp3"], folder / "out", release=RELEASE)
        found, now_dropped = places(folder)
        assert found[changed] == "Another text."
        assert found[back] == "Put back."
        assert removed in now_dropped and removed not in found
        assert {one: found[one] for one in rest} == {one: kept[one] for one in rest}
        assert (folder / f"out/wavs/{back}.flac").exists() and (folder / f"out/dropped/{removed}.flac").exists()
    assert journal.read_bytes() == measured


def test_a_text_of_the_recording_is_divided_between_clips(prepared, shared_data, tmp_path):
    """Its own words, with their capitals; a part that says something else is dropped."""
    samples, parts = long_recording(shared_data, 14)
    path = as_file(tmp_path / "short.flac", samples)
    texts = [part.text for part in parts if part.kind == "own"]
    wrong = "Completely other words are written here than those that anybody says in this place."
    path.with_suffix(".txt").write_text("\n".join([*texts[:5], *[wrong] * 4, *texts[9:]]))
    command([path], tmp_path / "out", release=RELEASE)
    kept = " ".join(read_metadata(tmp_path / "out/metadata.csv").values())
    assert "Completely" not in kept
    for text in (*texts[:3], *texts[12:]):
        words = text.split()
        assert np.mean([word in kept for word in words]) > 0.9
    with (tmp_path / "out/dropped.csv").open() as table:
        assert "cer" in {row["reason"] for row in csv.DictReader(table)}
