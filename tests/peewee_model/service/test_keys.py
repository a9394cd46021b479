"""API keys: only their hashes are kept, and each has its rate."""

import pytest

from peewee_model.errors import ConfigError, PeeweeError
from peewee_model.service.keys import Key, Keys, Rates, digest_of, new_key


def test_key_is_found_by_its_hash_and_is_not_in_the_file(tmp_path):
    """Whoever reads the file can't use the server."""
    path = tmp_path / "keys"
    anna, bob = new_key(path, "anna"), new_key(path, "bob")
    keys = Keys(path)
    assert keys.find(f"Bearer {anna}").name == "anna"
    assert keys.find(f"bearer {bob}").name == "bob"
    assert anna not in path.read_text()
    assert digest_of(anna) in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer pw_x", "Basic {key}", "{key}", "Bearer {key}x"])
def test_another_header_finds_nobody(tmp_path, header):
    """Neither a part of a key nor another scheme."""
    key = new_key(tmp_path / "keys", "anna")
    assert Keys(tmp_path / "keys").find(header.format(key=key)) is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "holds no API key"),
        ("# none\n", "holds no API key"),
        ("anna secret\n", "line 1: no API key"),
        (f"anna {'0' * 64}\nanna {'1' * 64}\n", "line 2: anna is there twice"),
        (f"anna {'0' * 64} fast\n", "line 1"),
    ],
)
def test_broken_file_is_refused_by_its_line(tmp_path, text, named):
    """A server does not start without the keys that it was given."""
    (tmp_path / "keys").write_text(text)
    with pytest.raises(ConfigError, match=named):
        Keys(tmp_path / "keys")


def test_missing_file_and_bad_name_are_refused(tmp_path):
    """Each with its remedy."""
    with pytest.raises(PeeweeError, match="check the path of the API keys"):
        Keys(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="can't name a key"):
        new_key(tmp_path / "keys", "anna bell")
    new_key(tmp_path / "keys", "anna")
    with pytest.raises(ConfigError, match="has a key anna"):
        new_key(tmp_path / "keys", "anna")


def test_rate_lets_a_minutes_requests_through_and_says_when_the_next_may_come():
    """A key's own number goes before the server's."""
    rates, anna, bob = Rates(2), Key("anna", "", None), Key("bob", "", 120)
    assert [rates.wait_s(anna) for _ in range(2)] == [0.0, 0.0]
    assert rates.wait_s(anna) == pytest.approx(30.0, abs=0.1)
    assert [rates.wait_s(bob) for _ in range(120)] == [0.0] * 120
    assert rates.wait_s(bob) == pytest.approx(0.5, abs=0.1)
    assert Rates(0).wait_s(anna) == 0.0
