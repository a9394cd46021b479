"""Each published corpus, in the layout of its own archives, quirks included: what is read, what is refused and why."""

import io
import json

import pytest
import soundfile

from peewee_model.errors import ConfigError
from pipeline.corpora.exclusions import Exclusion
from pipeline.ingest.corpus_table import IngestError
from pipeline.ingest.readers.reader import MAX_MEMBER_BYTES, Member, Refused
from pipeline.ingest.readers.registry import CORPORA, LAYOUTS, layout_named
from tests.pipeline.ingest.readers.built import TEXT, Built, sound

SPOKEN = TEXT.lower()


@pytest.fixture
def built(tmp_path):
    return Built(tmp_path)


def libritts(root, subset, speakers):
    files = {}
    for speaker in speakers:
        for number in range(2):
            stem = f"{root}/{subset}/{speaker}/7/{speaker}_7_{number:06d}_000000"
            files[f"{stem}.wav"] = sound(seed=int(speaker) + number)
            files[f"{stem}.normalized.txt"] = TEXT.encode()
    return files


def test_libritts_r_obeys_its_list_of_failed_restorations(built):
    """The list is an archive of its own; it names utterances of archives that are not there, too."""
    built.add("libritts-r", libritts("LibriTTS_R", "dev-clean", ["84", "85"]), "dev-clean")
    lines = ["./dev-clean/84/7/84_7_000001_000000.wav", "./test-clean/9/7/9_7_000001_000000.wav", "", "# a comment"]
    listed = {"libritts_r_failed/dev-clean_bad_sample_list.txt": "\n".join(lines).encode()}
    built.add("libritts-r", listed, "failed").ingest()
    assert set(built.texts()) == {f"libritts-r_{name}_000000" for name in ("84_7_000000", "85_7_000000", "85_7_000001")}
    assert built.refused() == [
        ("LibriTTS_R/dev-clean/84/7/84_7_000001_000000.normalized.txt", "failed_restoration"),
        ("libritts_r_failed/dev-clean_bad_sample_list.txt", "bad_line"),
    ]


def test_librispeech_reads_a_text_file_a_chapter(built):
    """Texts are upper case; a line without a recording, and one that is no id and text, are refused."""
    lines = f"84-121123-0000 {TEXT.upper()}\n84-121123-0001 {TEXT.upper()}\n84-121123-0009 {TEXT.upper()}\nno line\n"
    files = {
        "LibriSpeech/README.TXT": b"",
        "LibriSpeech/SPEAKERS.TXT": b"",
        "LibriSpeech/dev-clean/84/121123/84-121123.trans.txt": lines.encode(),
        "LibriSpeech/dev-clean/84/121123/84-121123-0000.flac": sound("flac"),
        "LibriSpeech/dev-clean/84/121123/84-121123-0001.flac": sound("flac", 1),
    }
    built.add("librispeech", files, "dev-clean").ingest()
    assert built.texts() == {f"librispeech_84-121123-000{number}": ("librispeech_84", SPOKEN) for number in range(2)}
    assert built.rows()["librispeech_84-121123-0000"]["text"] == TEXT.upper()
    assert built.refused() == [("LibriSpeech/dev-clean/84/121123/84-121123.trans.txt", reason) for reason in
                               ("bad_line", "unpaired")]  # fmt: skip


