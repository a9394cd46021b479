"""docs/development.md: each stage and each room is found there, and what it names exists."""

import re

from pipeline.graph.stages import load_stages
from tests.closure import ROOT
from tests.test_architecture import FLOORS

TEXT = (ROOT / "docs/development.md").read_text(encoding="utf-8")
STAGES = load_stages(ROOT / "dvc.yaml")


def test_every_stage_has_a_row_with_its_parameters():
    """In the order of dvc.yaml, with the sections that it reads."""
    rows = re.findall(r"^\| `(\w+)` \| \[\w+\.py\]\(\.\./(\S+)\) \|.*\| (.*) \| \[", TEXT, re.MULTILINE)
    assert [name for name, _, _ in rows] == list(STAGES)
    for name, code, parameters in rows:
        assert code == f"pipeline/stages/{name}.py"
        assert re.findall(r"`(\w+)`", parameters) == sorted(STAGES[name].get("params", []))


def test_every_room_is_on_its_floor():
    """The tables of rooms are those of the architecture test."""
    for package, floors in FLOORS.items():
        table = TEXT[TEXT.index(f"| floor of `{package}`") :].split("\n\n")[0]
        rows = re.findall(r"^\| (\d+) \| (.*?) \|", table, re.MULTILINE)
        for number, rooms in enumerate(floors, 1):
            for room in rooms:
                if (ROOT / package / room).is_dir():
                    assert any(int(floor) == number and f"`{room}/`" in names for floor, names in rows), room


def test_every_path_that_is_named_exists():
    """A document that points to nothing is worse than none."""
    for name in re.findall(r"`((?:pipeline|peewee_model|tests|dags|infra)/[\w/.]+)`", TEXT):
        assert (ROOT / name).exists(), name
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (ROOT / "docs" / target).exists(), target
