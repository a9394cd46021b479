"""Both locks install on the oldest Python that pyproject.toml allows, not only on the one that resolved them."""

import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

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
        if (wanted := package.metadata.get("Requires-Python")) and oldest not in SpecifierSet(wanted)
    ]
    assert refused == []


def locked():
    """Each package of the lock, and its version."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def name_of(requirement):
    """A package's name as the lock's keys are."""
    return canonicalize_name(requirement.name)


def asked():
    """Every requirement of pyproject.toml, of all extras but those that no lock has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    return [Requirement(text) for texts in (project["dependencies"], *extras.values()) for text in texts]


def test_lock_has_the_versions_that_are_meant():
    """Without a lower bound pip takes MLflow 1.26, of 2022, beside a package that a newer one refuses: silently."""
    pins = locked()
    refused = [f"{one}: {pins.get(name_of(one))}" for one in asked() if not one.specifier.contains(pins[name_of(one)])]
    assert refused == []
    assert [str(one) for one in asked() if not one.specifier and not one.name.startswith("types-")] == ["pandas-stubs"]


@pytest.mark.parametrize("name", ["mlflow", "pyarrow"])
def test_packages_that_bound_each_other_have_bounds_on_both_sides(name):
    """A new major version of one would make pip choose an old one of the other."""
    (found,) = [one for one in asked() if one.name == name]
    assert {part.operator for part in found.specifier} == {">=", "<"}


def test_environments_of_mlflow_and_conda_are_the_lock():
    """`infra/lock.sh` makes all three."""
    lock = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    python_env = yaml.safe_load((ROOT / "python_env.yaml").read_text())
    conda = yaml.safe_load((ROOT / "conda.yaml").read_text())["dependencies"]
    assert python_env["dependencies"] == conda[-1]["pip"] == lock
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert required == f">={python_env['python']}"
    assert conda[0] == f"python={python_env['python']}"
