"""espeak-ng, bound: what is spoken depends on the arguments alone."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from peewee_model.errors import ConfigError, TextError
from peewee_model.text.symbols.espeak import phonemize, speak, variants

ROOT = Path(__file__).parents[4]


def spoken(text, variant="m3", pitch=50, rate=165):
    samples, _ = speak(text, voice="en-us", variant=variant, pitch=pitch, rate=rate)
    return hashlib.sha256(samples.tobytes()).hexdigest()


def test_speech_is_sixteen_bit_at_the_stated_rate_and_as_long_as_words_take():
    """The mini corpus is made of it."""
    samples, sample_rate = speak("The cat sat on the mat.", voice="en-us", variant="f1", pitch=50, rate=165)
    assert (samples.dtype, samples.ndim, sample_rate) == (np.int16, 1, 22_050)
    assert 1.0 < len(samples) / sample_rate < 3.0
    assert np.abs(samples.astype(int)).max() > 5_000


@pytest.mark.parametrize("variant", ["m3", "f2", "whisper"])
def test_same_arguments_give_same_samples_whatever_was_said_before(variant):
    """espeak keeps no state between calls."""
    first = spoken("The cat sat on the mat.", variant)
    spoken("Something else was said, much longer than that.", "f1", 80, 150)
    phonemize("and read", "en-gb")
    assert spoken("The cat sat on the mat.", variant) == first


def test_same_arguments_give_same_samples_in_another_process():
    """The mini corpus has a hash."""
    code = (
        "import hashlib; from peewee_model.text.symbols.espeak import speak;"
        "samples = speak('A cat.', voice='en-us', variant='m3', pitch=50, rate=165)[0];"
        "print(hashlib.sha256(samples.tobytes()).hexdigest())"
    )
    spoken("Something else.")
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert other.strip() == spoken("A cat.")


def test_threads_do_not_disturb_each_other():
    """espeak itself is not thread-safe."""
    texts = [f"The cat sat on mat number {word}." for word in ("one", "two", "three", "four")]
    alone = [spoken(text) for text in texts] + [phonemize(text, "en-us") for text in texts]
    with ThreadPoolExecutor(4) as pool:
        together = [*pool.map(spoken, texts), *pool.map(lambda text: phonemize(text, "en-us"), texts)]
    assert together == alone


def test_variant_pitch_rate_and_accent_change_the_speech():
    """Voices of the mini corpus differ by them."""
    plain = {"voice": "en-us", "variant": "m3", "pitch": 50, "rate": 165}
    changes = [{}, {"variant": "m1"}, {"pitch": 70}, {"rate": 190}, {"voice": "en-gb-scotland"}]
    assert len({speak("Hello there.", **{**plain, **change})[0].tobytes() for change in changes}) == len(changes)


def test_phonemes_follow_the_language_and_part_the_words():
    """A space stays between words."""
    assert phonemize("the cat sat, on a mat.", "en-us") == "ðə kˈæt sˈæt ˌɔn ɐ mˈæt"
    assert phonemize("tomato", "en-us") != phonemize("tomato", "en-gb")
    assert phonemize("", "en-us") == ""


def test_unknown_variant_is_an_error_that_names_the_known_ones():
    """espeak would speak with the default."""
    with pytest.raises(ConfigError, match=r"no voice variant 'f99'; it has .*f1, f2.*whisper"):
        spoken("Hello.", "f99")


@pytest.mark.parametrize("variant", ["", "../m3", "m3\0", "M3"])
def test_variant_must_be_the_name_of_a_file(variant):
    """A path could leave the data folder."""
    assert variant not in variants()
    with pytest.raises(ConfigError, match="no voice variant"):
        spoken("Hello.", variant)


@pytest.mark.parametrize("language", ["", "tlh", "en-us+f2", "../en", "en\0"])
def test_unknown_language_is_an_error(language):
    """espeak would speak English."""
    with pytest.raises(ConfigError, match="no language"):
        phonemize("hello", language)
    with pytest.raises(ConfigError, match="no language"):
        speak("hello", voice=language, variant="m3", pitch=50, rate=165)


@pytest.mark.parametrize(("pitch", "rate", "named"), [(-1, 165, "pitch is -1"), (100, 165, "pitch is 100"),
                                                       (50, 79, "rate is 79"), (50, 451, "rate is 451")])  # fmt: skip
def test_number_out_of_range_is_an_error(pitch, rate, named):
    """espeak would clip it without a word."""
    with pytest.raises(ConfigError, match=named):
        spoken("Hello.", pitch=pitch, rate=rate)


@pytest.mark.parametrize("text", ["", "...", " "])
def test_nothing_to_speak_is_an_error(text):
    """An empty recording helps nobody."""
    with pytest.raises(TextError, match="speaks nothing"):
        spoken(text)


def test_nul_is_an_error_because_espeak_would_stop_there():
    """The rest would be lost."""
    with pytest.raises(TextError, match="NUL"):
        phonemize("a\0b", "en-us")
    with pytest.raises(TextError, match="NUL"):
        spoken("a\0b")


def test_data_folder_with_a_long_path_is_read(tmp_path):
    """A package may be installed deep in folders."""
    import espeakng_loader

    package = tmp_path / ("deep" * 30) / ("deeper" * 20)
    package.mkdir(parents=True)
    (package / "espeakng_loader").symlink_to(Path(espeakng_loader.__file__).parent)
    code = "from peewee_model.text.symbols.espeak import phonemize; print(phonemize('cat', 'en-us'))"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": f"{package}:{ROOT}", "PYTHONUTF8": "1"},
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == "kˈæt"
