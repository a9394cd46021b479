"""T13, of data and stores: secrets are planted, everything is run, and all that was said and written is searched."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.pipeline.download.hostile_server import serving
from tests.pipeline.stages.small_project import PARAMS, SOURCE, make_project
from tests.stand_in_graph import PYTHON, git

pytestmark = pytest.mark.system

PLANTED = {
    "password in an archive's URL": "planted-archive-password",
    "signature in an archive's URL": "planted-url-signature",
    "password of the signing key": "planted-signing-password",
    "password of a proxy": "planted-proxy-password",
    "password in git's remote": "planted-remote-password",
    "secret key of AWS": "planted-aws-secret-key",
}
ARCHIVE, SIGNATURE, SIGNING, PROXY, REMOTE, AWS = PLANTED.values()
OTHERS = ("botocore", "boto3", "s3transfer", "urllib3", "dvc")
# Our own loggers say all that they can; those of libraries stay as they are.
SITE = (
    "import logging\nfor name in ('peewee_model', 'pipeline'):\n    logging.getLogger(name).setLevel(logging.DEBUG)\n"
)
BYTES = b"archive"


def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        return port


class Place:
    """A project and the environment in which its commands run; what they say is kept."""

    def __init__(self, folder, root, server):
        self.folder = folder
        self.store = f"s3://{server.new_bucket()}/voices"
        self.secret = server.secret_key
        site = folder.parent / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(SITE)
        (site / "no-aws-configuration").touch()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PEEWEE_"))}
        self.environment = inherited | server.environment | {
            "AWS_CONFIG_FILE": str(site / "no-aws-configuration"),
            "AWS_SHARED_CREDENTIALS_FILE": str(site / "no-aws-configuration"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            "HTTP_PROXY": f"http://ada:{PROXY}@127.0.0.1:{closed_port()}",
            "HTTPS_PROXY": f"http://ada:{PROXY}@127.0.0.1:{closed_port()}",
            "NO_PROXY": "127.0.0.1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PEEWEE_CACHE": str(folder.parent / "cache"),
            "PEEWEE_SIGNING_KEY": str(folder.parent / "release.key"),
            "PEEWEE_SIGNING_PASSWORD": SIGNING,
            "PEEWEE_SINGLE_PUBLISHER": "1",
            "PEEWEE_STORE": self.store,
            "PYTHONPATH": f"{site}{os.pathsep}{root}",
        }  # fmt: skip
        self.said = []

    def run(self, *command, **environment):
        """Run one of our commands, in the project's folder."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.said.append(done.stdout + done.stderr)
        return done


