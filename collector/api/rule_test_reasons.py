"""Why a test of a rule failed: what `alerts explain` would say of the events, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from collector import engine, normalize
from collector.api.rule_past_reasons import list_baseline_reasons, list_first_seen_reasons
from collector.archive import parquet_sql
from collector.backtest import OrgArchive
from collector.detect import RuleSet, correlation_sql, explain
from collector.detect.explain import Explanation
from collector.detect.explain.questions import ExplainSubject, ItemAnswer, SelectionAnswer
from collector.detect.explain.severity_ladder import SeverityLadder
from collector.detect.language.collector_block import COLLECTOR_KEY
from collector.escaping import truncate_text
from collector.evaluation.rule_selection import ALL_TIME
from collector.ingest.temporary_pipeline import TemporaryPipeline
from collector.model import Alert, Baseline, Correlation, FirstSeen, Rule
from collector.model.event_columns import HEADER_COLUMNS
from collector.model.rules import strip_copy_mark
from collector.rules.rule_files import EVENT_SCHEMA
from collector.rules.self_tests import RuleTestResult
from collector.store import ledger, rule_status

MAX_EVENTS = 3
"""Of so many events it is told why a rule does or does not match them."""

MAX_ITEMS = 3
MAX_VALUE_LENGTH = 80


def list_failure_reasons(result: RuleTestResult, bench: TemporaryPipeline) -> tuple[str, ...]:
    """What is known of a failed test whose events the bench still has; each sentence once."""
    with bench.database.read() as state:
        files = ledger.list_archive_files(state, org=result.org)
        faults = [each for each in rule_status.list_faults(state) if each.org == result.org]
    reasons = [f"{fault.rule} failed: {fault.reason}" for fault in faults]
    reasons += _list_silencing_reasons(result)
    if files:
        with engine.open_engine() as connection:
            archive = OrgArchive(
                connection=connection, archive=bench.paths.archive, org=result.org, files=files
            )
            reasons += _FailureReasons(result=result, archive=archive).list_reasons()
    return tuple(dict.fromkeys(reasons))


def _list_silencing_reasons(result: RuleTestResult) -> Iterator[str]:
    """Who keeps the rule from raising alerts."""
    rule = result.rule
    if rule.raises_alert:
        return
    block = result.rules.documents[rule.name].data.get(COLLECTOR_KEY) or {}
    if block.get("alert") is False:
        yield "it raises no alert of its own: it says `alert: false`"
        return
    correlations = result.rules.correlations
    looking = (each.name for each in correlations if rule.name in each.correlated_rules)
    above = ", ".join(dict.fromkeys(map(strip_copy_mark, looking)))
    yield f"it raises no alert of its own: {above} looks at it, without `generate: true`"


@dataclass(frozen=True, slots=True, kw_only=True)
class _FailureReasons:
    """The reasons of one test, whose events are in an archive of their own."""

    result: RuleTestResult
    archive: OrgArchive

    @property
    def _rules(self) -> RuleSet:
        return self.result.rules

    def list_reasons(self) -> Iterator[str]:
        rule = self.result.rule
        yield from map(_describe_windows, self.result.alerts if rule.aggregation else ())
        if isinstance(rule.aggregation, Correlation):
            yield from self._list_correlation_reasons(rule, rule.aggregation)
            return
        yield from self._list_event_reasons(self._explain_rule(rule))
        yield from self._list_past_reasons(rule)

    def _list_correlation_reasons(self, rule: Rule, correlation: Correlation) -> Iterator[str]:
        for leaf in correlation_sql.list_leaves(rule, self._rules.by_name):
            name = strip_copy_mark(leaf)
            answers = self._explain_rule(self._rules.by_name[leaf])
            holding = [each for each in answers if each.holds]
            groups = ", ".join(_count_groups(holding, correlation, leaf))
            counted = f": {groups}" if groups else ""
            yield f"its rule {name} matches {len(holding)} of {len(answers)} events{counted}"
            if not holding:
                yield from map(_describe_mismatch, answers[:MAX_EVENTS])
            for reason in self._list_past_reasons(self._rules.by_name[leaf]):
                yield f"its rule {name}: {reason}"

    def _list_past_reasons(self, rule: Rule) -> Iterator[str]:
        """What a rule that compares with the past makes of the last of its events or windows."""
        if isinstance(rule.aggregation, FirstSeen):
            yield from list_first_seen_reasons(self._rules, rule, self.archive)
        elif isinstance(rule.aggregation, Baseline):
            yield from list_baseline_reasons(self._rules, rule, self.archive)

    def _list_event_reasons(self, answers: Sequence[Explanation]) -> Iterator[str]:
        holding = [each for each in answers if each.holds]
        alerts, expected = len(self.result.alerts), self.result.test.alert_count
        if not answers:
            yield f"none of the events is of a type that it looks at: {self._join_types()}"
        elif alerts > expected:
            yield from map(_describe_match, holding[:MAX_EVENTS])
        elif alerts < expected:
            yield from map(_describe_mismatch, [e for e in answers if not e.holds][:MAX_EVENTS])
            if self.result.rule.aggregation is None and 0 < alerts < len(holding):
                yield f"{len(holding)} events match and are one alert where they have one dedup key"
        else:
            for each in holding[:MAX_EVENTS]:
                if each.ladder is not None:
                    yield f"{_name_event(each)}: {_describe_ladder(each.ladder)}"

    def _join_types(self) -> str:
        return ", ".join(self.result.rule.event_types) or "every type"

    def _explain_rule(self, rule: Rule) -> list[Explanation]:
        """What the rule says of each event that it looks at, in the order of their times."""
        answers = [
            answer
            for event_type in self.archive.list_all_types()
            for each in self._rules.select_by_type(event_type)
            if each.name == rule.name
            and (each.event_types or event_type not in normalize.DERIVED_EVENT_TYPES)
            for answer in self._explain_type(each, event_type)
        ]
        return sorted(answers, key=lambda answer: (answer.event["time"], answer.event["event_uid"]))

    def _explain_type(self, rule: Rule, event_type: str) -> list[Explanation]:
        needs = sorted({*rule.fields, *HEADER_COLUMNS})
        relation = self.archive.event_views.select_events(event_type, ALL_TIME, needs)
        if relation is None:
            return []
        subject = ExplainSubject(
            rule=rule,
            document=self._rules.documents[rule.name],
            event_type=event_type,
            schema=EVENT_SCHEMA,
            lists=self._rules.lists,
        )
        connection = self.archive.connection
        columns = parquet_sql.describe_columns(connection, relation)
        try:
            return explain.explain_events(subject, connection, relation=relation, columns=columns)
        except duckdb.Error:  # why a rule cannot be run is among the faults
            return []


def _count_groups(
    answers: Sequence[Explanation], correlation: Correlation, leaf: str
) -> Iterator[str]:
    """How many of the events are in each group of a correlation, the largest first."""
    fields = [correlation.aliases.get(name, {}).get(leaf, name) for name in correlation.group_by]
    groups = Counter(
        tuple(_render_value(answer.event.get(_find_column(name, answer))) for name in fields)
        for answer in answers
    )
    for values, count in groups.most_common(MAX_ITEMS) if fields else ():
        pairs = zip(correlation.group_by, values, strict=True)
        yield f"{count} with {' and '.join(f'{name} {value}' for name, value in pairs)}"


def _find_column(field: str, answer: Explanation) -> str:
    return normalize.find_physical_column(field, str(answer.event.get("event_type", "")))


# ---- words


def _describe_windows(alert: Alert) -> str:
    """The measures that an alert of several events was judged by."""
    measures = [
        f"{name} {context[name]:,g}"
        for context in alert.context
        for name in ("metric", "value", "event_count", "mean")
        if isinstance(context.get(name), int | float)
    ]
    return f"{alert.severity} '{alert.title}'" + (f" by {', '.join(measures)}" if measures else "")


def _describe_mismatch(answer: Explanation) -> str:
    parts = "; ".join(map(_describe_selection, answer.selections))
    return f"{_name_event(answer)} does not match {_join_condition(answer)}: {parts}"


def _describe_match(answer: Explanation) -> str:
    parts = "; ".join(map(_describe_selection, answer.selections))
    return f"{_name_event(answer)} matches {_join_condition(answer)}: {parts}"


def _join_condition(answer: Explanation) -> str:
    return " or ".join(f"'{each}'" for each in answer.condition)


def _name_event(answer: Explanation) -> str:
    event = answer.event
    return f"{event.get('event_type', 'event')} at {_render_value(event['time'])}"


def _describe_selection(selection: SelectionAnswer) -> str:
    verdict = "holds" if selection.holds else "does not hold"
    items = [
        item
        for alternative in selection.alternatives
        for item in alternative
        if item.holds == selection.holds
    ]
    details = ", ".join(map(_describe_item, items[:MAX_ITEMS]))
    return f"{selection.name} {verdict}" + (f" ({details})" if details else "")


def _describe_item(item: ItemAnswer) -> str:
    wanted = ", ".join(map(_render_value, item.values[:MAX_ITEMS]))
    more = ", …" if len(item.values) > MAX_ITEMS else ""
    found = ", ".join(_render_value(value) for value in item.event_values.values())
    return f"{item.key or 'any field'}: {wanted}{more}; the event has {found or 'nothing'}"


def _describe_ladder(ladder: SeverityLadder) -> str:
    rungs = [each for each in (*ladder.cases, *ladder.steps) if each.is_decisive]
    reason = ", ".join(f"{each.text} in line {each.line}" for each in rungs) or "no case holds"
    others = [each.text for each in (*ladder.cases, *ladder.steps) if not each.holds]
    failed = f"; {', '.join(others)} does not hold" if others else ""
    return f"{ladder.severity}, since {reason}{failed}"


def _render_value(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds").replace("+00:00", "Z")
    return truncate_text(str(value), MAX_VALUE_LENGTH)
