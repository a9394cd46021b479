import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from peewee_model.release.manifest import Edge, FileEntry, StageEntry
from pipeline.release.links import (
    LinkError,
    ReleaseLinks,
    StageLink,
    hash_files,
    join_links,
    parse_release_links,
    read_link,
    write_link,
)

STAGE = {"outs": ["data/table", {"data/one.json": {"cache": False}}, "links/ingest.json"], "metrics": ["m.json"]}


@pytest.fixture
def made(tmp_path, monkeypatch):
    """What a stage made in the current folder, by path."""
    monkeypatch.chdir(tmp_path)
    files = {"data/table/part-1": b"one", "data/table/deep/part-2": b"two", "data/one.json": b"{}", "m.json": b"1"}
    for name, content in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)
    return files


def entry(content):
    return FileEntry(sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def record(**sizes):
    """What dvc.lock has of the stage above: number of files and bytes by output, and the link that is there."""
    link = Edge(
        path="links/ingest.json",
        algorithm="md5",
        hash=hashlib.md5(Path("links/ingest.json").read_bytes()).hexdigest(),
        size=0,
        n_files=None,
    )
    found = {"data/table": (2, 6), "data/one.json": (None, 2), "m.json": (None, 1)} | sizes
    outs = [Edge(path=p, algorithm="md5", hash="0", size=size, n_files=n) for p, (n, size) in found.items()]
    return StageEntry(cmd="", deps=(), params={}, outs=(*outs, link))


def test_link_has_every_file_of_every_output_but_itself(made):
    """Folders are gone through, metrics are outputs too, and what another stage wrote is not looked at."""
    Path("data/other").write_text("another stage's")
    assert write_link("ingest", STAGE)
    document = json.loads(Path("links/ingest.json").read_bytes())
    assert document == {
        "format": 1,
        "stage": "ingest",
        "products": {name: entry(content).model_dump() for name, content in made.items()},
    }
    assert read_link("ingest").products == {name: entry(content) for name, content in made.items()}


def test_same_files_give_the_same_bytes(made):
    """Neither the order of folders nor that of the threads shows."""
    for number in range(200):
        Path(f"data/table/more-{(number * 77) % 200:03}").write_text(str(number))
    write_link("ingest", STAGE)
    first = Path("links/ingest.json").read_bytes()
    for _ in range(5):
        write_link("ingest", STAGE)
        assert Path("links/ingest.json").read_bytes() == first
    assert list(json.loads(first)["products"]) == sorted(json.loads(first)["products"])


def test_stage_without_a_link_in_dvc_yaml_writes_none(made):
    """A stage after `bundle` has none."""
    assert not write_link("publish", {"outs": ["data/table"]})
    assert not Path("links").exists()


def test_missing_output_is_named(made):
    """A stage that wrote less than dvc.yaml says."""
    Path("m.json").unlink()
    with pytest.raises(LinkError, match=r"stage ingest wrote no m\.json"):
        write_link("ingest", STAGE)
    assert not Path("links").exists()


def test_link_to_a_cache_is_followed(made, tmp_path):
    """DVC may keep what persists, such as archives, as links into its cache."""
    (tmp_path / "cache").write_bytes(b"from the cache")
    Path("data/one.json").unlink()
    Path("data/one.json").symlink_to(tmp_path / "cache")
    write_link("ingest", STAGE)
    assert read_link("ingest").products["data/one.json"] == entry(b"from the cache")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda link: link.update(format=2), "format: "),
        (lambda link: link.update(stage="download"), "expected the link of ingest, found that of 'download'"),
        (lambda link: link.update(at="now"), "at: Extra inputs"),
        (lambda link: link.pop("products"), "products: Field required"),
        (lambda link: link["products"].update({"../x": link["products"]["m.json"]}), "no path inside"),
        (lambda link: link["products"].update({"/etc/x": link["products"]["m.json"]}), "no path inside"),
        (lambda link: link["products"].update({"data//x": link["products"]["m.json"]}), "no path inside"),
        (lambda link: link["products"]["m.json"].update(sha256="0" * 63), r"products.m.json.sha256"),
        (lambda link: link["products"]["m.json"].update(size=-1), r"products.m.json.size"),
        (lambda link: link["products"]["m.json"].update(size="1"), r"products.m.json.size"),
    ],
)
def test_damaged_link_is_refused_by_name(made, change, message):
    """`bundle` reads no half file."""
    write_link("ingest", STAGE)
    path = Path("links/ingest.json")
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(LinkError, match=message) as caught:
        read_link("ingest")
    assert "links/ingest.json" in str(caught.value)
    assert "dvc repro --force --single-item ingest" in str(caught.value)


