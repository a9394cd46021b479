"""How a command returns its result to an orchestrator: one line of JSON, the last on stdout.

PEEWEE_RESULT names a file that receives the same line. A pod returns its result by this file, because a log can be
lost.
"""

import json
from collections.abc import Mapping
from typing import Any

from peewee_model import environment
from peewee_model.files import write_whole


def write_result(document: Mapping[str, Any]) -> None:
    """Print the line, and write the file if one is named."""
    line = json.dumps(document, sort_keys=True)
    print(line, flush=True)
    if path := environment.RESULT.path():
        write_whole(path, line + "\n")
