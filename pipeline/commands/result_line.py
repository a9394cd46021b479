"""How a command tells an orchestrator what came out: one line of JSON, the last on stdout.

PEEWEE_RESULT names a file that gets the same line: a pod returns it by a file, since a log can be lost.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ENVIRONMENT = "PEEWEE_RESULT"


def write_result(document: Mapping[str, Any]) -> None:
    """Print the line, and write the file where one is named."""
    line = json.dumps(document, sort_keys=True)
    print(line, flush=True)
    if file := os.environ.get(ENVIRONMENT):
        path = Path(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_text(line + "\n", encoding="utf-8")
        part.replace(path)
