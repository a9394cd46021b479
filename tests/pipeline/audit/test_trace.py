"""`peewee-tts audit trace` and `audit exclude`."""

import json
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from peewee_model.errors import PeeweeError
from peewee_model.store import folder as store_folder
from peewee_model.store.store import open_store
from pipeline.audit.dataset import read_utterances
from pipeline.audit.errors import NotAllSeenError
from pipeline.audit.trace import Share, Span, trace
from pipeline.commands.audit import app
from pipeline.corpora.exclusions import read_exclusions
from tests.pipeline.audit.small_store import as_exclusions, publish, utterance, write_utterances
from tests.pipeline.audit.tamperings import edit_json

DAYS = [f"2026-01-0{day}T00:00:00+00:00" for day in range(1, 6)]
ADA = [utterance(f"toy_ada_{n}", "toy_ada", duration_s=2.5) for n in range(4)]
BOB = [utterance(f"toy_bob_{n}", "toy_bob", split="test") for n in range(3)]


@pytest.fixture
def store(tmp_path):
    """Three releases: with Ada and Bob, retrained on the same, and without Ada; `stable` is rolled back at the end."""
    address = str(tmp_path / "store")
    versions = [
        publish(tmp_path / "1", address, [*ADA, *BOB]),
        publish(tmp_path / "2", address, [*ADA, *BOB], metrics={"eer": 0.1}),
        publish(tmp_path / "3", address, BOB, files={"exclusions.json": as_exclusions(speakers=["toy_ada"])}),
    ]
    open_store(address).append("stable", versions[1], "rollback", "worse")
    for number in range(1, 5):  # a day each: they were written within a second
        edit_json(
            Path(address) / f"channels/stable/{number:08d}.json",
            lambda entry, at=DAYS[number]: entry.update(at=at),
        )
    return address, versions


def by_version(address, speaker):
    """The releases of a store that `trace` finds, by version."""
    return {found.version: found for found in trace(open_store(address), "speaker", speaker).appearances}


def test_trace_of_a_speaker_names_releases_split_amount_and_channels(store):
    """Which releases hold her, how much of her, and which channel means them."""
    found = by_version(store[0], "toy_ada")
    first, second, third = (found[version] for version in store[1])
    assert first.shares == second.shares == (Share("train", 4, 10.0),)
    assert third.shares == () and third.excluded and not first.excluded
    assert [span.number for span in second.channels] == [2, 4]
    assert (first.channels_now, second.channels_now, third.channels_now) == ([], ["stable"], [])
    assert first.channels == (Span("stable", 1, DAYS[1], DAYS[2]),)
    assert second.channels == (Span("stable", 2, DAYS[2], DAYS[3]), Span("stable", 4, DAYS[4], None))
    assert third.channels == (Span("stable", 3, DAYS[3], DAYS[4]),)


def test_trace_of_an_utterance(store):
    """One row of one split."""
    for appearance in trace(open_store(store[0]), "utterance", "toy_bob_1").appearances:
        assert appearance.shares == (Share("test", 1, 2.0),)
    without = trace(open_store(store[0]), "utterance", "toy_bob_9")
    assert not any(appearance.shares for appearance in without.appearances)


def test_damaged_channel_hides_no_release(store, monkeypatch, tmp_path):
    """The releases are searched, the other channels named; the command says that not all was seen."""
    address, (_, second, third) = store
    open_store(address).append("beta", third, "promote", "for those who try")
    entry = Path(address) / "channels/stable/00000002.json"
    entry.write_bytes(entry.read_bytes() + b"\xfc")
    answer = trace(open_store(address), "speaker", "toy_ada")
    found = {appearance.version: appearance for appearance in answer.appearances}
    assert found[second].shares == (Share("train", 4, 10.0),) and found[second].channels == ()
    assert found[third].channels_now == ["beta"]
    assert len(answer.damaged) == 1 and "channels/stable/00000002.json is no channel entry" in answer.damaged[0]
    done = CliRunner().invoke(app, ["trace", "--speaker", "toy_ada", "--store", address])
    assert isinstance(done.exception, NotAllSeenError)
    assert "in 2 of 3 releases" in done.stdout and "channels/stable/00000002.json" in done.stdout
    monkeypatch.chdir(tmp_path)
    Path("exclusions.csv").write_text("kind,id,reason\n")
    done = CliRunner().invoke(app, ["exclude", "--speaker", "toy_ada", "--reason", "asked", "--store", address])
    assert f"release {second} still holds it" in done.stdout and "not every release could be searched" in done.stdout


