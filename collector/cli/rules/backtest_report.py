"""What a backtest says, as tables or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.text import Text

from collector.backtest import (
    AlertGroup,
    ArchiveExtent,
    BacktestResult,
    RuleDifference,
    list_missing_types,
)
from collector.cli.output import (
    build_fixed_column,
    build_number_column,
    build_table,
    format_count,
    print_json,
    print_line,
    print_stderr,
    print_table,
    to_cells,
    to_safe_text,
)
from collector.cli.rules.common import classify_rule, format_event_types
from collector.detect import RuleSet

GROUP_LIMIT = 5
"""So many groups of a rule are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestReport:
    """What came of a backtest.

    Attributes:
        rules: the rules.
        seen: the events that they were run over.
        verdicts: what each would have told.
        other: the same of the version that they are held against; None where there is none.
        changes: the rules that tell something else in that version.
    """

    rules: RuleSet
    event_totals: ArchiveExtent
    results: Sequence[BacktestResult]
    other_results: Sequence[BacktestResult] | None = None
    changes: Sequence[RuleDifference] = field(default=())

    @property
    def has_failures(self) -> bool:
        """Whether any rule failed."""
        return any(each.failure for each in [*self.results, *(self.other_results or ())])

    def compute_daily_average(self, verdict: BacktestResult) -> float:
        """Alerts a day."""
        return round(verdict.alert_count / self.event_totals.days, 2)


def print_report(report: BacktestReport, *, as_json: bool) -> None:
    """Print all of it, and the sum of it."""
    if as_json:
        for line in _list_result_objects(report):
            print_json(line)
    else:
        _print_results(report)
        if report.other_results is not None:
            _print_changes(report)
    (print_stderr if as_json else print_line)(_format_totals(report))


def _format_totals(report: BacktestReport) -> str:
    alerts = sum(verdict.alert_count for verdict in report.results)
    rules, events = (
        format_count(len(report.results), "rule"),
        format_count(report.event_totals.rows, "event"),
    )
    days, told = format_count(report.event_totals.days, "day"), format_count(alerts, "alert")
    return (
        f"{rules} over {events} of {days}: {told}, {alerts / report.event_totals.days:,.1f} a day"
    )


# ---- JSON


def _list_result_objects(report: BacktestReport) -> Iterator[dict[str, Any]]:
    others = {verdict.rule.name: verdict for verdict in report.other_results or ()}
    changes = {change.rule: change for change in report.changes}
    for verdict in report.results:
        name = verdict.rule.name
        line = {"rule": name, **_to_result_dict(verdict, report)}
        if report.other_results is not None:
            line |= _to_comparison_dict(others.get(name), changes.get(name), report)
        yield line
    ours = {verdict.rule.name for verdict in report.results}
    for name in sorted(others.keys() - ours):
        yield {
            "rule": name,
            "alerts": None,
            **_to_comparison_dict(others[name], changes[name], report),
        }


def _to_result_dict(verdict: BacktestResult, report: BacktestReport) -> dict[str, Any]:
    days = verdict.alerts_by_day
    return {
        "kind": classify_rule(verdict.rule),
        "alerts": verdict.alert_count,
        "per_day": report.compute_daily_average(verdict),
        "most_per_day": max(days.values(), default=0),
        "events": verdict.event_count,
        "days": {day.isoformat(): count for day, count in days.items()},
        "severities": {str(each): count for each, count in verdict.alerts_by_severity.items()},
        "groups": [asdict(group) for group in verdict.groups[:GROUP_LIMIT]],
        "failure": verdict.failure,
        "unseen": list(list_missing_types(verdict.rule, report.rules, report.event_totals.types)),
    }


