"""What runs beside others against one store: a publisher or a reader, as a process of its own.

    python -m tests.faults.process publish ADDRESS NAME ROUNDS FOLDER     a new release each round
    python -m tests.faults.process read ADDRESS STOP                      until there is a file of that name
    python -m tests.faults.process once ADDRESS RELEASE                   one release, made before

A line is printed when it is ready, one for each thing done, and it begins when a line comes in.
"""

import json
import sys
from pathlib import Path

from peewee_model.store.store import open_store
from tests.peewee_model.releases import write_release

CHANNEL = "stable"


def publish(address, name, rounds, folder):
    """Publish releases whose card says who made them and when."""
    store = open_store(address)
    releases = [folder / f"{name}-{number}" for number in range(rounds)]
    for release in releases:
        write_release(release, text=release.name)
    _wait()
    for release in releases:
        version, numbered = store.publish(release, CHANNEL, release.name)
        print(json.dumps([release.name, version, numbered.number]), flush=True)


def read(address, stop):
    """Fetch the channel's release, again and again, and print version and card."""
    store = open_store(address)
    _wait()
    while not stop.exists():
        release, version = store.fetch(CHANNEL)
        print(json.dumps([version, (release / "MODEL_CARD.md").read_text()]), flush=True)


def once(address, release):
    """Publish one release."""
    store = open_store(address)
    _wait()
    store.publish(release, CHANNEL, release.name)
    print("done", flush=True)


def _wait():
    print("ready", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["publish", address, name, rounds, folder]:
            publish(address, name, int(rounds), Path(folder))
        case ["read", address, stop]:
            read(address, Path(stop))
        case ["once", address, release]:
            once(address, Path(release))
        case _:
            sys.exit(__doc__)
