"""T30: homes and temporary folders as containers have them. Each command works, or one line names the variable."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from peewee_model.networks.weights import save_model
from peewee_model.store.store import open_store
from tests.peewee_model.cloning.test_cloner import make_encoder, make_synthesizer, make_vocoder, voice
from tests.peewee_model.releases import write_manifest
from tests.servers.s3 import ROOT

pytestmark = pytest.mark.system

ODD_NAME = "a b ü\nc"
READ_ONLY = "mount -o remount,ro,bind /"
SITUATIONS = {
    "read-only root": ("-m", f"mount -t tmpfs tmpfs /mnt && export TMPDIR=/mnt OUT=/mnt/o.wav && {READ_ONLY}"),
    "read-only root, no temporary folder": ("-m", f"export OUT=/dev/null && {READ_ONLY}"),
    "full temporary folder": (
        "-m",
        "mount -t tmpfs -o size=64k tmpfs /mnt && (head -c 99999 /dev/zero > /mnt/full || true) 2>/dev/null && "
        f"export TMPDIR=/mnt OUT=/dev/null && {READ_ONLY}",
    ),
    "user without a name, no HOME": ("-U --map-user=54321 --map-group=54321", "unset HOME"),
    "umask 077": ("-m", "mount -t tmpfs tmpfs /mnt && export HOME=/mnt/home && umask 077"),
}
"""What `unshare` takes, and what a shell does before the command."""


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A folder with an odd name: a store, a recording, and a key."""
    folder = tmp_path_factory.mktemp("odd") / ODD_NAME
    for name, model in (("encoder", make_encoder()), ("synthesizer", make_synthesizer()), ("vocoder", make_vocoder())):
        save_model(folder / "made" / name, model, model.config)
    write_manifest(folder / "made")
    make = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", folder / "key"]
    subprocess.run(make, check=True)
    subprocess.run(["openssl", "pkey", "-in", folder / "key", "-pubout", "-out", folder / "pub"], check=True)
    open_store(str(folder / "store")).publish(folder / "made", "stable", "test", folder / "key")
    soundfile.write(folder / "me.wav", voice(1.5), 16000)
    return folder


@pytest.fixture
def server(places, moto_bucket):
    """The same release on a server."""
    address = f"s3://{moto_bucket}/voices"
    open_store(address).publish(places / "made", "stable", "test", places / "key")
    return address


def run_in(situation, command, **environment):
    """Run a command in a namespace of its own, where the file system is as the situation has it."""
    options, prepare = SITUATIONS[situation]
    script = f"{prepare} && exec {command}"
    kept = {name: value for name, value in os.environ.items() if name not in ("PEEWEE_CACHE", "TMPDIR")}
    return subprocess.run(
        ["unshare", *options.split(), "sh", "-c", script],
        env={**kept, "HOME": "/no/such/home", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )


def program(*arguments):
    """`peewee-tts` as a shell calls it."""
    return " ".join([shlex.quote(str(Path(sys.executable).with_name("peewee-tts"))), *map(shlex.quote, arguments)])


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_command_works_or_names_the_variable(places, server, situation):
    """No traceback; what fails, fails in one line that names PEEWEE_CACHE or PEEWEE_SCRATCH."""
    clone = ("clone", "--text", "Hello.", "--reference", str(places / "me.wav"), "--release")
    out = ' --out "${OUT:-/dev/null}"'
    worker = f"{shlex.quote(sys.executable)} -m pipeline.commands.worker"
    remote = {"PEEWEE_REMOTE": server, "PEEWEE_REPOSITORY": str(ROOT)}
    commands = {
        program(*clone, str(places / "store")) + out: {},
        program(*clone, server) + out: {},
        program("release", "list", "--store", server): {},
        program("release", "pull", "stable", "--store", server, "--public-key", str(places / "pub")): {},
        program("release", "verify", "stable", "--store", server): {},
        f"{worker} show --run nowhere": remote,
        f"{worker} plan --run one --revision nowhere": remote,
    }
    for command, environment in commands.items():
        done = run_in(situation, command, **environment)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode in (0, 2), done.stderr
        if done.returncode == 2 and not re.search("has no run 'nowhere'|remote ref nowhere", done.stderr):
            assert re.search("PEEWEE_CACHE|PEEWEE_SCRATCH|TMPDIR", done.stderr.splitlines()[-1]), done.stderr
        if situation in ("read-only root", "user without a name, no HOME", "umask 077") or "store'" in command:
            assert done.returncode == 0 or "nowhere" in command, (command, done.stderr)


def test_read_only_cache_that_holds_a_release_serves_it(places, server, tmp_path, monkeypatch):
    """With a required signature as well, whether or not the cache has kept the signature."""
    cache = tmp_path / "baked"
    monkeypatch.setenv("PEEWEE_CACHE", str(cache))
    _, version = open_store(server).fetch("stable")
    assert not (cache / "signatures").exists()
    pull = program("release", "pull", version, "--store", server, "--public-key", str(places / "pub"))
    for _ in range(2):
        before = sorted(path.relative_to(cache) for path in cache.rglob("*"))
        done = run_in("read-only root", pull, PEEWEE_CACHE=str(cache))
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(cache / "releases" / version)
        assert sorted(path.relative_to(cache) for path in cache.rglob("*")) == before
        open_store(server).fetch(version, places / "pub")
        assert (cache / "signatures").exists()
