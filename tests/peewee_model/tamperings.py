"""The ways in which a release is tampered with (T11): one list for folders and for S3."""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.peewee_model.releases import safetensors_bytes, write_manifest

WEIGHTS = "synthesizer/model.safetensors"


def flip_bit(folder):
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (folder / WEIGHTS).write_bytes(data)
    return WEIGHTS


def swap_models(folder):
    first, second = (folder / f"{name}/model.safetensors" for name in ("encoder", "vocoder"))
    a, b = first.read_bytes(), second.read_bytes()
    first.write_bytes(b)
    second.write_bytes(a)
    return "encoder/model.safetensors"


def remove_file(folder):
    (folder / "MODEL_CARD.md").unlink()
    return "MODEL_CARD.md"


def add_file(folder):
    (folder / "reports/extra.json").write_text("{}")
    return "reports/extra.json"


def add_hidden_file(folder):
    (folder / "encoder/.model.safetensors.swp").write_text("")
    return "encoder/.model.safetensors.swp"


def empty_file(folder):
    (folder / WEIGHTS).write_bytes(b"")
    return WEIGHTS


def append_byte(folder):
    with (folder / WEIGHTS).open("ab") as file:
        file.write(b"\0")
    return WEIGHTS


def cut_in_half(folder):
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[: len(data) // 2])
    return WEIGHTS


def link_file_outside(folder):
    shutil.move(folder / WEIGHTS, folder.parent / "same")
    (folder / WEIGHTS).symlink_to(folder.parent / "same")
    return WEIGHTS


def link_folder_outside(folder):
    shutil.move(folder / "vocoder", folder.parent / "same")
    (folder / "vocoder").symlink_to(folder.parent / "same")
    return "vocoder"


def link_manifest_outside(folder):
    shutil.move(folder / "manifest.json", folder.parent / "same")
    (folder / "manifest.json").symlink_to(folder.parent / "same")
    return "manifest.json"


def put_fifo(folder):
    (folder / "MODEL_CARD.md").unlink()
    os.mkfifo(folder / "MODEL_CARD.md")
    return "MODEL_CARD.md"


def put_folder(folder):
    (folder / "MODEL_CARD.md").unlink()
    (folder / "MODEL_CARD.md").mkdir()
    return "MODEL_CARD.md"


def edit_gate(folder):
    path = folder / "reports/gate.json"
    path.write_text(path.read_text().replace("true", "null"))
    return "reports/gate.json"


def edit_metrics(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"metrics": {}', '"metrics": {"eer": 0.0}'))
    return "manifest.json"


def empty_manifest(folder):
    (folder / "manifest.json").write_bytes(b"")
    return "manifest.json"


def replay_older(folder):
    (folder / "MODEL_CARD.md").write_text("# An older and worse voice\n")
    write_manifest(folder)
    return "manifest.json"


TAMPERINGS = [
    flip_bit, swap_models, remove_file, add_file, add_hidden_file, empty_file, append_byte, cut_in_half,
    link_file_outside, link_folder_outside, link_manifest_outside, put_fifo, put_folder, edit_gate, edit_metrics,
    empty_manifest, replay_older,
]  # fmt: skip
"""What somebody without the version's consent could do: each changes a release and names the file to blame."""


# What a publisher with bad intentions could sign: the version is right, and it is refused all the same.

NAMES = [
    "../outside.json", "/etc/outside.json", "reports/../../outside.json", "reports\\gate.json", "reports//a.json",
    "reports/./a.json", "C:/a.json", ".hidden.json", "reports/a\0.json", "reports/a\n.json", "MODEL_card.md",
    "manifest.json", "Manifest.json/a.md", "a" * 130 + ".json", "a/" * 130 + "a.json", "",
    "encoder/model.pt", "encoder/model.pkl", "encoder/model", "reports/run.py", "encoder/model.safetensors.pickle",
]  # fmt: skip
GOOD = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
HEADERS = {
    "shape overflows": ({"a": GOOD | {"shape": [2**62, 2**62]}}, bytes(24)),
    "negative length": ({"a": GOOD | {"shape": [2, -3]}}, bytes(24)),
    "length no integer": ({"a": GOOD | {"shape": [2, 3.0]}}, bytes(24)),
    "too many dimensions": ({"a": GOOD | {"shape": [1] * 99 + [6]}}, bytes(24)),
    "beyond the end": ({"a": GOOD | {"data_offsets": [0, 2**40]}}, bytes(24)),
    "overlap": ({"a": GOOD, "b": GOOD}, bytes(24)),
    "gap": ({"a": GOOD, "b": GOOD | {"data_offsets": [28, 52]}}, bytes(52)),
    "byte left over": ({"a": GOOD}, bytes(25)),
    "byte missing": ({"a": GOOD}, bytes(23)),
    "dtype unknown": ({"a": GOOD | {"dtype": "O"}}, bytes(24)),
    "no shape": ({"a": {"dtype": "F32"}}, bytes(24)),
    "no object": ([GOOD], bytes(24)),
    "nested deep": (b"{" * 100_000, b""),
    "no text": (b"\xff\xfe", b""),
    "header bloated": (b"{}" + b" " * (9 * 2**20), b""),
}


def list_name(folder, name):
    files = _manifest(folder)["files"]
    files[name] = files["MODEL_CARD.md"]
    if "Manifest.json" in name:
        files["manifest.json/A.md"] = files["MODEL_CARD.md"]
    return write_manifest(folder, files=files)


def write_header(folder, header, data):
    (folder / WEIGHTS).write_bytes(safetensors_bytes(header, data))
    return write_manifest(folder)


def rename_pickle(folder):
    (folder / WEIGHTS).write_bytes(pickle.dumps({"weight": list(range(100))}))
    return write_manifest(folder)


def describe_another_config(folder):
    models = _manifest(folder)["models"]
    models["encoder"]["mel"] = models["encoder"]["mel"] | {"n_mels": 41}
    return write_manifest(folder, models=models)


def omit_vocoder(folder):
    files = _manifest(folder)["files"]
    del files["vocoder/model.safetensors"]
    return write_manifest(folder, files=files)


def _manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


@dataclass(frozen=True)
class Forgery:
    """A release that its publisher signed and that is none.

    Attributes:
        title: What is wrong with it.
        make: Turns a release in a folder into it, and gives its version.
        complaint: A pattern for the message of the refusal.
    """

    title: str
    make: Callable[[Path], str]
    complaint: str


FORGERIES = [
    *(Forgery(f"name {name[:20]!r}", partial(list_name, name=name), r"manifest\.json: expected") for name in NAMES),
    *(Forgery(title, partial(write_header, header=a, data=b), WEIGHTS) for title, (a, b) in HEADERS.items()),
    Forgery("pickle renamed", rename_pickle, "safetensors header"),
    Forgery("another config", describe_another_config, r"encoder/config\.json"),
    Forgery("no vocoder", omit_vocoder, r"an entry for vocoder/model\.safetensors, found none"),
    *(
        Forgery(f"shape {change}", partial(write_manifest, **change), "a manifest of format 1")
        for change in ({"format": 2}, {"surplus": 1}, {"metrics": []}, {"lineage": {"ingest": {}}})
    ),
]