def make_signing_key(folder):
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    encryption = BestAvailableEncryption(SIGNING.encode())
    (folder / "release.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))


def params_with(url, **changes):
    source = SOURCE | {"url": url} | changes
    return PARAMS | {"corpus": {"sources": [source]}}


def write_project(folder, url):
    """The stand-in project, with the real `download` and a remote whose password is in its URL."""
    folder.mkdir()
    make_project(folder)
    graph = yaml.safe_load((folder / "dvc.yaml").read_text())
    graph["stages"]["download"]["cmd"] = f"{PYTHON} -m pipeline download"
    (folder / "dvc.yaml").write_text(yaml.safe_dump(graph, sort_keys=False))
    (folder / "params.yaml").write_text(yaml.safe_dump(params_with(url)))
    git(folder, "remote", "add", "origin", f"https://ada:{REMOTE}@example.org/voices.git")
    git(folder, "commit", "--quiet", "--all", "--message", "with secrets")


def secret_url(server, path="train.tar.gz"):
    address = server.url.removeprefix("http://")
    return f"http://ada:{ARCHIVE}@{address}/{path}?X-Amz-Signature={SIGNATURE}"


@pytest.fixture(scope="module")
def archive_server():
    def script(exchange):
        path = exchange.path.partition("?")[0]
        if path == "/train.tar.gz":
            exchange.serve(BYTES)
        elif path == "/page.tar.gz":
            exchange.answer(200, b"<!DOCTYPE html><html><head><title>Log in</title></head></html>")
        elif path == "/moved.tar.gz":
            exchange.answer(302, Location=f"http://ada:{ARCHIVE}@127.0.0.1:1/x?X-Amz-Signature={SIGNATURE}")
        elif path == "/busy.tar.gz":
            exchange.answer(503, Retry_After=10**6)
        elif path == "/range.tar.gz":
            exchange.answer(206, b"x", Content_Range="bytes 5-5/6")
        else:
            exchange.answer(403, exchange.path.encode())

    with serving(script) as server:
        yield server


@pytest.fixture(scope="module")
def place(tmp_path_factory, repository, swift, archive_server):
    """A project that was run to the end with every secret in its place."""
    outer = tmp_path_factory.mktemp("secrets")
    write_project(outer / "project", secret_url(archive_server))
    make_signing_key(outer)
    made = Place(outer / "project", repository, swift)
    done = made.run("-m", "dvc", "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def hits(content, *more):
    return [secret for secret in (*PLANTED.values(), *more) if secret.encode() in content]


def cli(*arguments):
    if arguments[0] == "audit":  # found by its entry point where the project is installed
        return "-c", "from pipeline.commands.audit import app; app()", *arguments[1:]
    return "-c", "from peewee_model.cli.main import main; main()", *arguments


def test_whole_run_says_no_secret(place):
    """All of the graph, then every command that reads the store, with our loggers at DEBUG."""
    receipt = json.loads((place.folder / "receipts/publish.json").read_text())
    version = receipt["version"]
    for arguments in (
        ("release", "list"),
        ("release", "show", version, "--json"),
        ("release", "verify", version),
        ("release", "pull", "stable"),
        ("release", "history", "--channel", "stable", "--json"),
        ("release", "promote", version, "--channel", "beta", "--reason", "heard"),
        ("audit", "verify", version),
        ("audit", "trace", "--speaker", "mini_a"),
        ("audit", "diff", version, version),
    ):
        done = place.run(*cli(*arguments))
        assert done.returncode in (0, 1), (arguments, done.stdout + done.stderr)
    assert "train.tar.gz" in place.said[0]  # the URL was spoken of, and so could have been leaked
    assert [hits(said.encode(), place.secret) for said in place.said] == [[]] * len(place.said)


def test_no_file_of_a_release_holds_a_secret(place):
    """Manifest, provenance, Croissant, card, links, reports, receipts."""
    paths = [path for name in ("release", "receipts", "links") for path in (place.folder / name).rglob("*")]
    files = [path for path in paths if path.is_file()]
    names = {path.name for path in files}
    assert names > {"manifest.json", "provenance.json", "croissant.json", "MODEL_CARD.md", "links.json", "publish.json"}
    assert {path.name: found for path in files if (found := hits(path.read_bytes(), place.secret))} == {}
    text = (place.folder / "release/croissant.json").read_text()
    assert "/train.tar.gz?***" in text  # it is named all the same


def test_no_object_of_the_store_holds_a_secret(place, swift):
    """Channels, signatures, features too."""
    bucket = place.store.removeprefix("s3://").partition("/")[0]
    client = swift.client()
    keys = [item["Key"] for item in client.list_objects_v2(Bucket=bucket)["Contents"]]
    kinds = {key.split("/")[1] for key in keys}
    assert kinds >= {"releases", "channels", "signatures", "features"}
    found = {key: hits(client.get_object(Bucket=bucket, Key=key)["Body"].read(), place.secret) for key in keys}
    assert {key: secrets for key, secrets in found.items() if secrets} == {}


PUBLISH_FAILS = {
    "wrong secret key": {"AWS_SECRET_ACCESS_KEY": AWS},
    "unknown access key": {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": AWS},
    "secret key with a line's end": {"AWS_SECRET_ACCESS_KEY": f"{AWS}\n"},
    "proxy that is not there": {"NO_PROXY": ""},
    "proxy whose address is wrong": {"NO_PROXY": "", "HTTP_PROXY": f"http://ada:{PROXY}@127.0.0.1:port"},
    "keys in the endpoint": {"AWS_ENDPOINT_URL": f"http://ada:{AWS}@127.0.0.1:1"},
    "keys in an endpoint without a scheme": {"AWS_ENDPOINT_URL": f"ada:{AWS}@127.0.0.1:1"},
    "keys in an endpoint of no address": {"AWS_ENDPOINT_URL": f"http://ada:{AWS}@127.0.0.1:port"},
    "keys in the store's address": {"PEEWEE_STORE": f"s3://ada:{AWS}@bucket/voices"},
    "keys in the store's query": {"PEEWEE_STORE": f"s3://bucket/voices?X-Amz-Signature={AWS}"},
    "keys in an address of another kind": {"PEEWEE_STORE": f"https://ada:{AWS}@127.0.0.1/voices"},
    "wrong password of the signing key": {"PEEWEE_SIGNING_PASSWORD": f"{SIGNING}-wrong"},
    "signing key that is not there": {"PEEWEE_SIGNING_KEY": "nowhere.key"},
    "no such bucket": {"PEEWEE_STORE": "s3://no-such-bucket/voices"},
}


@pytest.mark.parametrize("case", PUBLISH_FAILS)
def test_publish_that_fails_says_no_secret(place, case):
    """Whatever it fails at."""
    changes = PUBLISH_FAILS[case]
    if "signing" in case:  # into a store that has no signature yet
        changes = changes | {"PEEWEE_STORE": place.store + "-" + case.split()[0]}
    done = place.run("-m", "pipeline", "publish", **changes)
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("publish: ")
    assert hits(said.encode(), place.secret) == []


CONSUMER_FAILS = {
    "wrong secret key": ({"AWS_SECRET_ACCESS_KEY": AWS}, "STORE"),
    "keys in the address": ({}, f"s3://ada:{AWS}@bucket/voices"),
    "keys in an address of another kind": ({}, f"https://ada:{AWS}@127.0.0.1/voices"),
    "proxy that is not there": ({"NO_PROXY": ""}, "STORE"),
}


@pytest.mark.parametrize("command", ["verify", "clone"])
@pytest.mark.parametrize("case", CONSUMER_FAILS)
def test_consumer_that_fails_hears_no_secret(place, case, command):
    """Whatever it fails at."""
    changes, address = CONSUMER_FAILS[case]
    store = address.replace("STORE", place.store)
    arguments = {
        "verify": ("release", "verify", "stable", "--store", store),
        "clone": ("clone", "--release", f"{store}@stable", "--reference", "a.wav", "--text", "a", "--out", "b.wav"),
    }[command]
    done = place.run(*cli(*arguments), PEEWEE_CACHE=str(place.folder.parent / "empty-cache"), **changes)
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert "Traceback" not in said
    assert hits(said.encode(), place.secret) == []


def test_download_that_fails_says_no_secret(place, archive_server, tmp_path, subtests):
    """Each way in which an archive does not arrive, and each way in which its URL can be wrong."""
    good, port = secret_url(archive_server), closed_port()
    cases = {
        "refused": params_with(secret_url(archive_server, "no.tar.gz")),
        "a web page": params_with(secret_url(archive_server, "page.tar.gz")),
        "a redirect to nowhere": params_with(secret_url(archive_server, "moved.tar.gz")),
        "busy": params_with(secret_url(archive_server, "busy.tar.gz")),
        "a part that nobody asked for": params_with(secret_url(archive_server, "range.tar.gz")),
        "another archive": params_with(good, sha256="ab" * 32),
        "another archive by MD5": params_with(good, md5="ab" * 16),
        "no server": params_with(f"http://ada:{ARCHIVE}@127.0.0.1:{port}/a.tar.gz?X-Amz-Signature={SIGNATURE}"),
        "unknown scheme": params_with(f"ftp://ada:{ARCHIVE}@example.org/a?X-Amz-Signature={SIGNATURE}"),
        "no host": params_with(f"http://ada:{ARCHIVE}@/a?X-Amz-Signature={SIGNATURE}"),
        "no port": params_with(f"http://ada:{ARCHIVE}@127.0.0.1:port/a?X-Amz-Signature={SIGNATURE}"),
        "a password that is not encoded": params_with(f"http://ada:p/{ARCHIVE}@127.0.0.1/a"),
        "a password with an at sign": params_with(f"http://ada:p@{ARCHIVE}@127.0.0.1:{port}/a"),
        "a list of URLs": params_with([good]),
        "a hash that is a URL": params_with(good, sha256=good),
        "a hash that is a list": params_with(good, md5=[good]),
        "a source that is a URL": PARAMS | {"corpus": {"sources": [good]}},
        "sources that are a URL": PARAMS | {"corpus": {"sources": good}},
        "a section that is a URL": PARAMS | {"corpus": good},
        "keys in an S3 URL": params_with(f"s3://ada:{ARCHIVE}@bucket/a.tar.gz"),
        "signature in an S3 URL": params_with(f"s3://no-such-bucket/a.tar.gz?X-Amz-Signature={SIGNATURE}"),
        "a URL in what is no YAML": params_with(good),
        "through a proxy that is not there": params_with(good),
    }
    script = (
        "import dataclasses, sys; from pipeline.download import fetch as d; "
        "d.fetch_all.__defaults__ = (dataclasses.replace(d.PATIENCE, attempts=2, attempts_without_progress=1, "
        "first_wait_s=0.01, connect_s=2.0, stall_s=2.0),); "
        "from pipeline.__main__ import main; sys.exit(main(['download']))"
    )
    for number, (case, params) in enumerate(cases.items()):
        with subtests.test(case):
            folder = tmp_path / str(number)
            folder.mkdir()
            text = yaml.safe_dump(params)
            (folder / "params.yaml").write_text(text.replace("url: ", "url: {[") if "YAML" in case else text)
            proxied = {"NO_PROXY": ""} if "proxy" in case else {}
            done = subprocess.run(
                [sys.executable, "-c", script],
                cwd=folder,
                env=place.environment | proxied,
                capture_output=True,
                text=True,
                timeout=120,
            )
            said = done.stdout + done.stderr
            assert done.returncode != 0, said
            assert "Traceback" not in said, said
            assert hits(said.encode(), place.secret) == [], said


@pytest.mark.parametrize("damage", ["other params", "no lock", "excluded"])
def test_bundle_that_fails_says_no_secret(place, damage, tmp_path):
    """Whatever it fails at."""
    import shutil

    project = tmp_path / "project"
    shutil.copytree(place.folder, project, symlinks=True)
    lock = project / "dvc.lock"
    if damage == "other params":
        lock.write_text(lock.read_text().replace("train.tar.gz?", "dev.tar.gz?", 1))
    elif damage == "no lock":
        lock.unlink()
    else:
        (project / "exclusions.csv").write_text("kind,id,reason\nspeaker,mini_a,on request\n")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "bundle"],
        cwd=project,
        env=place.environment,
        capture_output=True,
        text=True,
    )
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert said.splitlines()[-1].startswith("bundle: ")
    assert hits(said.encode(), place.secret) == []
