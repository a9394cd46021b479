"""Logs of the programs, on stderr: all messages of this project, and warnings of other packages."""

import logging
import sys

_OTHERS = ("aiobotocore", "boto3", "botocore", "dvc_data", "dvc_objects", "fsspec", "s3fs", "s3transfer")


def log_to_stderr() -> None:
    """Set logging up, once for a process."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    for name in _OTHERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("dvc").propagate = False  # it has a handler of its own
    logging.getLogger("dvc.repo.scm_context").setLevel(logging.WARNING)  # advice to `git add` is not useful here