def test_missing_and_unreadable_links_are_named(made):
    """With the stage that writes them."""
    with pytest.raises(LinkError, match=r"links/ingest\.json is missing"):
        read_link("ingest")
    Path("links").mkdir()
    for content in (b"", b"{", b"[]", b"\xff"):
        Path("links/ingest.json").write_bytes(content)
        with pytest.raises(LinkError, match=r"links/ingest\.json: expected a link"):
            read_link("ingest")


def test_joined_links_hold_each_stage_and_come_back(made):
    """Stages whose record has no link are passed over."""
    write_link("ingest", STAGE)
    links = join_links({"ingest": record(), "bundle": StageEntry(cmd="", deps=(), params={}, outs=())})
    assert links.stages.keys() == {"ingest"}
    assert links.products == {name: entry(content) for name, content in made.items()}
    assert parse_release_links(links.to_bytes(), "links.json") == links


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"data/table": (3, 6)}, "data/table: dvc.lock has 3 files of 6 bytes, links/ingest.json has 2 of 6"),
        ({"data/table": (2, 7)}, "data/table: dvc.lock has 2 files of 7 bytes"),
        ({"m.json": (None, 9)}, "m.json: dvc.lock has 1 files of 9 bytes"),
        ({"new": (1, 1)}, "new: dvc.lock has 1 files of 1 bytes, links/ingest.json has 0"),
    ],
)
def test_link_of_other_files_than_dvc_recorded_is_refused(made, sizes, message):
    """Both have to agree."""
    write_link("ingest", STAGE)
    with pytest.raises(LinkError, match=message):
        join_links({"ingest": record(**sizes)})


def test_link_edited_since_dvc_recorded_it_is_refused(made):
    """The counts may fit, its own hash does not."""
    write_link("ingest", STAGE)
    recorded = record()
    path = Path("links/ingest.json")
    path.write_text(path.read_text().replace(entry(b"one").sha256, "0" * 64))
    with pytest.raises(LinkError, match=r"links/ingest\.json: dvc\.lock has md5 .*, found"):
        join_links({"ingest": recorded})


def test_link_of_a_file_that_no_output_holds_is_refused(made):
    """A stage can't vouch for another's file."""
    products = read_and_add(made, "data/tables")  # begins like an output, and is none
    Path("links").mkdir()
    Path("links/ingest.json").write_bytes(StageLink(stage="ingest", products=products).to_bytes())
    with pytest.raises(LinkError, match=r"lists data/tables, which dvc\.lock does not"):
        join_links({"ingest": record()})


def read_and_add(made, path):
    return {name: entry(content) for name, content in made.items()} | {path: entry(b"")}


def test_path_that_two_stages_made_is_refused():
    """One file has one maker."""
    product = {"data/x": entry(b"").model_dump()}
    data = json.dumps({"format": 1, "stages": {"a": product, "b": product}}).encode()
    with pytest.raises(LinkError, match=r"here: .* b and another stage made data/x"):
        parse_release_links(data, "here")
    assert ReleaseLinks(stages={}).products == {}


def test_hashes_are_those_of_a_plain_loop(made):
    """However the files are read."""
    assert hash_files(map(Path, made)) == {name: entry(content) for name, content in sorted(made.items())}


# The command itself, on a stage that needs nothing but an archive made here.
def run_download(folder, repository, **environment):
    variables = {**os.environ, "PYTHONPATH": str(repository), **environment}
    command = [sys.executable, "-m", "pipeline", "download"]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)


@pytest.fixture
def project(tmp_path, repository):
    """A folder with dvc.yaml, and params.yaml that names one archive beside it."""
    (tmp_path / "dvc.yaml").write_bytes((repository / "dvc.yaml").read_bytes())
    (tmp_path / "there.tar.gz").write_bytes(b"\x1f\x8barchive")
    source = {
        "corpus": "c", "subset": "s", "url": "file:there.tar.gz", "md5": None, "licence": "none",
        "sha256": hashlib.sha256(b"\x1f\x8barchive").hexdigest(),
    }  # fmt: skip
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"corpus": {"sources": [source]}}))
    return tmp_path


def test_command_writes_the_link_after_the_stage(project, repository):
    """Its outputs are there then."""
    done = run_download(project, repository)
    assert done.returncode == 0, done.stderr
    link = json.loads((project / "links/download.json").read_bytes())
    assert link["products"] == {"data/archives/c-s.tar.gz": entry(b"\x1f\x8barchive").model_dump()}


def test_command_that_fails_writes_no_link(project, repository):
    """A link says that the stage is done."""
    (project / "there.tar.gz").write_bytes(b"other")
    assert run_download(project, repository).returncode != 0
    assert not (project / "links").exists()


def test_of_several_processes_only_the_first_writes_the_link(project, repository):
    """Torchrun gives each process its rank."""
    assert run_download(project, repository, RANK="1").returncode == 0
    assert not (project / "links").exists()
    assert run_download(project, repository, RANK="0").returncode == 0
    assert (project / "links/download.json").exists()
