"""Paths of the stages' outputs that commands, runs and audits read, relative to the project's root.

dvc.yaml is authoritative for them. `graph.stages` has the paths of dvc.yaml and dvc.lock, `params` that of params.yaml.
"""

from pathlib import Path

METRICS = Path("reports/metrics.json")
GATE = Path("reports/gate.json")
REPORT = Path("reports/index.html")
TIMINGS = Path("reports/timings.json")
RECEIPT = Path("receipts/publish.json")
