"""The events of an alert, each with what the rule says of it as it is written now."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import duckdb
import sqlalchemy as sa

from collector import normalize
from collector.api import event_lookup
from collector.api.event_lookup import EventSet
from collector.archive import parquet_sql
from collector.archive.store import ArchiveStore
from collector.clock import from_micros
from collector.detect import EventSchema, RuleSet, correlation_sql, explain
from collector.detect.evaluation_errors import describe_error
from collector.detect.explain import Explanation
from collector.detect.explain.questions import ExplainSubject
from collector.evaluation.event_directory import COMPLETED_NAMES, EventDirectory
from collector.evaluation.version_tables import ALWAYS, NEVER
from collector.model import Alert, Baseline, Correlation, Event, Rule
from collector.store import event_history, ledger

WINDOW_UID_PREFIX = "window:"
"""What the uids of matches begin with that stand for whole windows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceEvent:
    """An event of an alert.

    Attributes:
        event: as the archive has it; where it is not `is_archived`, as the alert has kept it.
        rule_explanations: what the rule says of it; for a correlation, each of its rules that it
            matches.
        failures: rules that could not be asked, in sentences.
        directory_notes: what of the directory counted for it, and from when it held.
    """

    event: Event
    is_archived: bool = True
    rule_explanations: tuple[Explanation, ...] = ()
    failures: tuple[str, ...] = ()
    directory_notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainContext:
    """What an alert is explained with.

    Attributes:
        state: a view of the state.
        engine: a connection of `engine`.
        archive: the archive.
        rules: the rules as they are now.
        schema: the event table.
        directory: what the ids in the events of the alert's org stood for at their times.
    """

    state: sa.Connection
    engine: duckdb.DuckDBPyConnection
    archive: ArchiveStore
    rules: RuleSet
    schema: EventSchema
    directory: EventDirectory = field(default_factory=EventDirectory)


def collect_evidence(
    context: ExplainContext, alert: Alert, rule: Rule, *, limit: int
) -> list[EvidenceEvent]:
    """At most so many events of an alert, in the order of their times."""
    uids = _list_event_uids(context, alert, limit)
    rule_names = dict.fromkeys(_list_event_rules(context, rule))
    types = _list_stored_types([context.rules.by_name[name] for name in rule_names])
    files = ledger.list_archive_files(
        context.state, org=alert.org, event_types=types, between=_compute_time_span(alert, rule)
    )
    event_sets = event_lookup.find_events(
        context.engine, uids, files=files, archive=context.archive
    )
    evidence = [
        item for events in event_sets for item in _explain_events(context, rule_names, events)
    ]
    missing_uids = set(uids) - {item.event["event_uid"] for item in evidence}
    for event in alert.evidence:
        if event["event_uid"] in missing_uids:
            items = _explain_events(
                context, rule_names, event_lookup.restore_alert_event(event, alert.org)
            )
            evidence += [replace(item, is_archived=False) for item in items]
    return sorted(evidence, key=lambda item: (item.event["time"], item.event["event_uid"]))


def _list_event_uids(context: ExplainContext, alert: Alert, limit: int) -> list[str]:
    """The events that tell most, and then others."""
    evidence_uids = [str(event["event_uid"]) for event in alert.evidence]
    match_uids = event_history.list_match_uids(
        context.state, alert.id, limit=limit + len(evidence_uids)
    )
    distinct = dict.fromkeys([*evidence_uids, *map(correlation_sql.strip_group_mark, match_uids)])
    return [uid for uid in distinct if not uid.startswith(WINDOW_UID_PREFIX)][:limit]


def _list_event_rules(context: ExplainContext, rule: Rule) -> Iterator[str]:
    """The names of the rules over events by which an event gets into the alert."""
    if not isinstance(rule.aggregation, Correlation):
        yield rule.name
        return
    for name in rule.aggregation.rules:
        yield from _list_event_rules(context, context.rules.by_name[name])


