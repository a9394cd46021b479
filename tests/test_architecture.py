"""Which room may know which, and how much there may be of anything. docs/development.md has the same order in words."""

import ast
import subprocess
import sys

import pytest

from tests.closure import ROOT, file_of, imports_of, sources

# A line a floor, from top to bottom: a room imports only rooms of the floors below it, and what is in itself.
FLOORS = {
    "peewee_model": (
        ("cli",),
        ("service",),
        ("cloning",),
        ("store",),
        ("release",),
        ("encoder", "synthesizer", "vocoder", "script"),
        ("marking", "recordings"),
        ("text", "audio"),
        ("networks",),
        ("entry", "environment", "errors", "files", "metric_labels", "public_text"),
    ),
    "pipeline": (
        ("__main__",),
        ("commands",),
        ("adaptation", "audit", "preparation"),
        ("runs", "stages"),
        ("profiles", "tracking"),
        ("release", "evaluation", "training", "download"),
        ("ingest",),
        ("corpora", "graph", "mini"),
        ("alignment", "engine", "logs", "paths", "tables", "verification", "waiting", "warm_start"),
        ("params",),
    ),
}
SHARED = {"peewee_model": FLOORS["peewee_model"][-1], "pipeline": FLOORS["pipeline"][-2]}
"""Modules that lie loose in a package: what many rooms share. They may import each other."""
PACKAGES = {
    "peewee_model": ("pipeline", "dags"),
    "pipeline": ("dags",),
    "dags": ("pipeline", "peewee_model"),
}
SUBROOMS = (
    ("peewee_model/synthesizer/tacotron2", "peewee_model/synthesizer/non_attentive"),
    ("peewee_model/text/normalize", "peewee_model/text/symbols"),
    ("pipeline/training/encoder", "pipeline/training/synthesizer", "pipeline/training/vocoder"),
)
"""Neighbours that know nothing of each other."""
EXPORTING = ("peewee_model/__init__.py", "peewee_model/text/__init__.py")
"""Package files that name what they export; it is loaded when first used."""
LONGEST_FILE, LONGEST_FUNCTION = 300, 40
LONG_FILES = {}
LONG_FUNCTIONS = {
    "dags/kubeflow_pipeline.py:connect": "kfp reads a pipeline from one function, whose signature is the form of a run",
}


def modules(package):
    return sorted((ROOT / package).rglob("*.py"))


def room_of(module):
    """The folder of a package that a module is in, or the module itself if it lies loose."""
    return module.relative_to(ROOT).parts[1].removesuffix(".py")


def imported_files(module):
    return {path for name in imports_of(module) if (path := file_of(name))}


@pytest.mark.parametrize("package", PACKAGES)
def test_package_imports_none_above_it(package):
    """peewee_model knows nobody, pipeline knows peewee_model, dags knows neither."""
    for module in modules(package):
        for imported in imports_of(module):
            assert imported.split(".")[0] not in PACKAGES[package], f"{module} imports {imported}"


@pytest.mark.parametrize("package", FLOORS)
def test_every_module_belongs_to_a_room(package):
    """A module that lies loose is shared by many rooms, and is named above; a room that is named exists."""
    found = {room_of(module) for module in modules(package)} - {"__init__"}
    assert found == {room for floor in FLOORS[package] for room in floor}
    for module in modules(package):
        if module.parent == ROOT / package:
            assert module.stem in (*SHARED[package], "__init__", "__main__"), f"{module} belongs into a room"


@pytest.mark.parametrize("package", FLOORS)
def test_room_imports_only_rooms_below_it(package):
    """One order of imports: no circle, and a change never climbs."""
    floor = {room: number for number, rooms in enumerate(FLOORS[package]) for room in rooms}
    for module in modules(package):
        if module == ROOT / package / "__init__.py":
            continue
        own = room_of(module)
        for imported in imported_files(module):
            other = room_of(imported)
            if imported.relative_to(ROOT).parts[0] != package or other == own:
                continue
            both_shared = own in SHARED[package] and other in SHARED[package]
            assert both_shared or floor[other] > floor[own], f"{module} imports {imported}: {own} is not above {other}"


def test_neighbouring_rooms_do_not_know_each_other():
    """A change of one network, or of one training, reaches no other."""
    for neighbours in SUBROOMS:
        for own in neighbours:
            for module in modules(own):
                for imported in imported_files(module):
                    path = imported.relative_to(ROOT).as_posix()
                    for other in neighbours:
                        assert other == own or not path.startswith(f"{other}/"), f"{module} imports {path}"


def test_models_share_only_the_definition_of_a_mel():
    """A network is independent: of audio it imports the mel, of text nothing."""
    for own in ("encoder", "synthesizer", "vocoder"):
        for module in modules(f"peewee_model/{own}"):
            for imported in imported_files(module):
                if room_of(imported) in ("text", "audio"):
                    assert imported == ROOT / "peewee_model/audio/mel.py", f"{module} imports {imported}"


def test_stages_import_no_other_stage():
    """Stages meet in files."""
    for module in modules("pipeline/stages"):
        for imported in imports_of(module):
            assert not imported.startswith("pipeline.stages."), f"{module} imports {imported}"


def test_package_files_are_empty():
    """An __init__.py with code in it would run for everybody; those that export only name them, lazily."""
    for package in PACKAGES:
        for module in modules(package):
            if module.name == "__init__.py" and module.relative_to(ROOT).as_posix() not in EXPORTING:
                assert not module.read_text().strip(), f"{module} should be empty"


def test_every_folder_with_code_is_a_package():
    """A folder without __init__.py would be left out of what is installed."""
    for package in PACKAGES:
        for module in modules(package):
            assert (module.parent / "__init__.py").is_file(), module.parent


def test_modules_do_not_have_vague_names():
    """A name says what is inside."""
    for module in sources():
        assert module.stem not in ("utils", "util", "common", "helpers", "misc", "base"), module
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ClassDef):
                assert not node.name.endswith("Manager"), f"{module}: {node.name}"
                assert not node.name.startswith("Base"), f"{module}: {node.name}"


def test_shipped_code_has_nothing_unsafe():
    """T12: nothing unpickles, nothing runs a shell, YAML makes plain data, and is read as DVC reads it."""
    refused = {"pickle", "dill", "shelve", "marshal", "yaml"}  # PyYAML reads another YAML than DVC
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


def function_length(node):
    """Lines of a function's body, without its docstring."""
    length = (node.end_lineno or 0) - node.body[0].lineno + 1
    documented = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
    return length - ((node.body[0].end_lineno or 0) - node.body[0].lineno + 1 if documented else 0)


def test_files_and_functions_stay_readable():
    """Longer ones are named above, each with its reason; a name that is no longer needed goes."""
    files, functions = set(), set()
    for module in sources():
        name, text = module.relative_to(ROOT).as_posix(), module.read_text()
        if text.count("\n") > LONGEST_FILE:
            files.add(name)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and function_length(node) > LONGEST_FUNCTION:
                functions.add(f"{name}:{node.name}")
    assert files == LONG_FILES.keys()
    assert functions == LONG_FUNCTIONS.keys()


def test_command_line_starts_without_heavy_imports():
    """`peewee-tts --help` is there at once: no torch, no librosa."""
    code = "import peewee_model.cli.main, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert {"torch", "librosa", "scipy", "numba", "dvc", "pandas", "pyarrow"}.isdisjoint(loaded.split())
