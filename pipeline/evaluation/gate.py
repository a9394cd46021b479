"""The gate: compares metrics with thresholds. The result is recorded, whether it passes or not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.params.params import Section


class AtMost(Section):
    """The metric must be this or less."""

    max: float
    """Largest value that passes."""


class AtLeast(Section):
    """The metric must be this or more."""

    min: float
    """Smallest value that passes."""


GateConfig = dict[str, AtMost | AtLeast]
"""The section `gate`: metric's path in metrics.json, its parts joined by dots -> threshold."""


@dataclass(frozen=True)
class Check:
    """One threshold and its result; `value` is None if the metric was not measured, which fails."""

    metric: str
    op: str
    threshold: float
    value: float | None
    passed: bool
    not_measured: str | None = None
    """Why it was not, if that is known."""


def check_gate(config: GateConfig, metrics: Mapping[str, Any]) -> list[Check]:
    """Compare metrics with their thresholds, in the order of the metrics' names.

    A metric that is absent fails its check: a gate that can't be evaluated must not open.
    """
    checks = []
    for path, threshold in sorted(config.items()):
        value = metric_at(metrics, path)
        reason = _reason(metrics, path) if value is None else None
        if isinstance(threshold, AtMost):
            passed = value is not None and value <= threshold.max
            checks.append(Check(path, "<=", threshold.max, value, passed, reason))
        else:
            passed = value is not None and value >= threshold.min
            checks.append(Check(path, ">=", threshold.min, value, passed, reason))
    return checks


def gate_document(checks: list[Check]) -> dict[str, Any]:
    """Return the content of reports/gate.json. `failures` are sentences for people."""
    return {
        "passed": all(check.passed for check in checks),
        "checks": [{name: value for name, value in vars(check).items() if name != "not_measured"} for check in checks],
        "failures": [explain(check) for check in checks if not check.passed],
    }


def explain(check: Check) -> str:
    """Say in a sentence why a check failed."""
    if check.value is None:
        failure = f"{check.metric} was not measured, the gate asks for {check.op} {check.threshold:g}"
        return f"{failure}: {check.not_measured}" if check.not_measured else failure
    return f"{check.metric} is {check.value:g}, the gate asks for {check.op} {check.threshold:g}"


def metric_at(metrics: Mapping[str, Any], path: str) -> float | None:
    """Follow a dotted path; None if it leads to no number."""
    found: Any = metrics
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def _reason(metrics: Mapping[str, Any], path: str) -> str | None:
    """Return the text of `not_measured` in the metric's section."""
    section = metrics.get(path.split(".")[0])
    reason = section.get("not_measured") if isinstance(section, Mapping) else None
    return reason if isinstance(reason, str) else None
