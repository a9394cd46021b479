"""`python -m pipeline.commands.corpus_watch --known JSON`: checks whether the source archives have changed.

It reads three places. Each source of params.yaml answers with its length and ETag. A publisher's list of hashes
(md5sum.txt, SHA256SUMS) contains the right hash of an archive. A folder of new archives may contain one that
params.yaml does not name yet. Only the lists are downloaded.

The last line on stdout is a JSON object (see `result_line`): `seen`, for the next check; `changes` since the last one,
in sentences; and `wrong`, the contradictions. Exit codes: 0 checked, 2 refused, 75 out of reach.
"""

import argparse
import json
import logging
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from peewee_model import environment
from peewee_model.entry import run
from peewee_model.errors import ConfigError, ReleaseError, TryAgainError
from peewee_model.public_text import masked
from peewee_model.store.s3_connection.address import is_s3, split_url
from peewee_model.store.s3_connection.client import S3Client
from pipeline.commands.entry import command
from pipeline.commands.result_line import write_result
from pipeline.corpora.sources import CorpusConfig, Source
from pipeline.params.params import PARAMS_FILE, Section, read
from pipeline.release.git import GitError, find_commit, git
from pipeline.runs.checkout import address, project_path, shown

logger = logging.getLogger(__name__)

ARCHIVES = (".tar.gz", ".tgz", ".tar")
_TIMEOUT_S = 30
_MAX_LIST_BYTES = 1 << 20
_LINE = re.compile(r"\\?([0-9a-fA-F]{32}|[0-9a-fA-F]{64})\s+\*?(\S.*)")
Seen = dict[str, dict[str, str]]


class Params(Section):
    """The sections of params.yaml that are read."""

    corpus: CorpusConfig


class UnreachableSourceError(TryAgainError):
    """A source, a list or a folder does not answer now."""


def observe(sources: Sequence[Source], lists: Sequence[str], inbox: str) -> tuple[Seen, list[str]]:
    """Read all places.

    Args:
        sources: As params.yaml names them.
        lists: URLs of lists of hashes.
        inbox: A folder or an s3:// prefix where new archives appear; empty for none.

    Returns: What was seen, by kind and name; and what is wrong, independent of earlier checks.

    Raises:
        UnreachableSourceError: If something does not answer; the URL is named, without secrets.
    """
    seen: Seen = {
        "sources": {source.public_url: _fingerprint(source.url) for source in sources},
        "named": {source.archive_name: source.sha256 for source in sources},
        "lists": {},
        "inbox": {},
    }
    wrong: list[str] = []
    for url in lists:
        listed = parse_hash_list(_text(url))
        seen["lists"] |= {f"{masked(url)} {name}": value for name, value in listed.items()}
        wrong += _contradictions(sources, listed, masked(url))
    if inbox:
        known = {_name(source.url) for source in sources}
        seen["inbox"] = {name: value for name, value in _listing(inbox).items() if name not in known}
    return seen, wrong


def compare(known: Seen, seen: Seen) -> list[str]:
    """Return the differences between two checks, a sentence each; none for the first check."""
    if not known:
        return []
    words = {
        "sources": "the archive at {} is another one now ({})",
        "named": "params.yaml names {} with sha256 {}",
        "lists": "the publisher's list has another hash for {}: {}",
        "inbox": "an archive arrived: {} ({})",
    }
    return [
        words[kind].format(name, value)
        for kind in words
        for name, value in sorted(seen.get(kind, {}).items())
        if known.get(kind, {}).get(name) != value and (kind != "sources" or name in known.get(kind, {}))
    ]


def parse_hash_list(text: str) -> dict[str, str]:
    """Read lines of `HASH NAME`, as md5sum and sha256sum write them; other lines are ignored."""
    found = (_LINE.fullmatch(line.strip()) for line in text.splitlines())
    return {Path(match[2]).name: match[1].lower() for match in found if match}


def _contradictions(sources: Sequence[Source], listed: dict[str, str], where: str) -> list[str]:
    wrong = []
    for source in sources:
        hash_ = listed.get(_name(source.url))
        ours = source.sha256 if hash_ and len(hash_) == 64 else source.md5
        if hash_ and ours and hash_ != ours:
            wrong.append(f"{where} has {hash_} for {_name(source.url)}, params.yaml has {ours}: it will be refused")
    return wrong


def _fingerprint(url: str) -> str:
    """Return the length and the ETag, or the modification time if there is no ETag."""
    scheme = url.partition(":")[0]
    if scheme == "mini":
        return "made by this project"
    if scheme == "file":
        return _file_fingerprint(_local(url), url)
    if scheme == "s3":
        bucket, key = split_url(url)
        with _s3(url) as client:
            head = client.head_object(Bucket=bucket, Key=key)
        return f"length {head['ContentLength']}, etag {head['ETag']}"
    response = _http(url, "HEAD")
    headers = response.headers
    validator = headers.get("ETag") or headers.get("Last-Modified") or "none"
    return f"length {headers.get('Content-Length', 'unknown')}, etag {validator}"


def _file_fingerprint(path: Path, url: str) -> str:
    try:
        status = path.stat()
    except OSError as error:
        raise UnreachableSourceError(f"{masked(url)}: {error.strerror}; mount it, or correct params.yaml") from None
    return f"length {status.st_size}, changed {status.st_mtime_ns}"


