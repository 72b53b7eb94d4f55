"""What a message says, in order, for no output in particular.

Every text on a card is as it came: a channel that shows it passes it through
`collector.escaping`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from collector.model import Severity

MAX_FACTS = 14
MAX_EVENTS = 5
MAX_DETAILS = 8
MAX_STEPS = 10
MAX_LINKS = 10
MAX_OTHERS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A value and what it is."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardLink:
    """`url` has passed `escaping.check_link_target`."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow:
    """One event of the evidence: when, of which type, and what of it is worth reading."""

    time: str
    kind: str
    details: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A message in the order in which it is read.

    Attributes:
        org: the org that it is about, or the orgs, in words.
        thread: an id that all messages share that belong together.
        alert_id: the alert that it is about; None for a digest.
        headline: `Critical`, or `Update: now high, 12 events`, or `Withdrawn`, or `Digest`.
        facts: of an alert who, from where, with what, what, how much, when and how late, what it
            was seen against, then the entities that only this rule has; of a digest its groups.
        more_events, more_steps: how many there are beyond those that are shown.
        repeat: a warning that this may have been sent before; empty on the first attempt.
        origin: the keys by which the alert is found again.
    """

    severity: Severity
    org: str
    thread: str
    alert_id: str | None
    headline: str
    title: str
    description: str
    facts: tuple[Fact, ...]
    evidence: tuple[EvidenceRow, ...]
    more_events: int
    steps: tuple[str, ...]
    more_steps: int
    links: tuple[CardLink, ...]
    repeat: str
    origin: tuple[Fact, ...]


def render_repeat_note(key: str, attempt: int) -> str:
    """A warning on every attempt but the first, with the key by which a repeat is recognised."""
    return "" if attempt <= 1 else f"possible repeat, attempt {attempt}, key {key}"


def render_period(first_time: datetime, last_time: datetime) -> str:
    """From when to when, in UTC; one moment alone where both are the same second."""
    first, last = format_time(first_time), format_time(last_time)
    if first == last:
        return f"{first} UTC"
    same_day = first_time.date() == last_time.date()
    return f"{first} to {last[11:] if same_day else last} UTC"


def format_time(time: datetime) -> str:
    """A moment in UTC, to the second."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
