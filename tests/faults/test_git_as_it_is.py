"""T31: git as people have it. No audit raises a false alarm, and no release lacks the commit that made it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from peewee_model.release.manifest import read_manifest
from peewee_model.store.store import open_store
from pipeline.audit.errors import NotAllSeenError
from pipeline.audit.finding import Verdict
from pipeline.audit.verify import Request, audit
from pipeline.release.git import GitError
from pipeline.stages.bundle import bundle
from pipeline.stages.publish import publish
from tests.pipeline.audit import code_project
from tests.pipeline.audit.code_project import CODE, MADE, fill
from tests.stand_in_graph import git

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project whose stages depend on a folder of code, run by DVC up to `evaluate`."""
    folder = tmp_path_factory.mktemp("made")
    code_project.make(folder)
    return folder


@pytest.fixture(autouse=True)
def plain_git(monkeypatch, tmp_path):
    """Git without anybody's configuration, and a store of the test's own."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("PEEWEE_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("PEEWEE_CACHE", str(tmp_path / "cache"))


def record_as_it_lies(project, monkeypatch):
    """Let DVC record the code as it is on disk, as after `dvc repro` in this checkout."""
    from dvc.repo import Repo

    monkeypatch.chdir(project)
    with Repo() as repo:
        repo.commit("evaluate", with_deps=True, force=True)


def clone(made, folder, *options):
    subprocess.run(["git", *options, "clone", "--quiet", made.as_uri(), str(folder)], check=True)
    return folder


def release(project, monkeypatch):
    """Bundle and publish in a checkout; the release's manifest and version."""
    monkeypatch.chdir(project)
    bundle()
    publish()
    return read_manifest(Path("release"))


def audited(version, project):
    return audit(Request(version, os.environ["PEEWEE_STORE"], project, everything=True))


def head(folder):
    return git(folder, "rev-parse", "HEAD")


def monorepo(made, tmp_path):
    root = tmp_path / "mono"
    shutil.copytree(made, root / "voices/peewee", ignore=shutil.ignore_patterns(".git", *MADE, "cache"))
    (root / "other").mkdir()
    (root / "other/code.py").write_text("other = 1\n")
    git(root, "init", "--quiet")
    git(root, "add", "--force", ".")
    git(root, "commit", "--quiet", "--message", "everything")
    (root / "other/code.py").write_text("other = 2\n")
    return root / "voices/peewee"


def shallow(made, tmp_path):
    folder = tmp_path / "shallow"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", made.as_uri(), str(folder)], check=True)
    return folder


def worktree(made, tmp_path):
    clone(made, tmp_path / "main")
    git(tmp_path / "main", "worktree", "add", "--quiet", str(tmp_path / "tree"))
    return tmp_path / "tree"


def submodule(made, tmp_path):
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "--quiet")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", made.as_uri(), "inner")
    git(outer, "commit", "--quiet", "--message", "inner")
    return outer / "inner"


def detached(made, tmp_path):
    folder = clone(made, tmp_path / "detached")
    git(folder, "checkout", "--quiet", "--detach")
    return folder


def windows(made, tmp_path):
    folder = clone(made, tmp_path / "windows", "-c", "core.autocrlf=true")
    git(folder, "config", "core.autocrlf", "true")
    assert b"\r\n" in (folder / "code/one.py").read_bytes()
    return folder


def editor(made, tmp_path):
    """An editor saved all code with the line ends of Windows; git would check in nothing new."""
    folder = clone(made, tmp_path / "editor")
    git(folder, "config", "core.autocrlf", "true")
    for name in (*CODE, "make.py", "dvc.yaml", "exclusions.csv", "requirements.lock", "params.yaml"):
        path = folder / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    return folder


def with_attributes(made, tmp_path):
    """`.gitattributes` as in this repository: every checkout has the same bytes."""
    source = clone(made, tmp_path / "source")
    shutil.copy(Path(__file__).parents[2] / ".gitattributes", source)
    git(source, "add", ".gitattributes")
    git(source, "commit", "--quiet", "--message", "attributes")
    folder = clone(source, tmp_path / "attributes", "-c", "core.autocrlf=true")
    git(folder, "config", "core.autocrlf", "true")
    assert (folder / "code/one.py").read_bytes() == CODE["code/one.py"].encode()
    return folder


CLEAN = {
    maker.__name__: maker
    for maker in (monorepo, shallow, worktree, submodule, detached, windows, editor, with_attributes)
}


@pytest.mark.parametrize("kind", CLEAN)
def test_release_names_its_commit_and_is_as_it_was_made(kind, made, tmp_path, monkeypatch):
    """Nothing is modified, no alarm is raised; also in a plain clone with other line ends on disk."""
    project = fill(CLEAN[kind](made, tmp_path), made)
    if kind in ("windows", "editor"):
        record_as_it_lies(project, monkeypatch)
    manifest, version = release(project, monkeypatch)
    assert (manifest.code.commit, manifest.code.modified) == (head(project), ())
    report = audited(version, project)
    assert (report.verdict, report.findings, report.unseen) == (Verdict.AS_IT_WAS_MADE, [], [])
    assert report.n_files["code"] >= len(CODE) + 1
    if kind in ("windows", "editor"):
        report = audited(version, fill(clone(made, tmp_path / "plain"), made))
        assert (report.findings, report.unseen) == ([], [])


def change(project):
    (project / "code/one.py").write_text("one = 3\n")
    return "code/one.py"


def stage_change(project):
    git(project, "add", change(project))
    return "code/one.py"


def add(project):
    (project / "code/new.py").write_text("new = 1\n")
    return "code/new.py"


