"""dvc.yaml: its dependencies are the truth, and DVC reruns exactly what a change can reach."""

import hashlib
import shutil
import subprocess

import pytest
import yaml

from peewee_model.errors import ConfigError
from pipeline.graph.picture import PICTURE, draw
from pipeline.graph.stages import edges, load_stages, outputs
from pipeline.release.evidence import FEATURES
from tests import stand_in_graph
from tests.closure import ROOT, closure

STAGES = load_stages(ROOT / "dvc.yaml")


TRACKED = {"exclusions.csv", "requirements.lock"}
"""Dependencies that are no code and that no stage writes: git has them."""


def code_dependencies(stage):
    """A stage's dependencies that are code, folders spelled out as their files."""
    made = {path for other in STAGES.values() for path in outputs(other)} | TRACKED
    for dependency in STAGES[stage]["deps"]:
        path = ROOT / dependency
        if dependency not in made:
            yield from (p for p in path.rglob("*.py") if p.name != "__init__.py") if path.is_dir() else [path]


@pytest.mark.parametrize("stage", STAGES)
def test_code_dependencies_are_exactly_what_the_stage_imports(stage):
    """One too few and a change is missed; one too many and a vocoder change retrains the encoder."""
    imported = {str(path.relative_to(ROOT)) for path in closure(ROOT / f"pipeline/stages/{stage}.py")}
    named = {str(path.relative_to(ROOT)) for path in code_dependencies(stage)}
    assert not imported - named, "imported, but not in deps"
    assert not named - imported, "in deps, but not imported"


@pytest.mark.parametrize("stage", STAGES)
def test_parameters_are_exactly_the_sections_the_stage_reads(stage):
    """The stage's own model of its parameters and dvc.yaml name the same sections."""
    import importlib

    module = importlib.import_module(f"pipeline.stages.{stage}")
    wanted = set(module.Params.model_fields) if hasattr(module, "Params") else set()
    assert set(STAGES[stage].get("params", [])) == wanted


def test_stage_is_command_file_and_function_of_one_name():
    """Stage name = file = function = argument of the command."""
    assert list(STAGES) == [
        "fetch_base", "download", "ingest", "extract_mels", "train_encoder", "embed_speakers", "train_synthesizer",
        "train_vocoder", "evaluate", "bundle", "publish",
    ]  # fmt: skip
    for name, stage in STAGES.items():
        assert stage["cmd"] == f"python -m pipeline {name}"
        assert (ROOT / f"pipeline/stages/{name}.py").is_file()
        assert {"gpu", "cpu", "memory", "timeout", "retries"} <= stage["meta"].keys()


def test_every_data_dependency_equals_an_output():
    """A dependency on a folder above several outputs would silently not be pulled."""
    made = {path for stage in STAGES.values() for path in outputs(stage)}
    for name, stage in STAGES.items():
        for dependency in stage["deps"]:
            is_code = dependency.startswith(("pipeline/", "peewee_model/"))
            known = is_code or dependency in made | TRACKED
            assert known, f"{name} depends on {dependency}, which no stage writes and git does not have"


