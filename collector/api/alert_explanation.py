"""Why there is an alert: its events, asked once more by the rule as it is written now."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import duckdb
import sqlalchemy as sa

from collector import normalize
from collector.api import event_lookup
from collector.api.event_lookup import EventSet
from collector.archive import parquet_sql
from collector.archive.store import ArchiveStore
from collector.detect import EventSchema, RuleSet, correlation_sql
from collector.detect import explain as asking
from collector.detect.evaluation_errors import describe_error
from collector.detect.explain import Explanation
from collector.detect.explain.questions import ExplainSubject
from collector.detect.explain.severity_ladder import SeverityLadder
from collector.model import Alert, Baseline, Correlation, Event, Rule
from collector.store import event_history, ledger

WINDOW_UID_PREFIX = "window:"
"""What the uids of matches begin with that stand for whole windows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceEvent:
    """An event of an alert.

    Attributes:
        event: as the archive has it; where it is not `archived`, as the alert has kept it.
        fits: what the rule says of it; for a correlation, each of its rules that it matches.
        failures: rules that could not be asked, in sentences.
    """

    event: Event
    is_archived: bool = True
    rule_explanations: tuple[Explanation, ...] = ()
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertExplanation:
    """Why there is an alert.

    Attributes:
        rule: as it is now; None where it is gone.
        line: where the rule begins in its file.
        remarks: what keeps this from being the whole truth, in sentences.
        windows: by its place in the alert's context, how a window of several events came to its
            severity.
        witnesses: some of its events.
        more: how many others it has.
    """

    alert: Alert
    rule: Rule | None
    rule_line: int
    remarks: tuple[str, ...]
    window_severities: Mapping[int, SeverityLadder]
    evidence: tuple[EvidenceEvent, ...]
    remaining_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainContext:
    """What an account is given on.

    Attributes:
        state: a view of the state.
        engine: a connection of `engine`.
        archive: the archive.
        rules: the rules as they are now.
        schema: the event table.
    """

    state: sa.Connection
    engine: duckdb.DuckDBPyConnection
    archive: ArchiveStore
    rules: RuleSet
    schema: EventSchema


def explain_alert(explain_context: ExplainContext, alert: Alert, *, limit: int) -> AlertExplanation:
    """Why there is this alert, with at most so many of its events."""
    rule = explain_context.rules.by_name.get(alert.rule)
    if rule is None:
        return _explain_without_rule(alert, limit)
    witnesses = tuple(
        _collect_evidence(
            explain_context, alert, rule, _list_event_uids(explain_context, alert, limit)
        )
    )
    return AlertExplanation(
        alert=alert,
        rule=rule,
        rule_line=explain_context.rules.documents[rule.name].find_line(()),
        remarks=tuple(_list_remarks(alert, rule, witnesses)),
        window_severities=dict(_explain_windows(explain_context, alert, rule)),
        evidence=witnesses,
        remaining_count=max(0, alert.count - len(witnesses)),
    )


def _explain_without_rule(alert: Alert, limit: int) -> AlertExplanation:
    """What the alert itself says."""
    remark = (
        f"{alert.rule} is not among the rules of this configuration any more: it was removed,"
        " renamed or disabled. This is what the alert has kept."
    )
    kept = alert.evidence[:limit]
    return AlertExplanation(
        alert=alert,
        rule=None,
        rule_line=0,
        remarks=(*_describe_outcome(alert), remark),
        window_severities={},
        evidence=tuple(EvidenceEvent(event=event, is_archived=False) for event in kept),
        remaining_count=max(0, alert.count - len(kept)),
    )


def _list_remarks(alert: Alert, rule: Rule, evidence: Sequence[EvidenceEvent]) -> Iterator[str]:
    """What became of the alert, and what rule and archive do not say any more, or not alike."""
    yield from _describe_outcome(alert)
    kept = (alert.description, alert.attack, alert.triage, alert.references)
    if kept != (rule.description, rule.attack, rule.triage, rule.references):
        yield (
            "The rule has been changed since: its description, ATT&CK ids, triage or references"
            " are not those of the alert. This is what it says now."
        )
    if any(not witness.failures and not _matches_any_rule(witness) for witness in evidence):
        yield "Not all events match the rule as it is now: it or they have changed since."
    if not all(witness.is_archived for witness in evidence):
        yield (
            "The archive does not hold all of the events any more: those are asked as the alert has"
            " kept them, without the rest of long texts."
        )
    yield from dict.fromkeys(failure for witness in evidence for failure in witness.failures)


def _describe_outcome(alert: Alert) -> Iterator[str]:
    if alert.merged_into:
        yield f"It went on in alert {alert.merged_into}, which has its events now."
    if alert.reason:
        yield f"It does not hold any more. {alert.reason}"


def _matches_any_rule(event: EvidenceEvent) -> bool:
    return any(fit.holds for fit in event.rule_explanations)


# ---- windows


def _explain_windows(
    explain_context: ExplainContext, alert: Alert, rule: Rule
) -> Iterator[tuple[int, SeverityLadder]]:
    """How the windows of the alert's context came to their severity, by their places in it."""
    written = explain_context.rules.documents[rule.name]
    for place, context in enumerate(alert.context):
        values = _extract_case_values(context)
        if values and isinstance(rule.aggregation, Correlation | Baseline):
            known = {**alert.entities, **context.get("group", {}), **values}
            yield place, asking.explain_window(rule, written, explain_context.engine, known)


