import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peewee_model.errors import ConfigError, ReleaseNotFoundError, TamperedReleaseError
from peewee_model.release import Manifest, mel_configs, read_manifest, verify_release, version_of

WEIGHTS = "synthesizer/model.safetensors"
Sign = Callable[..., str]


def test_verification_passes_an_untouched_release(bare_release: tuple[Path, str]) -> None:
    folder, version = bare_release
    manifest = verify_release(folder, version)
    assert manifest.files["MODEL_CARD.md"].size == len("# A voice\n")
    assert read_manifest(folder) == (manifest, version)


def test_manifest_bytes_are_the_same_whatever_the_order_of_its_parts(bare_release: tuple[Path, str]) -> None:
    manifest, _ = read_manifest(bare_release[0])
    backwards = json.loads(json.dumps(manifest.model_dump()))
    backwards["files"] = dict(reversed(backwards["files"].items()))
    again = Manifest.model_validate_json(json.dumps(backwards))
    assert again.to_bytes() == manifest.to_bytes()
    assert version_of(again.to_bytes()) == version_of(manifest.to_bytes())
    assert Manifest.model_validate_json(manifest.to_bytes()) == manifest


def test_manifest_with_a_metric_that_is_no_number_is_refused(bare_release: tuple[Path, str]) -> None:
    manifest, _ = read_manifest(bare_release[0])
    with pytest.raises(ConfigError, match="NaN"):
        manifest.model_copy(update={"metrics": {"eer": float("nan")}}).to_bytes()


def flip_bit(folder: Path) -> str:
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (folder / WEIGHTS).write_bytes(data)
    return WEIGHTS


def swap_models(folder: Path) -> str:
    first, second = (folder / f"{name}/model.safetensors" for name in ("encoder", "vocoder"))
    a, b = first.read_bytes(), second.read_bytes()
    first.write_bytes(b)
    second.write_bytes(a)
    return "encoder/model.safetensors"


def remove_file(folder: Path) -> str:
    (folder / "MODEL_CARD.md").unlink()
    return "MODEL_CARD.md"


def add_file(folder: Path) -> str:
    (folder / "reports/extra.json").write_text("{}")
    return "reports/extra.json"


def add_hidden_file(folder: Path) -> str:
    (folder / "encoder/.model.safetensors.swp").write_text("")
    return "encoder/.model.safetensors.swp"


def empty_file(folder: Path) -> str:
    (folder / WEIGHTS).write_bytes(b"")
    return WEIGHTS


def append_byte(folder: Path) -> str:
    with (folder / WEIGHTS).open("ab") as file:
        file.write(b"\0")
    return WEIGHTS


def cut_in_half(folder: Path) -> str:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[: len(data) // 2])
    return WEIGHTS


def link_file_outside(folder: Path) -> str:
    shutil.move(folder / WEIGHTS, folder.parent / "same")
    (folder / WEIGHTS).symlink_to(folder.parent / "same")
    return WEIGHTS


def link_folder_outside(folder: Path) -> str:
    shutil.move(folder / "vocoder", folder.parent / "same")
    (folder / "vocoder").symlink_to(folder.parent / "same")
    return "vocoder"


def link_manifest_outside(folder: Path) -> str:
    shutil.move(folder / "manifest.json", folder.parent / "same")
    (folder / "manifest.json").symlink_to(folder.parent / "same")
    return "manifest.json"


def put_fifo(folder: Path) -> str:
    (folder / "MODEL_CARD.md").unlink()
    os.mkfifo(folder / "MODEL_CARD.md")
    return "MODEL_CARD.md"


def put_folder(folder: Path) -> str:
    (folder / "MODEL_CARD.md").unlink()
    (folder / "MODEL_CARD.md").mkdir()
    return "MODEL_CARD.md"


def edit_gate(folder: Path) -> str:
    path = folder / "reports/gate.json"
    path.write_text(path.read_text().replace("true", "null"))
    return "reports/gate.json"


def edit_metrics(folder: Path) -> str:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"metrics": {}', '"metrics": {"eer": 0.0}'))
    return "manifest.json"


def empty_manifest(folder: Path) -> str:
    (folder / "manifest.json").write_bytes(b"")
    return "manifest.json"


TAMPERINGS = [
    flip_bit, swap_models, remove_file, add_file, add_hidden_file, empty_file, append_byte, cut_in_half,
    link_file_outside, link_folder_outside, link_manifest_outside, put_fifo, put_folder, edit_gate, edit_metrics,
    empty_manifest,
]  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda function: function.__name__)
def test_verification_names_the_file_that_was_tampered_with(
    bare_release: tuple[Path, str], tamper: Callable[[Path], str]
) -> None:
    folder, version = bare_release
    name = tamper(folder)
    with pytest.raises(TamperedReleaseError) as caught:
        verify_release(folder, version)
    assert str(folder / name) in str(caught.value)
    assert "expected" in str(caught.value) and "found" in str(caught.value)


def test_verification_refuses_the_manifest_of_another_release(bare_release: tuple[Path, str], sign: Sign) -> None:
    folder, version = bare_release
    (folder / "MODEL_CARD.md").write_text("# An older and worse voice\n")
    older = sign(folder)
    assert verify_release(folder, older)
    with pytest.raises(TamperedReleaseError, match=rf"expected version {version}, found version {older}"):
        verify_release(folder, version)


def test_verification_refuses_a_release_that_is_a_link(bare_release: tuple[Path, str], tmp_path: Path) -> None:
    folder, version = bare_release
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(TamperedReleaseError, match="a link"):
        verify_release(tmp_path / "link", version)


def test_verification_reports_a_release_without_manifest_as_half_there(bare_release: tuple[Path, str]) -> None:
    folder, version = bare_release
    (folder / "manifest.json").unlink()
    with pytest.raises(ReleaseNotFoundError, match="half"):
        verify_release(folder, version)


