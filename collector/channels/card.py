"""What a message says, in order, for no output in particular.

Every text on a card is as it came: the channel that shows it passes it through `collector.text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from collector import text
from collector.channels.context import as_text, sentences, span
from collector.model import MERGED, WITHDRAWN, Alert, Event, Message, Severity

FACTS_SHOWN = 14
EVENTS_SHOWN = 5
DETAILS_SHOWN = 8
STEPS_SHOWN = 10
LINKS_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A value and what it is."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """`url` has passed `text.link`."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One event of the evidence: when, of which type, and what of it is worth reading."""

    time: str
    kind: str
    details: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A message in the order in which it is read.

    Attributes:
        headline: `Critical`, or `Update: now high, 12 events`, or `Withdrawn`.
        facts: who, from where, with what, what, how much, when and how late; what it was seen
            against; then the entities that only this rule has.
        more_events, more_steps: how many there are beyond those that are shown.
        repeat: a warning that this may have been told before; empty on the first attempt.
        origin: what one needs to find the alert again.
    """

    severity: Severity
    headline: str
    title: str
    description: str
    facts: tuple[Fact, ...]
    evidence: tuple[Row, ...]
    more_events: int
    steps: tuple[str, ...]
    more_steps: int
    links: tuple[Link, ...]
    repeat: str
    origin: tuple[Fact, ...]


def card(message: Message) -> Card:
    """The card of a message."""
    alert = message.alert
    steps = tuple(_steps(alert.triage))
    return Card(
        severity=alert.severity,
        headline=_headline(message),
        title=text.one_line(alert.title) or alert.rule,
        description=text.one_line(_description(alert)),
        facts=tuple(_facts(alert))[:FACTS_SHOWN],
        evidence=tuple(_row(event, alert) for event in alert.evidence[:EVENTS_SHOWN]),
        more_events=max(0, alert.count - len(alert.evidence[:EVENTS_SHOWN])),
        steps=steps[:STEPS_SHOWN],
        more_steps=len(steps[STEPS_SHOWN:]),
        links=tuple(_links(message))[:LINKS_SHOWN],
        repeat=_repeat(message),
        origin=(
            Fact(label="org", value=alert.org),
            Fact(label="rule", value=alert.rule),
            Fact(label="alert", value=alert.id),
            Fact(label="revision", value=str(alert.revision)),
        ),
    )


_OVER = {WITHDRAWN: "Withdrawn", MERGED: "Merged"}


def _description(alert: Alert) -> str:
    """What the rule says of itself; of an alert that is over, what became of it."""
    if alert.status == WITHDRAWN:
        return f"This does not hold any more. {alert.reason}"
    if alert.status == MERGED:
        return f"This went on in the alert {alert.merged_into}."
    return alert.description


def _headline(message: Message) -> str:
    alert = message.alert
    if alert.status in _OVER:
        return _OVER[alert.status]
    if message.update:
        return f"Update: now {alert.severity}, {_counted(alert.count)}"
    return str(alert.severity).capitalize()


def _repeat(message: Message) -> str:
    if message.attempt <= 1:
        return ""
    return f"possible repeat, attempt {message.attempt}, key {message.key}"


# ---- facts

_ENTITIES = (
    ("Who", ("user_name", "user_id")),
    ("To whom", ("target_user",)),
    ("From where", ("source_ip", "country")),
    ("With", ("client_name", "user_agent")),
    ("App", ("app_name", "app_id")),
    ("Package", ("package_name",)),
    ("Object", ("entity",)),
    ("Job", ("job_id",)),
    ("Session", ("session_key", "login_key")),
)
_LABELLED = frozenset(name for _, names in _ENTITIES for name in names)


def _facts(alert: Alert) -> Iterator[Fact]:
    for label, names in _ENTITIES:
        known = [value for name in names if (value := alert.entities.get(name))]
        if known:
            yield Fact(label=label, value=_with_rest(known))
    if operations := _operations(alert.evidence):
        yield Fact(label="What", value=operations)
    yield Fact(label="How much", value=_how_much(alert))
    yield Fact(label="When", value=_when(alert))
    for label, sentence in sentences(alert.context):
        yield Fact(label=label, value=sentence)
    for name, value in alert.entities.items():
        if name not in _LABELLED and value:
            yield Fact(label=name, value=value)


def _with_rest(values: list[str]) -> str:
    return values[0] if len(values) == 1 else f"{values[0]} ({', '.join(values[1:])})"


def _operations(events: Iterable[Event]) -> str:
    pairs = (f"{as_text(e.get('event_type'))} {as_text(e.get('operation'))}" for e in events)
    known = dict.fromkeys(text.one_line(pair) for pair in pairs)
    return ", ".join(list(filter(None, known))[:3])


def _how_much(alert: Alert) -> str:
    sizes = [n for e in alert.evidence if (n := _number(e.get("record_count"))) is not None]
    if not sizes:
        return _counted(alert.count)
    records = f"{max(sizes):,} records"
    return records if alert.count == 1 else f"{_counted(alert.count)}, one with {records}"


def _counted(count: int) -> str:
    return "1 event" if count == 1 else f"{count:,} events"


def _when(alert: Alert) -> str:
    first, last = _moment(alert.first_time), _moment(alert.last_time)
    if first == last:
        period = f"{first} UTC"
    else:
        same_day = alert.first_time.date() == alert.last_time.date()
        period = f"{first} to {last[11:] if same_day else last} UTC"
    late = alert.late_seconds
    return f"{period}, received {f'{span(late)} after' if late > 0 else 'as'} it happened"


def _moment(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


# ---- evidence

_DETAILS = (
    "operation",
    "entity",
    "record_count",
    "outcome",
    "status",
    "score",
    "user_name",
    "source_ip",
    "country",
    "app_name",
    "client_name",
    "package_name",
    "target_user",
    "job_id",
    "query",
    "detail",
    "uri",
    "user_agent",
)


def _row(event: Event, alert: Alert) -> Row:
    details = (
        Fact(label=name, value=value)
        for name in _DETAILS
        if (value := _detail(name, event.get(name))) and value != alert.entities.get(name)
    )
    return Row(
        time=_event_time(event.get("time")),
        kind=as_text(event.get("event_type")) or "event",
        details=tuple(details)[:DETAILS_SHOWN],
    )


def _event_time(value: Any) -> str:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return _moment(moment)
    except (TypeError, ValueError, OverflowError):
        return as_text(value) or "no time"


def _detail(name: str, value: Any) -> str:
    number = _number(value) if name == "record_count" else None
    return as_text(value) if number is None else f"{number:,}"


def _number(value: Any) -> int | None:
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None


# ---- what to do, and where to read on

_STEP = re.compile(r"\s*(?:\d{1,2}[.)]|[-*•])\s+(.*)")


def _steps(triage: str) -> Iterator[str]:
    """The items of a list with their continuation lines; without a list, each line."""
    lines = [line for line in triage.splitlines() if line.strip()]
    listed = any(_STEP.fullmatch(line) for line in lines)
    step = ""
    for line in lines:
        item = _STEP.fullmatch(line)
        if item or not listed:
            if step:
                yield step
            step = ""
        step = text.one_line(f"{step} {item[1] if item else line}")
    if step:
        yield step


_TECHNIQUE = re.compile(r"T(\d{4})(?:\.(\d{3}))?", re.IGNORECASE | re.ASCII)


def _links(message: Message) -> Iterator[Link]:
    if message.user_url and (url := text.link(message.user_url)):
        yield Link(label="The user in the org", url=url)
    for technique in message.alert.attack:
        if parts := _TECHNIQUE.fullmatch(technique):
            path = "/".join(filter(None, parts.groups()))
            label = f"ATT&CK {technique.upper()}"
            yield Link(label=label, url=f"https://attack.mitre.org/techniques/T{path}/")
    for reference in message.alert.references:
        if url := text.link(reference):
            yield Link(label=url, url=url)
