"""The stage, called as `python -m pipeline download` calls it, and run by DVC."""

import hashlib
import subprocess
import sys

import pytest
import yaml

from peewee_model.errors import ConfigError
from pipeline.stages.download import download
from tests.pipeline.ingest.archives import archive
from tests.stand_in_graph import PYTHON

DVC = [sys.executable, "-m", "dvc"]
STAGE = {
    "cmd": f'{PYTHON} -c "from pipeline.stages.download import download; download()"',
    "params": ["corpus"],
    "outs": [{"data/archives": {"persist": True}}],
}


@pytest.fixture
def project(tmp_path, monkeypatch, repository):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(repository))
    (tmp_path / "given").mkdir()
    return tmp_path


def name_sources(project, *subsets):
    sources = []
    for n, subset in enumerate(subsets):
        path = project / "given" / f"{subset}.tar.gz"
        if not path.exists():
            path.write_bytes(archive(n, 20_000))
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        url = f"file:given/{subset}.tar.gz"
        sources.append({"corpus": "c", "subset": subset, "url": url, "md5": None, "sha256": sha256, "licence": "none"})
    (project / "params.yaml").write_text(yaml.safe_dump({"corpus": {"sources": sources}, "text": {}}))


def archives(project):
    return sorted(path.name for path in (project / "data/archives").iterdir())


def test_stage_fetches_what_params_name(project):
    """Run as DVC runs it."""
    name_sources(project, "a", "b")
    download()
    assert archives(project) == ["c-a.tar.gz", "c-b.tar.gz"]
    assert (project / "data/archives/c-a.tar.gz").read_bytes() == (project / "given/a.tar.gz").read_bytes()


def test_stage_names_the_key_when_params_are_wrong(project):
    """One line, and no traceback."""
    (project / "params.yaml").write_text("corpus: {sources: [], surplus: 1}")
    with pytest.raises(ConfigError, match=r"corpus\.surplus is unknown"):
        download()


@pytest.mark.system
def test_dvc_keeps_what_is_right_and_fetches_the_rest(project):
    """Under `persist: true` an added source fetches itself only, and a lost archive is brought back."""
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"download": STAGE}}))
    subprocess.run([*DVC, "init", "--no-scm", "--quiet"], check=True)
    name_sources(project, "a")
    subprocess.run([*DVC, "repro", "--quiet"], check=True)
    (project / "given/a.tar.gz").rename(project / "given/a")  # a is not to be had any more
    sources = yaml.safe_load((project / "params.yaml").read_text())["corpus"]["sources"]
    name_sources(project, "b")
    added = yaml.safe_load((project / "params.yaml").read_text())["corpus"]["sources"]
    (project / "params.yaml").write_text(yaml.safe_dump({"corpus": {"sources": sources + added}}))
    subprocess.run([*DVC, "repro", "--quiet"], check=True)
    assert archives(project) == ["c-a.tar.gz", "c-b.tar.gz"]

    (project / "data/archives/c-b.tar.gz").unlink()
    again = subprocess.run([*DVC, "repro"], check=True, capture_output=True, text=True)
    assert archives(project) == ["c-a.tar.gz", "c-b.tar.gz"], again.stdout