# What a publisher with bad intentions could sign: the version is right, and it is refused all the same.


@pytest.mark.parametrize(
    "name",
    [
        "../outside.json", "/etc/outside.json", "reports/../../outside.json", "reports\\gate.json", "reports//a.json",
        "reports/./a.json", "C:/a.json", ".hidden.json", "reports/a\0.json", "reports/a\n.json", "MODEL_card.md",
        "manifest.json", "Manifest.json/a.md", "a" * 130 + ".json", "a/" * 130 + "a.json", "",
        "encoder/model.pt", "encoder/model.pkl", "encoder/model", "reports/run.py", "encoder/model.safetensors.pickle",
    ],
)  # fmt: skip
def test_verification_refuses_a_signed_name_that_no_release_may_hold(
    bare_release: tuple[Path, str], sign: Sign, name: str
) -> None:
    folder, _ = bare_release
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = manifest["files"]["MODEL_CARD.md"]
    if "Manifest.json" in name:
        manifest["files"]["manifest.json/A.md"] = manifest["files"]["MODEL_CARD.md"]
    version = sign(folder, files=manifest["files"])
    with pytest.raises(TamperedReleaseError, match=r"manifest\.json: expected"):
        verify_release(folder, version)


GOOD = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ({"a": GOOD | {"shape": [2**62, 2**62]}}, bytes(24)),
        ({"a": GOOD | {"shape": [2, -3]}}, bytes(24)),
        ({"a": GOOD | {"shape": [2, 3.0]}}, bytes(24)),
        ({"a": GOOD | {"shape": [1] * 99 + [6]}}, bytes(24)),
        ({"a": GOOD | {"data_offsets": [0, 2**40]}}, bytes(24)),
        ({"a": GOOD, "b": GOOD}, bytes(24)),
        ({"a": GOOD, "b": GOOD | {"data_offsets": [28, 52]}}, bytes(52)),
        ({"a": GOOD}, bytes(25)),
        ({"a": GOOD}, bytes(23)),
        ({"a": GOOD | {"dtype": "O"}}, bytes(24)),
        ({"a": {"dtype": "F32"}}, bytes(24)),
        ([GOOD], bytes(24)),
        (b"{" * 100_000, b""),
        (b"\xff\xfe", b""),
        (b"{}" + b" " * (9 * 2**20), b""),
    ],
    ids=[
        "shape overflows", "negative length", "length no integer", "too many dimensions", "beyond the end", "overlap",
        "gap", "byte left over", "byte missing", "dtype unknown", "no shape", "no object", "nested deep", "no text",
        "header bloated",
    ],
)  # fmt: skip
def test_verification_refuses_a_signed_header_that_does_not_describe_its_file(
    bare_release: tuple[Path, str], sign: Sign, as_safetensors: Callable[[Any, bytes], bytes], header: Any, data: bytes
) -> None:
    folder, _ = bare_release
    (folder / WEIGHTS).write_bytes(as_safetensors(header, data))
    version = sign(folder)
    with pytest.raises(TamperedReleaseError, match=WEIGHTS):
        verify_release(folder, version)


def test_verification_refuses_a_signed_pickle_under_the_name_of_weights(
    bare_release: tuple[Path, str], sign: Sign
) -> None:
    folder, _ = bare_release
    (folder / WEIGHTS).write_bytes(pickle.dumps({"weight": list(range(100))}))
    version = sign(folder)
    with pytest.raises(TamperedReleaseError, match="safetensors header"):
        verify_release(folder, version)


def test_verification_refuses_a_signed_config_other_than_the_manifests(
    bare_release: tuple[Path, str], sign: Sign
) -> None:
    folder, _ = bare_release
    models = json.loads((folder / "manifest.json").read_text())["models"]
    models["encoder"]["mel"] = models["encoder"]["mel"] | {"n_mels": 41}
    version = sign(folder, models=models)
    with pytest.raises(TamperedReleaseError, match=r"encoder/config\.json"):
        verify_release(folder, version)


def test_verification_refuses_a_signed_release_without_a_vocoder(bare_release: tuple[Path, str], sign: Sign) -> None:
    folder, _ = bare_release
    files = json.loads((folder / "manifest.json").read_text())["files"]
    del files["vocoder/model.safetensors"]
    version = sign(folder, files=files)
    with pytest.raises(TamperedReleaseError, match=r"an entry for vocoder/model\.safetensors, found none"):
        verify_release(folder, version)


@pytest.mark.parametrize("change", [{"format": 2}, {"surplus": 1}, {"metrics": []}, {"lineage": {"ingest": {}}}])
def test_verification_refuses_a_manifest_of_another_shape(
    bare_release: tuple[Path, str], sign: Sign, change: dict[str, Any]
) -> None:
    folder, _ = bare_release
    version = sign(folder, **change)
    with pytest.raises(TamperedReleaseError, match="a manifest of format 1"):
        verify_release(folder, version)


def test_mel_configs_that_differ_are_named_with_field_and_values() -> None:
    mel = {"sample_rate": 24000, "hop_length": 256}
    models = {"encoder": {"mel": {}}, "synthesizer": {"mel": mel}, "vocoder": {"mel": mel | {"hop_length": 300}}}
    with pytest.raises(ConfigError, match=r"mel\.hop_length is 256 and 300"):
        mel_configs(models)
    with pytest.raises(ConfigError, match=r"vocoder/config\.json has no section `mel`"):
        mel_configs(models | {"vocoder": {}})


def test_release_and_store_import_neither_torch_nor_numpy() -> None:
    code = "import sys, peewee_model.store; print(sorted({'torch', 'numpy', 'boto3'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