def test_ljspeech_reads_its_table_without_quotes_and_prefers_the_third_column(built):
    """A quote is a part of the text; a line may lack the third column. The archive is a .tar.bz2."""
    table = f'LJ001-0001|"Printing, in 1455|"Printing, in fourteen fifty-five\nLJ001-0002|{TEXT}|\nLJ001-0003\n'
    files = {
        "LJSpeech-1.1/README": b"",
        "LJSpeech-1.1/metadata.csv": table.encode(),
        "LJSpeech-1.1/wavs/LJ001-0001.wav": sound(seed=1, rate=22_050),
        "LJSpeech-1.1/wavs/LJ001-0002.wav": sound(seed=2, rate=22_050),
        "LJSpeech-1.1/wavs/LJ001-0004.wav": sound(seed=4, rate=22_050),
    }
    built.add("ljspeech", files, end=".tar.bz2").ingest()
    rows = built.rows()
    assert rows.keys() == {"ljspeech_LJ001-0001", "ljspeech_LJ001-0002"}
    assert rows["ljspeech_LJ001-0001"]["normalized_text"] == "printing, in fourteen fifty five."
    assert rows["ljspeech_LJ001-0001"]["text"] == '"Printing, in 1455'
    assert {row["speaker_id"] for row in rows.values()} == {"ljspeech_LJ"}
    assert built.refused() == [
        ("LJSpeech-1.1/metadata.csv", "bad_line"),
        ("LJSpeech-1.1/wavs/LJ001-0004.wav", "unpaired"),
    ]


def vctk(top=""):
    files = {f"{top}speaker-info.txt": b"ID  AGE", f"{top}log.txt": b"", f"{top}license_text": b""}
    for speaker, number, mics in (
        ("p225", 1, "12"), ("p225", 2, "12"), ("p280", 1, "1"), ("p315", 1, "12"), ("p362", 4, "1"), ("s5", 1, "12"),
    ):  # fmt: skip
        stem = f"{speaker}/{speaker}_{number:03d}"
        for mic in mics:
            content = sound("flac", int(mic) * 100 + number, 48_000)
            files[f"{top}wav48_silence_trimmed/{stem}_mic{mic}.flac"] = content
        if speaker != "p315":
            files[f"{top}txt/{stem}.txt"] = TEXT.encode()
    return files


@pytest.mark.parametrize("top", ["", "VCTK-Corpus-0.92/"])
def test_vctk_reads_one_microphone_and_its_quirks(built, top):
    """With a top folder or without; p280 has the first microphone only, p315 no texts, p362 lacks files, s5 no p."""
    built.add("vctk", vctk(top), end=".zip").ingest()
    names = {"vctk_p225_001", "vctk_p225_002", "vctk_p280_001", "vctk_s5_001"}
    assert built.texts() == {name: (name.rpartition("_")[0], SPOKEN) for name in names}
    assert built.refused() == [
        (f"{top}txt/p362/p362_004.txt", "unpaired"),
        (f"{top}wav48_silence_trimmed/p315/p315_001_mic2.flac", "skipped"),
    ]


def test_vctk_reads_the_first_microphone_if_asked_to(built, tmp_path):
    """The layout vctk-mic1; the recordings are others."""
    built.add("vctk", vctk(), end=".zip", layout="vctk-mic1").ingest()
    (tmp_path / "two").mkdir()
    other = Built(tmp_path / "two").add("vctk", vctk(), end=".zip").ingest()
    first, second = built.rows(), other.rows()
    assert first.keys() - second.keys() == {"vctk_p362_004"}
    assert first["vctk_p225_001"]["audio_sha256"] != second["vctk_p225_001"]["audio_sha256"]
    assert first["vctk_p280_001"]["audio_sha256"] == second["vctk_p280_001"]["audio_sha256"]


def test_ryanspeech_is_read_as_ljspeech_and_is_non_commercial(built):
    """Its terms go wherever the corpus goes."""
    files = {"ryanspeech/metadata.csv": f"a-1|{TEXT}\n".encode(), "ryanspeech/wavs/a-1.wav": sound(rate=44_100)}
    built.add("ryanspeech", files).ingest()
    assert built.texts() == {"ryanspeech_a-1": ("ryanspeech_ryan", SPOKEN)}
    assert CORPORA["ryanspeech"].licence.startswith("non-commercial")


