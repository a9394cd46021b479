"""A project of stand-ins whose stages depend on a folder of code: made in seconds, for audits of one thing."""

import shutil

import pytest
import yaml

from peewee_model.release.features import FEATURES_FILE, parse_features
from peewee_model.release.manifest import read_manifest
from pipeline.audit.record import Record
from pipeline.release.links import LINKS_FILE, parse_release_links
from pipeline.release.provenance import PROVENANCE, read_provenance
from tests.pipeline.stages.small_project import make_project
from tests.stand_in_graph import git

MADE = ("data", "links", "models", "reports", "dvc.lock", ".dvc/cache")
"""What the stages leave, and git does not have."""
CODE = {"code/one.py": "one = 1\nprint(one)\n", "code/two.py": "two = 2\n", "code/deep/three.py": "three = 3\n"}


def make(folder):
    """Make the project, commit it, and let DVC run its stages up to `evaluate`."""
    from dvc.repo import Repo

    make_project(folder)
    for name, text in CODE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    graph = yaml.safe_load((folder / "dvc.yaml").read_text())
    for stage in graph["stages"].values():
        stage["deps"].append("code")
    (folder / "dvc.yaml").write_text(yaml.safe_dump(graph, sort_keys=False))
    git(folder, "add", "--force", "code", "dvc.yaml", ".dvc/config", ".dvc/.gitignore")
    git(folder, "commit", "--quiet", "--message", "code")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with Repo() as repo:
            repo.reproduce(["evaluate"])


def fill(project, made):
    """Put what the stages made into a checkout."""
    for name in MADE:
        source = made / name
        shutil.copytree(source, project / name) if source.is_dir() else shutil.copy(source, project / name)
    return project


def read_record(release):
    """Read what a release says of itself."""
    manifest, version = read_manifest(release)
    return Record(
        version,
        manifest,
        parse_release_links((release / LINKS_FILE).read_bytes(), LINKS_FILE),
        parse_features((release / FEATURES_FILE).read_bytes(), FEATURES_FILE),
        read_provenance((release / PROVENANCE).read_bytes()),
        {},
    )
