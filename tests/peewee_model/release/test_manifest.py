import json
import subprocess
import sys

import pytest

from peewee_model.errors import ConfigError, ReleaseNotFoundError, TamperedReleaseError
from peewee_model.release.manifest import Manifest, mel_configs, read_manifest, version_of
from peewee_model.release.verification import verify_release
from tests.peewee_model.tamperings import FORGERIES, TAMPERINGS


def test_verification_passes_an_untouched_release(bare_release):
    """What was just written is right."""
    folder, version = bare_release
    manifest = verify_release(folder, version)
    assert manifest.files["MODEL_CARD.md"].size == len("# A voice\n")
    assert read_manifest(folder) == (manifest, version)


def test_manifest_bytes_are_the_same_whatever_the_order_of_its_parts(bare_release):
    """The version is a hash of them."""
    manifest, _ = read_manifest(bare_release[0])
    backwards = json.loads(json.dumps(manifest.model_dump()))
    backwards["files"] = dict(reversed(backwards["files"].items()))
    again = Manifest.model_validate_json(json.dumps(backwards))
    assert again.to_bytes() == manifest.to_bytes()
    assert version_of(again.to_bytes()) == version_of(manifest.to_bytes())
    assert Manifest.model_validate_json(manifest.to_bytes()) == manifest


def test_manifest_of_a_release_without_a_parent_does_not_speak_of_one(bare_release):
    """As before there were parents: its bytes, and so its version, stay."""
    manifest, _ = read_manifest(bare_release[0])
    assert manifest.parent is None
    assert "parent" not in json.loads(manifest.to_bytes())


def test_manifest_with_parents_is_read_as_it_was_written(bare_release, sign):
    """All of them, the nearest first."""
    elder = {"version": "b" * 16, "store": "s", "parts": ["encoder"], "corpora": [], "parent": None}
    version = sign(bare_release[0], parent=elder | {"version": "a" * 16, "parent": elder})
    manifest = verify_release(bare_release[0], version)
    assert manifest.parent is not None
    assert [release.version for release in manifest.parent.line] == ["a" * 16, "b" * 16]
    assert Manifest.model_validate_json(manifest.to_bytes()) == manifest


@pytest.mark.parametrize("wrong", [{"version": "../../../etc"}, {"version": "A" * 16}, {"more": 1}, {"parts": "all"}])
def test_parent_that_is_none_is_refused(bare_release, sign, wrong):
    """Its version becomes a path in a store."""
    entry = {"version": "a" * 16, "store": "s", "parts": [], "corpora": [], "parent": None}
    version = sign(bare_release[0], parent=entry | wrong)
    with pytest.raises(TamperedReleaseError, match="parent"):
        verify_release(bare_release[0], version)


def test_manifest_with_a_metric_that_is_no_number_is_refused(bare_release):
    """NaN has no JSON."""
    manifest, _ = read_manifest(bare_release[0])
    with pytest.raises(ConfigError, match="NaN"):
        manifest.model_copy(update={"metrics": {"eer": float("nan")}}).to_bytes()


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda function: function.__name__)
def test_verification_names_the_file_that_was_tampered_with(bare_release, tamper):
    """Whatever was done to it."""
    folder, version = bare_release
    name = tamper(folder)
    with pytest.raises(TamperedReleaseError) as caught:
        verify_release(folder, version)
    assert str(folder / name) in str(caught.value)
    assert "expected" in str(caught.value) and "found" in str(caught.value)


def test_verification_refuses_the_manifest_of_another_release(bare_release, sign):
    """A whole release under another's version is another release."""
    folder, version = bare_release
    (folder / "MODEL_CARD.md").write_text("# An older and worse voice\n")
    older = sign(folder)
    assert verify_release(folder, older)
    with pytest.raises(TamperedReleaseError, match=rf"expected version {version}, found version {older}"):
        verify_release(folder, version)


def test_verification_refuses_a_release_that_is_a_link(bare_release, tmp_path):
    """What it points to can change later."""
    folder, version = bare_release
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(TamperedReleaseError, match="a link"):
        verify_release(tmp_path / "link", version)


def test_verification_reports_a_release_without_manifest_as_half_there(bare_release):
    """The manifest is written last."""
    folder, version = bare_release
    (folder / "manifest.json").unlink()
    with pytest.raises(ReleaseNotFoundError, match="half"):
        verify_release(folder, version)


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.title)
def test_verification_refuses_a_signed_release_that_is_none(bare_release, forgery):
    """A signature covers files that have to be there."""
    folder, _ = bare_release
    version = forgery.make(folder)
    with pytest.raises(TamperedReleaseError, match=forgery.complaint):
        verify_release(folder, version)


def test_mel_configs_that_differ_are_named_with_field_and_values():
    """A vocoder for another mel speaks noise."""
    mel = {"sample_rate": 24000, "hop_length": 256}
    models = {"encoder": {"mel": {}}, "synthesizer": {"mel": mel}, "vocoder": {"mel": mel | {"hop_length": 300}}}
    with pytest.raises(ConfigError, match=r"mel\.hop_length is 256 and 300"):
        mel_configs(models)
    with pytest.raises(ConfigError, match=r"vocoder/config\.json has no section `mel`"):
        mel_configs(models | {"vocoder": {}})


def test_release_and_store_import_neither_torch_nor_numpy():
    """They have to be fast and to run where no model does."""
    code = "import sys, peewee_model.store.store; print(sorted({'torch', 'numpy', 'boto3'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
