"""What `make repro` prints at its end: the release, its figures, the report, and how to clone a voice."""

import json
from pathlib import Path

from peewee_model import environment
from peewee_model.metric_labels import LABELS_FILE, Labels


def summary() -> str:
    """Describe the release in this folder, as a few lines for a terminal."""
    receipt = json.loads(Path("receipts/publish.json").read_text())
    gate = json.loads(Path("reports/gate.json").read_text())
    labels = Labels.parse(Path(LABELS_FILE).read_bytes())
    lines = [f"release   {receipt['version']}  (channel {receipt['channel']}, store {_store()})"]
    for check in gate["checks"]:
        verdict = "ok" if check["passed"] else "FAILED"
        path = check["metric"]
        value = "not measured" if check["value"] is None else labels.text(path, check["value"])
        lines.append(
            f"{verdict:>8}  {labels.name(path)}: {value}, asked {check['op']} {labels.text(path, check['threshold'])}"
        )
    checked = {check["metric"] for check in gate["checks"]}
    for headline in labels.headlines(json.loads(Path("reports/metrics.json").read_text())):
        if headline.path not in checked:
            lines.append(f"{'':8}  {headline.name}: {headline.text}")
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
