"""Where the stages leave what commands, runs and audits read, from the root of the project.

dvc.yaml names them too, and decides; `graph.stages` has dvc.yaml and dvc.lock, `params` has params.yaml.
"""

from pathlib import Path

METRICS = Path("reports/metrics.json")
GATE = Path("reports/gate.json")
REPORT = Path("reports/index.html")
TIMINGS = Path("reports/timings.json")
RECEIPT = Path("receipts/publish.json")
