"""`python -m pipeline.commands.release_audit V`: audit a release from anywhere.

`peewee-tts audit verify` audits the project in the current folder. An orchestrator's task has no project. So the
repository is cloned at the release's tag, DVC receives the runs' remote, and the audit is made in the clone. A release
without a tag was not made by a run; then only the store is audited, and the verdict is `not all seen`.

The last line on stdout is the report as a JSON object (see `result_line`). Exit codes: 0 all is as it was made; 2 it
can't be audited; 3 something differs; 4 nothing differs, but not all was seen; 75 something is out of reach, try again.
"""

import argparse
import logging
import sys
from pathlib import Path

from peewee_model import environment
from peewee_model.cli.release_names import find
from peewee_model.entry import run
from peewee_model.store.reference import DEFAULT_CHANNEL
from peewee_model.store.store import open_store
from pipeline.audit.finding import Report
from pipeline.audit.verify import Request, audit
from pipeline.audit.wording import describe_report
from pipeline.commands.entry import command
from pipeline.commands.result_line import write_result
from pipeline.runs.checkout import address, git, project_path
from pipeline.runs.reproduce import configure
from pipeline.runs.scratch import scratch, scratch_parent

logger = logging.getLogger(__name__)


def audit_release(selector: str, store: str, repository: str, remote: str, folder: Path) -> Report:
    """Audit a release in a fresh clone.

    Args:
        selector: A channel, or a version.
        store: Its address.
        repository: Repository with the runs' tags; empty for none.
        remote: The runs' remote; empty for none.
        folder: An empty folder for the clone.

    Raises:
        PeeweeError: If something that is needed can't be read.
    """
    version = find(open_store(store), selector)
    clone = folder / "clone"
    clone.mkdir()
    tag = f"refs/tags/release-{version}"
    if repository and _has(clone, repository, tag):
        url = address(repository)
        git(clone, "init", "--quiet")
        git(clone, "fetch", "--quiet", "--no-tags", url, tag, secret=url)  # with all history: the code is read from it
        git(clone, "checkout", "--quiet", "--detach", "FETCH_HEAD")
        root = clone / project_path(clone, "HEAD", repository)
        if remote:
            configure(root, remote, folder / "site")
    else:
        root = clone
        logger.warning("release=%s has no tag: only what the store holds is audited", version)
    return audit(Request(version, store, root, public_key=environment.PUBLIC_KEY.path(), everything=True))


@command("release_audit")
def main(arguments: list[str]) -> int:
    """Audit a release, and print the report."""
    options = _parser().parse_args(arguments)
    with scratch(scratch_parent()) as folder:
        report = audit_release(options.release, options.store, options.repository, options.remote, folder)
    print("\n".join(describe_report(report)), file=sys.stderr)
    write_result(report.to_json())
    report.raise_for_verdict()
    return 0


def _has(folder: Path, repository: str, reference: str) -> bool:
    url = address(repository)
    return bool(git(folder, "ls-remote", url, reference, secret=url))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.commands.release_audit", description="Audit a release from anywhere."
    )
    parser.add_argument("release", nargs="?", default=DEFAULT_CHANNEL, help="a channel or a version")
    parser.add_argument("--store", default=environment.STORE.text(), help=environment.STORE.meaning)
    parser.add_argument("--repository", default=environment.REPOSITORY.read() or "", help="where the runs' tags are")
    parser.add_argument("--remote", default=environment.REMOTE.read() or "", help=environment.REMOTE.meaning)
    return parser


if __name__ == "__main__":
    run("release_audit", lambda: main(sys.argv[1:]))
