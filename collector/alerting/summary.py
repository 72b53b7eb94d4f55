"""Summaries of matches that can be combined in any order and give the same alert."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from collector.alerting.evidence import EVIDENCE_LIMIT, context, evidence
from collector.model import ENTITY_FIELDS, Event, Match, Member, Severity

_FIELD_ORDER = {name: position for position, name in enumerate(ENTITY_FIELDS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """The match that an alert is named after."""

    severity: Severity
    weight: float
    time: datetime
    event_uid: str
    title: str
    entities: Mapping[str, str]
    context: Sequence[Mapping[str, Any]]

    @property
    def rank(self) -> tuple[int, float, datetime, str]:
        """The least rank leads: the gravest, then the weightiest, then the first."""
        return -self.severity, -self.weight, self.time, self.event_uid


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The value of an entity in the earliest match that has one."""

    time: datetime
    event_uid: str
    value: str

    @property
    def rank(self) -> tuple[datetime, str]:
        """The least rank is the earliest."""
        return self.time, self.event_uid


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """An event of the evidence; `owner` is the uid of the match that brought it.

    `beside` is False for the event that a match is about, and True for what it shows beside.
    """

    event_uid: str
    owner: str
    severity: Severity
    beside: bool
    time: datetime
    event: Event

    @property
    def rank(self) -> tuple[int, bool, datetime, str]:
        """The least ranks are shown."""
        return -self.severity, self.beside, self.time, self.event_uid

    @property
    def claim(self) -> tuple[int, bool, str]:
        """Of several matches that bring the same event, the least claim has it."""
        return -self.severity, self.beside, self.owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What any number of matches come to. `newest` is the uid of the last of them."""

    first_time: datetime
    last_time: datetime
    newest: str
    late_seconds: int
    opener: tuple[datetime, str]
    count: int
    lead: Lead
    origins: Mapping[str, Origin]
    pieces: tuple[Piece, ...]

    @property
    def entities(self) -> dict[str, str]:
        """The lead's, and for what it does not say the earliest match's that does."""
        known = {name: origin.value for name, origin in self.origins.items()}
        known.update((name, value) for name, value in self.lead.entities.items() if value)
        last = len(_FIELD_ORDER)
        return {
            name: known[name]
            for name in sorted(known, key=lambda name: (_FIELD_ORDER.get(name, last), name))
        }

    @property
    def sources(self) -> frozenset[str]:
        """The uids of the matches without which it would say something else than another count."""
        shown = {piece.owner for piece in self.pieces}
        told = {origin.event_uid for origin in self.origins.values()}
        return frozenset({self.newest, self.lead.event_uid, self.opener[1]} | shown | told)


def combined(summaries: Sequence[Summary]) -> Summary:
    """What the matches of all of them come to; in whatever order they stand, it is the same."""
    if len(summaries) == 1:
        return summaries[0]
    newest = max(summaries, key=lambda part: (part.last_time, part.newest))
    lead = min((part.lead for part in summaries), key=lambda lead: lead.rank)
    opener = min(part.opener for part in summaries)
    return Summary(
        first_time=opener[0],
        last_time=newest.last_time,
        newest=newest.newest,
        late_seconds=newest.late_seconds,
        opener=opener,
        count=sum(part.count for part in summaries),
        lead=lead,
        origins=_earliest(summaries),
        pieces=_best((piece for part in summaries for piece in part.pieces), lead),
    )


def _earliest(summaries: Iterable[Summary]) -> Mapping[str, Origin]:
    found: dict[str, Origin] = {}
    for part in summaries:
        for name, origin in part.origins.items():
            known = found.get(name)
            if known is None or origin.rank < known.rank:
                found[name] = origin
    return found


def _best(pieces: Iterable[Piece], lead: Lead) -> tuple[Piece, ...]:
    """The event of the lead and the best others, each event once, in the order of time."""
    single: dict[str, Piece] = {}
    for piece in pieces:
        known = single.get(piece.event_uid)
        if known is None or piece.claim < known.claim:
            single[piece.event_uid] = piece
    leading = single.pop(lead.event_uid, None)
    room = EVIDENCE_LIMIT if leading is None else EVIDENCE_LIMIT - 1
    others = sorted(single.values(), key=lambda piece: piece.rank)[:room]
    chosen = others if leading is None else [leading, *others]
    return tuple(sorted(chosen, key=lambda piece: (piece.time, piece.event_uid)))


# ---- of a match, of a member that is remembered


def of_match(match: Match) -> Summary:
    """What a single match comes to."""
    lead = Lead(
        severity=match.severity,
        weight=_finite(match.weight),
        time=match.time,
        event_uid=match.event_uid,
        title=match.title,
        entities=match.entities,
        context=match.context,
    )
    return _single(lead, match.count, late(match), (match.event, *match.evidence))


def of_member(member: Member) -> Summary:
    """What a match came to. One of which nothing is kept to show adds to the count alone."""
    shown = member.shown or {}
    lead = Lead(
        severity=member.severity,
        weight=member.weight,
        time=member.time,
        event_uid=member.event_uid,
        title=member.title,
        entities=shown.get("entities", {}),
        context=shown.get("context", ()),
    )
    return _single(lead, member.count, member.late_seconds, shown.get("evidence", ()))


def member(match: Match, alert_id: str, *, whole: bool) -> Member:
    """A match as it is remembered: with all that it would show, or without."""
    return Member(
        alert_id=alert_id,
        event_uid=match.event_uid,
        time=match.time,
        severity=match.severity,
        weight=_finite(match.weight),
        count=match.count,
        late_seconds=late(match),
        title=match.title,
        shown=_shown(match) if whole else None,
    )


def _shown(match: Match) -> dict[str, Any]:
    own_first = sorted(of_match(match).pieces, key=lambda piece: piece.beside)
    return {
        "entities": dict(match.entities),
        "evidence": [evidence(piece.event) for piece in own_first],
        "context": context(match.context),
    }


def late(match: Match) -> int:
    """How many seconds after it happened the event was received."""
    return max(0, round((match.received - match.time).total_seconds()))


def _single(lead: Lead, count: int, late_seconds: int, events: Sequence[Event]) -> Summary:
    return Summary(
        first_time=lead.time,
        last_time=lead.time,
        newest=lead.event_uid,
        late_seconds=late_seconds,
        opener=(lead.time, lead.event_uid),
        count=count,
        lead=lead,
        origins={
            name: Origin(time=lead.time, event_uid=lead.event_uid, value=value)
            for name, value in lead.entities.items()
            if value
        },
        pieces=_best(_pieces(lead, events), lead),
    )


def _pieces(lead: Lead, events: Sequence[Event]) -> Iterator[Piece]:
    for position, event in enumerate(events):
        beside = position > 0
        uid = str(event.get("event_uid") or f"{lead.event_uid}+{position}")
        yield Piece(
            event_uid=uid if beside else lead.event_uid,
            owner=lead.event_uid,
            severity=lead.severity,
            beside=beside,
            time=_moment(event.get("time"), lead.time) if beside else lead.time,
            event=event,
        )


def _moment(value: object, otherwise: datetime) -> datetime:
    """A time of an event, to the millisecond that its JSON form has."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return otherwise
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.replace(microsecond=aware.microsecond // 1000 * 1000)


def _finite(weight: float) -> float:
    """What is no number weighs nothing: it has no order, and JSON has no word for it."""
    if math.isnan(weight):
        return 0.0
    return max(-sys.float_info.max, min(weight, sys.float_info.max))
