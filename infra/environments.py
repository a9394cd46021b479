"""Makes python_env.yaml and conda.yaml, which `mlflow run` and conda read, from requirements.lock."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHON = PROJECT["requires-python"].removeprefix(">=")
"""The oldest that the project allows."""
_HEAD = """\
# Made by infra/environments.py from requirements.lock. Do not edit. It is installed with PIP_NO_DEPS=1: docs/mlflow.md.
"""


def pins(lock: str) -> list[str]:
    """List the lock's packages, each with its version."""
    return [line for line in lock.splitlines() if line and not line.startswith("#")]


def python_env(lock: str) -> str:
    """Write python_env.yaml."""
    listed = "".join(f"  - {pin}\n" for pin in pins(lock))
    return f'{_HEAD}python: "{PYTHON}"\nbuild_dependencies:\n  - pip\ndependencies:\n{listed}'


def conda(lock: str) -> str:
    """Write conda.yaml."""
    listed = "".join(f"      - {pin}\n" for pin in pins(lock))
    return (
        f"{_HEAD}name: peeweetts\nchannels:\n  - conda-forge\ndependencies:\n"
        f"  - python={PYTHON}\n  - pip\n  - pip:\n{listed}"
    )


def main() -> None:
    """Write both files."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    (ROOT / "python_env.yaml").write_text(python_env(lock), encoding="utf-8")
    (ROOT / "conda.yaml").write_text(conda(lock), encoding="utf-8")


if __name__ == "__main__":
    main()