def _text(url: str) -> str:
    scheme = url.partition(":")[0]
    if scheme == "file":
        try:
            return _local(url).read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise UnreachableSourceError(f"{masked(url)}: {error.strerror}; correct PEEWEE_HASH_LISTS") from None
    if scheme == "s3":
        bucket, key = split_url(url)
        with _s3(url) as client:
            body: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read(_MAX_LIST_BYTES)
        return body.decode("utf-8", errors="replace")
    content: bytes = _http(url, "GET").raw.read(_MAX_LIST_BYTES, decode_content=True)
    return content.decode("utf-8", errors="replace")


def _listing(inbox: str) -> dict[str, str]:
    """List the archives in a folder or under an s3:// prefix, with a fingerprint each."""
    if not is_s3(inbox):
        folder = _local(inbox) if inbox.startswith("file:") else Path(inbox).expanduser()
        if not folder.is_dir():
            raise UnreachableSourceError(f"{inbox} is no folder; correct PEEWEE_CORPUS_INBOX")
        found = [path for path in sorted(folder.iterdir()) if path.name.endswith(ARCHIVES)]
        return {path.name: _file_fingerprint(path, inbox) for path in found}
    bucket, prefix = split_url(inbox)
    with _s3(inbox) as client:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        found_there = [item for page in pages for item in page.get("Contents", []) if item["Key"].endswith(ARCHIVES)]
    return {item["Key"].rpartition("/")[2]: f"length {item['Size']}, etag {item['ETag']}" for item in found_there}


def _http(url: str, method: str) -> Any:
    import requests

    try:
        response = requests.request(
            method, url, timeout=_TIMEOUT_S, allow_redirects=True, stream=True, headers={"Accept-Encoding": "identity"}
        )
    except (OSError, ValueError) as error:  # its text may contain the URL with its secrets
        raise UnreachableSourceError(f"{masked(url)}: {type(error).__name__}; try again later") from None
    if response.status_code >= 400:
        raise UnreachableSourceError(
            f"{masked(url)}: the server says {response.status_code}; see that it is still there"
        )
    return response


@contextmanager
def _s3(url: str) -> Iterator[Any]:
    """Yield a client for an s3:// URL; errors in the block name the URL and the remedy."""
    connection = S3Client(masked(url), split_url(url)[0], connect_timeout=_TIMEOUT_S, read_timeout=_TIMEOUT_S)
    try:
        client = connection.get()
        with connection.explained():
            yield client
    except ReleaseError as error:
        raise UnreachableSourceError(str(error)) from None


def _local(url: str) -> Path:
    return Path(unquote(urlsplit(url).path))


def _name(url: str) -> str:
    return unquote(urlsplit(url).path).rpartition("/")[2]


def _sources_at(repository: str, revision: str) -> tuple[Source, ...]:
    """Read the sources of params.yaml at a revision of a repository."""
    with tempfile.TemporaryDirectory(prefix="peewee-watch-") as folder:
        clone = Path(folder) / "clone"
        url = address(repository)
        try:
            git(Path(folder), "clone", "--quiet", "--no-checkout", "--", url, str(clone), secret=url)
        except GitError as error:
            raise type(error)(f"{error}; see PEEWEE_REPOSITORY") from None
        commit = find_commit(clone, f"origin/{revision}") or find_commit(clone, revision)
        if commit is None:
            raise ConfigError(f"{shown(repository)} has no revision {revision!r}; name a branch or commit")
        path = PurePosixPath(project_path(clone, commit, repository)) / PARAMS_FILE
        text = git(clone, "show", f"{commit}:{path}")
        params = Path(folder) / PARAMS_FILE
        params.write_text(text, encoding="utf-8")
        return read(Params, params).corpus.sources


def _known(text: str) -> Seen:
    try:
        document = json.loads(text or "{}")
    except ValueError as error:
        raise ConfigError(f"--known is no JSON: {error}") from None
    if not isinstance(document, dict) or not all(isinstance(value, dict) for value in document.values()):
        raise ConfigError("--known is not what a look before has printed as `seen`; leave it out for a first look")
    return document


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.commands.corpus_watch", description="Look at the source archives."
    )
    parser.add_argument(
        "--repository", default=environment.REPOSITORY.read() or "", help="empty: this folder's params.yaml"
    )
    parser.add_argument("--revision", default="HEAD", help="of the repository")
    parser.add_argument("--known", default="{}", help="`seen` of the look before")
    parser.add_argument("--hash-lists", default=environment.HASH_LISTS.text(), help="URLs, by white space")
    parser.add_argument("--inbox", default=environment.CORPUS_INBOX.text(), help="a folder or s3:// prefix")
    return parser


@command("corpus_watch")
def main(arguments: list[str]) -> int:
    """Check the sources, and print what changed."""
    options = _parser().parse_args(arguments)
    known = _known(options.known)
    sources: Iterable[Source] = (
        _sources_at(options.repository, options.revision) if options.repository else read(Params).corpus.sources
    )
    seen, wrong = observe(tuple(sources), options.hash_lists.split(), options.inbox)
    for sentence in wrong:
        logger.warning("%s", sentence)
    write_result({"seen": seen, "changes": compare(known, seen), "wrong": wrong})
    return 0


if __name__ == "__main__":
    run("corpus_watch", lambda: main(sys.argv[1:]))
