"""A local S3 server: OpenStack Swift with its s3api, in one process, with its data in one folder.

    python infra/s3/server.py [--folder FOLDER] [--port PORT] [--bucket NAME] [--json]

It listens on this machine only, prints the environment that makes boto3, DVC and `peewee-tts` use it, and serves until
it receives Ctrl-C or SIGTERM. Started again on the same folder, it has the same objects, keys and, if it is
free, the same port. It is a server for work and tests on one machine: it keeps one copy of everything and does not wait
for the disk (no fsync), so a power cut may lose what was just written. Its put-if-absent is not atomic: see
docs/reliability.md.
"""

import argparse
import errno
import fcntl
import json
import os
import secrets
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

from swift.common import utils

utils.monkey_patch()  # before anything else takes a socket: every wait for one lets the other parts of Swift run

import eventlet  # noqa: E402
import eventlet.wsgi  # noqa: E402
from swift.common.http_protocol import SwiftHttpProtocol  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.swob import Request  # noqa: E402
from swift.common.wsgi import loadapp  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "peewee"
ACCESS_KEY = f"{ACCOUNT}:local"
REGION = "us-east-1"
BACKENDS = ("account", "container", "object")
PARTITION_POWER = 8  # the place of an object depends on it: never change it for a folder with objects

SWIFT_CONF = "[swift-hash]\nswift_hash_path_prefix = peewee\nswift_hash_path_suffix = peewee\n"

# Long time-outs, for a busy machine. With a single copy, each time-out would be an error at the client, and the object
# would be missing in its folder's listing until an updater adds it, and no updater runs here.
BACKEND_CONF = """
[DEFAULT]
swift_dir = {folder}/etc
devices = {folder}
mount_check = false
log_level = ERROR
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
node_timeout = 120
conn_timeout = 30
container_update_timeout = 120
disk_chunk_size = 1048576
network_chunk_size = 1048576
"""
PROXY_CONF = """
[DEFAULT]
swift_dir = {folder}/etc
log_level = ERROR
[pipeline:main]
pipeline = catch_errors gatekeeper listing_formats s3api tempauth copy slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
node_timeout = 120
conn_timeout = 30
client_timeout = 120
error_suppression_limit = 1000000
object_chunk_size = 1048576
client_chunk_size = 1048576
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = {region}
max_upload_part_num = 10000
[filter:tempauth]
use = egg:swift#tempauth
user_{user} = {secret_key} .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
max_manifest_segments = 10000
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
[filter:symlink]
use = egg:swift#symlink
"""


def main() -> None:
    """Serve until it receives a signal to stop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / ".scratch/s3", help="where the data is kept")
    parser.add_argument("--port", type=int, help="instead of the folder's last one, or a free one")
    parser.add_argument("--bucket", default="peewee", help="made if it is not there")
    parser.add_argument("--json", action="store_true", help="one line of JSON; stop when the caller is gone")
    options = parser.parse_args()
    folder = options.folder.resolve()
    (folder / "etc").mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"{folder} is served already by another process; stop that one, or name another --folder")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)

    os.fsync = lambda descriptor: None  # it syncs every file; see this module's docstring
    secret_key = _secret_key(folder)
    listener = _listen(folder, options.port)
    port = listener.getsockname()[1]
    _serve(folder, listener, secret_key, options.bucket)
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_DEFAULT_REGION": REGION,
        "PEEWEE_STORE": f"s3://{options.bucket}/store",
        "PEEWEE_SINGLE_PUBLISHER": "1",
    }
    parent = os.getppid()  # before the first output: a caller may be killed as soon as it has read it
    if options.json:
        print(json.dumps(environment), flush=True)
    else:
        print(f"# S3 from {folder}, until Ctrl-C. Copy these lines into the shell that is to use it:")
        for name, value in environment.items():
            comment = "  # its put-if-absent is not atomic" if name == "PEEWEE_SINGLE_PUBLISHER" else ""
            print(f"export {name}={value}{comment}", flush=True)
    while not options.json or os.getppid() == parent:  # the server ends if its program was killed
        eventlet.sleep(1)


def _stop(number: int, frame: object) -> NoReturn:
    """Exit at once: every answered request is on disk, and there are no child processes."""
    os._exit(0)


def _secret_key(folder: Path) -> str:
    path = folder / "etc/secret_key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(30))
    return path.read_text()


def _listen(folder: Path, port: int | None) -> Any:
    last = folder / "etc/port"
    wanted = port if port is not None else int(last.read_text()) if last.exists() else 0
    try:
        listener = eventlet.listen(("127.0.0.1", wanted), backlog=1024)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        if port is not None:
            sys.exit(f"port {port} is taken; name another --port, or none for a free one")
        listener = eventlet.listen(("127.0.0.1", 0), backlog=1024)
    last.write_text(str(listener.getsockname()[1]))
    return listener


def _serve(folder: Path, listener: Any, secret_key: str, bucket: str) -> None:
    """Start all parts of Swift as green threads of this process, and make the bucket."""
    values = {"folder": folder, "region": REGION, "user": ACCESS_KEY.replace(":", "_"), "secret_key": secret_key}
    (folder / "etc/swift.conf").write_text(SWIFT_CONF)
    utils.set_swift_dir(str(folder / "etc"))
    for kind in BACKENDS:
        backend = eventlet.listen(("127.0.0.1", 0), backlog=1024)
        _write_ring(folder / f"etc/{kind}.ring.gz", backend.getsockname()[1])
        _start(folder / f"etc/{kind}-server.conf", BACKEND_CONF.format(kind=kind, **values), backend)
    proxy = _start(folder / "etc/proxy-server.conf", PROXY_CONF.format(**values), listener)
    made = Request.blank(f"/v1/AUTH_{ACCOUNT}/{bucket}", method="PUT").get_response(proxy._pipeline_final_app)
    if not made.is_success:
        sys.exit(f"{folder}: bucket {bucket} can't be made: {made.status}; see that the folder has room")


def _write_ring(path: Path, port: int) -> None:
    """Write the address of a kind of backend. It has one device, so that all data is found, also with another port."""
    builder = RingBuilder(PARTITION_POWER, 1, 0)
    address = {"ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port}
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1.0, "device": "disk", "meta": "", **address})
    builder.rebalance()
    builder.get_ring().save(str(path))


def _start(path: Path, conf: str, listener: socket.socket) -> Any:
    path.touch(mode=0o600)
    path.write_text(conf)
    (path.parent.parent / "disk").mkdir(exist_ok=True)
    app = loadapp(str(path), global_conf={"log_name": path.stem})
    eventlet.spawn(
        eventlet.wsgi.server,
        listener,
        app,
        utils.NullLogger(),
        custom_pool=eventlet.GreenPool(4096),
        protocol=SwiftHttpProtocol,
        socket_timeout=300,
        capitalize_response_headers=False,  # clients look for `ETag`
    )
    return app


if __name__ == "__main__":
    main()
