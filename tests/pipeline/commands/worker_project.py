"""A small project in a real git repository, a remote and a store, and a worker that is called as runners call it."""

import json
import os
import resource
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

from tests import stand_in_graph
from tests.closure import ROOT

DVC_YAML = """
stages:
  gather:
    desc: The corpus.
    cmd: python -m pipeline gather
    deps: [pipeline/stages/gather.py]
    params: [corpus]
    outs: [data/corpus, {data/archives: {persist: true}}]
    meta: {gpu: 0, cpu: 1, memory: 1Gi, timeout: 1h, retries: 1}
  train:
    desc: A model.
    cmd: python -m pipeline train
    deps: [data/corpus, pipeline/stages/train.py]
    params: [train]
    outs: [models/a]
    meta: {gpu: 0, cpu: 1, memory: 1Gi, timeout: 1h, retries: 1, launcher: torchrun}
  tune:
    desc: Another, on top of it.
    cmd: python -m pipeline tune
    deps: [data/corpus, models/a, pipeline/stages/tune.py]
    params: [tune]
    outs: [models/b]
    metrics: [reports/metrics.json]
    meta: {gpu: 0, cpu: 1, memory: 1Gi, timeout: 1h, retries: 1}
  publish:
    desc: The release.
    cmd: python -m pipeline publish
    always_changed: true
    deps: [models/b, reports/metrics.json, pipeline/stages/publish.py]
    outs: [{receipts/publish.json: {cache: false}}]
    meta: {gpu: 0, cpu: 1, memory: 1Gi, timeout: 1h, retries: 1, network: true}
"""
PARAMS = """\
corpus: {n: 3}
train: {steps: 20, rate: 1.0e-6}
tune: {steps: 2}
"""
# What the stages share beside `tests/stand_in_graph.py`: a trace of who ran, and how a test wants a stage to behave.
TRACE = """
import json, os, pathlib, time
from peewee_model.errors import PeeweeError

def trace(stage):
    folder = pathlib.Path(os.environ["TRACE"])
    with open(folder / "ran", "a") as file:
        file.write(stage + "\\n")
    told = folder / f"{stage}.json"
    told = json.loads(told.read_text()) if told.exists() else {}
    if "refuse" in told:
        raise PeeweeError(told["refuse"])
    if "sleep_s" in told:
        time.sleep(told["sleep_s"])
    return told
"""
STAGES = {
    "gather": """
        from pipeline.stand_in import digest, write_folder
        from pipeline.trace import trace

        def gather():
            trace("gather")
            write_folder("data/corpus", digest("gather"))
            write_folder("data/archives", "an archive")
        """,
    "train": """
        import hashlib, json, os, pathlib, signal, time, yaml
        from peewee_model.errors import PeeweeError
        from pipeline.stand_in import digest, write_folder
        from pipeline.trace import trace

        class Preempted(PeeweeError):
            exit_code = 75

        def train():
            told = trace("train")
            stopped = []
            signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
            steps = yaml.safe_load(open("params.yaml"))["train"]["steps"]
            root = pathlib.Path(".checkpoints/train")
            for number, folder in enumerate((root / "f1ngerpr1nt", root / "f1ngerpr1nt" / "best")):
                folder.mkdir(parents=True, exist_ok=True)
            folder = root / "f1ngerpr1nt"
            kept = sorted(folder.glob("*-*.safetensors"))
            step = int(kept[-1].name.split("-")[0]) if kept else 0
            with open(pathlib.Path(os.environ["TRACE"]) / "steps", "a") as file:
                file.write(f"{step}\\n")
            while step < steps:
                time.sleep(told.get("step_s", 0))
                step += 1
                data = f"state at {step}".encode()
                name = f"{step:08d}-{hashlib.sha256(data).hexdigest()[:16]}.safetensors"
                (folder / "best" / name).write_bytes(data)
                (folder / name).write_bytes(data)
                for old in sorted(folder.glob("*-*.safetensors"))[:-2]:
                    old.unlink()
                if stopped:
                    raise Preempted(f"stopped after step {step}")
            write_folder("models/a", digest("train") + (os.urandom(8).hex() if told.get("random") else ""))
            import shutil
            shutil.rmtree(folder)
        """,
    "tune": """
        import json, pathlib
        from pipeline.stand_in import digest, write_folder
        from pipeline.trace import trace

        def tune():
            trace("tune")
            write_folder("models/b", digest("tune"))
            pathlib.Path("reports").mkdir(exist_ok=True)
            pathlib.Path("reports/metrics.json").write_text(json.dumps({"loss": 0.5}))
        """,
    "publish": """
        import json, os, pathlib, subprocess
        from pipeline.stand_in import digest
        from pipeline.trace import trace

        def publish():
            trace("publish")
            version = digest("publish")[:16]
            store = pathlib.Path(os.environ["PEEWEE_STORE"])
            store.mkdir(parents=True, exist_ok=True)
            (store / version).touch()
            commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
            (store / "commit").write_text(commit)
            pathlib.Path("receipts").mkdir(exist_ok=True)
            pathlib.Path("receipts/publish.json").write_text(json.dumps({"version": version}))
        """,
}
GRAPH = tuple(STAGES)


