import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from peewee_model.errors import ConfigError
from pipeline.corpora.sources import archive_kind, other_archive, what_it_is
from pipeline.params.params import read
from pipeline.stages.download import Params

GOOD = {
    "corpus": "libritts",
    "subset": "dev-clean",
    "url": "https://host/dev-clean.tar.gz",
    "md5": "0" * 32,
    "sha256": "1" * 64,
    "licence": "CC BY 4.0",
}


def sources(tmp_path, *changes):
    import yaml

    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({"corpus": {"sources": [{**GOOD, **change} for change in changes]}}))
    return read(Params, path).corpus.sources


def test_archive_is_named_after_corpus_and_subset(tmp_path):
    """Two URLs with one file name do not meet."""
    (source,) = sources(tmp_path, {})
    assert source.archive_name == "libritts-dev-clean.tar.gz"


@pytest.mark.parametrize(
    "url",
    [
        "http://host:8080/a", "https://user:pw@host/a?b", "file:///a/b", "file://localhost/a", "file:a/b.tar.gz",
        "file:/a", "s3://bucket/key/a b", "mini:train-clean",
    ],
)  # fmt: skip
def test_known_forms_of_url_are_accepted(url, tmp_path):
    """All that a transport can read."""
    assert sources(tmp_path, {"url": url})[0].url == url


@pytest.mark.parametrize(
    "url",
    [
        "", "a.tar.gz", "/a.tar.gz", "ftp://host/a", "http:///a", "https:", "http://user:s3cret#pw@host/a", "file:",
        "file://host/a", "s3://bucket", "s3://bucket/", "s3:///key", "mini:", "mini:--help", "mini:../a", "data:1",
    ],
)  # fmt: skip
def test_other_forms_of_url_are_errors_that_name_the_key(url, tmp_path):
    """The key of params.yaml, with its number."""
    with pytest.raises(ConfigError, match=r"corpus\.sources\.0\.url") as raised:
        sources(tmp_path, {"url": url})
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("corpus", "../up"), ("corpus", ""), ("subset", "a/b"), ("subset", ".hidden"), ("md5", ""), ("md5", "xyz"),
        ("sha256", ""), ("sha256", None), ("sha256", "0" * 63), ("surplus", 1),
    ],
)  # fmt: skip
def test_bad_value_is_an_error_that_names_the_key(key, value, tmp_path):
    """The key of params.yaml, with its number."""
    with pytest.raises(ConfigError, match=rf"corpus\.sources\.0\.{key}"):
        sources(tmp_path, {key: value})


def test_two_sources_of_one_archive_name_are_an_error(tmp_path):
    """Also where only the case, or the place of a hyphen, differs."""
    for change in ({}, {"corpus": "LibriTTS"}, {"corpus": "libritts-dev", "subset": "clean"}):
        with pytest.raises(ConfigError, match="two sources are kept as"):
            sources(tmp_path, {}, change)


@pytest.mark.parametrize(
    ("url", "end"),
    [
        ("https://host/a.ZIP?x=1.tar", ".zip"), ("file:a.tar.xz", ".tar.xz"), ("https://host/a.tar.bz2", ".tar.bz2"),
        ("file:/a.tar", ".tar"), ("file:/a/", ".tar"), ("https://host/download", ".tar.gz"),
    ],
)  # fmt: skip
def test_end_of_an_archives_name_follows_its_url(url, end, tmp_path):
    """So that other programs open it."""
    (source,) = sources(tmp_path, {"url": url})
    assert source.archive_name == f"libritts-dev-clean{end}"


def test_pieces_of_a_zip_are_numbered_from_one_in_their_order(tmp_path):
    """A piece that is missing would be found after a long download."""
    good = sources(tmp_path, {"piece": 1}, {"piece": 2})
    assert [source.archive_name for source in good] == ["libritts-dev-clean.zip.001", "libritts-dev-clean.zip.002"]
    for numbers in ((2, 1), (1, 3), (2,), (1, None)):
        with pytest.raises(ConfigError, match="the pieces of libritts dev-clean are not 1 to"):
            sources(tmp_path, *({"piece": number} for number in numbers))


def test_no_source_is_an_error(tmp_path):
    """There would be nothing to train on."""
    with pytest.raises(ConfigError, match=r"corpus\.sources: no archive"):
        sources(tmp_path)


def tar():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return buffer.getvalue()


def zipped():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", "b")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (tar(), "tar"),
        (gzip.compress(tar()), "gzip"),
        (lzma.compress(tar()), "xz"),
        (bz2.compress(tar()), "bzip2"),
        (zipped(), "zip"),
    ],
    ids=["tar", "gzip", "xz", "bzip2", "zip"],
)
def test_archives_are_known_by_their_first_bytes(content, kind):
    """As their own programs write them."""
    assert archive_kind(content[:512]) == kind
    assert (other_archive(content[:512]), what_it_is(content[:512])) == (None, None)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x28\xb5\x2f\xfd...", "a .zst file"),
        (b"PK\x05\x06" + bytes(18), "an empty .zip file"),
        (b"7z\xbc\xaf\x27\x1c", "a .7z file"),
        (b"Rar!\x1a\x07\x00", "a .rar file"),
    ],
)
def test_other_archives_are_named(content, kind):
    """Those that are not read here."""
    assert archive_kind(content) is None
    assert other_archive(content) == what_it_is(content) == kind


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><title>Sign in</title>", "a web page, perhaps one that says an error"),
        (b'{"error": "no such file"}', "JSON, perhaps an error of a server"),
        (b"RIFF....WAVE", "no archive"),
    ],
)
def test_what_is_no_archive_is_named(content, kind):
    """A page or an answer that was saved under an archive's name."""
    assert (other_archive(content), what_it_is(content)) == (None, kind)