def test_trace_reads_each_features_version_once(store, monkeypatch):
    """Two of the three releases were trained on the same."""
    asked = []
    check = store_folder.check_file
    monkeypatch.setattr(store_folder, "check_file", lambda path, entry: (asked.append(path), check(path, entry)))
    trace(open_store(store[0]), "speaker", "toy_ada")
    assert len(asked) == len(set(asked)) == 2


def test_trace_skips_row_groups_by_their_statistics(tmp_path, monkeypatch):
    """Row groups that can't hold the speaker are damaged, which only a reader of them would notice."""
    path = tmp_path / "utterances.parquet"
    rows = [utterance(f"toy_{speaker}_{n:03d}", f"toy_{speaker}") for speaker in "abcd" for n in range(50)]
    write_utterances(path, rows, rows_per_group=50)
    with pq.ParquetFile(path) as file:
        spans = [
            [file.metadata.row_group(group).column(column) for column in range(file.metadata.num_columns)]
            for group in range(file.num_row_groups)
        ]
    data = bytearray(path.read_bytes())
    for group in (0, 1, 3):
        for column in spans[group]:
            start = column.data_page_offset
            data[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(data)
    for question in ({"speaker_id": "toy_c"}, {"utterance_id": "toy_c_007"}):
        found = read_utterances(path, ["split", "duration_s"], **question)
        assert found.num_rows == (50 if "speaker_id" in question else 1)
    with pytest.raises(PeeweeError, match="no table of utterances"):
        read_utterances(path, ["split"], speaker_id="toy_a")


def test_trace_prints_lines_and_json(store):
    """Both show the releases that channels point to."""
    told = CliRunner().invoke(app, ["trace", "--speaker", "toy_ada", "--store", store[0]])
    assert told.exit_code == 0
    assert "speaker toy_ada: in 2 of 3 releases" in told.output
    assert "train: 4 utterances, 10.0 s" in told.output and "excluded by name" in told.output
    asked = ["trace", "--utterance", "toy_ada_1", "--json", "--store", store[0]]
    document = json.loads(CliRunner().invoke(app, asked).output)
    holding = [release["version"] for release in document["releases"] if release["shares"]]
    assert sorted(holding) == sorted(store[1][:2])


def test_trace_that_can_not_search_a_release_says_so_and_fails(store, tmp_path):
    """An answer with a gap must not look like a whole one."""
    version = publish(tmp_path / "4", store[0], [*ADA, utterance("toy_x_1", "toy_x")], with_features=False)
    told = CliRunner().invoke(app, ["trace", "--speaker", "toy_ada", "--store", store[0]])
    assert f"{version}  unknown" in told.output and "in 2 of 3 releases" in told.output
    assert isinstance(told.exception, NotAllSeenError) and "1 of 4 releases" in str(told.exception)


def parent_of(version, store="store", parent=None):
    """As a manifest has it."""
    return {"version": version, "store": store, "parts": ["synthesizer"], "corpora": [], "parent": parent}


def test_trace_follows_to_the_releases_that_training_started_from(store, tmp_path):
    """Ada is not in the data of the fourth and the fifth, but their weights learned of her."""
    address, (first, *_) = store
    child = publish(tmp_path / "4", address, BOB, "adapted", parent=parent_of(first, address))
    elder = parent_of(child, address, parent_of(first, address))
    grandchild = publish(tmp_path / "5", address, BOB, "adapted", parent=elder, metrics={"eer": 0.2})
    found = by_version(address, "toy_ada")
    assert not found[child].shares and found[child].inherits and not found[first].heritage
    assert [release.version for release in found[grandchild].heritage] == [child, first]
    assert [bool(release.shares) for release in found[grandchild].heritage] == [False, True]
    assert not any(appearance.gap for appearance in found.values())
    told = CliRunner().invoke(app, ["trace", "--speaker", "toy_ada", "--store", address])
    assert told.exit_code == 0
    assert "in 2 of 5 releases; 2 releases more came from one that holds it" in told.output
    assert f"came from {first}, which holds it: train: 4 utterances, 10.0 s" in told.output
    document = json.loads(
        CliRunner().invoke(app, ["trace", "--speaker", "toy_ada", "--json", "--store", address]).output
    )
    assert {item["version"] for item in document["releases"] if item["inherits"]} == {child, grandchild}


def test_trace_without_the_parent_is_no_whole_answer(store, tmp_path):
    """It is in another store: that one is named, and the exit code is not 0."""
    version = publish(tmp_path / "4", store[0], BOB, "adapted", parent=parent_of("0" * 16, "elsewhere"))
    told = CliRunner().invoke(app, ["trace", "--speaker", "toy_ada", "--store", store[0]])
    assert isinstance(told.exception, PeeweeError) and "search elsewhere too" in str(told.exception)
    assert f"{version}  not in its data" in told.output and f"came from {'0' * 16}, unknown" in told.output


def test_exclude_names_releases_that_came_of_one_that_holds_the_speaker(store, project, tmp_path):
    """Withdrawn consent reaches the heirs."""
    address, (first, *_) = store
    child = publish(tmp_path / "4", address, BOB, "adapted", parent=parent_of(first, address))
    asked = ["exclude", "--speaker", "toy_ada", "--reason", "withdrawn", "--store", address]
    told = CliRunner().invoke(app, asked)
    assert f"release {child} still holds it; adapted points to it now" in told.output


@pytest.mark.parametrize("question", [[], ["--speaker", "a", "--utterance", "b"]])
def test_trace_asks_for_one_of_both(question):
    """Neither, or two, is a one-line error."""
    told = CliRunner().invoke(app, ["trace", *question])
    assert "name one" in str(told.exception)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a list of exclusions, tracked by git."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "exclusions.csv").write_text("kind,id,reason\n")
    monkeypatch.chdir(folder)
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "add", "exclusions.csv"], check=True)
    return folder


