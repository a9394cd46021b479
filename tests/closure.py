"""What a module imports, followed to the end inside this repository: the truth that dvc.yaml's `deps` must equal."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
SHIPPED = ("peewee_model", "pipeline", "dags")


def sources():
    """Every Python file that we ship."""
    for package in SHIPPED:
        yield from sorted((ROOT / package).rglob("*.py"))


@cache
def imports_of(module):
    """Dotted names that a file imports anywhere in it, in functions too; `from a import b` gives a and a.b."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{module}: relative import"
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


def file_of(name):
    """The file of a dotted name, if it is a module of this repository and not merely a name inside one."""
    if name.split(".")[0] not in SHIPPED:
        return None
    path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    return path if path.is_file() else None


def closure(module):
    """The file and all files of this repository that it imports, directly or not.

    Package files are left out: they are empty, but for those that name exports; they load none.
    """
    found = set()
    open_files = [module]
    while open_files:
        file = open_files.pop()
        if file not in found:
            found.add(file)
            open_files += [path for name in imports_of(file) if (path := file_of(name))]
    return found