def _to_comparison_dict(
    other: BacktestResult | None, change: RuleDifference | None, report: BacktestReport
) -> dict[str, Any]:
    summary: Mapping[str, Any] | None = None
    if other is not None:
        summary = {
            key: value for key, value in _to_result_dict(other, report).items() if key != "unseen"
        }
    return {
        "against": summary,
        "is_different": change is not None,
        "new_groups": [asdict(group) for group in change.new_groups] if change else [],
        "gone_groups": [asdict(group) for group in change.lost_groups] if change else [],
    }


# ---- tables


def _print_results(report: BacktestReport) -> None:
    rows = build_table(
        "rule",
        build_number_column("alerts"),
        build_number_column("a day"),
        build_number_column("most"),
        build_number_column("events"),
        build_fixed_column("severities"),
        "of whom",
    )
    for verdict in sorted(report.results, key=lambda each: (-each.alert_count, each.rule.name)):
        rows.add_row(
            *to_cells(
                (
                    verdict.rule.name,
                    f"{verdict.alert_count:,}",
                    f"{report.compute_daily_average(verdict):,.1f}",
                    f"{max(verdict.alerts_by_day.values(), default=0):,}",
                    f"{verdict.event_count:,}",
                    _join_lines(
                        f"{count:,} {each}" for each, count in verdict.alerts_by_severity.items()
                    ),
                    _render_groups(verdict, report),
                )
            )
        )
    print_table(rows)


def _render_groups(verdict: BacktestResult, report: BacktestReport) -> Text:
    if verdict.failure:
        return Text(to_safe_text(f"failed: {verdict.failure}"), style="bold red")
    if verdict.alert_count:
        return _join_lines(_format_group(group, report) for group in verdict.groups[:GROUP_LIMIT])
    missing = list_missing_types(verdict.rule, report.rules, report.event_totals.types)
    return Text(to_safe_text(f"no event of {format_event_types(missing)}" if missing else ""))


def _format_group(group: AlertGroup, report: BacktestReport) -> str:
    several = len({each.org for verdict in report.results for each in verdict.groups}) > 1
    values = [*([group.org] if several else []), *(value for value in group.key if value)]
    times = f" ({group.alerts:,})" if group.alerts > 1 else ""
    return f"{', '.join(values) or 'all together'}{times}"


def _print_changes(report: BacktestReport) -> None:
    rows = build_table(
        "rule",
        build_number_column("alerts"),
        build_number_column("against"),
        "difference",
        title="Difference",
    )
    for change in report.changes:
        ours, theirs = change.ours, change.theirs
        rows.add_row(
            *to_cells(
                (
                    change.rule,
                    "" if ours is None else f"{ours.alert_count:,}",
                    "" if theirs is None else f"{theirs.alert_count:,}",
                    _join_lines(_describe_change(change, report)),
                )
            )
        )
    if report.changes:
        print_table(rows)
    names = {verdict.rule.name for verdict in [*report.results, *(report.other_results or ())]}
    same = format_count(len(names) - len(report.changes), "rule")
    print_line(f"{same} told the same in both versions, {len(report.changes):,} did not")


def _describe_change(change: RuleDifference, report: BacktestReport) -> Iterator[str]:
    """What is different, in lines."""
    if change.theirs is None:
        yield "only here"
    elif change.ours is None:
        yield "only there"
    elif failure := change.ours.failure or change.theirs.failure:
        yield f"failed: {failure}"
    elif change.alert_difference:
        more = "more" if change.alert_difference > 0 else "fewer"
        yield f"{format_count(abs(change.alert_difference), 'alert')} {more}"
    else:
        yield "as many alerts, of other days, severities or events"
    for word, groups in (("new", change.new_groups), ("gone", change.lost_groups)):
        for group in groups[:GROUP_LIMIT]:
            yield f"{word}: {_format_group(group, report)}"
        if len(groups) > GROUP_LIMIT:
            yield f"{word}: {len(groups) - GROUP_LIMIT:,} further groups"


def _join_lines(lines: Iterator[str]) -> Text:
    """Lines of a cell, in none of which a stranger's text begins another."""
    return Text("\n".join(map(to_safe_text, lines)))
