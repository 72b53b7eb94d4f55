"""The card of an alert: who, from where, what, how much, when, and what to do."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from collector import escaping
from collector.channels.card import (
    MAX_DETAILS,
    MAX_EVENTS,
    MAX_FACTS,
    MAX_LINKS,
    MAX_OTHERS,
    MAX_STEPS,
    Card,
    CardLink,
    EvidenceRow,
    Fact,
    format_time,
    render_period,
    render_repeat_note,
)
from collector.channels.context_sentences import (
    as_text,
    format_duration,
    format_event_count,
    render_context,
)
from collector.model import (
    Alert,
    AlertStatus,
    Event,
    Message,
    ParticipantKind,
    list_participants,
)
from collector.model.event_columns import (
    CANONICAL_COLUMNS,
    DETAIL_COLUMNS,
    ENTITY_COLUMNS,
    LABELLED_COLUMNS,
)
from collector.model.participants import MAX_VALUES


def build_alert_card(message: Message) -> Card:
    """The card of the message of an alert."""
    alert = message.alert
    steps = tuple(_parse_steps(alert.triage))
    return Card(
        severity=alert.severity,
        org=alert.org,
        thread=f"alert.{alert.id}",
        alert_id=alert.id,
        headline=_render_headline(message),
        title=escaping.collapse_whitespace(alert.title) or alert.rule,
        description=escaping.collapse_whitespace(_describe_alert(alert)),
        facts=tuple(_list_facts(message))[:MAX_FACTS],
        evidence=tuple(_build_row(event, alert) for event in alert.evidence[:MAX_EVENTS]),
        more_events=max(0, alert.count - len(alert.evidence[:MAX_EVENTS])),
        steps=steps[:MAX_STEPS],
        more_steps=len(steps[MAX_STEPS:]),
        links=tuple(_list_links(message))[:MAX_LINKS],
        repeat=render_repeat_note(message.key, message.attempt),
        origin=(
            Fact(label="org", value=alert.org),
            Fact(label="rule", value=alert.rule),
            Fact(label="alert", value=alert.id),
            Fact(label="revision", value=str(alert.revision)),
        ),
    )


_END_HEADLINES = {AlertStatus.WITHDRAWN: "Withdrawn", AlertStatus.MERGED: "Merged"}


def _describe_alert(alert: Alert) -> str:
    """What the rule says of itself; of an alert that has ended, what became of it."""
    if alert.status == AlertStatus.WITHDRAWN:
        return f"This does not hold any more. {alert.reason}"
    if alert.status == AlertStatus.MERGED:
        return f"This went on in the alert {alert.merged_into}."
    return alert.description


def _render_headline(message: Message) -> str:
    alert = message.alert
    if alert.status in _END_HEADLINES:
        return _END_HEADLINES[alert.status]
    if message.is_update:
        counts = [format_event_count(alert.count), *_count_participants(alert)]
        return f"Update: now {alert.severity}, {', '.join(counts)}"
    return str(alert.severity).capitalize()


_PARTICIPANT_NOUNS = {
    ParticipantKind.USER: "users",
    ParticipantKind.ADDRESS: "addresses",
    ParticipantKind.APP: "apps",
}


def _count_participants(alert: Alert) -> Iterator[str]:
    """`2 users`, `3 addresses`: of which kinds there is more than one."""
    origins = (alert.fold_state and alert.fold_state.participant_origins) or {}
    for kind, noun in _PARTICIPANT_NOUNS.items():
        count = len(list_participants(origins, kind))
        if count > 1:
            yield f"{'at least ' if count == MAX_VALUES else ''}{count} {noun}"


# ---- facts


def _list_facts(message: Message) -> Iterator[Fact]:
    alert = message.alert
    if message.instead_of:
        yield Fact(label="Instead of", value=f"{message.instead_of}, which does not take messages")
    for label, names in LABELLED_COLUMNS.items():
        values = [value for name in names if (value := alert.entities.get(name))]
        if values:
            others = _render_others(alert, label, values)
            yield Fact(label=label, value=_join_values(values) + others)
    if operations := _render_operations(alert.evidence):
        yield Fact(label="What", value=operations)
    yield Fact(label="How much", value=_render_quantity(alert))
    yield Fact(label="When", value=_render_time(alert))
    for kind, sentence in render_context(alert.context):
        yield Fact(label=kind, value=sentence)
    for name, value in alert.entities.items():
        if name not in ENTITY_COLUMNS and value:
            yield Fact(label=name, value=value)


_PARTICIPANT_LABELS: Mapping[str, ParticipantKind] = {
    "Who": ParticipantKind.USER,
    "From where": ParticipantKind.ADDRESS,
    "App": ParticipantKind.APP,
}


def _render_others(alert: Alert, label: str, shown_values: Container[str]) -> str:
    """Whoever else takes part: `, and 7 others: bob@acme.com, …`; empty where nobody does."""
    kind = _PARTICIPANT_LABELS.get(label)
    if kind is None or alert.fold_state is None:
        return ""
    participants = list_participants(alert.fold_state.participant_origins or {}, kind)
    others = [name for name in participants if name not in shown_values]
    if not others:
        return ""
    hedge = "at least " if len(participants) == MAX_VALUES else ""
    noun = "other" if len(others) == 1 else "others"
    listed = ", ".join(others[:MAX_OTHERS]) + (", …" if len(others) > MAX_OTHERS else "")
    return f", and {hedge}{len(others)} {noun}: {listed}"


def _join_values(values: list[str]) -> str:
    return values[0] if len(values) == 1 else f"{values[0]} ({', '.join(values[1:])})"


def _render_operations(events: Iterable[Event]) -> str:
    pairs = (f"{as_text(e.get('event_type'))} {as_text(e.get('operation'))}" for e in events)
    operations = dict.fromkeys(escaping.collapse_whitespace(pair) for pair in pairs)
    return ", ".join(list(filter(None, operations))[:3])


def _render_quantity(alert: Alert) -> str:
    sizes = [n for e in alert.evidence if (n := _parse_number(e.get("record_count"))) is not None]
    if not sizes:
        return format_event_count(alert.count)
    records = f"{max(sizes):,} records"
    if alert.count == 1:
        return records
    return f"{format_event_count(alert.count)}, one with {records}"


def _render_time(alert: Alert) -> str:
    """When it happened and how late it was received; where that is not known, that it is not."""
    unknown = [text for event in alert.evidence if (text := as_text(event.get("time_defect")))]
    if unknown and alert.count == 1:
        return f"time unknown: {unknown[0]}; its log is of {format_time(alert.first_time)} UTC"
    known = _render_known_time(alert)
    if not unknown:
        return known
    return f"{known}; time unknown of {format_event_count(len(unknown))}: that of the log is shown"


def _render_known_time(alert: Alert) -> str:
    late = alert.late_seconds
    return (
        f"{render_period(alert.first_time, alert.last_time)},"
        f" received {f'{format_duration(late)} after' if late > 0 else 'as'} it happened"
    )


# ---- evidence


def _build_row(event: Event, alert: Alert) -> EvidenceRow:
    details = (
        Fact(label=name, value=value)
        for name in DETAIL_COLUMNS
        if (value := _format_detail(name, event.get(name))) and value != alert.entities.get(name)
    )
    return EvidenceRow(
        time=_describe_event_time(event),
        kind=as_text(event.get("event_type")) or "event",
        details=tuple(details)[:MAX_DETAILS],
    )


def _describe_event_time(event: Event) -> str:
    time = _format_event_time(event.get("time"))
    if unknown := as_text(event.get("time_defect")):
        return f"time unknown: {unknown}; log of {time}"
    return time


def _format_event_time(value: Any) -> str:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return format_time(moment)
    except (TypeError, ValueError, OverflowError):
        return as_text(value) or "no time"


def _format_detail(name: str, value: Any) -> str:
    number = _parse_number(value) if CANONICAL_COLUMNS[name] == "BIGINT" else None
    return as_text(value) if number is None else f"{number:,}"


def _parse_number(value: Any) -> int | None:
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None


# ---- what to do, and where to read on

_STEP_PATTERN = re.compile(r"\s*(?:\d{1,2}[.)]|[-*•])\s+(.*)")


def _parse_steps(triage: str) -> Iterator[str]:
    """The items of a list with their continuation lines; without a list, each line."""
    lines = [line for line in triage.splitlines() if line.strip()]
    listed = any(_STEP_PATTERN.fullmatch(line) for line in lines)
    step = ""
    for line in lines:
        item = _STEP_PATTERN.fullmatch(line)
        if item or not listed:
            if step:
                yield step
            step = ""
        step = escaping.collapse_whitespace(f"{step} {item[1] if item else line}")
    if step:
        yield step


_TECHNIQUE_PATTERN = re.compile(r"T(\d{4})(?:\.(\d{3}))?", re.IGNORECASE | re.ASCII)


def _list_links(message: Message) -> Iterator[CardLink]:
    if message.user_url and (url := escaping.check_link_target(message.user_url)):
        yield CardLink(label="The user in the org", url=url)
    for technique in message.alert.attack:
        if parts := _TECHNIQUE_PATTERN.fullmatch(technique):
            path = "/".join(filter(None, parts.groups()))
            label = f"ATT&CK {technique.upper()}"
            yield CardLink(label=label, url=f"https://attack.mitre.org/techniques/T{path}/")
    for reference in message.alert.references:
        if url := escaping.check_link_target(reference):
            yield CardLink(label=url, url=url)
