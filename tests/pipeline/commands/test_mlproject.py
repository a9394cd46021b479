"""The entry points of MLproject, as far as they need no server; tests/test_mlflow_docs.py runs them."""

import re

import pytest
import yaml

from pipeline.commands.mlproject import MODELS, STAGES, main
from pipeline.graph.stages import load_stages, outputs
from tests.closure import ROOT

PROJECT = yaml.safe_load((ROOT / "MLproject").read_text())


def test_every_entry_point_is_one_of_the_command_and_names_a_stage():
    """And what is saved is what the stage writes."""
    stages = load_stages(ROOT / "dvc.yaml")
    assert PROJECT["entry_points"].keys() == STAGES.keys()
    for name, entry in PROJECT["entry_points"].items():
        assert entry["command"].startswith(f"python -m pipeline.commands.mlproject {name} ")
        assert STAGES[name] is None or STAGES[name] in stages
        assert set(re.findall(r"{(\w+)}", entry["command"])) == entry["parameters"].keys()
        assert (ROOT / entry["parameters"]["config_path"]["default"]).is_file()
        assert ("save_model" in entry["parameters"]) == (name in MODELS)
    for name, folder in MODELS.items():
        assert folder.as_posix() in outputs(stages[STAGES[name]])


def test_an_overlay_that_is_not_there_is_named_with_those_that_are(capfd, monkeypatch):
    """README of old has `tacotron_2_prod.yml`, and the file is a `.yaml`."""
    monkeypatch.chdir(ROOT)
    assert main(["train_tacotron_2", "--config-path", "config/tacotron_2_prod.yml"]) == 2
    assert "config/tacotron_2_prod.yaml" in capfd.readouterr().err


def test_a_model_is_saved_only_into_a_run(capfd, monkeypatch):
    """Said before a training of a week."""
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    config = ["--config-path", "config/tacotron_2_dev.yml"]
    assert main(["train_encoder", *config, "--save-model", "true"]) == 2
    assert "mlflow run" in capfd.readouterr().err


def test_save_model_is_true_or_false(capfd):
    """Not the text of a dictionary."""
    with pytest.raises(SystemExit):
        main(["train_encoder", "--config-path", "config/tacotron_2_dev.yml", "--save-model", "yes"])
    assert "neither true nor false" in capfd.readouterr().err
