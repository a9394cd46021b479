"""The servers that other tests stand on."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from tests.servers import s3

pytestmark = pytest.mark.system


@pytest.fixture(params=["swift", "moto"])
def server(request):
    return request.getfixturevalue(request.param)


def test_object_comes_back_whole_in_one_part_and_in_many(server):
    """With either server."""
    bucket, client = server.new_bucket(), server.client()
    client.put_object(Bucket=bucket, Key="a/small", Body=b"small")
    assert client.get_object(Bucket=bucket, Key="a/small")["Body"].read() == b"small"
    large = os.urandom(12 * 2**20)
    upload = TransferConfig(multipart_threshold=5 * 2**20, multipart_chunksize=5 * 2**20)
    client.upload_fileobj(io.BytesIO(large), bucket, "a/large", Config=upload)
    assert client.get_object(Bucket=bucket, Key="a/large")["Body"].read() == large
    assert (
        client.get_object(Bucket=bucket, Key="a/large", Range="bytes=6000000-6000009")["Body"].read()
        == (large[6000000:6000010])
    )
    listed = client.list_objects_v2(Bucket=bucket, Prefix="a/")["Contents"]
    assert [(entry["Key"], entry["Size"]) for entry in listed] == [("a/large", len(large)), ("a/small", 5)]


def test_put_if_absent_is_refused_the_second_time(server):
    """With either server, one after the other."""
    bucket, client = server.new_bucket(), server.client()
    client.put_object(Bucket=bucket, Key="entry", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as caught:
        client.put_object(Bucket=bucket, Key="entry", Body=b"second", IfNoneMatch="*")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert client.get_object(Bucket=bucket, Key="entry")["Body"].read() == b"first"


def winners(server, races):
    """How many of 8 writers that race for one object receive a success, race by race."""
    bucket, client, start = server.new_bucket(), server.client(max_pool_connections=8), threading.Barrier(8)

    def write(race):
        start.wait()
        try:
            client.put_object(Bucket=bucket, Key=f"race-{race}", Body=b"mine", IfNoneMatch="*")
        except ClientError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        return [sum(pool.map(write, [race] * 8)) for race in range(races)]


def test_one_of_racing_writers_wins_on_moto_and_sometimes_many_on_swift(moto, swift):
    """It is why both servers are here."""
    assert winners(moto, 30) == [1] * 30
    assert max(winners(swift, 10)) > 1


def test_wrong_secret_key_is_refused_by_swift(swift):
    """Its signatures are checked."""
    bucket = swift.new_bucket()
    stranger = s3.S3Server(swift.endpoint, swift.access_key, "wrong", swift.region)
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        stranger.client().list_objects_v2(Bucket=bucket)


def test_swift_started_again_on_its_folder_has_the_same_objects_keys_and_port(tmp_path):
    """What was printed for a shell stays right."""
    with s3.swift(tmp_path / "swift") as first:
        first.client().put_object(Bucket="peewee", Key="kept", Body=b"kept")
    with s3.swift(tmp_path / "swift") as second:
        assert second == first
        assert second.client().get_object(Bucket="peewee", Key="kept")["Body"].read() == b"kept"
        refused = subprocess.run(
            [sys.executable, "infra/s3/server.py", "--folder", tmp_path / "swift"],
            capture_output=True, text=True, cwd=s3.ROOT,
        )  # fmt: skip
        assert refused.returncode == 1
        assert "served already" in refused.stderr and refused.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_server_prints_lines_for_a_shell_and_stops_when_told(tmp_path, number):
    """As `make s3` uses it."""
    process = subprocess.Popen(
        [sys.executable, "infra/s3/server.py", "--folder", tmp_path / "swift"],
        stdout=subprocess.PIPE, text=True, cwd=s3.ROOT, start_new_session=True,
    )  # fmt: skip
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(7)]
    script = "".join(lines) + 'echo "$PEEWEE_STORE $AWS_ENDPOINT_URL"'
    shell = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert shell.stdout.startswith("s3://peewee/store http://127.0.0.1:")
    started = time.monotonic()
    process.send_signal(number)
    assert process.wait(60) == 0
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("script", ["infra/s3/server.py", "tests/servers/moto_process.py"])
def test_server_ends_when_the_program_that_started_it_is_killed(tmp_path, script):
    """A killed run of the tests leaves no server."""
    options = ["--json", "--folder", str(tmp_path / "swift")] if "infra" in script else []
    code = (
        "import subprocess, sys, time\n"
        f"server = subprocess.Popen([sys.executable, {script!r}, *{options!r}], start_new_session=True)\n"
        "print(server.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=s3.ROOT)
    assert caller.stdout
    server = int(caller.stdout.readline())
    assert any("AWS_ENDPOINT_URL" in line for line in caller.stdout)
    caller.kill()
    caller.wait()
    until = time.monotonic() + 60
    while psutil.pid_exists(server) and psutil.Process(server).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.05)
