"""Real S3 servers, each a process of its own on a free loopback port."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class S3Server:
    """Where an S3 server listens, and who may use it."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str

    @property
    def environment(self):
        """The variables by which boto3, and all packages that use it, find the server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
        }

    def behind(self, endpoint):
        """The same server, reached through a proxy."""
        return replace(self, endpoint=endpoint)

    def client(self, **options):
        """A boto3 client of this server, whatever the environment says."""
        import boto3
        from botocore.config import Config

        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=Config(
                request_checksum_calculation="when_required", response_checksum_validation="when_required", **options
            ),
        )

    def new_bucket(self):
        """Make an empty bucket and return its name."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=name)
        return name

    def export(self, monkeypatch, folder):
        """Make this process and its children use the server, and nothing of what the user has configured.

        An empty configuration is put into the folder.
        """
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            (folder / "no-aws-configuration").touch()
            monkeypatch.setenv(name, str(folder / "no-aws-configuration"))
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@contextlib.contextmanager
def running(*command):
    """Run a server that prints its environment as a line of JSON; stop it with all that it started."""
    process = subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, text=True, start_new_session=True, cwd=ROOT
    )
    try:
        assert process.stdout
        yield json.loads(next(line for line in process.stdout if line.startswith("{")))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def server_from(environment):
    return S3Server(
        environment["AWS_ENDPOINT_URL"],
        environment["AWS_ACCESS_KEY_ID"],
        environment["AWS_SECRET_ACCESS_KEY"],
        environment["AWS_DEFAULT_REGION"],
    )


@contextlib.contextmanager
def swift(folder):
    """OpenStack Swift with s3api. Its put-if-absent is not atomic."""
    with running(ROOT / "infra/s3/server.py", "--folder", folder, "--json") as environment:
        yield server_from(environment)


@contextlib.contextmanager
def moto():
    """moto's server, in memory, with one put at a time: so its put-if-absent is atomic, as that of AWS."""
    with running(ROOT / "tests/servers/moto_process.py") as environment:
        yield server_from(environment)
