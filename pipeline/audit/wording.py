"""The output of `peewee-tts audit` as lines for people."""

from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.audit.diff import Change, DataDifference, Difference
from pipeline.audit.finding import Report
from pipeline.audit.trace import Answer, Share

SHOWN = 10
"""Lines that are shown of a long list; `--json` has all of it."""


def describe_difference(difference: Difference) -> Iterator[str]:
    """Describe the differences between two releases."""
    yield f"{difference.before} -> {difference.after}"
    if difference.data is not None:
        yield from _describe_data(difference.data)
    else:
        yield f"data          unknown: {difference.unknown}"
    sections = {
        "code": difference.code,
        "made from": difference.dependencies,
        "parameters": difference.params,
        "metrics": difference.metrics,
    }
    for title, changes in sections.items():
        yield f"{title:13} {_count(len(changes), 'change') if changes else 'the same'}"
        yield from (f"  {line}" for line in _describe_changes(changes))
    yield f"{'stages':13} {', '.join(difference.stages) + ' made other products' if difference.stages else 'the same'}"
    yield f"{'files':13} {_count(len(difference.files), 'change') if difference.files else 'the same'}"
    for change in _first(difference.files):
        verb = "added" if change.before is None else "removed" if change.after is None else "changed"
        yield f"  {verb:9} {change.name}"
    yield from _rest(difference.files)


def describe_trace(kind: str, identifier: str, answer: Answer) -> Iterator[str]:
    """Say which releases hold a speaker or utterance."""
    appearances = answer.appearances
    holding = [appearance for appearance in appearances if appearance.shares]
    unknown = [appearance for appearance in appearances if appearance.unknown]
    known = len(appearances) - len(unknown)
    heirs = sum(appearance.inherits and not appearance.shares for appearance in appearances)
    more = f"; {_count(heirs, 'release')} more came from one that holds it" if heirs else ""
    yield f"{kind} {identifier}: in {len(holding)} of {_count(known, 'release')}{more}"
    for appearance in appearances:
        if appearance.shares:
            yield f"  {appearance.version}  {_shares(appearance.shares)}"
        elif appearance.unknown:
            yield f"  {appearance.version}  unknown: {appearance.unknown}"
        else:
            yield f"  {appearance.version}  not in its data{', excluded by name' if appearance.excluded else ''}"
        for release in appearance.heritage:
            held = f"which holds it: {_shares(release.shares)}" if release.shares else "whose data does not hold it"
            yield f"      came from {release.version}, {f'unknown: {release.unknown}' if release.unknown else held}"
        for span in appearance.channels if not appearance.unknown else ():
            until = f"until {span.until}" if span.until else "now"
            yield f"      {span.channel}, entry {span.number}: {span.since} {until}"
    for problem in answer.damaged:
        yield f"  unknown: {problem}"


def _shares(shares: Sequence[Share]) -> str:
    return "; ".join(
        f"{share.split}: {_count(share.n_utterances, 'utterance')}, {share.duration_s:.1f} s" for share in shares
    )


def describe_report(report: Report) -> Iterator[str]:
    """Describe the result of an audit."""
    for finding in report.findings:
        yield f"DIFFERS  {finding.place}: {finding.path}"
        yield f"         expected {finding.expected}"
        yield f"         found    {finding.found}"
    counted = ", ".join(f"{place} {n_files}" for place, n_files in sorted(report.n_files.items())) or "none"
    yield f"hashed   {report.n_bytes} bytes; files: {counted}"
    for what in report.unseen:
        yield f"not seen {what}"
    for remedy in report.remedies:
        yield f"remedy   {remedy}"
    for what in report.notes:
        yield f"note     {what}"
    if not report.complete:
        yield "stopped at the first thing that differs; --all goes on"
    yield f"verdict  release {report.version}: {report.verdict}"


def _describe_data(data: DataDifference) -> Iterator[str]:
    for title, names in (("added", data.added), ("removed", data.removed)):
        yield f"{title:13} {_count(len(names), 'utterance')}{_examples(names)}"
    for aspect, names in data.changed.items():
        yield f"{'changed':13} {aspect.replace('_', ' ')} of {_count(len(names), 'utterance')}{_examples(names)}"
    for title, names in (("added", data.speakers_added), ("removed", data.speakers_removed)):
        yield f"{title:13} {_count(len(names), 'speaker')}{_examples(names)}"
    yield f"{'split':13} {'utterances':>20} {'speakers':>16} {'hours':>20}"
    for size in data.splits:
        utterances = f"{size.n_utterances[0]} -> {size.n_utterances[1]}"
        speakers = f"{size.n_speakers[0]} -> {size.n_speakers[1]}"
        yield f"  {size.split:11} {utterances:>20} {speakers:>16} {f'{size.hours[0]:.2f} -> {size.hours[1]:.2f}':>20}"


def _describe_changes(changes: Sequence[Change]) -> Iterator[str]:
    shown = changes[: 4 * SHOWN]
    width = max((len(change.name) for change in shown), default=0)
    for change in shown:
        yield f"{change.name:{width}}  {_value(change.before)} -> {_value(change.after)}"
    if len(changes) > len(shown):
        yield f"and {len(changes) - len(shown)} more (--json has all)"


def _value(value: Any) -> str:
    if value is None:
        return "(none)"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _examples(names: Sequence[str]) -> str:
    if not names:
        return ""
    return f": {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"


def _first(items: Sequence[Change]) -> Sequence[Change]:
    return items[:SHOWN]


def _rest(items: Sequence[Change]) -> Iterator[str]:
    if len(items) > SHOWN:
        yield f"  and {len(items) - SHOWN} more (--json has all)"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
