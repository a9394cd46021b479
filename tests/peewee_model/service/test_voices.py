"""Voices on the disk: whole or absent, private, and gone when deleted."""

import pytest
import torch

from peewee_model.errors import PeeweeError
from peewee_model.service.engine import EMBEDDING
from peewee_model.service.voices import Consent, Voice, VoiceStore, new_id, now

ENCODER = "0123456789abcdef"


def consent(owner="anna"):
    return Consent(id=new_id("consents"), name="Anna", language="en", created_at=now(), owner=owner)


def voice(allowed, owner="anna"):
    return Voice(id=new_id("voices"), name="v", created_at=now(), owner=owner, consent=allowed, likeness=0.9)


def tensors():
    return {EMBEDDING: torch.arange(4.0), "timbre": torch.ones(2, 3)}


def test_tensors_of_any_names_come_back(tmp_path):
    """A later network may need more than an embedding."""
    store, record = VoiceStore(tmp_path), voice(consent())
    store.add("voices", record, ENCODER, tensors(), None)
    found = VoiceStore(tmp_path).tensors("voices", record.id, ENCODER)
    assert found.keys() == tensors().keys()
    assert all(torch.equal(found[name], tensors()[name]) for name in found)
    assert store.voice(record.id, "anna") == record
    assert store.voice(record.id, "bob") is None
    assert store.tensors("voices", record.id, "f" * 16) is None


@pytest.mark.parametrize("name", ["../consents", "voice_", "voice_" + "g" * 24, "cons_" + "0" * 24, "", "/etc/passwd"])
def test_name_that_is_no_identifier_is_nobody(tmp_path, name):
    """No path is made of it."""
    assert VoiceStore(tmp_path).voice(name, "") is None


def test_remainder_of_a_crash_is_removed_at_the_next_start(tmp_path):
    """The record is written last and removed first, so a folder without one is half a voice."""
    store, record = VoiceStore(tmp_path), voice(consent())
    store.add("voices", record, ENCODER, tensors(), b"recording")
    (tmp_path / "voices" / record.id / "record.json").unlink()
    assert store.voices("anna") == []
    VoiceStore(tmp_path)
    assert list((tmp_path / "voices").iterdir()) == []


def test_deleted_consent_takes_its_own_voices_alone(tmp_path):
    """Those of another consent stay."""
    store, allowed, other = VoiceStore(tmp_path), consent(), consent()
    for one in (allowed, other):
        store.add("consents", one, ENCODER, tensors(), None)
    gone, stays = voice(allowed), voice(other)
    for one in (gone, stays):
        store.add("voices", one, ENCODER, tensors(), None)
    store.delete("consents", allowed.id)
    assert store.voices("anna") == [stays]
    assert store.consents("anna") == [other]
    store.add_tensors("voices", gone.id, "f" * 16, tensors())
    assert not (tmp_path / "voices" / gone.id).exists(), "what was computed in the meantime is not stored"


def test_folder_that_can_not_be_made_is_named(tmp_path):
    """At the start, and not at the first voice."""
    (tmp_path / "file").write_text("")
    with pytest.raises(PeeweeError, match="can't hold voices"):
        VoiceStore(tmp_path / "file")