def _list_stored_types(rules: Sequence[Rule]) -> list[str] | None:
    """The stored event types to look into; None for all."""
    if any(not rule.event_types for rule in rules):
        return None
    types = {name for rule in rules for name in rule.event_types}
    derived_types = [
        normalize.DERIVED_EVENT_TYPES[name]
        for name in types
        if name in normalize.DERIVED_EVENT_TYPES
    ]
    return sorted(types.union(*(derived_type.source_types for derived_type in derived_types)))


def _compute_time_span(alert: Alert, rule: Rule) -> tuple[datetime, datetime]:
    """The time in which its events, and what they are made of, can lie."""
    reach = max(each.max_event_distance for each in normalize.DERIVED_EVENT_TYPES.values())
    window = rule.aggregation.window if isinstance(rule.aggregation, Baseline) else timedelta()
    return alert.first_time - window - reach, alert.last_time + window + reach


def _explain_events(
    context: ExplainContext, rule_names: Collection[str], event_set: EventSet
) -> Iterator[EvidenceEvent]:
    """The events with what each of the rules that look at them says."""
    explanations: dict[str, list[Explanation]] = {}
    failures: list[str] = []
    notes: dict[str, dict[str, None]] = {}
    for rule in _list_applicable_rules(context, rule_names, event_set.event_type):
        subject = ExplainSubject(
            rule=rule,
            document=context.rules.documents[rule.name],
            event_type=event_set.event_type,
            schema=context.schema,
            lists=context.rules.lists,
        )
        try:
            relation = _complete_events(context, subject, event_set.relation)
            answers = explain.explain_events(
                subject,
                context.engine,
                relation=relation,
                columns=parquet_sql.describe_columns(context.engine, relation),
            )
            for uid, note in _note_versions(context, event_set.relation, subject):
                notes.setdefault(uid, {})[note] = None
        except duckdb.Error as error:
            failures.append(f"{rule.name} cannot be run: {describe_error(error)}")
            continue
        for answer in answers:
            explanations.setdefault(answer.event["event_uid"], []).append(answer)
    for event in event_lookup.read_events(context.engine, event_set.relation):
        found = explanations.get(event["event_uid"], [])
        holding = [answer for answer in found if answer.holds]
        yield EvidenceEvent(
            event=event,
            rule_explanations=tuple(holding or found),
            failures=tuple(failures),
            directory_notes=tuple(notes.get(event["event_uid"], ())),
        )


def _complete_events(context: ExplainContext, subject: ExplainSubject, relation: str) -> str:
    """The events with all that the rule, or a selection of it, reads of the directory."""
    columns = parquet_sql.describe_columns(context.engine, relation)
    wanted = sorted({*explain.list_read_columns(subject), *COMPLETED_NAMES})
    return context.directory.add_fields(relation, columns, wanted)


def _note_versions(
    context: ExplainContext, relation: str, subject: ExplainSubject
) -> Iterator[tuple[str, str]]:
    """By event, which versions of the directory the rule's fields are of, in sentences."""
    columns = parquet_sql.describe_columns(context.engine, relation)
    fields = explain.list_read_columns(subject)
    for role, sql in context.directory.select_held_versions(relation, columns, sorted(fields)):
        for uid, entry_id, since, until in context.engine.execute(sql).fetchall():
            yield uid, f"{role}.… is of {entry_id} {_describe_span(since, until)}"


def _describe_span(since: int, until: int) -> str:
    """From when to when a version of the directory holds, in words."""
    start = (
        "in the first version that is known, which stands for all time before it, too"
        if since == ALWAYS
        else f"as it was from {_format_moment(since)}"
    )
    return start if until == NEVER else f"{start}, until {_format_moment(until)}"


def _format_moment(micros: int) -> str:
    """A time of microseconds since 1970, in words."""
    return f"{from_micros(micros):%Y-%m-%d %H:%M:%S} UTC"


def _list_applicable_rules(
    context: ExplainContext, rule_names: Collection[str], event_type: str
) -> Iterator[Rule]:
    """Those of the rules that look at events of that type, compiled for it."""
    for rule in context.rules.select_by_type(event_type):
        if rule.name in rule_names and (
            rule.event_types or event_type not in normalize.DERIVED_EVENT_TYPES
        ):
            yield rule
