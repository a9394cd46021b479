"""Content Credentials in files of speech."""

import numpy as np
import pytest
import soundfile

from peewee_model import environment
from peewee_model.cloning.sound_file import FORMATS, encode
from peewee_model.errors import ConfigError
from peewee_model.marking import credentials
from peewee_model.recordings.reading import read_clip
from tests.peewee_model.service.test_formats import chirp

HOLDING = [ending for ending in FORMATS if ending in credentials.KINDS]


@pytest.mark.parametrize("ending", HOLDING)
def test_a_signed_file_says_that_it_is_synthetic(ending):
    """And has the samples that it had."""
    content = encode(chirp(), 16_000, ending)
    assert credentials.read(content) is None
    signed = credentials.sign(content, ending)
    found = credentials.read(signed)
    assert found.synthetic and found.intact
    assert found.generator.startswith("Pee Wee TTS ")
    assert found.signer == "Pee Wee TTS, not verified"
    np.testing.assert_array_equal(read_clip(signed).samples, read_clip(content).samples)


@pytest.mark.parametrize("ending", HOLDING)
def test_a_file_that_was_changed_since_is_seen(ending):
    """A sample in the middle is another one."""
    content = encode(chirp(), 16_000, ending)
    signed = bytearray(credentials.sign(content, ending))
    middle = len(content) // 2
    signed[signed.index(content[middle : middle + 64])] ^= 1
    assert not credentials.read(bytes(signed)).intact


def test_files_that_hold_none_are_read(tmp_path):
    """Ogg, nothing, and what is no sound."""
    soundfile.write(tmp_path / "a.ogg", chirp(), 16_000)
    for content in ((tmp_path / "a.ogg").read_bytes(), b"", b"RIFF", b"fLaC" + bytes(100), b"ID3" + bytes(100)):
        assert credentials.read(content) is None


def test_an_operators_certificates_sign(tmp_path, monkeypatch):
    """Those of a folder, in place of this process's own."""
    chain, key = credentials._own_identity.__wrapped__()
    (tmp_path / "chain.pem").write_bytes(chain)
    (tmp_path / "key.pem").write_bytes(key)
    monkeypatch.setenv(environment.CREDENTIALS.name, str(tmp_path))
    assert credentials.read(credentials.sign(encode(chirp(), 16_000, ".wav"), ".wav")).intact


@pytest.mark.parametrize("spoilt", ["chain.pem", "key.pem", None])
def test_certificates_that_cannot_sign_are_named(tmp_path, monkeypatch, spoilt):
    """Nothing is written without a signature in their place."""
    if spoilt:
        for name, content in zip(("chain.pem", "key.pem"), credentials._own_identity(), strict=True):
            (tmp_path / name).write_bytes(b"no certificate" if name == spoilt else content)
    monkeypatch.setenv(environment.CREDENTIALS.name, str(tmp_path))
    with pytest.raises(ConfigError, match="PEEWEE_CREDENTIALS"):
        credentials.sign(encode(chirp(), 16_000, ".wav"), ".wav")
