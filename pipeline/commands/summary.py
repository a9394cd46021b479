"""What `make repro` prints at its end: the release, its figures, the report, and how to clone a voice."""

import json
import shlex
from pathlib import Path
from typing import Any

from peewee_model import environment
from peewee_model.entry import run
from peewee_model.errors import PeeweeError
from peewee_model.metric_labels import LABELS_FILE, Labels
from pipeline.paths import GATE, METRICS, RECEIPT, REPORT, TIMINGS


def summary() -> str:
    """Describe the release in this folder, as a few lines for a terminal.

    Raises:
        PeeweeError: If there is none, or what describes it is damaged; the file is named.
    """
    receipt, gate = _read(RECEIPT), _read(GATE)
    labels = Labels.parse(json.dumps(_read(Path(LABELS_FILE))).encode())
    lines = [f"release   {receipt['version']}  (channel {receipt['channel']}, store {_store()})"]
    for check in gate["checks"]:
        verdict = "ok" if check["passed"] else "FAILED"
        path = check["metric"]
        value = "not measured" if check["value"] is None else labels.text(path, check["value"])
        lines.append(
            f"{verdict:>8}  {labels.name(path)}: {value}, asked {check['op']} {labels.text(path, check['threshold'])}"
        )
    checked = {check["metric"] for check in gate["checks"]}
    for headline in labels.headlines(_read(METRICS)):
        if headline.path not in checked:
            lines.append(f"{'':8}  {headline.name}: {headline.text}")
    if TIMINGS.exists():
        factor = _read(TIMINGS).get("real_time_factor", 0.0)
        lines.append(f"speed     {factor:.2f} s of computing for a second of speech, here")
    lines.append(f"report    {REPORT.resolve()}")
    release = shlex.quote(f"{_store()}@{receipt['channel']}")
    lines.append(
        f"speak     .venv/bin/peewee-tts clone --release {release} --reference YOUR_VOICE.wav "
        '--text "Hello there." --out hello.wav'
    )
    return "\n".join(lines)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise PeeweeError(f"{path} is missing: there is no release here yet; run `make repro`") from None
    except (OSError, ValueError) as error:
        raise PeeweeError(f"{path} can't be read: {error}; run `make repro`") from None


def _store() -> str:
    return environment.STORE.text()


if __name__ == "__main__":
    run("summary", lambda: print(summary()))