def test_hifi_tts_reads_its_manifests(built):
    """Lines of JSON; one that is damaged, and one without a path, are refused."""
    path = "audio/92_clean/13130/dartagnan02_28_dumas_{:04d}.flac"
    lines = [
        json.dumps({"audio_filepath": path.format(number), "text": "x", "text_no_preprocessing": TEXT,
                    "text_normalized": TEXT, "duration": 1.2})
        for number in range(2)
    ]  # fmt: skip
    files = {
        "hi_fi_tts_v0/LICENSE.txt": b"",
        "hi_fi_tts_v0/92_manifest_clean_train.json": "\n".join([*lines, "{", "[]"]).encode(),
        "hi_fi_tts_v0/" + path.format(0): sound("flac", 0, 44_100),
        "hi_fi_tts_v0/" + path.format(1): sound("flac", 1, 44_100),
    }
    built.add("hifi-tts", files).ingest()
    stem = "hifi-tts_92_clean_13130_dartagnan02_28_dumas"
    assert built.texts() == {f"{stem}_{number:04d}": ("hifi-tts_92", SPOKEN) for number in range(2)}
    assert [reason for _, reason in built.refused()] == ["bad_line", "bad_line"]


def test_common_voice_reads_who_speaks_from_its_table_and_leaves_unlisted_clips_out(built):
    """A clip that is not validated does not count as refused; a line that says no speaker does."""
    people = ["ab" * 64, "cd" * 64]
    head = "client_id\tpath\tsentence_id\tsentence\tage"
    lines = [f"{people[number % 2]}\tcommon_voice_en_{number}.mp3\t7\t{TEXT}\t" for number in range(3)]
    table = "\n".join([head, *lines, f"\tcommon_voice_en_9.mp3\t7\t{TEXT}\t"]) + "\n"
    files = {"cv-corpus-27.0/en/validated.tsv": table.encode(), "cv-corpus-27.0/en/train.tsv": table.encode()}
    for number in range(6):
        files[f"cv-corpus-27.0/en/clips/common_voice_en_{number}.mp3"] = sound("mp3", number, 32_000)
    built.add("common-voice", files, "en").ingest(max_rejected_fraction=0.3)
    assert built.texts() == {
        f"common-voice_common_voice_en_{number}": (f"common-voice_{people[number % 2][:16]}", SPOKEN)
        for number in range(3)
    }
    assert [reason for _, reason in built.refused()] == ["skipped", "skipped", "skipped", "bad_line"]


def test_common_voice_table_that_comes_in_pieces_keeps_its_columns():
    """The first line is given with each later piece."""
    read = layout_named("common-voice").read
    head, line = b"path\tclient_id\tsentence\n", b"a.mp3\t" + b"ab" * 64 + b"\tHello.\n"
    (first,) = read(Member("en/validated.tsv", 1, head + line))
    assert list(read(Member("en/validated.tsv", 1, line, head))) == [first]
    assert (first.utterance_id, first.speaker_id, first.data) == ("a", "ab" * 8, b"Hello.")
    (refused,) = read(Member("en/validated.tsv", 1, b"a\tb\n"))
    assert (refused.reason, refused.detail) == ("bad_line", "its first line does not name client_id, path, sentence")


def test_voxceleb1_has_no_texts_and_its_test_set_is_kept_out(built):
    """id10270 to id10309 are left out wherever they are; the zip is in four pieces."""
    files = {"vox1_meta.csv": b"id\tname"}
    for speaker in ("id10001", "id10269", "id10270", "id10309", "id10310"):
        files[f"wav/{speaker}/1zcIwhmdeo4/00001.wav"] = sound(seed=int(speaker[2:]))
    built.add("voxceleb1", files, "dev", ".zip", n_pieces=4).ingest()
    assert built.texts() == {
        f"voxceleb1_{name}-1zcIwhmdeo4-00001": (f"voxceleb1_{name}", "") for name in ("id10001", "id10269", "id10310")
    }
    assert [reason for _, reason in built.refused()] == ["skipped", "skipped"]
    assert sorted(path.name for path in (built.root / "archives").iterdir()) == [
        f"voxceleb1-dev.zip.{number:03d}" for number in range(1, 5)
    ]


