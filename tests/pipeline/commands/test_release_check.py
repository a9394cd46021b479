import hashlib
import json

import numpy as np
import pytest

from peewee_model.audio.clip import encode_flac
from peewee_model.cloning import cloner
from peewee_model.cloning.speech import Speech
from peewee_model.errors import ConfigError
from peewee_model.store.store import open_store
from pipeline.commands import release_check
from pipeline.commands.listening_test import SENTENCES, UTTERANCES, ListeningTest
from pipeline.commands.release_check import main
from pipeline.evaluation.config import RecognizerConfig
from pipeline.evaluation.judges.models import MOONSHINE
from tests.peewee_model.releases import ACOUSTIC_MEL, write_manifest, write_release
from tests.servers import fault_proxy
from tests.servers.fault_proxy import Fault

SPOKEN = []
SAMPLE = "samples/u_ground_truth.flac"
OWN = {"name": "whisper", "model": "no-such-folder", "sha256": "0" * 64}


class Voice:
    """Stands in for a trained model, which takes minutes: it says any text with a sine."""

    level, truncated, s_per_character = 0.3, False, 0.07

    def clone(self, text, reference, seed):
        assert reference[0][:4] == b"fLaC"
        SPOKEN.append(text)
        n_samples = round(self.s_per_character * len(text) * 24_000)
        samples = np.float32(self.level) * np.sin(np.arange(n_samples, dtype=np.float32) / 20)
        return Speech(samples, 24_000, text, (), self.truncated)


