import numpy as np
import pytest

from peewee_model.audio.clip import quantize
from peewee_model.vocoder.pitch import PitchArchitecture
from pipeline import tables
from pipeline.training.vocoder.pitch_tracks import choose_rows, track_pitches
from pipeline.training.vocoder.recordings import Recordings
from tests.pipeline.training.vocoder.speech_tables import voice, write_tables

PITCH = PitchArchitecture(f_min=60.0, f_max=500.0, bins_per_octave=24, channels=8, kernel_size=3, n_layers=2)


@pytest.fixture
def speech(tmp_path, monkeypatch):
    """Three utterances of one speaker, one of another, and one of a third in another split."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PEEWEE_WORKERS", "1")
    corpus, mels = tmp_path / "corpus", tmp_path / "mels"
    write_tables(
        corpus,
        mels,
        [
            ("a_1", "train", voice(120, 0.9), 16000),
            ("a_2", "train", voice(130, 0.9), 16000),
            ("v_1", "validation", voice(300, 0.9), 16000),
            ("a_3", "train", voice(140, 0.9), 16000),
            ("b_1", "train", voice(210, 0.6), 16000),
        ],
    )
    return corpus, mels


def test_chosen_rows_are_of_as_many_speakers_as_there_are(speech):
    """Two of two speakers rather than two of the first; a third is the first's second."""
    corpus, _ = speech
    assert choose_rows(corpus, "train", 2).tolist() == [0, 3]
    assert choose_rows(corpus, "train", 3).tolist() == [0, 1, 3]
    assert choose_rows(corpus, "train", 99).tolist() == [0, 1, 2, 3]
    assert choose_rows(corpus, "test", 99).tolist() == []


def test_pitches_are_those_that_were_spoken_frame_by_frame(speech):
    """Known pitches to a third of a semitone, and no pitch where there is only noise."""
    tracks = track_pitches(*speech, "train", 2, PITCH)
    assert tracks.rows.tolist() == [0, 3]
    for row, pitch in enumerate((120, 210)):
        found = np.array(tracks.pitches[row])[:, 0]
        assert len(found) == tracks.mels.lengths[row]
        inner = found[len(found) // 3 : len(found) * 2 // 3]
        assert np.abs(12 * np.log2(inner / pitch)).max() < 0.34
        assert found[0] == found[-1] == 0
    mels = [row["mel"].reshape(40, -1) for row in tables.iter_rows(speech[1]) if row["split"] == "train"]
    assert np.array_equal(np.array(tracks.mels[1]).T, mels[3])


def test_mels_of_other_recordings_are_refused(speech):
    """Pitch and mel would not be of the same frames."""
    corpus, mels = speech
    write_tables(mels.parent / "other", mels.parent / "others", [("a_1", "train", voice(120, 1.4), 16000)])
    with pytest.raises(tables.TableError, match="not of the same recordings"):
        track_pitches(corpus, mels.parent / "others", "train", 1, PITCH)


def test_utterances_without_text_are_left_to_the_encoder(speech, caplog):
    """Neither the pitch network nor HiFi-GAN reads them, and it is said; the rest keeps its order."""
    caplog.set_level("INFO")
    corpus, mels = speech
    rows = list(tables.iter_rows(corpus))
    rows[0]["normalized_text"] = rows[2]["normalized_text"] = ""
    tables.write_shard(corpus / "part-00000.parquet", tables.CORPUS, rows)
    assert choose_rows(corpus, "train", 99).tolist() == [0, 1, 2]
    tracks = track_pitches(corpus, mels, "train", 1, PITCH)
    assert np.median(tracks.pitches[0][tracks.pitches[0] > 0]) == pytest.approx(130, rel=0.02)
    recordings = Recordings(corpus, mels, "train")
    assert len(recordings) == 3
    assert np.array_equal(recordings.samples[0][:, 0], quantize(voice(130, 0.9)))
    assert len(Recordings(corpus, mels, "validation")) == 0
    assert f"table={mels} split=train skipped=1: utterances without text are for the encoder" in caplog.text
