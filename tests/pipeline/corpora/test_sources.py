import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from peewee_model.errors import ConfigError
from pipeline.corpora.sources import other_archive, what_it_is
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
        (tar(), "a .tar that is not compressed"),
        (lzma.compress(tar()), "an .xz file"),
        (bz2.compress(tar()), "a .bz2 file"),
        (zipped(), "a .zip file"),
    ],
)
def test_other_archives_are_named(content, kind):
    """As their own programs write them."""
    assert other_archive(content[:512]) == what_it_is(content[:512]) == kind


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


def test_gzip_is_nothing_else():
    """Whatever is within."""
    assert what_it_is(gzip.compress(tar())) is None