def _extract_case_values(context: Mapping[str, Any]) -> dict[str, float | None] | None:
    """What the cases of a rule over several events compare, by the names that they use."""
    if context.get("kind") == "window":
        return {name: context.get(name) for name in ("metric", "event_count")}
    if context.get("kind") != "baseline":
        return None
    value, mean, deviation = context.get("value"), context.get("mean"), context.get("stddev")
    return {
        "metric": value,
        "event_count": context.get("event_count"),
        "mean": mean,
        "deviations": None
        if value is None or mean is None
        else _divide_or_none(value - mean, deviation),
        "history": context.get("windows"),
    }


def _divide_or_none(one: float, other: float | None) -> float | None:
    return one / other if other else None


# ---- the events


def _list_event_uids(explain_context: ExplainContext, alert: Alert, limit: int) -> list[str]:
    """The events that tell most, and then others."""
    kept = [str(event["event_uid"]) for event in alert.evidence]
    others = event_history.list_match_uids(explain_context.state, alert.id, limit=limit + len(kept))
    distinct = dict.fromkeys([*kept, *map(correlation_sql.strip_group_mark, others)])
    return [uid for uid in distinct if not uid.startswith(WINDOW_UID_PREFIX)][:limit]


def _collect_evidence(
    explain_context: ExplainContext, alert: Alert, rule: Rule, uids: Sequence[str]
) -> list[EvidenceEvent]:
    """The events in the order of their times."""
    judges = dict.fromkeys(_list_event_rules(explain_context, rule))
    types = _list_stored_types([explain_context.rules.by_name[name] for name in judges])
    files = ledger.list_archive_files(
        explain_context.state,
        org=alert.org,
        event_types=types,
        between=_compute_time_span(alert, rule),
    )
    found = event_lookup.find_events(
        explain_context.engine, uids, files=files, archive=explain_context.archive
    )
    witnesses = [
        witness for each in found for witness in _explain_events(explain_context, judges, each)
    ]
    lost = set(uids) - {witness.event["event_uid"] for witness in witnesses}
    for event in alert.evidence:
        if event["event_uid"] in lost:
            kept = _explain_events(
                explain_context, judges, event_lookup.restore_alert_event(event, alert.org)
            )
            witnesses += [replace(witness, is_archived=False) for witness in kept]
    return sorted(witnesses, key=lambda each: (each.event["time"], each.event["event_uid"]))


def _list_event_rules(explain_context: ExplainContext, rule: Rule) -> Iterator[str]:
    """The names of the rules over events by which an event gets into the alert."""
    if not isinstance(rule.aggregation, Correlation):
        yield rule.name
        return
    for name in rule.aggregation.rules:
        yield from _list_event_rules(explain_context, explain_context.rules.by_name[name])


def _list_stored_types(rules: Sequence[Rule]) -> list[str] | None:
    """The stored event types to look into; None for all."""
    if any(not rule.event_types for rule in rules):
        return None
    types = {name for rule in rules for name in rule.event_types}
    derived = [
        normalize.DERIVED_EVENT_TYPES[name]
        for name in types
        if name in normalize.DERIVED_EVENT_TYPES
    ]
    return sorted(types.union(*(each.source_types for each in derived)))


def _compute_time_span(alert: Alert, rule: Rule) -> tuple[datetime, datetime]:
    """The time in which its events, and what they are made of, can lie."""
    reach = max(each.max_event_distance for each in normalize.DERIVED_EVENT_TYPES.values())
    window = rule.aggregation.window if isinstance(rule.aggregation, Baseline) else timedelta()
    return alert.first_time - window - reach, alert.last_time + window + reach


def _explain_events(
    explain_context: ExplainContext, rule_names: Collection[str], event_set: EventSet
) -> Iterator[EvidenceEvent]:
    """The events with what each of the rules that look at them says."""
    fits: dict[str, list[Explanation]] = {}
    failures: list[str] = []
    for rule in _list_applicable_rules(explain_context, rule_names, event_set.event_type):
        subject = ExplainSubject(
            rule=rule,
            document=explain_context.rules.documents[rule.name],
            event_type=event_set.event_type,
            schema=explain_context.schema,
            lists=explain_context.rules.lists,
        )
        columns = parquet_sql.describe_columns(explain_context.engine, event_set.relation)
        try:
            said = asking.explain_events(
                subject, explain_context.engine, relation=event_set.relation, columns=columns
            )
        except duckdb.Error as error:
            failures.append(f"{rule.name} cannot be run: {describe_error(error)}")
            continue
        for each in said:
            fits.setdefault(each.event["event_uid"], []).append(each)
    for event in event_lookup.read_events(explain_context.engine, event_set.relation):
        own = fits.get(event["event_uid"], [])
        holding = [fit for fit in own if fit.holds]
        yield EvidenceEvent(
            event=event, rule_explanations=tuple(holding or own), failures=tuple(failures)
        )


def _list_applicable_rules(
    explain_context: ExplainContext, rule_names: Collection[str], event_type: str
) -> Iterator[Rule]:
    """Those of the rules that look at events of that type, compiled for it."""
    for rule in explain_context.rules.select_by_type(event_type):
        if rule.name in rule_names and (
            rule.event_types or event_type not in normalize.DERIVED_EVENT_TYPES
        ):
            yield rule
