import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from peewee_model.audio.clip import encode_flac
from peewee_model.cloning import cloner
from peewee_model.store.store import open_store
from pipeline.commands import release_check
from pipeline.commands.release_check import SENTENCES, main
from tests.peewee_model.releases import write_manifest, write_release

SAMPLE = "samples/u_ground_truth.flac"


class Voice:
    """Stands in for a trained model, which takes minutes: it says with a sine what it is told to; see `says`."""

    level, truncated = 0.3, False

    def clone(self, text, reference, seed):
        assert reference[0][:4] == b"fLaC"
        samples = np.float32(self.level) * np.sin(np.arange(24_000, dtype=np.float32) / 20)
        return cloner.Speech(samples, 24_000, text, (), self.truncated)


@pytest.fixture
def released(tmp_path, monkeypatch):
    """`released(cer)`: a store whose channel means a release with a recording; its evaluation found that CER."""
    folder = tmp_path / "release"
    write_release(folder)
    monkeypatch.setenv("PEEWEE_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(cloner.VoiceCloner, "load", lambda reference: Voice())
    monkeypatch.setattr(release_check, "_cer", lambda spoken: 0.4)
    store = open_store(str(tmp_path / "store"))

    def release(cer: float | None, recording: bool = True) -> str:
        (folder / "samples").mkdir(exist_ok=True)
        (folder / SAMPLE).unlink(missing_ok=True)
        if recording:
            (folder / SAMPLE).write_bytes(encode_flac(np.zeros(16_000, dtype=np.float32), 16_000))
        (folder / "MODEL_CARD.md").write_text(f"{cer}\n")
        version = write_manifest(folder, metrics={} if cer is None else {"speech": {"synthesized": {"cer": cer}}})
        store.publish(folder, "stable", "gate passed")
        return version

    return release


def check(capsys, *arguments: str) -> tuple[int, dict]:
    code = main(["--roll-back", *arguments])
    said = capsys.readouterr()
    return code, json.loads(said.out.strip().splitlines()[-1]) if said.out.strip() else {"error": said.err}


def history(tmp_path: Path) -> list[tuple[str, str]]:
    return [(item.entry.action, item.entry.version) for item in open_store(str(tmp_path / "store")).history("stable")]


def test_good_release_stays(released, capsys, tmp_path):
    """What the evaluation found, and a margin, is not exceeded."""
    version = released(0.3)
    code, verdict = check(capsys)
    assert code == 0
    assert (verdict["version"], verdict["passed"], verdict["cer"], verdict["max_cer"]) == (version, True, 0.4, 0.55)
    assert history(tmp_path) == [("publish", version)]


def test_release_that_is_not_understood_is_rolled_back(released, capsys, tmp_path):
    """The channel means the release before, and the reason stands in its history; a second check adds nothing."""
    good, bad = released(0.3), released(0.1)
    code, verdict = check(capsys, "--version", bad)
    assert code == 2
    assert verdict["rolled_back_to"] == good
    assert "40% of the characters" in verdict["reason"]
    assert history(tmp_path) == [("publish", good), ("publish", bad), ("rollback", good)]
    assert check(capsys, "--version", bad)[1]["rolled_back_to"] is None
    assert len(history(tmp_path)) == 3


def test_second_bad_release_goes_back_to_the_good_one(released, capsys, tmp_path):
    """Not to the bad one before it."""
    good, bad = released(0.3), released(0.1)
    check(capsys, "--version", bad)
    worse = released(0.05)
    assert check(capsys, "--version", worse)[1]["rolled_back_to"] == good


def test_damaged_file_in_the_store_is_rolled_back(released, capsys, tmp_path):
    """Every file at rest is compared, those too that no model reads."""
    good, bad = released(0.3), released(0.31)
    card = tmp_path / "store/releases" / bad / "MODEL_CARD.md"
    card.chmod(0o644)
    card.write_text("0.32\n")
    code, verdict = check(capsys, "--version", bad)
    assert (code, verdict["rolled_back_to"]) == (2, good)
    assert "MODEL_CARD.md" in verdict["reason"]


def test_channel_that_moved_on_is_left_alone(released, capsys, tmp_path):
    """Somebody has set it since: what it means now is not what was checked."""
    bad, later = released(0.1), released(0.3)
    code, verdict = check(capsys, "--version", bad)
    assert (code, verdict["rolled_back_to"]) == (2, None)
    assert history(tmp_path)[-1] == ("publish", later)


def test_first_release_can_t_be_rolled_back(released, capsys, tmp_path):
    """There is nothing before it; people hear of it by the exit code."""
    bad = released(0.1)
    code, verdict = check(capsys)
    assert (code, verdict["rolled_back_to"]) == (2, None)
    assert history(tmp_path) == [("publish", bad)]


def test_silence_is_bad(released, capsys, monkeypatch):
    """Whatever a recognizer makes of it."""
    released(0.3)
    monkeypatch.setattr(Voice, "level", 1e-5)
    assert "level of" in check(capsys)[1]["reason"]


def test_release_of_another_kind_is_not_judged(released, capsys, tmp_path):
    """Without a recording nothing can be cloned: a refusal, no verdict, no rollback."""
    released(0.3)
    plain = released(0.3, recording=False)
    code, verdict = check(capsys)
    assert code == 2
    assert "holds no recording" in verdict["error"]
    assert history(tmp_path)[-1] == ("publish", plain)


def test_store_out_of_reach_rolls_nothing_back(capsys, monkeypatch):
    """It says nothing about the release; to be tried again."""
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "r",
    }.items():
        monkeypatch.setenv(name, value)
    code, verdict = check(capsys, "--store", "s3://bucket/store", "--version", hashlib.sha256(b"x").hexdigest()[:16])
    assert code == 75
    assert "127.0.0.1:1" in verdict["error"]


def test_recognizer_understands_nothing_in_noise():
    """Its figure is one that can fail a release."""
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(48_000).astype(np.float32) * np.float32(0.1)
    assert release_check._cer([(noise, 24_000)] * len(SENTENCES)) > 0.6