def test_voxceleb2_is_decoded_from_m4a(built):
    """Its zip has dev/aac; PyAV decodes."""
    files = {f"dev/aac/id0001{n}/21Uxsk56VDQ/0000{n}.m4a": sound("m4a", n) for n in range(2)}
    built.add("voxceleb2", files, "dev", ".zip", n_pieces=8).ingest()
    rows = built.rows()
    assert rows.keys() == {f"voxceleb2_id0001{n}-21Uxsk56VDQ-0000{n}" for n in range(2)}
    assert all(row["duration_s"] == pytest.approx(1.2, abs=0.1) for row in rows.values())
    assert built.refused() == []


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("LibriSpeech/dev-clean/1/2/1-2-0000.flac", "librispeech"), ("LJSpeech-1.1/wavs/a.wav", "ljspeech"),
        ("wav48_silence_trimmed/p225/p225_001_mic2.flac", "vctk"), ("audio/92_clean/1/a.flac", "hifi-tts"),
        ("en/clips/a.mp3", "common-voice"), ("wav/id10001/a/00001.wav", "voxceleb1"), ("a/b.wav", "folder"),
    ],
)  # fmt: skip
def test_recording_too_large_to_hold_and_strange_files_are_refused_in_every_layout(name, layout):
    """As its utterance, before it is read into memory; a file of no known name; one that macOS packed along."""
    read = layout_named(layout).read
    (large,) = read(Member(name, MAX_MEMBER_BYTES + 1, None))
    assert isinstance(large, Refused)
    assert large.reason == "too_large"
    assert large.utterance_id
    (strange,) = read(Member("LibriSpeech/strange.exe", 1, b"x"))
    (left,) = read(Member(f"{name.rpartition('/')[0]}/._{name.rpartition('/')[2]}", 1, b"x"))
    assert (strange.reason, left.reason) == ("unknown_name", "skipped")


def test_unknown_corpus_is_an_error_that_lists_the_known_ones(built):
    """It was read as LibriTTS once, and found nothing."""
    built.add("vctk2", vctk(), end=".zip")
    with pytest.raises(ConfigError, match=r"corpus.sources: vctk2 all: vctk2 is no corpus .*folder.*vctk, vctk-mic1"):
        built.ingest()


def test_every_corpus_says_what_a_release_publishes():
    """Licence, citation, page and contents; hashes have their form; a corpus's people are a corpus's."""
    for name, corpus in CORPORA.items():
        assert corpus.name == name
        assert corpus.layout is LAYOUTS[name]
        assert corpus.page.startswith("https://")
        assert corpus.citation.startswith("@")
        assert corpus.licence
        assert corpus.contents
        assert corpus.people in ("", *CORPORA)
        for archive in corpus.archives:
            assert archive.md5 is None or len(archive.md5) == 32
            assert archive.sha256 is None or len(archive.sha256) == 64


def test_corpora_of_librivox_readers_have_the_same_people(built):
    """One reader in four corpora is in one split, whose ids differ; the others are drawn as without these corpora."""
    wanted = {"by_subset": {"test-clean": "test"}, "validation_fraction": 0.34}
    built.add("libritts", libritts("LibriTTS", "train-clean-100", ["84", "85", "86"]), "train-clean-100")
    alone = built.ingest(split={"validation_fraction": 0.34}).rows()
    built.add("libritts-r", libritts("LibriTTS_R", "test-clean", ["84"]), "test-clean")
    files = {
        "LibriSpeech/train-clean-100/84/1/84-1.trans.txt": f"84-1-0000 {TEXT.upper()}\n".encode(),
        "LibriSpeech/train-clean-100/84/1/84-1-0000.flac": sound("flac", 9),
    }
    built.add("librispeech", files, "train-clean-100").ingest(split=wanted)
    splits = {row["speaker_id"]: row["split"] for row in built.rows().values()}
    assert {splits[f"{name}_84"] for name in ("libritts", "libritts-r", "librispeech")} == {"test"}
    assert sorted(splits[f"libritts_{number}"] for number in (85, 86)) == ["train", "validation"]
    assert len(alone) == 6


