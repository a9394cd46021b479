"""The worker on the project's own dvc.yaml: its stages, each replaced by one that hashes what it may read."""

import json
import subprocess
import textwrap
from pathlib import Path

import pytest

from pipeline.graph.stages import load_stages
from pipeline.runs.records import Records
from tests.closure import ROOT
from tests.pipeline.commands.worker_project import children_cpu_s, make_project

pytestmark = pytest.mark.system

STAGE = """
    from pipeline.stand_in import write_outputs
    from pipeline.trace import trace

    def {name}():
        trace("{name}")
        write_outputs("{name}")
"""
MAX_OVERHEAD = 8.0  # times a `dvc status`; 4 to 5.2 measured, and more if DVC read dvc.yaml anew for each input
STAGES = load_stages(ROOT / "dvc.yaml")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("graph")
    project = make_project(folder, str(folder / "remote"))
    for path in (project.source / "pipeline/stages").glob("[a-z]*.py"):
        path.unlink()
    for name in STAGES:
        text = textwrap.dedent(STAGE.format(name=name))
        (project.source / f"pipeline/stages/{name}.py").write_text(text)
    listing = ["git", "ls-files", "-co", "--exclude-standard", "peewee_model", "*.csv", "requirements.lock"]
    for name in subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split():
        if (ROOT / name).is_file():
            (project.source / name).parent.mkdir(parents=True, exist_ok=True)
            (project.source / name).write_bytes((ROOT / name).read_bytes())
    for name in ("dvc.yaml", "params.yaml"):
        (project.source / name).write_bytes((ROOT / name).read_bytes())
    project.commit("the real graph")
    return project


def test_real_graph_runs_stage_by_stage(project, record_property):
    """Every stage once; then a vocoder's parameter reruns what it must. Prints what a task costs beside its stage.

    CPU time is what is asserted, by that of a `dvc status`: the clock's depends on who else uses the machine, and both
    on what machine it is. It includes the stand-in's own.
    """
    before = children_cpu_s()
    subprocess.run(["dvc", "status", "--quiet"], cwd=project.source, check=False)  # 1: no stage was run
    status_s = round(children_cpu_s() - before, 2)
    project.must("plan", "--run", "whole")
    answers = {name: project.must("run", name, "--run", "whole") for name in STAGES}
    assert project.ran() == list(STAGES)
    overheads = {name: answer["overhead_s"] for name, answer in answers.items()}
    record_property("overhead_s", overheads)
    cpu_s = dict(zip(STAGES, project.cpu_s[1:], strict=True))
    print("overhead of a task, s:", json.dumps(overheads), "CPU:", json.dumps(cpu_s), "of `dvc status`:", status_s)
    assert max(cpu_s.values()) <= MAX_OVERHEAD * status_s
    sealed = project.must("seal", "--run", "whole")
    assert sealed["tag"] == f"release-{answers['publish']['receipt']['version']}"

    project.forget_trace()
    planned = project.must("plan", "--run", "vocoder", "--set", "vocoder.n_validation=8")
    assert planned["would_run"] == ["train_vocoder", "evaluate", "bundle", "publish"]
    for name in planned["would_run"]:
        project.must("run", name, "--run", "vocoder")
    assert project.ran() == planned["would_run"]
    entry = Records(project.remote).entry("vocoder", "evaluate")
    before = Records(project.remote).entry("whole", "evaluate")
    assert entry
    assert before
    changed = {path for path, hash_ in entry.hashes("deps").items() if before.hashes("deps")[path] != hash_}
    assert changed == {"models/vocoder"}
    assert not list(Path(project.folder / "scratch").iterdir())
