"""Summaries of matches that can be combined in any order and give the same alert."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from collector import clock
from collector.alerting.evidence import EVIDENCE_LIMIT, to_context, to_evidence
from collector.model import (
    AlertMatch,
    EntityOrigin,
    Event,
    EvidenceOrigin,
    Match,
    ParticipantOrigins,
    Severity,
    find_participants,
    merge_participants,
)
from collector.model.event_columns import ENTITY_COLUMNS

_FIELD_ORDER = {name: position for position, name in enumerate(ENTITY_COLUMNS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadMatch:
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
class EvidenceItem:
    """An event of the evidence, and where it comes from."""

    origin: EvidenceOrigin
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchSummary:
    """The values of an alert of any number of matches. `newest_uid` is that of the last of them."""

    first_time: datetime
    last_time: datetime
    newest_uid: str
    late_seconds: int
    opener: tuple[datetime, str]
    count: int
    lead: LeadMatch
    entity_origins: Mapping[str, EntityOrigin]
    evidence_items: tuple[EvidenceItem, ...]
    participant_origins: ParticipantOrigins

    @property
    def entities(self) -> dict[str, str]:
        """The lead's, and for what it does not say the earliest match's that does."""
        values = {name: origin.value for name, origin in self.entity_origins.items()}
        values.update((name, value) for name, value in self.lead.entities.items() if value)
        last = len(_FIELD_ORDER)
        return {
            name: values[name]
            for name in sorted(values, key=lambda name: (_FIELD_ORDER.get(name, last), name))
        }

    @property
    def source_uids(self) -> frozenset[str]:
        """The uids of the matches without which it would say something else than another count."""
        evidence = {item.origin.match_uid for item in self.evidence_items}
        entities = {origin.event_uid for origin in self.entity_origins.values()}
        own = {self.newest_uid, self.lead.event_uid, self.opener[1]}
        participants = {
            origin.event_uid for origins in self.participant_origins.values() for origin in origins
        }
        return frozenset(own | evidence | entities | participants)


def combine_summaries(summaries: Sequence[MatchSummary]) -> MatchSummary:
    """The summary of the matches of all of them, the same in any order."""
    if len(summaries) == 1:
        return summaries[0]
    newest = max(summaries, key=lambda part: (part.last_time, part.newest_uid))
    lead = min((part.lead for part in summaries), key=lambda lead: lead.rank)
    opener = min(part.opener for part in summaries)
    return MatchSummary(
        first_time=opener[0],
        last_time=newest.last_time,
        newest_uid=newest.newest_uid,
        late_seconds=newest.late_seconds,
        opener=opener,
        count=sum(part.count for part in summaries),
        lead=lead,
        entity_origins=_pick_earliest_origins(summaries),
        evidence_items=_select_evidence(
            (item for part in summaries for item in part.evidence_items), lead
        ),
        participant_origins=merge_participants(part.participant_origins for part in summaries),
    )


def _pick_earliest_origins(summaries: Iterable[MatchSummary]) -> Mapping[str, EntityOrigin]:
    origins: dict[str, EntityOrigin] = {}
    for part in summaries:
        for name, origin in part.entity_origins.items():
            earliest = origins.get(name)
            if earliest is None or origin.rank < earliest.rank:
                origins[name] = origin
    return origins


def _select_evidence(items: Iterable[EvidenceItem], lead: LeadMatch) -> tuple[EvidenceItem, ...]:
    """The event of the lead and the best others, each event once, in the order of time."""
    items_by_uid: dict[str, EvidenceItem] = {}
    for item in items:
        other = items_by_uid.get(item.origin.event_uid)
        if other is None or item.origin.owner_rank < other.origin.owner_rank:
            items_by_uid[item.origin.event_uid] = item
    lead_item = items_by_uid.pop(lead.event_uid, None)
    limit = EVIDENCE_LIMIT if lead_item is None else EVIDENCE_LIMIT - 1
    others = sorted(items_by_uid.values(), key=lambda item: item.origin.rank)[:limit]
    chosen = others if lead_item is None else [lead_item, *others]
    return tuple(sorted(chosen, key=lambda item: (item.origin.time, item.origin.event_uid)))


# ---- of one match


def summarize_match(match: Match) -> MatchSummary:
    """The summary of a single match."""
    lead = LeadMatch(
        severity=match.severity,
        weight=_clamp_weight(match.weight),
        time=match.time,
        event_uid=match.event_uid,
        title=match.title,
        entities=match.entities,
        context=match.context,
    )
    return _summarize_single(
        lead, match.count, compute_lateness(match), (match.event, *match.evidence)
    )


def summarize_alert_match(match: AlertMatch) -> MatchSummary:
    """The summary of a stored match; one without anything to show only adds to the count."""
    shown = match.shown or {}
    lead = LeadMatch(
        severity=match.severity,
        weight=match.weight,
        time=match.time,
        event_uid=match.event_uid,
        title=match.title,
        entities=shown.get("entities", {}),
        context=shown.get("context", ()),
    )
    return _summarize_single(lead, match.count, match.late_seconds, shown.get("evidence", ()))


def build_alert_match(match: Match, alert_id: str, *, with_content: bool) -> AlertMatch:
    """A match as it is stored: with all that it would show, or without."""
    return AlertMatch(
        alert_id=alert_id,
        event_uid=match.event_uid,
        time=match.time,
        severity=match.severity,
        weight=_clamp_weight(match.weight),
        count=match.count,
        late_seconds=compute_lateness(match),
        title=match.title,
        shown=_collect_shown_values(match) if with_content else None,
    )


def _collect_shown_values(match: Match) -> dict[str, Any]:
    own_first = sorted(
        summarize_match(match).evidence_items, key=lambda item: item.origin.is_secondary
    )
    return {
        "entities": dict(match.entities),
        "evidence": [to_evidence(item.event) for item in own_first],
        "context": to_context(match.context),
    }


def compute_lateness(match: Match) -> int:
    """How many seconds after it happened the event was received."""
    return max(0, round((match.received - match.time).total_seconds()))


def _summarize_single(
    lead: LeadMatch, count: int, late_seconds: int, events: Sequence[Event]
) -> MatchSummary:
    return MatchSummary(
        first_time=lead.time,
        last_time=lead.time,
        newest_uid=lead.event_uid,
        late_seconds=late_seconds,
        opener=(lead.time, lead.event_uid),
        count=count,
        lead=lead,
        entity_origins={
            name: EntityOrigin(time=lead.time, event_uid=lead.event_uid, value=value)
            for name, value in lead.entities.items()
            if value
        },
        evidence_items=_select_evidence(_build_evidence_items(lead, events), lead),
        participant_origins=find_participants(lead.time, lead.event_uid, lead.entities),
    )


def _build_evidence_items(lead: LeadMatch, events: Sequence[Event]) -> Iterator[EvidenceItem]:
    for position, event in enumerate(events):
        is_secondary = position > 0
        uid = str(event.get("event_uid") or f"{lead.event_uid}+{position}")
        time = _parse_event_time(event.get("time"), lead.time) if is_secondary else lead.time
        origin = EvidenceOrigin(
            event_uid=uid if is_secondary else lead.event_uid,
            match_uid=lead.event_uid,
            severity=lead.severity,
            is_secondary=is_secondary,
            time=time,
        )
        yield EvidenceItem(origin=origin, event=event)


def _parse_event_time(value: object, default: datetime) -> datetime:
    """A time of an event, to the millisecond that its JSON form has."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return default
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return clock.floor_to_milliseconds(aware)


def _clamp_weight(weight: float) -> float:
    """A finite weight, which JSON can hold and which has an order; 0 for NaN."""
    if math.isnan(weight):
        return 0.0
    return max(-sys.float_info.max, min(weight, sys.float_info.max))
