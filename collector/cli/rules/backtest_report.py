"""What a backtest says, as tables or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.text import Text

from collector.backtest import Change, Group, Seen, Verdict, unseen
from collector.cli.common import (
    cells,
    counted,
    number,
    print_json,
    print_table,
    say,
    shown,
    table,
    tell,
    whole,
)
from collector.cli.rules.common import kind, some
from collector.detect import RuleSet

TOP = 5
"""So many groups of a rule are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of a backtest.

    Attributes:
        rules: the rules.
        seen: the events that they were run over.
        verdicts: what each would have told.
        other: the same of the version that they are held against; None where there is none.
        changes: the rules that tell something else in that version.
    """

    rules: RuleSet
    seen: Seen
    verdicts: Sequence[Verdict]
    other: Sequence[Verdict] | None = None
    changes: Sequence[Change] = field(default=())

    @property
    def failed(self) -> bool:
        """Whether any rule failed."""
        return any(each.failure for each in [*self.verdicts, *(self.other or ())])

    def average(self, verdict: Verdict) -> float:
        """Alerts a day."""
        return round(verdict.total / self.seen.days, 2)


def print_report(report: Report, *, as_json: bool) -> None:
    """Print all of it, and the sum of it."""
    if as_json:
        for line in _lines(report):
            print_json(line)
    else:
        _print_verdicts(report)
        if report.other is not None:
            _print_changes(report)
    (tell if as_json else say)(_sum(report))


def _sum(report: Report) -> str:
    alerts = sum(verdict.total for verdict in report.verdicts)
    rules, events = counted(len(report.verdicts), "rule"), counted(report.seen.rows, "event")
    days, told = counted(report.seen.days, "day"), counted(alerts, "alert")
    return f"{rules} over {events} of {days}: {told}, {alerts / report.seen.days:,.1f} a day"


# ---- JSON


def _lines(report: Report) -> Iterator[dict[str, Any]]:
    others = {verdict.rule.name: verdict for verdict in report.other or ()}
    changes = {change.rule: change for change in report.changes}
    for verdict in report.verdicts:
        name = verdict.rule.name
        line = {"rule": name, **_as_dict(verdict, report)}
        if report.other is not None:
            line |= _against(others.get(name), changes.get(name), report)
        yield line
    ours = {verdict.rule.name for verdict in report.verdicts}
    for name in sorted(others.keys() - ours):
        yield {"rule": name, "alerts": None, **_against(others[name], changes[name], report)}


def _as_dict(verdict: Verdict, report: Report) -> dict[str, Any]:
    days = verdict.alerts
    return {
        "kind": kind(verdict.rule),
        "alerts": verdict.total,
        "per_day": report.average(verdict),
        "most_per_day": max(days.values(), default=0),
        "events": verdict.events,
        "days": {day.isoformat(): count for day, count in days.items()},
        "severities": {str(each): count for each, count in verdict.severities.items()},
        "groups": [asdict(group) for group in verdict.groups[:TOP]],
        "failure": verdict.failure,
        "unseen": list(unseen(verdict.rule, report.rules, report.seen.types)),
    }


def _against(other: Verdict | None, change: Change | None, report: Report) -> dict[str, Any]:
    summary: Mapping[str, Any] | None = None
    if other is not None:
        summary = {key: value for key, value in _as_dict(other, report).items() if key != "unseen"}
    return {
        "against": summary,
        "is_different": change is not None,
        "new_groups": [asdict(group) for group in change.new] if change else [],
        "gone_groups": [asdict(group) for group in change.gone] if change else [],
    }


# ---- tables


def _print_verdicts(report: Report) -> None:
    rows = table(
        "rule",
        number("alerts"),
        number("a day"),
        number("most"),
        number("events"),
        whole("severities"),
        "of whom",
    )
    for verdict in sorted(report.verdicts, key=lambda each: (-each.total, each.rule.name)):
        rows.add_row(
            *cells(
                (
                    verdict.rule.name,
                    f"{verdict.total:,}",
                    f"{report.average(verdict):,.1f}",
                    f"{max(verdict.alerts.values(), default=0):,}",
                    f"{verdict.events:,}",
                    _below(f"{count:,} {each}" for each, count in verdict.severities.items()),
                    _whom(verdict, report),
                )
            )
        )
    print_table(rows)


def _whom(verdict: Verdict, report: Report) -> Text:
    if verdict.failure:
        return Text(shown(f"failed: {verdict.failure}"), style="bold red")
    if verdict.total:
        return _below(_group(group, report) for group in verdict.groups[:TOP])
    missing = unseen(verdict.rule, report.rules, report.seen.types)
    return Text(shown(f"no event of {some(missing)}" if missing else ""))


def _group(group: Group, report: Report) -> str:
    several = len({each.org for verdict in report.verdicts for each in verdict.groups}) > 1
    values = [*([group.org] if several else []), *(value for value in group.key if value)]
    times = f" ({group.alerts:,})" if group.alerts > 1 else ""
    return f"{', '.join(values) or 'all together'}{times}"


def _print_changes(report: Report) -> None:
    rows = table("rule", number("alerts"), number("against"), "difference", title="Difference")
    for change in report.changes:
        ours, theirs = change.ours, change.theirs
        rows.add_row(
            *cells(
                (
                    change.rule,
                    "" if ours is None else f"{ours.total:,}",
                    "" if theirs is None else f"{theirs.total:,}",
                    _below(_said(change, report)),
                )
            )
        )
    if report.changes:
        print_table(rows)
    names = {verdict.rule.name for verdict in [*report.verdicts, *(report.other or ())]}
    same = counted(len(names) - len(report.changes), "rule")
    say(f"{same} told the same in both versions, {len(report.changes):,} did not")


def _said(change: Change, report: Report) -> Iterator[str]:
    """What is different, in lines."""
    if change.theirs is None:
        yield "only here"
    elif change.ours is None:
        yield "only there"
    elif failure := change.ours.failure or change.theirs.failure:
        yield f"failed: {failure}"
    elif change.alerts:
        more = "more" if change.alerts > 0 else "fewer"
        yield f"{counted(abs(change.alerts), 'alert')} {more}"
    else:
        yield "as many alerts, of other days, severities or events"
    for word, groups in (("new", change.new), ("gone", change.gone)):
        for group in groups[:TOP]:
            yield f"{word}: {_group(group, report)}"
        if len(groups) > TOP:
            yield f"{word}: {len(groups) - TOP:,} further groups"


def _below(lines: Iterator[str]) -> Text:
    """Lines of a cell, in none of which a stranger's text begins another."""
    return Text("\n".join(map(shown, lines)))
