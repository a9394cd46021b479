# The two promises: `make repro` and `make test`. Everything else is a part of them or a maintainer's tool.
PYTHON ?= python3
VENV   := .venv
AIRFLOW := .venv-airflow
# Python compiles what is imported when it is first imported; to compile all of it takes a minute.
INSTALL := -m pip install --quiet --disable-pip-version-check --no-compile
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# Scripts of an environment hold its folder's absolute path, and so does an editable install. `.installed` holds the
# path that it was made in: `moved` is not empty where that is another one, and then the environment is made anew.
moved = $(shell test ! -s $(1)/.installed || test "$$(cat $(1)/.installed)" = "$$(cd $(1) && pwd -P)" || echo moved)
# A lock names every package with its version and needs no resolution, so two processes share it, 40 packages at a time.
install_lock = grep -v '^\#' $(2) | xargs -n 40 -P 2 $(1)/bin/python $(INSTALL) --no-deps
venv = test -x $(1)/bin/python -a -z "$(call moved,$(1))" || $(PYTHON) -m venv --clear $(1)

.PHONY: moved repro setup test test-system check bench bench-gpu ablation s3 mlflow faults lock graph airflow setup-airflow kubeflow

repro: setup  ## archive to released model, then say what came out
	@python -m pipeline.commands.check_params
	@dvc repro
	@python -m pipeline.commands.summary

setup: $(VENV)/.installed  ## .venv from the committed lock

$(VENV)/.installed: requirements.lock pyproject.toml $(call moved,$(VENV))
	@$(call venv,$(VENV))
	@echo "installing the locked environment into $(VENV) ..."
	@# torch with what its build needs (CUDA libraries, where the index has such a build), the rest exactly as locked
	@$(VENV)/bin/python $(INSTALL) --constraint requirements.lock $$(grep '^torch==' requirements.lock)
	@$(call install_lock,$(VENV),requirements.lock)
	@$(VENV)/bin/python $(INSTALL) --no-deps --no-build-isolation --editable .
	@cd $(VENV) && pwd -P > .installed

test: setup  ## all tests but those of whole systems; needs nothing of Airflow
	@OMP_NUM_THREADS=1 pytest -m "not system" --numprocesses auto --dist loadfile --no-loadscope-reorder

test-system: setup setup-airflow  ## Airflow, Kubeflow, DVC end to end, faults of servers; PostgreSQL and minutes
	@OMP_NUM_THREADS=1 pytest -m system --numprocesses auto --dist loadfile --no-loadscope-reorder

check: setup  ## ruff, mypy, the architecture
	@ruff check .
	@ruff format --check .
	@mypy
	@pytest tests/test_architecture.py

bench: setup  ## ratios side by side; figures are kept in docs/benchmarks.md
	@python -m tests.bench

bench-gpu: setup  ## the synthesizer's training step on a GPU, by CUDA graphs and without, and torchaudio's
	@python -m tests.bench.gpu

ablation: setup  ## the speaker encoder with one thing changed at a time, on the project's tables; long
	@OMP_NUM_THREADS=1 python -m tests.bench.ablation

s3: setup  ## a local S3 server until Ctrl-C; prints the environment that uses it
	@python infra/s3/server.py

MLFLOW_PORT ?= 5000

mlflow: setup  ## MLflow's tracking server on SQLite and loopback until Ctrl-C; prints the environment that uses it
	@echo "export MLFLOW_TRACKING_URI=http://127.0.0.1:$(MLFLOW_PORT) MLFLOW_EXPERIMENT_NAME=peewee-tts"
	@# without MLflow's own workers of jobs: nothing here uses them, and they take 1.7 GB
	@MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false exec mlflow server --host 127.0.0.1 --port $(MLFLOW_PORT) --workers 1 \
		--backend-store-uri sqlite:///mlflow.db --artifacts-destination mlartifacts

setup-airflow: $(AIRFLOW)/.installed  ## Airflow's own environment from its committed lock

$(AIRFLOW)/.installed: infra/airflow/requirements.lock $(call moved,$(AIRFLOW))
	@$(call venv,$(AIRFLOW))
	@echo "installing the locked environment into $(AIRFLOW) ..."
	@$(call install_lock,$(AIRFLOW),infra/airflow/requirements.lock)
	@cd $(AIRFLOW) && pwd -P > .installed

airflow: setup setup-airflow  ## Airflow with our DAGs and a local S3 server, until Ctrl-C; prints URL, user, password
	@exec $(AIRFLOW)/bin/python infra/airflow/start.py

faults: setup setup-airflow  ## the proofs under faults in full, for docs/reliability.md; long
	@OMP_NUM_THREADS=1 FAULTS=full pytest --numprocesses auto --dist loadfile -rP \
		tests/faults tests/pipeline/commands/test_worker_faults.py tests/dags/test_airflow_faults.py \
		tests/peewee_model/text/normalize/test_generated_texts.py

lock:  ## resolve pyproject.toml anew into requirements.lock
	@infra/lock.sh

graph: setup  ## docs/graph.svg and dags/graph.json from dvc.yaml
	@python -m pipeline.graph.picture
	@python -m pipeline.graph.compiled

kubeflow: setup  ## infra/kubeflow/pipeline.yaml from dags/graph.json and the cluster's settings
	@python -m dags.kubeflow_pipeline