def test_people_named_by_speaker_are_held_out_in_all_their_corpora(built):
    """`by_speaker` may have either id."""
    built.add("libritts", libritts("LibriTTS", "a", ["84", "85"]), "a")
    built.add("libritts-r", libritts("LibriTTS_R", "b", ["84", "86"]), "b")
    built.ingest(split={"by_speaker": {"libritts-r_84": "test"}})
    splits = {row["speaker_id"]: row["split"] for row in built.rows().values()}
    assert (splits["libritts_84"], splits["libritts-r_84"]) == ("test", "test")
    assert (splits["libritts_85"], splits["libritts-r_86"]) == ("train", "train")


def test_person_who_is_excluded_is_left_out_of_all_their_corpora(built):
    """By the id in LibriTTS; an id of another corpus is of that corpus alone."""
    built.add("libritts", libritts("LibriTTS", "a", ["84", "85"]), "a")
    built.add("libritts-r", libritts("LibriTTS_R", "b", ["84", "85", "86"]), "b")
    excluded = [Exclusion("speaker", "libritts_84", "x"), Exclusion("speaker", "libritts-r_85", "x")]
    built.ingest(excluded=excluded, max_rejected_fraction=0.0)
    assert {speaker for speaker, _ in built.texts().values()} == {"libritts_85", "libritts-r_86"}


def test_a_corpus_that_is_added_or_removed_leaves_the_shards_of_the_others_as_they_were(built):
    """Also with several shards each, and with splits that are drawn."""
    split = {"validation_fraction": 0.4}
    built.add("libritts", libritts("LibriTTS", "a", ["84", "85", "86"]), "a").ingest(split=split)
    before = {path.read_bytes() for path in (built.root / "corpus").iterdir()}
    built.add("vctk", vctk(), end=".zip").ingest(split=split)
    after = {path.read_bytes() for path in (built.root / "corpus").iterdir()}
    assert before < after
    built.sources = built.sources[1:]
    built.ingest(split=split)
    assert {path.read_bytes() for path in (built.root / "corpus").iterdir()} == after - before


def test_recorded_speech_in_four_layouts_has_the_same_samples(built, shared_data):
    """The same sentence of a person, as LibriTTS, VCTK, LJSpeech and folder hold it."""
    audio = (shared_data / "references/vctk_p226.flac").read_bytes()
    text = (shared_data / "references/vctk_p226.txt").read_bytes()
    wav = built.root / "a.wav"
    soundfile.write(wav, *soundfile.read(io.BytesIO(audio), dtype="int16"))
    stem = "LibriTTS/train/1/2/1_2_000000_000000"
    built.add("libritts", {f"{stem}.flac": audio, f"{stem}.original.txt": text}, "train")
    files = {"wav48_silence_trimmed/p226/p226_001_mic2.flac": audio, "txt/p226/p226_001.txt": text}
    built.add("vctk", files, end=".zip")
    line = b"LJ001-0001|" + b" ".join(text.split()) + b"\n"
    built.add("ljspeech", {"L/metadata.csv": line, "L/wavs/LJ001-0001.wav": wav.read_bytes()}, end=".tar.bz2")
    built.add("me", {"me/a.flac": audio, "me/a.txt": text}, end=".tar.xz", layout="folder")
    built.ingest(max_duration_s=120.0)
    rows = list(built.rows().values())
    assert len(rows) == 4
    assert len({row["audio_sha256"] for row in rows}) == 1
    assert len({row["normalized_text"] for row in rows}) == 1


def test_too_many_refused_recordings_stop_the_run_in_any_layout(built):
    """As for LibriTTS: the wrong layout is found before a week of training."""
    built.add("vctk", {f"wavs/{number}.wav": sound(seed=number) for number in range(3)}, end=".zip")
    with pytest.raises(IngestError, match=r"3 unknown_name, such as wavs/0.wav"):
        built.ingest()
