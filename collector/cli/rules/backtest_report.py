"""The report of a backtest, as tables or as JSON lines."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from collector.api.backtest import GROUP_LIMIT, BacktestReport, to_json_lines
from collector.backtest import AlertGroup, BacktestResult, RuleDifference
from collector.cli.output import (
    add_row,
    build_fixed_column,
    build_number_column,
    build_table,
    format_count,
    print_json_lines,
    print_line,
    print_stderr,
    print_table,
    to_safe_text,
)
from collector.cli.rules.common import format_event_types


def print_report(report: BacktestReport, *, as_json: bool) -> None:
    """Print the results, the differences and the totals."""
    if as_json:
        print_json_lines(to_json_lines(report))
    else:
        _print_results(report)
        if report.other_results is not None:
            _print_changes(report)
    (print_stderr if as_json else print_line)(_format_totals(report))


def _format_totals(report: BacktestReport) -> str:
    alerts = sum(result.alert_count for result in report.results)
    rules, events = (
        format_count(len(report.results), "rule"),
        format_count(report.event_totals.rows, "event"),
    )
    days = format_count(report.event_totals.days, "day")
    average = f"{alerts / report.event_totals.days:,.1f} a day"
    return f"{rules} over {events} of {days}: {format_count(alerts, 'alert')}, {average}"


# ---- tables


def _print_results(report: BacktestReport) -> None:
    table = build_table(
        "rule",
        build_number_column("alerts"),
        build_number_column("a day"),
        build_number_column("most"),
        build_number_column("events"),
        build_fixed_column("severities"),
        "of whom",
    )
    for result in sorted(report.results, key=lambda each: (-each.alert_count, each.rule.name)):
        add_row(
            table,
            result.rule.name,
            f"{result.alert_count:,}",
            f"{report.compute_daily_average(result):,.1f}",
            f"{max(result.alerts_by_day.values(), default=0):,}",
            f"{result.event_count:,}",
            _join_lines(f"{count:,} {each}" for each, count in result.alerts_by_severity.items()),
            _render_groups(result, report),
        )
    print_table(table)


def _render_groups(result: BacktestResult, report: BacktestReport) -> Text:
    if result.failure:
        return Text(to_safe_text(f"failed: {result.failure}"), style="bold red")
    if result.alert_count:
        return _join_lines(_format_group(group, report) for group in result.groups[:GROUP_LIMIT])
    missing = report.list_missing_types(result)
    return Text(to_safe_text(f"no event of {format_event_types(missing)}" if missing else ""))


def _format_group(group: AlertGroup, report: BacktestReport) -> str:
    has_several_orgs = len({each.org for result in report.results for each in result.groups}) > 1
    values = [*([group.org] if has_several_orgs else []), *(value for value in group.key if value)]
    count = f" ({group.alerts:,})" if group.alerts > 1 else ""
    return f"{', '.join(values) or 'all together'}{count}"


def _print_changes(report: BacktestReport) -> None:
    table = build_table(
        "rule",
        build_number_column("alerts"),
        build_number_column("against"),
        "difference",
        title="Difference",
    )
    for change in report.changes:
        ours, theirs = change.ours, change.theirs
        add_row(
            table,
            change.rule,
            "" if ours is None else f"{ours.alert_count:,}",
            "" if theirs is None else f"{theirs.alert_count:,}",
            _join_lines(_describe_change(change, report)),
        )
    if report.changes:
        print_table(table)
    names = {result.rule.name for result in [*report.results, *(report.other_results or ())]}
    same_count = format_count(len(names) - len(report.changes), "rule")
    print_line(f"{same_count} told the same in both versions, {len(report.changes):,} did not")


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
    """Lines of a cell, each made safe, so that no text in one begins another."""
    return Text("\n".join(map(to_safe_text, lines)))