def add_ignored(project):
    """Git does not look at it, DVC does."""
    (project / ".git/info/exclude").write_text("local.py\n")
    (project / "code/local.py").write_text("local = 1\n")
    return "code"


def delete(project):
    (project / "code/two.py").unlink()
    return "code/two.py"


def hide(project):
    """Git was asked not to look."""
    git(project, "update-index", "--assume-unchanged", "code/one.py")
    change(project)
    return "code"


def mix(project):
    """One of three files has the line ends of Windows: no checkout would give this folder."""
    git(project, "config", "core.autocrlf", "true")
    (project / "code/one.py").write_bytes(CODE["code/one.py"].replace("\n", "\r\n").encode())
    return "code"


def change_list(project):
    (project / "requirements.lock").write_text("torch==2\n")
    return "requirements.lock"


DIRTY = {maker.__name__: maker for maker in (change, stage_change, add, add_ignored, delete, hide, mix, change_list)}


@pytest.mark.parametrize("kind", DIRTY)
def test_dirty_tree_is_named_and_not_called_tampered_with(kind, made, tmp_path, monkeypatch):
    """The release says what the commit does not have; the audit says that it has not seen it."""
    project = fill(clone(made, tmp_path / "dirty"), made)
    named = DIRTY[kind](project)
    record_as_it_lies(project, monkeypatch)
    manifest, version = release(project, monkeypatch)
    assert (manifest.code.commit, manifest.code.modified) == (head(project), (named,))
    report = audited(version, project)
    assert (report.verdict, report.findings) == (Verdict.NOT_ALL_SEEN, [])
    assert report.unseen == [
        f"code: {named if '.lock' in named else 'code'} differed from the commit when the release was made"
    ]
    with pytest.raises(NotAllSeenError, match="commit the code before"):
        report.raise_for_verdict()


def test_dirty_files_of_a_subfolder_have_paths_of_the_project(made, tmp_path, monkeypatch):
    """The repository's own paths would fit nothing in the manifest."""
    project = fill(monorepo(made, tmp_path), made)
    change(project)
    record_as_it_lies(project, monkeypatch)
    manifest, version = release(project, monkeypatch)
    assert manifest.code.modified == ("code/one.py",)
    assert audited(version, project).findings == []


def test_project_that_has_moved_in_its_repository_is_not_seen(made, tmp_path, monkeypatch):
    """The commit has the project elsewhere: nothing differs."""
    project = fill(monorepo(made, tmp_path), made)
    _, version = release(project, monkeypatch)
    root = project.parents[1]
    git(root, "mv", "voices/peewee", "peewee")
    for name in (*MADE, "release"):
        if (project / name).exists():
            (project / name).rename(root / "peewee" / name)
    monkeypatch.chdir(root)
    report = audited(version, root / "peewee")
    assert report.findings == []
    assert any("in another folder" in line for line in report.unseen)


def refuse(monkeypatch, project):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    return "dubious ownership"


def uninstall(monkeypatch, project):
    monkeypatch.setenv("PATH", str(project / "empty"))
    return "git is not installed"


def damage(monkeypatch, project):
    """The main repository of a worktree has moved away."""
    shutil.rmtree(project / ".git")
    (project / ".git").write_text("gitdir: /nowhere/.git/worktrees/tree\n")
    return "not a git repository: /nowhere"


REFUSALS = {maker.__name__: maker for maker in (refuse, uninstall, damage)}


@pytest.mark.parametrize("kind", REFUSALS)
@pytest.mark.parametrize("subfolder", [False, True], ids=["root", "subfolder"])
def test_git_that_refuses_stops_in_its_own_words(kind, subfolder, made, tmp_path, monkeypatch):
    """Neither a release without a commit, nor an audit that has not read the code."""
    project = fill(monorepo(made, tmp_path) if subfolder else clone(made, tmp_path / "project"), made)
    _, version = release(project, monkeypatch)
    shutil.rmtree("release")
    said = REFUSALS[kind](monkeypatch, project.parents[1] if subfolder else project)
    with pytest.raises(GitError, match=said):
        bundle()
    assert not Path("release/manifest.json").exists()
    with pytest.raises(GitError, match=said):
        audited(version, project)
    assert len(open_store(os.environ["PEEWEE_STORE"]).versions()) == 1


def without_git(project):
    shutil.rmtree(project / ".git")


def without_commit(project):
    without_git(project)
    git(project, "init", "--quiet")


@pytest.mark.parametrize("remove", [without_git, without_commit])
def test_release_made_outside_of_git_is_not_all_seen(remove, made, tmp_path, monkeypatch):
    """There is no commit to name: that is said, and nothing differs."""
    project = fill(clone(made, tmp_path / "project"), made)
    remove(project)
    manifest, version = release(project, monkeypatch)
    assert manifest.code.commit is None
    report = audited(version, project)
    assert report.findings == []
    assert report.unseen == ["code: the release names no commit, because it was made outside of git"]


def test_shallow_clone_without_the_commit_says_to_fetch_it(made, tmp_path, monkeypatch):
    """A release of the commit before the last."""
    source = clone(made, tmp_path / "source")
    _, version = release(fill(source, made), monkeypatch)
    (source / "notes.md").write_text("later")
    git(source, "add", "notes.md")
    git(source, "commit", "--quiet", "--message", "later")
    report = audited(version, fill(shallow(source, tmp_path), made))
    assert report.findings == []
    assert len(report.unseen) == 1 and "has no commit" in report.unseen[0]
    assert "`git fetch` the commit" in report.remedies[0]