@dataclass
class Done:
    """How a worker ended."""

    code: int
    answer: dict
    log: str


@dataclass
class Project:
    """The repository, and where its runs take place."""

    folder: Path
    remote: str
    extra: dict[str, str] = field(default_factory=dict)
    cpu_s: list[float] = field(default_factory=list)

    @property
    def origin(self):
        return self.folder / "origin.git"

    @property
    def source(self):
        return self.folder / "source"

    @property
    def trace(self):
        return self.folder / "trace"

    def env(self, **more):
        return {
            **os.environ, "PEEWEE_REMOTE": self.remote, "PEEWEE_STORE": str(self.folder / "releases"),
            "PEEWEE_SCRATCH": str(self.folder / "scratch"), "PEEWEE_REPOSITORY": str(self.origin),
            "TRACE": str(self.trace), "PEEWEE_CHECKPOINTS_S": "0.2", "PEEWEE_GRACE_S": "20", **self.extra, **more,
        }  # fmt: skip

    def start(self, *arguments, **more):
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline.commands.worker", *arguments], cwd=ROOT, env=self.env(**more), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def call(self, *arguments, **more):
        return wait(self.start(*arguments, **more))

    def must(self, *arguments, **more):
        """Call a worker that is to succeed. Notes the seconds of CPU that it and its stage took."""
        before = children_cpu_s()
        done = self.call(*arguments, **more)
        assert done.code == 0, done.log
        self.cpu_s.append(round(children_cpu_s() - before, 2))
        return done.answer

    def run_all(self, run, *plan):
        """A whole run, as an orchestrator would do it."""
        self.must("plan", "--run", run, *plan)
        return {stage: self.must("run", stage, "--run", run) for stage in GRAPH}

    def ran(self):
        """Stages whose commands ran, in order."""
        path = self.trace / "ran"
        return path.read_text().split() if path.exists() else []

    def forget_trace(self):
        (self.trace / "ran").unlink(missing_ok=True)

    def tell(self, stage, **how):
        """How a stage is to behave from now on."""
        (self.trace / f"{stage}.json").write_text(json.dumps(how))

    def git(self, *arguments):
        done = subprocess.run(["git", *arguments], cwd=self.source, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, message):
        """Commit everything, and push it."""
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--message", message)
        self.git("push", "--quiet", "origin", "HEAD:main")
        return self.git("rev-parse", "HEAD")

    def references(self):
        """Branches and tags of the origin."""
        lines = self.git("ls-remote", str(self.origin)).splitlines()
        return {name: commit for commit, name in (line.split("\t") for line in lines) if name != "HEAD"}


def children_cpu_s():
    """Seconds of CPU that the processes which we started and waited for have taken."""
    taken = resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken.ru_utime + taken.ru_stime


def wait(worker):
    out, log = worker.communicate(timeout=120)
    lines = out.strip().splitlines()
    return Done(worker.returncode, json.loads(lines[-1]) if worker.returncode == 0 else {}, log)


def make_project(folder, remote, **extra):
    project = Project(folder, remote, extra)
    project.trace.mkdir()
    source = project.source
    shutil.copytree(
        ROOT / "pipeline",
        source / "pipeline",
        ignore=shutil.ignore_patterns("__pycache__", "stages", "check_params.py"),
    )
    (source / "pipeline" / "stages").mkdir()
    (source / "pipeline" / "stages" / "__init__.py").touch()
    shutil.copy(stand_in_graph.__file__, source / "pipeline" / "stand_in.py")
    (source / "pipeline" / "trace.py").write_text(TRACE)
    for name, code in STAGES.items():
        (source / "pipeline" / "stages" / f"{name}.py").write_text(textwrap.dedent(code))
    (source / "dvc.yaml").write_text(DVC_YAML)
    (source / "params.yaml").write_text(PARAMS)
    (source / "pipeline" / "profiles" / "big.yaml").write_text("train: {steps: 30}\n")
    shutil.copytree(ROOT / ".dvc", source / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp", "config.local"))
    shutil.copy(ROOT / ".dvcignore", source)
    (source / ".gitignore").write_text("__pycache__/\n/.checkpoints/\n")
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch", "main", str(project.origin)], check=True)
    project.git("init", "--quiet", "--initial-branch", "main")
    project.git("config", "user.name", "A")
    project.git("config", "user.email", "a@example.org")
    project.git("remote", "add", "origin", str(project.origin))
    project.commit("the project")
    return project
