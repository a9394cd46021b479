#!/usr/bin/env bash
# Resolve requirements.in into requirements.lock: every package with its exact version, for `pip install --no-deps`.
# Nothing is installed: pip says what it would install, and that is the lock.
set -euo pipefail
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --dry-run --report "$scratch/report.json" -r requirements.in
{
    echo "# Made by infra/airflow/lock.sh from requirements.in. Do not edit."
    python3 - "$scratch/report.json" <<'PYTHON'
import json
import sys

found = [item["metadata"] for item in json.load(open(sys.argv[1]))["install"]]
for line in sorted((f"{item['name']}=={item['version']}" for item in found), key=str.lower):
    print(line)
PYTHON
} > "$scratch/requirements.lock"
mv "$scratch/requirements.lock" requirements.lock
