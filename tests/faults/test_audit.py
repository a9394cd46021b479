"""T17: what was tampered with is named with its path, and what was not is not."""

import os
import re
import shlex
import shutil
import subprocess

import pytest
from typer.testing import CliRunner

from peewee_model.errors import PeeweeError
from peewee_model.store.store import open_store
from pipeline.audit.finding import Verdict
from pipeline.audit.verify import Request, audit
from pipeline.commands.audit import app
from tests.pipeline.audit import audited_project
from tests.pipeline.audit.stand_in import COLLISION
from tests.pipeline.audit.tamperings import SIGNATURE, TAMPERINGS, TWIN, Scene, md5_of

pytestmark = pytest.mark.system

N_TAMPERINGS, N_CLEAN = 60, 20
CODE = ("peewee_model", "pipeline", "bin")


@pytest.fixture(scope="session")
def original(tmp_path_factory):
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
def copied(original, tmp_path, monkeypatch):
    """`copied()` gives a copy of the project, and makes it the working directory."""
    count = iter(range(1000))
    monkeypatch.setenv("PEEWEE_CACHE", str(tmp_path / "releases"))

    def copy():
        root = tmp_path / str(next(count))
        shutil.copytree(original.root, root, symlinks=True)
        monkeypatch.chdir(root)
        return Scene(root, original.first, original.version)

    return copy


@pytest.fixture
def public_key(original):
    return original.root.parent / "release.pub"


def make_key(path):
    command = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    command = ["openssl", "pkey", "-in", str(path), "-pubout", "-out", str(path.with_suffix(".pub"))]
    subprocess.run(command, check=True, capture_output=True)


def check(scene, version=None, **how):
    return audit(Request(version or scene.version, str(scene.store), scene.root, **how))


def test_tamperings_are_named_with_their_paths(copied, public_key, at_most):
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
        found = [*map(str, report.findings), *(f"missing: {line}" for line in report.unseen)]
        if report.verdict is Verdict.AS_IT_WAS_MADE or told not in found[0]:
            unseen[name] = [told, *found]
        shutil.rmtree(scene.root)
    print(f"T17: {len(names) - len(unseen)} of {len(names)} tamperings named with their paths")
    assert unseen == {}, "\n".join(f"{name}: {lines}" for name, lines in unseen.items())


def touched(scene):
    """Every file was changed just now, or so it says."""
    for path in scene.root.rglob("*"):
        os.utime(path, follow_symlinks=False)


def without(*names):
    """Copies are missing, as in a clone."""

    def remove(scene):
        for name in names:
            shutil.rmtree(scene.root / name)

    return remove


def linked(kind):
    """The workspace holds links into the cache."""

    def link(scene):
        audited_project.run(scene.root, "dvc", "config", "cache.type", kind)
        audited_project.run(scene.root, "dvc", "checkout", "-q", "--relink")

    return link


def rolled_back(scene):
    open_store(str(scene.store)).append("stable", scene.first, "rollback", "worse")


def promoted(scene):
    for channel in ("candidate", "live"):
        open_store(str(scene.store)).append(channel, scene.first, "promote", "good")


def edited(scene):
    """Somebody works on: code and parameters are ahead of the last run."""
    audited_project.change(scene.root, "encoder", n_speakers=30)
    (scene.root / "notes.md").write_text("to do")
    (scene.root / "reports/timings.json").write_text("{}")


def nothing(scene):
    """As it was made."""


DATA = ("data", "models", "reports", "links", "release")
CLEAN = {
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


def test_clean_runs_are_silent(copied, public_key, at_most):
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


def test_md5_alone_would_not_have_noticed(copied):
    """DVC, which knows files by MD5, finds nothing changed; the audit names all three copies."""
    scene = copied()
    before = md5_of(scene.root / TWIN)
    TAMPERINGS["MD5 collision everywhere"][0](scene)
    assert md5_of(scene.root / TWIN) == before
    touched(scene)  # so that DVC hashes anew
    assert audited_project.run(scene.root, "dvc", "diff", "HEAD", "--targets", "data/mels/speaker").strip() == ""
    assert [finding.place for finding in check(scene, everything=True).findings] == ["workspace", "cache", "remote"]


def test_command_names_the_first_or_all_and_fails(copied):
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


def test_audit_of_a_release_that_is_not_there_is_one_line(copied):
    """The error names the release; no traceback."""
    copied()
    for version in ("0123456789abcdef", "nowhere"):
        told = CliRunner().invoke(app, ["verify", version])
        assert isinstance(told.exception, PeeweeError) and version in str(told.exception)
        assert "\n" not in str(told.exception)


def test_store_and_remote_on_s3(copied, swift, s3_bucket):
    """On a real S3 server: silent as it was made, then what was changed there is named, whatever a cache holds."""
    scene = copied()
    address = f"s3://{s3_bucket}/releases"
    client = swift.client()
    for folder, prefix in ((scene.store, "releases"), (scene.root / "remote", "dvc")):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and ".incoming" not in path.parts:
                client.upload_file(str(path), s3_bucket, f"{prefix}/{path.relative_to(folder).as_posix()}")
    audited_project.run(scene.root, "dvc", "remote", "modify", "storage", "url", f"s3://{s3_bucket}/dvc")

    def audited(**how):
        return audit(Request(scene.version, address, scene.root, **how))

    clean = audited()
    assert clean.findings == []
    assert clean.n_files["remote"] > 20 and clean.n_files["store"] > 20
    open_store(address).fetch(scene.version)
    weights = f"releases/releases/{scene.version}/encoder/model.safetensors"
    body = client.get_object(Bucket=s3_bucket, Key=weights)["Body"].read()
    client.put_object(Bucket=s3_bucket, Key=weights, Body=body[:-1] + bytes([body[-1] ^ 1]))
    table = scene.features("utterances.parquet").relative_to(scene.store).as_posix()
    client.put_object(Bucket=s3_bucket, Key=f"releases/{table}", Body=b"another")
    twin = scene.object("remote", TWIN).relative_to(scene.root / "remote").as_posix()
    client.put_object(Bucket=s3_bucket, Key=f"dvc/{twin}", Body=COLLISION[1])
    found = [str(finding) for finding in audited(everything=True).findings]
    assert len(found) == 3
    for line, told in zip(found, (f"remote: {TWIN} (", "utterances.parquet", "encoder/model.safetensors"), strict=True):
        assert told in line
    offline = audited(offline=True)
    assert offline.findings == [] and any("was not asked" in line for line in offline.unseen)


def test_commands_of_the_documentation_run(copied, repository):
    """Every line of docs/audit.md that a reader may copy."""
    scene = copied()
    open_store(str(scene.store)).append("beta", scene.first, "promote", "to be tried")
    text = (repository / "docs/audit.md").read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    assert len(lines) >= 9
    for line in lines:
        words = shlex.split(line, comments=True)
        assert words[:2] == ["peewee-tts", "audit"]
        told = CliRunner().invoke(app, words[2:])
        assert told.exit_code == 0, f"{line}: {told.output}{told.exception}"
