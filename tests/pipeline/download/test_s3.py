"""Archives from S3, against a real server of moto on a loopback port."""

import boto3
import pytest

from pipeline.download import fetch as download
from pipeline.download.answer import RefusedError, UnreachableError
from pipeline.download.fetch import fetch_all
from pipeline.download.s3 import open_s3
from tests.pipeline.ingest.archives import NAME, archive, hurried, names, source_of

URL = "s3://corpora/slr60/a b.tar.gz"


@pytest.fixture(scope="module")
def endpoint():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint, monkeypatch, tmp_path):
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "NO_PROXY": "*",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # which remembers credentials
    key = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    bucket = boto3.resource("s3", endpoint_url=endpoint, **key).Bucket("corpora")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    bucket.create()
    yield bucket
    bucket.objects.delete()
    bucket.delete()


@pytest.fixture
def places(tmp_path):
    return tmp_path / "archives", tmp_path / "scratch"


@pytest.fixture
def starts(monkeypatch):
    """The offsets at which answers began; the first one breaks after 20 reads."""
    began = []

    def open_and_note(url, have, patience):
        answer = open_s3(url, have, patience)
        began.append(answer.start)
        if len(began) == 1:
            return type(answer)(answer.start, answer.total, answer.validator, broken(answer.chunks), answer.close)
        return answer

    def broken(chunks):
        for _, chunk in zip(range(20), chunks, strict=False):
            yield chunk

    monkeypatch.setitem(download.TRANSPORTS, "s3", open_and_note)
    return began


def test_object_arrives(bucket, places):
    """The endpoint comes from AWS_ENDPOINT_URL."""
    payload = archive(1, 400_000)
    bucket.put_object(Key="slr60/a b.tar.gz", Body=payload)
    fetch_all([source_of(URL, payload)], *places, hurried()[1])
    assert (places[0] / NAME).read_bytes() == payload


def test_transfer_goes_on_where_it_broke(bucket, places, starts):
    """A ranged GET brings the rest only, in the next process too."""
    payload = archive(2, 400_000)
    bucket.put_object(Key="slr60/a b.tar.gz", Body=payload)
    with pytest.raises(UnreachableError, match="ended at byte"):
        fetch_all([source_of(URL, payload)], *places, hurried(attempts=1)[1])
    kept = (places[1] / f"{NAME}.part").stat().st_size
    assert 0 < kept < len(payload)
    fetch_all([source_of(URL, payload)], *places, hurried()[1])
    assert starts == [0, kept]
    assert (places[0] / NAME).read_bytes() == payload


def test_changed_object_is_fetched_from_the_beginning(bucket, places, starts):
    """IfMatch keeps two versions from being joined."""
    payload = archive(3, 400_000)
    bucket.put_object(Key="slr60/a b.tar.gz", Body=archive(4, 400_000))
    with pytest.raises(UnreachableError):
        fetch_all([source_of(URL, payload)], *places, hurried(attempts=1)[1])
    bucket.put_object(Key="slr60/a b.tar.gz", Body=payload)
    waits, patience = hurried()
    fetch_all([source_of(URL, payload)], *places, patience)
    assert starts == [0, 0]
    assert len(waits) == 1, "the ranged GET should have been refused once"
    assert (places[0] / NAME).read_bytes() == payload


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://corpora/nothing.tar.gz", "expected an object, found none; .*correct the address"),
        ("s3://nobucket/a.tar.gz", "has no bucket 'nobucket'; create it, or correct the address"),
    ],
)
def test_missing_object_or_bucket_is_final(url, expected, bucket, places):
    """The error names the URL, what is missing and the remedy."""
    with pytest.raises(RefusedError, match=f"{url}: .*{expected}"):
        fetch_all([source_of(url, b"")], *places, hurried()[1])
    assert names(places[0]) == []


def test_missing_credentials_are_named(bucket, places, monkeypatch):
    """The remedy is in the error."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(RefusedError, match="set AWS_ACCESS_KEY_ID"):
        fetch_all([source_of(URL, b"")], *places, hurried()[1])


def test_unreachable_server_is_given_up(bucket, places, monkeypatch):
    """A server that is not there is tried again, then named."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    waits, patience = hurried(attempts_without_progress=3)
    with pytest.raises(UnreachableError, match="3 attempts"):
        fetch_all([source_of(URL, b"")], *places, patience)
    assert len(waits) == 2