def test_tracked_dependencies_are_in_git():
    """A file that only one clone has would be another input in each."""
    found = subprocess.run(["git", "ls-files", *sorted(TRACKED)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(found.stdout.split()) == TRACKED
    assert {dependency for stage in STAGES.values() for dependency in stage["deps"]} >= TRACKED


def test_every_stage_before_bundle_leaves_a_link_that_bundle_reads():
    """Else a release could not name, by SHA-256, what it was made of."""
    links = {f"links/{name}.json" for name in STAGES if name not in ("bundle", "publish")}
    for name, stage in STAGES.items():
        own = f"links/{name}.json"
        assert [path for path in outputs(stage) if path.startswith("links/")] == ([own] if own in links else [])
    assert {dep for dep in STAGES["bundle"]["deps"] if dep.startswith("links/")} == links


def test_publish_depends_on_every_table_that_it_uploads():
    """What bundle names in features.json, a worker must have pulled."""
    assert {path.as_posix() for path in FEATURES} <= set(STAGES["publish"]["deps"])


def test_every_section_of_the_parameters_is_read_by_a_stage():
    """A section that nobody reads is a slip of the pen."""
    read = {section for stage in STAGES.values() for section in stage.get("params", [])}
    assert set(yaml.safe_load((ROOT / "params.yaml").read_text())) == read


def test_picture_shows_the_graph_of_today():
    """`make graph` was run."""
    assert (ROOT / PICTURE).read_text() == draw(STAGES)


# A stage's command is replaced by one that writes, as every output, a hash of all that the stage may depend on: DVC
# itself then decides, with real outputs, what to run.
STAND_IN = """
import pathlib, sys
sys.path.insert(0, "pipeline")
from stand_in import write_outputs
write_outputs(sys.argv[-1])
with pathlib.Path("ran.txt").open("a") as ran:
    print(sys.argv[-1], file=ran)
"""


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory):
    """A copy of the project in which every stage was run once, by its stand-in."""
    from dvc.repo import Repo

    project = tmp_path_factory.mktemp("project")
    stand_in_graph.copy_project(project)
    shutil.copy(stand_in_graph.__file__, project / "pipeline/stand_in.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", stand_in_graph.put_python(project, STAND_IN))
        patch.chdir(project)
        Repo.init(no_scm=True)
        assert rerun(project) == ALL
        yield project


@pytest.fixture(scope="module")
def committed(tmp_path_factory):
    """The same without a process a stage: outputs are written here, and DVC records what it finds."""
    from dvc.repo import Repo

    project = tmp_path_factory.mktemp("committed")
    stand_in_graph.copy_project(project)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        for stage in STAGES:
            stand_in_graph.write_outputs(stage)
        with Repo.init(no_scm=True) as repo:
            repo.commit(force=True)
        yield project


def rerun(project):
    """Let DVC reproduce, and say which stages it ran."""
    from dvc.repo import Repo

    (project / "ran.txt").write_text("")
    with Repo(str(project)) as repo:
        repo.reproduce()
    return set((project / "ran.txt").read_text().split())


@pytest.fixture(scope="module")
def would_rerun(committed):
    """`would_rerun()` asks DVC which stages have changed, and which its graph has after them."""
    from dvc.repo import Repo
    from networkx import ancestors, topological_sort

    with Repo(str(committed)) as repo:
        graph = repo.index.graph  # from a stage to what it depends on
        upstream_first = list(topological_sort(graph))[::-1]

        def ask():
            reached = set()
            with repo.lock:
                for stage in upstream_first:
                    if stage not in reached and stage.changed():
                        reached |= {stage} | ancestors(graph, stage)
            return {stage.name for stage in reached}

        assert ask() == ALWAYS
        yield ask


AFTER_SYNTHESIZER = {"train_synthesizer", "train_vocoder", "evaluate", "bundle", "publish"}
AFTER_ENCODER = {"train_encoder", "embed_speakers", *AFTER_SYNTHESIZER}
ALL = set(STAGES)
ALWAYS = {name for name, stage in STAGES.items() if stage.get("always_changed")}
AFTER_INGEST = ALL - {"fetch_base", "download"}
EXPECTED = {
    "base": {"fetch_base"} | AFTER_ENCODER,
    "weights": AFTER_ENCODER,
    "corpus": ALL - {"fetch_base"},
    "ingest": AFTER_INGEST,
    "mel": AFTER_INGEST - {"ingest"},
    "encoder": AFTER_ENCODER,
    "synthesizer": AFTER_SYNTHESIZER,
    "vocoder": {"train_vocoder", "evaluate", "bundle", "publish"},
    "evaluate": {"evaluate", "bundle", "publish"},
    "gate": {"evaluate", "bundle", "publish"},
    "publish": {"publish"},
    "pipeline/stages/download.py": ALL - {"fetch_base"},
    "pipeline/ingest/readers/libritts.py": AFTER_INGEST,
    "pipeline/stages/extract_mels.py": AFTER_INGEST - {"ingest"},
    "pipeline/training/encoder/ge2e.py": AFTER_ENCODER,
    "pipeline/stages/embed_speakers.py": {"embed_speakers", *AFTER_SYNTHESIZER},
    "pipeline/training/synthesizer/learner.py": AFTER_SYNTHESIZER,
    "peewee_model/vocoder/griffin_lim.py": {"train_vocoder", "evaluate", "bundle", "publish"},
    "pipeline/stages/evaluate.py": {"evaluate", "bundle", "publish"},
    "pipeline/release/bundle.py": {"bundle", "publish"},
    "pipeline/stages/publish.py": {"publish"},
    "pipeline/corpora/exclusions.py": AFTER_INGEST,
    "pipeline/release/links.py": {"bundle", "publish"},
    "pipeline/release/evidence.py": {"bundle", "publish"},
    "pipeline/__main__.py": set(),
    "pipeline/runs/stage_process.py": set(),
    "exclusions.csv": AFTER_INGEST,
    "requirements.lock": {"bundle", "publish"},
    "peewee_model/cloning/cloner.py": set(),
    "pipeline/profiles/overlay.py": set(),
}


def touch_parameter(project, section):
    """Change one value somewhere in a section, as an editor would."""
    document = yaml.safe_load((project / "params.yaml").read_text())

    def bump(node):
        for key in node if isinstance(node, dict) else range(len(node)):
            value = node[key]
            if isinstance(value, dict | list) and value:
                return bump(value)
            node[key] = value + 1 if isinstance(value, int | float) else f"{value}x"
            return None
        raise ConfigError("nothing to change")

    bump(document[section])
    (project / "params.yaml").write_text(yaml.safe_dump(document))


def edit(project, edited):
    """Change a section of params.yaml or a file of code; return the file and what it was."""
    path = project / (edited if "." in edited else "params.yaml")
    before = path.read_text()
    if "." in edited:
        path.write_text(f"{before}\n# {hashlib.sha256(edited.encode()).hexdigest()}\n")
    else:
        touch_parameter(project, edited)
    return path, before


@pytest.mark.parametrize("edited", EXPECTED)
def test_change_reaches_exactly_what_depends_on_it(committed, would_rerun, edited):
    """One parameter or one file of code at a time: DVC would run these stages, and no other."""
    path, before = edit(committed, edited)
    reached = would_rerun()
    path.write_text(before)
    assert reached == EXPECTED[edited] | ALWAYS


@pytest.mark.system
@pytest.mark.parametrize("edited", ["vocoder", "pipeline/stages/embed_speakers.py"])
def test_dvc_reruns_what_it_is_expected_to_rerun(reproduced, edited):
    """What DVC's graph says above is what a real `dvc repro` runs; a change that is undone runs nothing."""
    path, before = edit(reproduced, edited)
    ran = rerun(reproduced)
    path.write_text(before)
    assert rerun(reproduced) == ALWAYS  # DVC has the results of before, and the project is as it was
    assert ran == EXPECTED[edited] | ALWAYS


def test_edges_follow_the_files():
    """The graph that runners build from is the one of the design."""
    assert edges(STAGES)["train_vocoder"][-1] == "train_synthesizer"
    assert edges(STAGES)["publish"] == ["ingest", "extract_mels", "bundle"]
    assert edges(STAGES)["bundle"] == list(STAGES)[:-2]
    assert edges(STAGES)["download"] == edges(STAGES)["fetch_base"] == []


def test_picture_leaves_links_out():
    """There is one from each stage to `bundle`; download's would be an arc over everything."""
    links = {name: {**stage, "deps": [], "outs": outputs(stage)} for name, stage in STAGES.items()}
    links["publish"]["deps"] = ["release"]
    without = draw(links)
    links["bundle"]["deps"] = ["links/download.json"]
    assert draw(links) == without
    assert "ingest.json" not in without
