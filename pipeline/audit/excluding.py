"""Adds a line to the list of exclusions. `pipeline/corpora/exclusions.py` describes the list and reads it."""

import csv
import io
from pathlib import Path

from peewee_model.files import write_whole
from pipeline.corpora.exclusions import EXCLUSIONS, HEADER, Exclusion, ExclusionError, checked, read_exclusions


def add_exclusion(exclusion: Exclusion, path: Path = EXCLUSIONS) -> None:
    """Add one line, and write the list sorted, so that git's diff is this line alone.

    Raises:
        ExclusionError: If the line is on the list already, or is invalid, or the list can't be read.
    """
    added = checked([exclusion.kind, exclusion.id, exclusion.reason], "exclusion")
    listed = read_exclusions(path).entries
    if (added.kind, added.id) in {(entry.kind, entry.id) for entry in listed}:
        raise ExclusionError(f"{path}: {added.kind} {added.id} is excluded already; edit the reason there if need be")
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows((entry.kind, entry.id, entry.reason) for entry in sorted([*listed, added]))
    write_whole(path, buffer.getvalue())
