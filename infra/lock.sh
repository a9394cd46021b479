#!/usr/bin/env bash
# Resolve pyproject.toml into requirements.lock: every package with its exact version, for `pip install --no-deps`; and make
# python_env.yaml and conda.yaml of it, which MLflow and conda read.
# torch is pinned without a local suffix (+cpu, +cu130), so that each machine takes the build that its index offers;
# packages that belong to a CUDA build alone are left out, and come from the image on a GPU machine.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$(mktemp -d)
trap 'rm -rf "$venv"' EXIT
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --no-warn-script-location 'torch==2.13.0'
# The two bounds are where the resolution ends anyhow; without them pip tries every older release of S3's and kfp's first.
"$venv/bin/pip" install --quiet --no-warn-script-location 'aiobotocore>=3.10' 'requests==2.33.0' 'setuptools>=77' -e '.[pipeline,judges,m4a,service,mlflow,prepare,signing,kubeflow,dev]'
"$venv/bin/pip" install --quiet --no-warn-script-location --no-deps 'resemblyzer==0.1.4' 'distillmos==0.9.1' 'torchaudio==2.11.0'
{
    echo "# Made by infra/lock.sh from pyproject.toml. Do not edit."
    "$venv/bin/pip" freeze --all --exclude-editable | grep -viE '^(pip|nvidia-|triton)' | sed -E 's/\+(cpu|cu[0-9]+)$//; s/ @ file:.*torch-([0-9.]+).*/==\1/'
} > requirements.lock
python3 infra/environments.py
