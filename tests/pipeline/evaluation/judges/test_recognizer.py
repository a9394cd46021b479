import shutil

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.evaluation.config import EvaluationError, RecognizerConfig, check_recognizer
from pipeline.evaluation.judges.models import MOONSHINE, WHISPER, JudgeError
from pipeline.evaluation.judges.recognizer import Recognizer
from pipeline.evaluation.recognition import transcription_error_rates
from tests.pipeline.evaluation.judges.speech import TEXT, buzz, recording

NAMES = ("moonshine", "whisper", "pocketsphinx")


@pytest.fixture(scope="module", params=NAMES)
def recognizer(request):
    found = Recognizer(RecognizerConfig(name=request.param), "en-us")
    found.name = request.param
    return found


def test_person_is_understood(recognizer):
    """All but a few characters by the good ones, and nearly half by pocketsphinx; also louder than full scale."""
    loud = np.repeat(4 * recording(), 3)
    cer, _ = transcription_error_rates([TEXT], [recognizer.recognize(loud, 48_000)])
    assert cer <= (0.7 if recognizer.name == "pocketsphinx" else 0.03)


def test_each_utterance_is_recognized_as_if_it_were_the_first(recognizer):
    """If a recogniser adapted to earlier utterances, results would depend on order and on the number of workers."""
    speech = recording()[:24_000]
    first = recognizer.recognize(speech, 16_000)
    recognizer.recognize(buzz(150, 1.0), 16_000)
    assert recognizer.recognize(speech, 16_000) == first


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(32_000), 5e-4 * np.ones(3)])
def test_silence_says_nothing(recognizer, samples):
    """Whisper and Moonshine invent a word for it."""
    assert recognizer.recognize(samples.astype(np.float32), 24_000) == ""


def test_few_samples_are_no_error(recognizer):
    """A synthesizer may stop at its first frame."""
    recognizer.recognize(0.1 * np.ones(256, dtype=np.float32), 24_000)


@pytest.mark.parametrize("model", [MOONSHINE, WHISPER], ids=lambda model: model.name)
def test_model_in_a_folder_is_used_by_its_hash(tmp_path, model):
    """A user's own; other files are refused before any is opened."""
    folder = tmp_path / "model"
    shutil.copytree(model.find(), folder)
    own = RecognizerConfig(name=model.name, model=folder, sha256=model.sha256)
    packaged = RecognizerConfig(name=model.name)
    texts = [Recognizer(config, "en-us").recognize(recording()[:40_000], 16_000) for config in (own, packaged)]
    assert texts[0] == texts[1] != ""
    (folder / sorted(model.files)[0]).write_bytes(b"other")
    with pytest.raises(JudgeError, match=r"evaluate\.speech\.recognizer\.sha256"):
        Recognizer(own, "en-us")


def test_recognizer_is_named_in_a_word_or_as_a_folder(tmp_path):
    """Params.yaml has `recognizer: moonshine`, or a mapping with the model and its hash."""
    assert RecognizerConfig.model_validate("moonshine") == RecognizerConfig(name="moonshine")
    own = {"name": "whisper", "model": str(tmp_path), "sha256": "0" * 64}
    assert RecognizerConfig.model_validate(own).model == tmp_path
    for wrong in ("wisper", own | {"name": "pocketsphinx"}, {"name": "whisper", "model": "x"}, own | {"sha256": "12"}):
        with pytest.raises(ValidationError):
            RecognizerConfig.model_validate(wrong)


def test_language_is_checked_for_models_that_are_known(tmp_path):
    """They know English; what a user's own model knows, its user knows."""
    for name in NAMES:
        check_recognizer(RecognizerConfig(name=name), "en-us")
        with pytest.raises(EvaluationError, match=f"recognizer is {name}, which knows English, but .* is 'de'"):
            check_recognizer(RecognizerConfig(name=name), "de")
    check_recognizer(RecognizerConfig(name="none"), "de")
    check_recognizer(RecognizerConfig(name="whisper", model=tmp_path, sha256="0" * 64), "de")


@pytest.mark.system
def test_good_recognizers_understand_a_reader_far_better(kathleen):
    """The character error rate of 20 recordings; the figures that docs/experiments.md has."""
    clips, texts = kathleen
    rates = {}
    for name in NAMES:
        found = Recognizer(RecognizerConfig(name=name), "en-us")
        recognized = [found.recognize(clip.samples, clip.sample_rate) for clip in clips]
        rates[name], _ = transcription_error_rates(texts, recognized)
    assert rates["moonshine"] <= 0.03 and rates["whisper"] <= 0.04
    assert rates["pocketsphinx"] >= 5 * rates["moonshine"]
