"""Where a test is, and how it is written: a module's tests are where the module is, in one style."""

import ast

import pytest

from tests.closure import ROOT, SHIPPED

TESTS = ROOT / "tests"
BY_SUBJECT = {
    "faults": "what is killed, cut off, forged or raced, across rooms",
    "servers": "the servers that other tests use",
    "bench": "ratios, which `make bench` prints; no tests",
}
"""Folders of tests that mirror no package."""
NO_MIRROR = {
    "dags/test_dag_bag.py": "all DAG files, as Airflow reads them",
    "dags/test_airflow_end_to_end.py": "the whole of Airflow, from a request to a cloned voice",
    "dags/test_airflow_faults.py": "the whole of Airflow, with what can be killed in it",
    "peewee_model/cli/test_closed_pipe.py": "every command, whose reader goes away",
    "peewee_model/text/test_cases.py": "the whole way of a text, by kinds of cases",
    "peewee_model/text/normalize/test_generated_texts.py": "the same, of texts that are put together at random",
    "pipeline/commands/test_mistakes.py": "every command, where users make mistakes",
}
"""Files below a package's folder that are the tests of no single module."""
ABOVE_ROOMS = {"pipeline/training": "each room in it has its own"}
"""Rooms whose loose modules are tested from the rooms that use them."""
PATHS = sorted(path for path in TESTS.rglob("*.py") if path.name != "__init__.py")
IDS = [path.relative_to(TESTS).as_posix() for path in PATHS]


def mirrored(name):
    """The modules and rooms that a file of tests may be named after: itself, or the beginning of its name."""
    folder, words = (ROOT / name).parent, (ROOT / name).stem.removeprefix("test_").split("_")
    names = ["_".join(words[:count]) for count in range(1, len(words) + 1)]
    return [found for name in names for found in (folder / f"{name}.py", folder / name) if found.exists()]


def test_files_of_tests_mirror_modules_and_rooms():
    """Who changes a module finds its tests at once; an exception that is no longer one goes."""
    below = [name for name in IDS if name.split("/")[0] in SHIPPED and name.rpartition("/")[2].startswith("test_")]
    assert {name for name in below if not mirrored(name)} == NO_MIRROR.keys()


def test_folders_of_tests_are_packages_or_named():
    """Another folder would be a place where nobody looks."""
    assert {name.split("/")[0] for name in IDS if "/" in name} == {*SHIPPED, *BY_SUBJECT}


def test_every_room_and_every_stage_has_tests():
    """A room that has none is one that nobody tests."""
    rooms = {path.parent.relative_to(ROOT) for package in SHIPPED for path in (ROOT / package).rglob("[a-z]*.py")}
    without = {room.as_posix() for room in rooms if not list((TESTS / room).glob("test_*.py"))}
    assert without == ABOVE_ROOMS.keys()
    for stage in (ROOT / "pipeline/stages").glob("[a-z]*.py"):
        assert list((TESTS / "pipeline/stages").glob(f"test_{stage.stem}*.py")), stage


@pytest.mark.parametrize("path", PATHS, ids=IDS)
def test_one_style(path):
    """Each test says in a sentence what it is for; nothing has annotations but the fields of a class."""
    tree = ast.parse(path.read_text())
    fields = {id(field) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for field in node.body}
    for node in ast.walk(tree):
        where = f"{path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.AnnAssign):
            assert id(node) in fields, f"{where}: an annotation"
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None, f"{where}: an annotation"
        if isinstance(node, ast.arg):
            assert node.annotation is None, f"{where}: an annotation"
    if path.name.startswith("test_"):
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                sentence = ast.get_docstring(node)
                assert sentence, f"{path}:{node.lineno}: no docstring"
                assert sentence.endswith((".", ":", "!", "?")), f"{path}:{node.lineno}: no sentence"
