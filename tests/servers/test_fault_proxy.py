"""The proxy does what it says: else what is proven through it is not proven."""

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, IncompleteReadError, ResponseStreamingError

from tests.servers import fault_proxy
from tests.servers.fault_proxy import Fault

pytestmark = pytest.mark.system

ONCE = {"retries": {"total_max_attempts": 1, "mode": "standard"}}


@pytest.fixture(params=["swift", "moto"])
def server(request):
    return request.getfixturevalue(request.param)


def test_signed_requests_pass_and_are_counted(server):
    """The proxy changes nothing that is signed."""
    bucket = server.new_bucket()
    with fault_proxy.before(server.endpoint) as proxy:
        client = server.behind(proxy.endpoint).client()
        client.put_object(Bucket=bucket, Key="a", Body=b"x" * 1000)
        assert client.head_object(Bucket=bucket, Key="a")["ContentLength"] == 1000
        assert client.get_object(Bucket=bucket, Key="a", Range="bytes=10-109")["Body"].read() == b"x" * 100
        client.delete_object(Bucket=bucket, Key="a")
        methods = [exchange.request.method for exchange in proxy.exchanges]
        assert methods == ["PUT", "HEAD", "GET", "DELETE"]
        assert proxy.received() == proxy.received("GET", "/a") == 100


@pytest.mark.parametrize(
    ("fault", "committed"),
    [
        (Fault.DROP, False), (Fault.DROP_AFTER, True), (Fault.CONFLICT, False), (Fault.PRECONDITION, False),
        (Fault.PRECONDITION_AFTER, True), (Fault.ERROR, False), (Fault.ERROR_AFTER, True), (Fault.SLOW_DOWN, False),
    ],
)  # fmt: skip
def test_fault_fails_the_request_before_or_after_it_had_its_effect(server, fault, committed):
    """A client can't tell the two apart."""
    bucket = server.new_bucket()
    with fault_proxy.before(server.endpoint, lambda request: fault) as proxy:
        client = server.behind(proxy.endpoint).client(**ONCE)
        with pytest.raises((ClientError, ConnectionClosedError)) as caught:
            client.put_object(Bucket=bucket, Key="a", Body=b"x", IfNoneMatch="*")
        if isinstance(caught.value, ClientError):
            status = caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
            assert (status, caught.value.response["Error"]["Code"]) == fault_proxy.STATUS[fault]
        assert proxy.faults == {fault: 1}
    assert server.client().list_objects_v2(Bucket=bucket)["KeyCount"] == committed


def test_answer_is_cut_short(server):
    """Fewer bytes than its length says."""
    bucket = server.new_bucket()
    server.client().put_object(Bucket=bucket, Key="a", Body=b"x" * 1000)
    with fault_proxy.before(server.endpoint, lambda request: Fault.CUT) as proxy:
        body = server.behind(proxy.endpoint).client(**ONCE).get_object(Bucket=bucket, Key="a")["Body"]
        with pytest.raises((IncompleteReadError, ResponseStreamingError)):
            body.read()


def test_deletes_are_denied_one_by_one_and_many_at_once(server):
    """S3 has both kinds of request."""
    bucket = server.new_bucket()
    with fault_proxy.before(server.endpoint, fault_proxy.deny_delete) as proxy:
        client = server.behind(proxy.endpoint).client()
        client.put_object(Bucket=bucket, Key="a", Body=b"x")
        with pytest.raises(ClientError, match="AccessDenied"):
            client.delete_object(Bucket=bucket, Key="a")
        with pytest.raises(ClientError, match="AccessDenied"):
            client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}]})
        assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"x"


def test_seed_chooses_the_same_faults_again_and_another_seed_others():
    """A failure can be repeated."""
    requests = [fault_proxy.Request(0, repeat, "PUT", f"/{key}", True) for key in range(30) for repeat in range(3)]
    chosen = {seed: [fault_proxy.chosen_by(seed)(request) for request in requests] for seed in range(60)}
    assert chosen[3] == [fault_proxy.chosen_by(3)(request) for request in requests]
    assert len({tuple(faults) for faults in chosen.values()}) == 60
    assert {fault for faults in chosen.values() for fault in faults} == set(Fault) - {Fault.DENY, Fault.SAY}