@pytest.fixture
def released(tmp_path, monkeypatch):
    """`released(cer)`: a store whose channel points to a release with a recording; its evaluation found that CER."""
    folder = tmp_path / "release"
    write_release(folder)
    SPOKEN.clear()
    monkeypatch.setenv("PEEWEE_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(cloner.VoiceCloner, "load", lambda reference: Voice())
    monkeypatch.setattr(release_check, "_cer", lambda sentences, recognizer, spoken: 0.4)
    store = open_store(str(tmp_path / "store"))

    def release(cer, recording=True, language="en-us", recognizer="pocketsphinx", read_aloud=None, judges=None):
        config = {"mel": ACOUSTIC_MEL, "text": {"units": "graphemes", "language": language}}
        (folder / "synthesizer/config.json").write_text(json.dumps(config))
        (folder / "reports/plots").mkdir(exist_ok=True)
        (folder / UTTERANCES).unlink(missing_ok=True)
        if read_aloud is not None:
            (folder / UTTERANCES).write_text(read_aloud, encoding="utf-8")
        (folder / "samples").mkdir(exist_ok=True)
        (folder / SAMPLE).unlink(missing_ok=True)
        if recording:
            (folder / SAMPLE).write_bytes(encode_flac(np.zeros(16_000, dtype=np.float32), 16_000))
        (folder / "MODEL_CARD.md").write_text(f"{cer}\n")
        metrics = {} if cer is None else {"speech": {"synthesized": {"cer": cer}}}
        if judges:
            metrics["judges"] = judges
        params = {"evaluate": {"speech": {"recognizer": recognizer, "min_length_ratio": 0.5, "max_length_ratio": 2.0}}}
        version = write_manifest(folder, metrics=metrics, params=params)
        store.publish(folder, "stable", "gate passed")
        return version

    return release


def check(capsys, *arguments):
    code = main(["--roll-back", *arguments])
    said = capsys.readouterr()
    return code, json.loads(said.out.strip().splitlines()[-1]) if said.out.strip() else {"error": said.err}


def history(tmp_path):
    return [(item.entry.action, item.entry.version) for item in open_store(str(tmp_path / "store")).history("stable")]


def test_good_release_stays(released, capsys, tmp_path):
    """What the evaluation found, and a margin, is not exceeded."""
    version = released(0.3)
    code, verdict = check(capsys)
    assert code == 0
    assert (verdict["version"], verdict["passed"], verdict["cer"], verdict["max_cer"]) == (version, True, 0.4, 0.55)
    assert history(tmp_path) == [("publish", version)]


def test_release_that_is_not_understood_is_rolled_back(released, capsys, tmp_path):
    """The channel points to the release before, and its history has the reason; a second check adds nothing."""
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


def test_what_was_rolled_back_before_is_not_returned_to(released, capsys, tmp_path):
    """OLD, A, B, rollback to A: with A found bad it goes to OLD, as `peewee-tts release rollback` does, never to B."""
    old, a, b = released(0.3), released(0.1), released(0.2)
    store = open_store(str(tmp_path / "store"))
    store.roll_back("stable", "B lisps")
    assert store.resolve("stable") == a
    code, verdict = check(capsys)
    assert (code, verdict["version"], verdict["rolled_back_to"]) == (2, a, old)
    assert history(tmp_path)[2:] == [("publish", b), ("rollback", a), ("rollback", old)]


def test_reason_of_a_rollback_is_one_line_that_everybody_can_read(released, capsys, tmp_path, monkeypatch):
    """Whatever the error quotes."""
    good, _ = released(0.3), released(0.1)

    def fail(reference):
        raise ConfigError("f\udcfcr \x1b[2J\n" + 5000 * "x")

    monkeypatch.setattr(cloner.VoiceCloner, "load", fail)
    assert check(capsys)[1]["rolled_back_to"] == good
    reason = open_store(str(tmp_path / "store")).history("stable")[-1].entry.reason
    assert reason.startswith("release ") and "f?r ?[2J xxx" in reason
    assert len(reason) <= 1000


GERMAN = (
    "utterance_id,row,text,duration_s\n"
    "a,ground_truth,guten morgen zusammen.,2.0\na,synthesized,guten morgen zusammen.,9.0\n"
    'b,ground_truth,"wo, bitte, ist der bahnhof?",2.6\n'
)


def test_language_that_no_recogniser_knows_is_judged_by_level_and_length(released, capsys):
    """Its own held-out sentences are spoken, and the verdict says by what it was judged."""
    released(0.3, language="de", read_aloud=GERMAN)
    code, verdict = check(capsys)
    assert (code, verdict["passed"], verdict["cer"], verdict["max_cer"]) == (0, True, None, None)
    assert SPOKEN == ["guten morgen zusammen.", "wo, bitte, ist der bahnhof?"]
    assert verdict["judged_by"] == "level and length alone: pocketsphinx does not know the language 'de'"
    assert verdict["length_ratio"] == pytest.approx(0.07 * 49 / 4.6, abs=1e-3)


@pytest.mark.parametrize(("s_per_character", "passed"), [(0.01, False), (0.05, True), (0.15, True), (0.3, False)])
def test_length_that_no_person_would_need_is_bad(released, capsys, monkeypatch, s_per_character, passed):
    """Half as long to twice as long as people need, as the release's own parameters have it."""
    good, _ = released(0.2), released(0.3, language="de", read_aloud=GERMAN)
    monkeypatch.setattr(Voice, "s_per_character", s_per_character)
    code, verdict = check(capsys)
    assert (code, verdict["passed"]) == ((0, True) if passed else (2, False))
    assert verdict["rolled_back_to"] == (None if passed else good)
    assert passed or "it should be 0.5 to 2 times as long" in verdict["reason"]


def test_release_without_sentences_of_its_language_is_not_judged(released, capsys, tmp_path):
    """English ones would fail a good release: no verdict, no rollback."""
    released(0.3)
    released(0.3, language="de")
    code, verdict = check(capsys)
    assert code == 2
    assert "speaks de, and holds no sentences of it" in verdict["error"]
    assert len(history(tmp_path)) == 2


@pytest.mark.parametrize(
    ("recognizer", "why"),
    [("none", "evaluated without a recogniser"), ("vosk", "'vosk', which is not at hand"), (OWN, "no-such-folder")],
)
def test_recogniser_of_the_evaluation_is_the_one_that_judges(released, capsys, recognizer, why):
    """Another one has other error rates: then nothing is recognized."""
    released(0.3, recognizer=recognizer)
    verdict = check(capsys)[1]
    assert verdict["passed"] is True
    assert why in verdict["judged_by"]
    assert list(SENTENCES) == SPOKEN


@pytest.mark.parametrize(("sha256", "is_same"), [(MOONSHINE.sha256, True), ("0" * 64, False)])
def test_other_model_of_the_same_recogniser_does_not_judge(released, capsys, sha256, is_same):
    """A release records which files judged it; others have other error rates."""
    released(0.3, recognizer="moonshine", judges={"recognizer": {"name": "moonshine", "sha256": sha256}})
    verdict = check(capsys)[1]
    assert verdict["passed"] is True
    assert (verdict["cer"] is not None) == is_same
    assert verdict["judged_by"] == (
        "level and moonshine"
        if is_same
        else "level and length alone: the release was evaluated with another model of moonshine"
    )


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [("PEEWEE_CUDA_GRAPHS", "yes", "PEEWEE_CUDA_GRAPHS"), ("PEEWEE_PUBLIC_KEY", "/no/such.pem", "can't be read")],
)
def test_settings_of_this_machine_are_no_fault_of_the_release(
    released, capsys, tmp_path, monkeypatch, name, value, says
):
    """No verdict, and nothing is rolled back."""
    released(0.3)
    released(0.31)
    monkeypatch.setenv(name, value)
    code, verdict = check(capsys)
    assert code == 2
    assert says in verdict["error"]
    assert len(history(tmp_path)) == 2


