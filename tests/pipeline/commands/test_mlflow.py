"""`peewee-tts mlflow`, without a server; with one it is tested in `tests/pipeline/tracking/`."""

import pytest
from typer.testing import CliRunner

from peewee_model.errors import ConfigError
from pipeline.commands.mlflow import app, channel_moved


@pytest.mark.parametrize("arguments", [["sync", "store"], ["send"]])
def test_a_command_without_a_server_names_the_variable(arguments, monkeypatch):
    """And who starts one."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, ConfigError)
    assert "MLFLOW_TRACKING_URI is not set" in str(error)
    assert "make mlflow" in str(error)


def test_a_channel_that_moved_needs_no_server(monkeypatch):
    """Most who promote a release have no MLflow."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    channel_moved("s3://nowhere/at-all")
