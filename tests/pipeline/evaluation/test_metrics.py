"""The one table of metrics."""

import json
from dataclasses import fields
from typing import get_args

from peewee_model.metric_labels import Labels, Place
from pipeline.evaluation.measures import Measurement
from pipeline.evaluation.metrics import METRICS, PARTS, labels
from pipeline.evaluation.sentences import ROWS


def test_each_metric_and_part_is_named_once():
    """A second line for a metric would be a second owner."""
    for table in (METRICS, PARTS):
        keys = [entry.key for entry in table]
        assert sorted(set(keys)) == sorted(keys)


def test_places_and_measurements_that_lines_name_are_there():
    """A misspelt place would show a metric nowhere."""
    measured = {field.name for field in fields(Measurement)}
    for metric in METRICS:
        assert set(metric.places) <= set(get_args(Place)), metric.key
        assert metric.mean_of is None or metric.mean_of in measured, metric.key
        assert metric.headlines or "list" not in metric.places, f"{metric.key}: of which section is it listed?"
    assert {place for metric in METRICS for place in metric.places} == set(get_args(Place))


def test_every_way_to_speak_has_a_name():
    """In the order of the page."""
    assert tuple(part.key for part in PARTS)[: len(ROWS)] == ROWS


def test_side_file_says_what_the_table_says():
    """After JSON, and without what only `evaluate` needs."""
    written = json.dumps(labels().model_dump(exclude_defaults=True), sort_keys=True)
    assert "mean_of" not in written and "has_interval" not in written
    read = Labels.parse(written)
    own = {"mean_of", "has_interval"}
    assert [label.model_dump() for label in read.metrics] == [metric.model_dump(exclude=own) for metric in METRICS]
    assert read.parts == PARTS