@pytest.mark.system
@pytest.mark.parametrize("requests", [range(1000), range(5, 1000), range(4, 5), range(7, 8), range(11, 12)], ids=str)
def test_store_that_is_lost_midway_rolls_nothing_back(moto, moto_bucket, capsys, monkeypatch, tmp_path, requests):
    """A real server, behind a proxy that drops connections: for good, or once, so that a rollback could be written."""
    address = f"s3://{moto_bucket}/store"
    monkeypatch.setattr(cloner.VoiceCloner, "load", load_and_speak)
    monkeypatch.setattr(release_check, "_cer", lambda sentences, recognizer, spoken: 0.4)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name in ("first", "second"):
        folder = tmp_path / name
        write_release(folder, text=name)
        (folder / "samples").mkdir()
        (folder / SAMPLE).write_bytes(encode_flac(np.zeros(16_000, dtype=np.float32), 16_000))
        config = {"mel": ACOUSTIC_MEL, "text": {"units": "graphemes", "language": "en-us"}}
        (folder / "synthesizer/config.json").write_text(json.dumps(config))
        write_manifest(folder, params={"evaluate": {"speech": {"recognizer": "pocketsphinx"}}})
        open_store(address).publish(folder, "stable", name)
    before = open_store(address).history("stable")

    def lost(request):
        return Fault.DROP if request.number in requests else Fault.NONE

    with fault_proxy.before(moto.endpoint, lost) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        code, verdict = check(capsys, "--store", address)
        dropped = proxy.faults.total()
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto.endpoint)
    assert dropped, "the check had ended before the server was lost"
    assert code == 75
    assert "error" in verdict
    assert open_store(address).history("stable") == before


def load_and_speak(reference):
    """Read a release as a consumer does; of its weights no model can be made."""
    address, _, version = reference.rpartition("@")
    open_store(address).fetch(version)
    return Voice()


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
    """Somebody has set it since: it points to another release than the one that was checked."""
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


@pytest.mark.system
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
    moonshine = RecognizerConfig(name="moonshine")
    test = ListeningTest(b"", SENTENCES, "en-us", 0.07, moonshine, "")
    assert release_check._cer(test, moonshine, [(noise, 24_000)] * len(SENTENCES)) > 0.6
