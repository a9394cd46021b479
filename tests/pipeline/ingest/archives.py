"""Archives to download, the sources that name them, and a patience that does not wait."""

import gzip
import hashlib
import random

from pipeline.corpora.sources import Source
from pipeline.download.answer import Patience

NAME = "c-s.tar.gz"


def archive(seed, size):
    """Bytes that begin like a .tar.gz and can't be guessed."""
    return gzip.compress(random.Random(seed).randbytes(size), compresslevel=0, mtime=0)


def source_of(url, payload, **changes):
    digests = {"md5": hashlib.md5(payload).hexdigest(), "sha256": hashlib.sha256(payload).hexdigest()}
    return Source(**{"corpus": "c", "subset": "s", "url": url, "licence": "none", **digests, **changes})


def hurried(**changes):
    """Patience that does not wait, as a list of the waits it was asked for and the patience itself."""
    waits = []
    return waits, Patience(**{"attempts_without_progress": 5, "sleep": waits.append, "stall_s": 10.0, **changes})


def names(folder):
    return sorted(path.name for path in folder.iterdir())
