import json

import pytest
import yaml

from dags.commands import plan_arguments, run_arguments, seal_arguments


def test_plan_names_only_what_is_asked_for():
    """An empty field of the page is no argument."""
    assert plan_arguments("r", {"revision": "main", "profile": " ", "reason": ""}) == [
        "plan",
        "--run",
        "r",
        "--revision=main",
    ]


def test_overrides_survive_as_yaml():
    """Whatever JSON holds, the worker reads the same by YAML."""
    values = {"a.b": 200, "c": 1e-3, "d": [1, "x: y"], "e": "no", "f": None, "g": {"h": True}, "i": "ü\n#"}
    arguments = plan_arguments("r", {"overrides": json.dumps(values)})
    given = [item.split("=", 1) for item in arguments if "=" in item]
    assert {key: yaml.safe_load(value) for key, value in given} == values


@pytest.mark.parametrize("overrides", ["[1]", "3", '"x"'])
def test_overrides_of_another_kind_are_refused(overrides):
    """The message shows how to write them."""
    with pytest.raises(ValueError, match="write them as"):
        plan_arguments("r", {"overrides": overrides})


def test_worker_understands_every_command():
    """The arguments are those of pipeline/commands/worker.py."""
    from pipeline.commands.worker import _parser

    request = {"revision": "main", "profile": "mini", "reason": "--new corpus", "overrides": '{"a.b": 1}'}
    asked = _parser().parse_args(plan_arguments("r", request))
    assert (asked.set, asked.reason) == (["a.b=1"], "--new corpus")
    assert _parser().parse_args(run_arguments("ingest", "r", "abc")).stage == "ingest"
    assert _parser().parse_args(seal_arguments("r")).run == "r"


def test_exit_codes_of_verdicts_are_those_of_the_audit():
    """The DAGs import nothing of the pipeline, so they have numbers of their own."""
    from dags.commands import DIFFERS, FINAL, NOT_ALL_SEEN, REFUSED
    from pipeline.audit.errors import AuditError, DiffersError, NotAllSeenError

    verdicts = (AuditError, DiffersError, NotAllSeenError)
    assert tuple(error.exit_code for error in verdicts) == (REFUSED, DIFFERS, NOT_ALL_SEEN) == FINAL
    assert len({0, 1, 75, *FINAL}) == 6
