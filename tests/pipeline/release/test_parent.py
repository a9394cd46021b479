"""bundle's record of the release that training started from."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from peewee_model.release.manifest import MANIFEST
from peewee_model.store.store import open_store
from pipeline.release.evidence import BundleError
from pipeline.release.links import ReleaseLinks, hash_files
from pipeline.release.parent import read_parent
from pipeline.stages.fetch_base import fetch_base
from pipeline.warm_start import BASE, RECORD, RELEASE
from tests.peewee_model.releases import write_manifest, write_release

CORPUS = {
    "corpus": "toy", "subset": "clean", "url": "https://example.org/toy.tar.gz", "sha256": "ab" * 32,
    "licence": "CC BY 4.0", "n_speakers": 1, "n_utterances": 2, "hours": 0.5, "splits": {},
}  # fmt: skip


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """A project in which `fetch_base` ran; its parameters."""
    monkeypatch.chdir(tmp_path)
    write_release(tmp_path / "made")
    elder = {"version": "b" * 16, "store": "old", "parts": ["encoder"], "corpora": [], "parent": None}
    version = write_manifest(tmp_path / "made", corpora=[CORPUS], parent=elder)
    open_store("store").publish(tmp_path / "made", "stable", "a test")
    shutil.rmtree(tmp_path / "made")
    params = {"base": {"release": f"store@{version}", "parts": ["synthesizer"]}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    fetch_base()
    return params


def links():
    return ReleaseLinks(stages={"fetch_base": hash_files(path for path in BASE.rglob("*") if path.is_file())})


def test_parent_is_told_with_its_corpora_and_its_own_parent(fetched):
    """The record is made from the fetched files, and not from the store, which may have changed since."""
    shutil.rmtree("store")
    parent = read_parent(fetched, links())
    assert parent is not None
    assert f"{parent.store}@{parent.version}" == fetched["base"]["release"]
    assert parent.parts == ("synthesizer",)
    assert parent.corpora[0].licence == "CC BY 4.0"
    assert [release.version for release in parent.line] == [parent.version, "b" * 16]


@pytest.mark.parametrize("params", [{}, {"base": {"release": None, "parts": []}}])
def test_training_from_random_weights_has_no_parent(fetched, params):
    """Older records have no such section."""
    assert read_parent(params, links()) is None


def test_release_that_gave_no_weights_is_no_parent(fetched):
    """It is only compared with."""
    assert read_parent({"base": fetched["base"] | {"parts": []}}, links()) is None


@pytest.mark.parametrize("path", [RECORD, RELEASE / MANIFEST])
def test_files_other_than_were_fetched_are_refused(fetched, path):
    """The link of `fetch_base` shows it."""
    told = links()
    path.write_text(path.read_text() + " ")
    with pytest.raises(BundleError, match=f"{path}: expected sha256"):
        read_parent(fetched, told)


def test_record_of_another_release_is_refused(fetched):
    """Whatever the links say."""
    RECORD.write_text(json.dumps(json.loads(RECORD.read_text()) | {"version": "0" * 16}))
    with pytest.raises(BundleError, match=f"names release {'0' * 16}"):
        read_parent(fetched, links())
