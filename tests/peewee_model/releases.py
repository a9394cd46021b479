"""Releases of random weights, small enough to be made anew for each test that damages one."""

import hashlib
import json
import struct

SPEAKER_MEL = {
    "sample_rate": 16000, "n_fft": 512, "win_length": 400, "hop_length": 160, "n_mels": 40,
    "f_min": 20.0, "f_max": 7600.0, "log_floor": 1e-3,
}  # fmt: skip
ACOUSTIC_MEL = {
    "sample_rate": 24000, "n_fft": 1024, "win_length": 1024, "hop_length": 256, "n_mels": 80,
    "f_min": 50.0, "f_max": 8000.0, "log_floor": 1e-3,
}  # fmt: skip


def safetensors_bytes(header, data):
    """A safetensors file by hand, so that it can be a wrong one too."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def write_manifest(folder, **changes):
    """Write a manifest of a folder by hand, and return the version."""
    files = {
        path.relative_to(folder).as_posix(): {
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "size": path.stat().st_size,
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }
    models = {
        name: json.loads((folder / name / "config.json").read_text()) for name in ("encoder", "synthesizer", "vocoder")
    }
    manifest = {
        "format": 1,
        "files": files,
        "models": models,
        "mel": {"speaker": models["encoder"]["mel"], "acoustic": models["synthesizer"]["mel"]},
        "metrics": {},
        "corpora": [],
        "params": {},
        "code": {"commit": None, "modified": []},
        "lineage": {},
    } | changes
    data = (json.dumps(manifest, sort_keys=True, indent=1) + "\n").encode()
    (folder / "manifest.json").write_bytes(data)
    return hashlib.sha256(data).hexdigest()[:16]


def write_release(folder, text="# A voice\n"):
    """Write a well-formed release whose weights belong to no model, and return its version."""
    for name, mel in (("encoder", SPEAKER_MEL), ("synthesizer", ACOUSTIC_MEL), ("vocoder", ACOUSTIC_MEL)):
        (folder / name).mkdir(parents=True)
        (folder / name / "config.json").write_text(json.dumps({"mel": mel}))
        header = {
            "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
            "b": {"dtype": "F16", "shape": [], "data_offsets": [24, 26]},
        }
        (folder / name / "model.safetensors").write_bytes(safetensors_bytes(header, name.encode().ljust(26, b"\1")))
    (folder / "reports").mkdir()
    (folder / "reports/gate.json").write_text('{"passed": true, "failures": []}')
    (folder / "MODEL_CARD.md").write_text(text)
    return write_manifest(folder)
