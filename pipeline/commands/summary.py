"""What `make repro` says at its end: the release, its figures, the report, and how to hear a voice."""

import json
from pathlib import Path

from peewee_model import environment


def summary() -> str:
    """Describe the release that stands in this folder, as a few lines for a terminal."""
    receipt = json.loads(Path("receipts/publish.json").read_text())
    gate = json.loads(Path("reports/gate.json").read_text())
    lines = [f"release   {receipt['version']}  (channel {receipt['channel']}, store {_store()})"]
    for check in gate["checks"]:
        verdict = "ok" if check["passed"] else "FAILED"
        value = "not measured" if check["value"] is None else f"{check['value']:.4g}"
        lines.append(f"{verdict:>8}  {check['metric']} = {value}, asked {check['op']} {check['threshold']:g}")
    timings = Path("reports/timings.json")
    if timings.exists():
        factor = json.loads(timings.read_text()).get("real_time_factor", 0.0)
        lines.append(f"speed     {factor:.2f} s of computing for a second of speech, here")
    lines.append(f"report    {Path('reports/index.html').resolve()}")
    lines.append(
        f"speak     .venv/bin/peewee-tts clone --release {_store()}@{receipt['channel']} --reference YOUR_VOICE.wav "
        '--text "Hello there." --out hello.wav'
    )
    return "\n".join(lines)


def _store() -> str:
    return environment.STORE.text()


if __name__ == "__main__":
    print(summary())