def test_exclude_adds_a_line_and_says_which_releases_hold_the_speaker(store, project):
    """Git shows one more line, and the output names the next step."""
    asked = ["exclude", "--speaker", "toy_ada", "--reason", "consent withdrawn", "--store", store[0]]
    told = CliRunner().invoke(app, asked)
    assert told.exit_code == 0
    assert read_exclusions().speakers == {"toy_ada"}
    changed = subprocess.run(["git", "diff", "-U0"], capture_output=True, text=True, check=True).stdout
    assert [line for line in changed.splitlines() if line.startswith("+s")] == ["+speaker,toy_ada,consent withdrawn"]
    assert "dvc repro" in told.output and "git commit" in told.output
    assert f"release {store[1][1]} still holds it; stable points to it now" in told.output
    assert store[1][2] not in told.output


def test_exclude_of_an_unknown_id_says_so(store, project):
    """It may be a slip of the pen; or somebody who never was in a release."""
    asked = ["exclude", "--utterance", "toy_adda_1", "--reason", "noise", "--store", store[0], "--json"]
    assert json.loads(CliRunner().invoke(app, asked).output)["held_by"] == []
    asked[2] = "toy_adda_2"
    assert "check the spelling" in CliRunner().invoke(app, asked[:-1]).output


def test_exclude_twice_is_refused(store, project):
    """The first reason stays."""
    asked = ["exclude", "--speaker", "toy_ada", "--reason", "one", "--store", store[0]]
    assert CliRunner().invoke(app, asked).exit_code == 0
    told = CliRunner().invoke(app, asked)
    assert isinstance(told.exception, PeeweeError) and "excluded already" in str(told.exception)


def test_exclude_without_a_store_still_excludes(project, tmp_path):
    """Withdrawn consent does not wait for a server."""
    asked = ["exclude", "--speaker", "toy_ada", "--reason", "withdrawn", "--store", "ftp://nowhere"]
    told = CliRunner().invoke(app, asked)
    assert told.exit_code == 0 and "not every release could be searched" in told.output
    assert read_exclusions().speakers == {"toy_ada"}


def test_exclude_outside_the_repository_says_where_to_run(tmp_path, monkeypatch):
    """It does not make a list that nobody reads."""
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(app, ["exclude", "--speaker", "toy_ada", "--reason", "withdrawn"])
    assert "root of the project" in str(told.exception)
    assert not (tmp_path / "exclusions.csv").exists()
