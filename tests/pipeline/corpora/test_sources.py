import pytest

from peewee_model.errors import ConfigError
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
    assert sources(tmp_path, {"url": url})[0].url == url


@pytest.mark.parametrize(
    "url",
    [
        "", "a.tar.gz", "/a.tar.gz", "ftp://host/a", "http:///a", "https:", "http://user:s3cret#pw@host/a", "file:",
        "file://host/a", "s3://bucket", "s3://bucket/", "s3:///key", "mini:", "mini:--help", "mini:../a", "data:1",
    ],
)  # fmt: skip
def test_other_forms_of_url_are_errors_that_name_the_key(url, tmp_path):
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
    with pytest.raises(ConfigError, match=rf"corpus\.sources\.0\.{key}"):
        sources(tmp_path, {key: value})


def test_two_sources_of_one_archive_name_are_an_error(tmp_path):
    """Also where only the case, or the place of a hyphen, differs."""
    for change in ({}, {"corpus": "LibriTTS"}, {"corpus": "libritts-dev", "subset": "clean"}):
        with pytest.raises(ConfigError, match="two sources are kept as"):
            sources(tmp_path, {}, change)


def test_no_source_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"corpus\.sources: no archive"):
        sources(tmp_path)
