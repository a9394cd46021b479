"""T17: what was tampered with is named with its path, and what was not is not."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from peewee_model.store import open_store
from pipeline.audit.commands import app
from pipeline.audit.finding import Report
from pipeline.audit.verify import Request, audit
from tests.pipeline.audit import audited_project
from tests.pipeline.audit.tamperings import SIGNATURE, TAMPERINGS, TWIN, Scene, md5_of

AtMost = Callable[[int, int], int]
N_TAMPERINGS, N_CLEAN = 60, 20
CODE = ("peewee_model", "pipeline", "bin")


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A project that was run twice, its releases signed and its data pushed."""
    folder = tmp_path_factory.mktemp("audited")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DVC_SITE_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"):
            patch.setenv(name, str(folder / name))
        root = folder / "project"
        first, second = audited_project.make(root)
        key = folder / "release.key"
        make_key(key)
        for version in (first, second):
            open_store(str(root / "store")).sign(version, key)
        for name in CODE:  # git has it
            shutil.rmtree(root / name)
        yield Scene(root, first, second)


@pytest.fixture
def copied(original: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Scene]:
    """`copied()` gives a copy of the project, and makes it the working directory."""
    count = iter(range(1000))
    monkeypatch.setenv("PEEWEE_CACHE", str(tmp_path / "releases"))

    def copy() -> Scene:
        root = tmp_path / str(next(count))
        shutil.copytree(original.root, root, symlinks=True)
        monkeypatch.chdir(root)
        return Scene(root, original.first, original.version)

    return copy


@pytest.fixture
def public_key(original: Scene) -> Path:
    return original.root.parent / "release.pub"


def make_key(path: Path) -> None:
    command = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    command = ["openssl", "pkey", "-in", str(path), "-pubout", "-out", str(path.with_suffix(".pub"))]
    subprocess.run(command, check=True, capture_output=True)


def check(scene: Scene, version: str | None = None, **how: object) -> Report:
    return audit(Request(version or scene.version, str(scene.store), scene.root, **how))  # type: ignore[arg-type]


