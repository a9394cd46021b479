"""espeak-ng, from the wheel `espeakng-loader`, bound by ctypes: its phonemes, and its synthetic voices.

The library keeps its state in global variables: the voice, the settings, and the phase of its slow pitch flutter. No
call resets that phase, so a sentence would sound a little different each time. This has two consequences. One lock
protects every call. And `speak` loads the library again for each utterance, which takes 5 ms, so that the samples
depend on the arguments alone. Phonemes do not depend on that state, so `phonemize` keeps the library loaded.
"""

import _ctypes
import atexit
import ctypes
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peewee_model.errors import ConfigError, TextError

# Names and values of espeak-ng's speak_lib.h.
_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARACTERS_UTF8 = 1
_POSITION_CHARACTER = 1
_PHONEMES_IPA = 0x02
_RATE, _VOLUME, _PITCH, _RANGE, _PUNCTUATION, _CAPITALS, _WORD_GAP = range(1, 8)

_SynthCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

_lock = threading.RLock()
_library: ctypes.CDLL | None = None
_sample_rate = 0


def variants() -> list[str]:
    """List the voice variants of espeak-ng's data, for `speak`."""
    return sorted(path.name for path in (_data_folder() / "voices" / "!v").iterdir() if path.is_file())


def phonemize(text: str, language: str) -> str:
    """Say how a text is pronounced, in IPA with stress marks and spaces between words.

    Args:
        text: Words. Punctuation separates the clauses and is not returned.
        language: A language of espeak-ng, such as "en-us".

    Raises:
        ConfigError: If espeak-ng has no such language.
        TextError: If the text holds a NUL, where espeak-ng would stop reading.
    """
    _refuse_nul(text)
    with _lock, _loaded() as library:
        _set_voice(library, language)
        buffer = ctypes.create_string_buffer(text.encode("utf-8"))
        cursor = ctypes.c_void_p(ctypes.addressof(buffer))
        clauses = []
        while cursor.value:
            found = library.espeak_TextToPhonemes(ctypes.byref(cursor), _CHARACTERS_UTF8, _PHONEMES_IPA)
            clauses.append((found or b"").decode("utf-8").strip())
        return " ".join(clause for clause in clauses if clause)


def speak(text: str, *, voice: str, variant: str, pitch: int, rate: int) -> tuple[NDArray[np.int16], int]:
    """Read a text aloud with a synthetic voice. The same arguments give the same samples, whatever was spoken before.

    Args:
        text: Words and punctuation.
        voice: A language or accent of espeak-ng, such as "en-us" or "en-gb-scotland".
        variant: One of `variants()`: the speaker.
        pitch: 0 to 99, 50 is the variant's own.
        rate: Words a minute, 80 to 450.

    Returns:
        Samples (S,) and their sample rate in Hz, which is espeak-ng's own, 22,050.

    Raises:
        ConfigError: If the voice or the variant does not exist, or a number is out of its range.
        TextError: If nothing can be spoken.
    """
    _check_speaker(variant, pitch, rate)
    _refuse_nul(text)
    spoken: list[bytes] = []

    def collect(samples: "ctypes._Pointer[ctypes.c_short]", n_samples: int, _events: int | None) -> int:
        if samples and n_samples > 0:
            spoken.append(ctypes.string_at(samples, 2 * n_samples))
        return 0

    callback = _SynthCallback(collect)
    with _lock:
        _unload()
        with _loaded() as library:
            library.espeak_SetSynthCallback(callback)
            _set_voice(library, voice, variant)
            settings = ((_RATE, rate), (_VOLUME, 100), (_PITCH, pitch), (_RANGE, 50), (_PUNCTUATION, 0), (_CAPITALS, 0))
            for parameter, value in (*settings, (_WORD_GAP, 0)):
                library.espeak_SetParameter(parameter, value, 0)
            data = text.encode("utf-8") + b"\0"
            library.espeak_Synth(data, len(data), 0, _POSITION_CHARACTER, 0, _CHARACTERS_UTF8, None, None)
            library.espeak_Synchronize()
        _unload()
    samples = np.frombuffer(b"".join(spoken), dtype=np.int16)
    if not samples.any():
        raise TextError(f"espeak-ng speaks nothing for {text[:40]!r}; give it words")
    return samples, _sample_rate


