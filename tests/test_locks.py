"""Both locks install on the oldest Python that pyproject.toml allows, not only on the one that resolved them."""

import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("environment", [".venv", pytest.param(".venv-airflow", marks=pytest.mark.system)])
def test_every_locked_package_installs_on_the_oldest_python(environment):
    """It checks the packages that pip installs without a check of its own."""
    assert (ROOT / environment).exists(), f"no {environment}; `make setup setup-airflow` makes it"
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    oldest = required.removeprefix(">=") + ".0"
    installed = list(distributions(path=[str(path) for path in (ROOT / environment).glob("lib/python*/site-packages")]))
    assert len(installed) > 50
    refused = [
        f"{package.name} {package.version} wants {wanted}"
        for package in installed
        if (wanted := package.metadata["Requires-Python"]) and oldest not in SpecifierSet(wanted)
    ]
    assert refused == []