def test_tamperings_are_named_with_their_paths(copied: Callable[[], Scene], public_key: Path, at_most: AtMost) -> None:
    """One at a time, by an audit that stops at the first thing that differs."""
    assert len(TAMPERINGS) >= N_TAMPERINGS
    names = list(TAMPERINGS)[:: len(TAMPERINGS) // at_most(20, len(TAMPERINGS))]
    unseen = {}
    for name in names:
        change, told = TAMPERINGS[name]
        scene = copied()
        version = change(scene)
        key = public_key if name in SIGNATURE else None
        report = check(scene, version if isinstance(version, str) else None, public_key=key)
        if not report.findings or told not in str(report.findings[0]):
            unseen[name] = [told, *map(str, report.findings)]
        shutil.rmtree(scene.root)
    print(f"T17: {len(names) - len(unseen)} of {len(names)} tamperings named with their paths")
    assert unseen == {}, "\n".join(f"{name}: {lines}" for name, lines in unseen.items())


def touched(scene: Scene) -> None:
    """Every file was changed just now, or so it says."""
    for path in scene.root.rglob("*"):
        os.utime(path, follow_symlinks=False)


def without(*names: str) -> Callable[[Scene], None]:
    """Copies are missing, as in a clone."""

    def remove(scene: Scene) -> None:
        for name in names:
            shutil.rmtree(scene.root / name)

    return remove


def linked(kind: str) -> Callable[[Scene], None]:
    """The workspace holds links into the cache."""

    def link(scene: Scene) -> None:
        audited_project.run(scene.root, "dvc", "config", "cache.type", kind)
        audited_project.run(scene.root, "dvc", "checkout", "-q", "--relink")

    return link


def rolled_back(scene: Scene) -> None:
    open_store(str(scene.store)).append("stable", scene.first, "rollback", "worse")


def promoted(scene: Scene) -> None:
    for channel in ("candidate", "live"):
        open_store(str(scene.store)).append(channel, scene.first, "promote", "good")


def edited(scene: Scene) -> None:
    """Somebody works on: code and parameters are ahead of the last run."""
    audited_project.change(scene.root, "encoder", n_speakers=30)
    (scene.root / "notes.md").write_text("to do")
    (scene.root / "reports/timings.json").write_text("{}")


def nothing(scene: Scene) -> None:
    """As it was made."""


DATA = ("data", "models", "reports", "links", "release")
CLEAN: dict[str, tuple[Callable[[Scene], object], dict[str, object]]] = {
    "as it was made": (nothing, {}),
    "offline": (nothing, {"offline": True}),
    "everything": (nothing, {"everything": True}),
    "signed": (nothing, {"public_key": True}),
    "the older release": (nothing, {"first": True}),
    "the older release, offline, signed": (nothing, {"first": True, "offline": True, "public_key": True}),
    "all files touched": (touched, {}),
    "no cache": (without(".dvc/cache"), {}),
    "no remote": (without("remote"), {}),
    "no workspace": (without(*DATA), {}),
    "workspace alone": (without(".dvc/cache", "remote"), {"offline": True}),
    "remote alone": (without(*DATA, ".dvc/cache"), {}),
    "store alone, offline": (without(*DATA, ".dvc/cache", "remote"), {"offline": True}),
    "archives from their source": (without("data/archives"), {}),
    "hard links": (linked("hardlink"), {}),
    "symbolic links": (linked("symlink"), {}),
    "rolled back": (rolled_back, {}),
    "promoted in other channels": (promoted, {"first": True}),
    "worked on": (edited, {}),
    "another folder": (without(".dvc"), {}),
    "twice": (lambda scene: check(scene), {}),
}


def test_clean_runs_are_silent(copied: Callable[[], Scene], public_key: Path, at_most: AtMost) -> None:
    """However the copies are kept, and whoever works on."""
    assert len(CLEAN) >= N_CLEAN
    alarms = {}
    names = list(CLEAN)[:: len(CLEAN) // at_most(10, len(CLEAN))]
    for name in names:
        change, how = CLEAN[name]
        scene = copied()
        change(scene)
        how = {**how, **({"public_key": public_key} if how.get("public_key") else {})}
        version = scene.first if how.pop("first", False) else scene.version
        report = check(scene, version, **how)
        if report.findings or not report.n_files["store"]:
            alarms[name] = list(map(str, report.findings))
        shutil.rmtree(scene.root)
    print(f"T17: {len(names) - len(alarms)} of {len(names)} clean runs silent")
    assert alarms == {}


def test_md5_alone_would_not_have_noticed(copied: Callable[[], Scene]) -> None:
    """DVC, which knows files by MD5, finds nothing changed; the audit names all three copies."""
    scene = copied()
    before = md5_of(scene.root / TWIN)
    TAMPERINGS["MD5 collision everywhere"][0](scene)
    assert md5_of(scene.root / TWIN) == before
    touched(scene)  # so that DVC hashes anew
    assert audited_project.run(scene.root, "dvc", "diff", "HEAD", "--targets", "data/mels/speaker").strip() == ""
    assert [finding.place for finding in check(scene, everything=True).findings] == ["workspace", "cache", "remote"]


def test_command_names_the_first_or_all_and_fails(copied: Callable[[], Scene]) -> None:
    """Two files differ: the archive's corpus comes before the model."""
    scene = copied()
    TAMPERINGS["bit of models/encoder/model.safetensors flipped"][0](scene)
    TAMPERINGS["speakers swapped"][0](scene)
    told = CliRunner().invoke(app, ["verify", "stable"])
    assert "data/corpus/part-00000.parquet" in told.output and "models/encoder" not in told.output
    assert "expected sha256" in told.output and "--all goes on" in told.output
    assert told.exception is not None and "data/corpus/part-00000.parquet" in str(told.exception)
    told = CliRunner().invoke(app, ["verify", "stable", "--all"])
    assert "data/corpus/part-00000.parquet" in told.output and "models/encoder/model.safetensors" in told.output
