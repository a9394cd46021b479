"""Which part may know which, and how much there may be of anything."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.closure import ROOT, imports_of, sources

SLICES = ("audio", "text", "encoder", "synthesizer", "vocoder")
PACKAGES = {
    "peewee_model": ("pipeline", "dags"),
    "pipeline": ("dags",),
    "dags": ("pipeline", "peewee_model"),
}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_package_imports_none_above_it(package):
    """peewee_model knows nobody, pipeline knows peewee_model, dags knows neither."""
    for module in modules(package):
        for imported in imports_of(module):
            assert imported.split(".")[0] not in PACKAGES[package], f"{module} imports {imported}"


def test_model_slices_import_only_the_mel_settings_of_each_other():
    """A slice stands alone; what they share is the definition of a mel."""
    for own in SLICES:
        for module in modules(f"peewee_model/{own}"):
            for imported in imports_of(module):
                parts = imported.split(".")
                if parts[0] == "peewee_model" and len(parts) > 1 and parts[1] in SLICES and parts[1] != own:
                    assert imported.startswith("peewee_model.audio.mel"), f"{module} imports {imported}"


def test_stages_import_no_other_stage():
    """Stages meet in files."""
    for module in modules("pipeline/stages"):
        for imported in imports_of(module):
            assert not imported.startswith("pipeline.stages."), f"{module} imports {imported}"


def test_package_files_are_empty():
    """An __init__.py with code in it would run for everybody; peewee_model's only names its exports, lazily."""
    for package in PACKAGES:
        for module in modules(package):
            if module.name == "__init__.py" and module != ROOT / "peewee_model/__init__.py":
                assert not module.read_text().strip(), f"{module} should be empty"


def test_modules_do_not_have_vague_names():
    """A name says what is inside."""
    for module in sources():
        assert module.stem not in ("utils", "util", "common", "helpers", "misc", "base"), module
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ClassDef):
                assert not node.name.endswith("Manager"), f"{module}: {node.name}"
                assert not node.name.startswith("Base"), f"{module}: {node.name}"


def test_shipped_code_has_nothing_unsafe():
    """T12: nothing unpickles, nothing runs a shell, YAML makes plain data."""
    refused = {"pickle", "dill", "shelve", "marshal"}
    for module in sources():
        for imported in imports_of(module):
            assert imported.split(".")[0] not in refused, f"{module} imports {imported}"
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in ("yaml.load", "eval", "exec", "os.system"), f"{module}: {name}"
                for keyword in node.keywords:
                    flag = f"{keyword.arg}={ast.unparse(keyword.value)}"
                    assert flag not in ("shell=True", "weights_only=False"), f"{module}: {flag}"


def test_files_stay_readable():
    """A file much over 300 lines, a function much over 40, is where to look again."""
    for module in sources():
        text = module.read_text()
        assert text.count("\n") <= 360, f"{module} has {text.count(chr(10))} lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.body[0].lineno + 1
                documented = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
                if documented:
                    length -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
                assert length <= 70, f"{module}: {node.name} has {length} lines"


@pytest.mark.parametrize("statement", ["import peewee_model", "from peewee_model import VoiceCloner"])
def test_consumer_loads_nothing_of_the_pipeline(statement):
    """What makes releases is not what uses them."""
    code = f"{statement}; import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    heavy = {"dvc", "pandas", "pyarrow", "lightning_fabric", "matplotlib", "sklearn", "yaml", "pipeline", "dags"}
    assert heavy.isdisjoint(loaded.split())


def test_command_line_starts_without_heavy_imports():
    """`peewee-tts --help` is there at once: no torch, no librosa."""
    code = "import peewee_model.cli.main, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert {"torch", "librosa", "scipy", "numba", "dvc", "pandas", "pyarrow"}.isdisjoint(loaded.split())