def _check_speaker(variant: str, pitch: int, rate: int) -> None:
    # espeak-ng accepts any variant, and uses its plain voice if there is no such file.
    if variant not in variants():
        raise ConfigError(f"espeak-ng has no voice variant {variant!r}; it has {', '.join(variants())}")
    if not 0 <= pitch <= 99:
        raise ConfigError(f"pitch is {pitch}; espeak-ng takes 0 to 99")
    if not 80 <= rate <= 450:
        raise ConfigError(f"rate is {rate} words a minute; espeak-ng takes 80 to 450")


def _refuse_nul(text: str) -> None:
    if "\0" in text:
        raise TextError(f"the text holds a NUL (U+0000) at character {text.index(chr(0))}; remove it")


def _set_voice(library: ctypes.CDLL, language: str, variant: str = "") -> None:
    file = _language_files().get(language.lower())
    if file is None or library.espeak_SetVoiceByName(f"{file}+{variant}".rstrip("+").encode("utf-8")) != 0:
        raise ConfigError(f"espeak-ng has no language {language!r}; 'en-us' and 'en-gb' are two of those that it has")


@cache
def _language_files() -> dict[str, str]:
    """Map languages to voice files. "en-gb" is in the file `en`, which espeak-ng's search by name does not find."""
    ranked: dict[str, tuple[int, str]] = {}
    for path in sorted((_data_folder() / "lang").rglob("*")):
        if path.is_file():
            ranked[path.name.lower()] = (0, path.name)
            for line in path.read_text(encoding="utf-8").splitlines():
                match line.split():
                    case ["language", name, *priority]:
                        rank = (int(priority[0]) if priority else 5, path.name)
                        ranked[name.lower()] = min(rank, ranked.get(name.lower(), rank))
    return {name: file for name, (_, file) in ranked.items()}


@cache
def _data_folder() -> Path:
    """Find espeak-ng's data. If its path is too long for the library's 160 bytes, return a link to it."""
    import espeakng_loader

    folder = Path(espeakng_loader.get_data_path())
    if len(os.fsencode(folder)) < 130:
        return folder
    try:
        short = Path(tempfile.mkdtemp(prefix="espeak-"))
        atexit.register(shutil.rmtree, short, ignore_errors=True)
        (short / folder.name).symlink_to(folder)
    except OSError as error:
        raise ConfigError(
            f"espeak-ng reads no path as long as {folder}, and no link to it can be made: {error.strerror}; set TMPDIR "
            "to a folder that can be written"
        ) from None
    return short / folder.name


@contextmanager
def _loaded() -> Iterator[ctypes.CDLL]:
    global _library, _sample_rate
    if _library is None:
        import espeakng_loader

        library = ctypes.CDLL(espeakng_loader.get_library_path())
        library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
        library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.c_int]
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        library.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
            ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip
        library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
        library.espeak_ng_SetRandSeed.restype = None
        path = os.fsencode(_data_folder())
        _sample_rate = library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, path, _INITIALIZE_DONT_EXIT)
        if _sample_rate <= 0:
            raise ConfigError(f"espeak-ng can't read its data in {_data_folder()}; reinstall the wheel espeakng-loader")
        library.espeak_ng_SetRandSeed(1)  # the breath of breathy variants
        _library = library
    yield _library


def _unload() -> None:
    global _library
    if _library is not None:
        _library.espeak_Terminate()
        handle, _library = _library._handle, None
        _ctypes.dlclose(handle)
