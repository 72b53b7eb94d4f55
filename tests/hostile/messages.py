"""Messages that nobody should be able to make: a string everywhere, and anything at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from collector.model import (
    Alert,
    AlertDigest,
    DigestEntry,
    DigestGroup,
    DigestMessage,
    EntityOrigin,
    FoldState,
    Message,
    Severity,
    StormLimit,
)
from collector.model.event_columns import CANONICAL_COLUMNS, ENTITY_COLUMNS

CONTEXT_FIELDS = {
    "window": (
        *("type", "rules", "metric", "limit", "operator", "event_count", "window_start"),
        *("window_end", "timespan_seconds", "group"),
    ),
    "list": (
        *("list", "entry", "form", "field", "value", "source", "campaign", "first_seen"),
        *("last_seen", "confidence", "note"),
    ),
    "first_seen": ("key", "since", "last_seen", "learn_days", "forget_days"),
    "baseline": (
        *("metric", "field", "value", "mean", "stddev", "windows", "window_start"),
        *("window_end", "history_days", "recent"),
    ),
    "flood": ("limit", "hour", "groups"),
}


def _build_poisoned_contexts(value: str) -> Iterator[dict[str, Any]]:
    for kind, names in CONTEXT_FIELDS.items():
        yield {"kind": kind, **dict.fromkeys(names, value)}
    yield {"kind": "window", "type": "temporal", "rules": [value], "group": {value: value}}
    yield {"kind": "first_seen", "key": {value: value}}
    yield {"kind": "flood", "limit": 200, "hour": value, "groups": {value: {value: value}}}


def poison_message(message: Message, value: str) -> Message:
    """The message with that text in the place of every text, of names and links too."""
    alert = replace(
        message.alert,
        id=value,
        org=value,
        rule=value,
        key=(value,),
        title=value,
        status=value,
        entities={**dict.fromkeys(ENTITY_COLUMNS, value), value: value},
        evidence=(dict.fromkeys(CANONICAL_COLUMNS, value),) * 7,
        context=tuple(_build_poisoned_contexts(value)),
        reason=value,
        merged_into=value,
        description=value,
        attack=(value, "T1078.004"),
        triage=f"1. {value}\n2. {value}",
        references=(value, f"https://example.com/{value}"),
        fold_state=_build_fold_state(value),
    )
    return replace(message, key=value, alert=alert, user_url=value)


def _build_fold_state(value: str) -> FoldState:
    """Seven users, addresses and apps whose names hold that text."""
    moment = datetime(2026, 11, 19, tzinfo=UTC)
    origins = tuple(
        EntityOrigin(time=moment, event_uid=value, value=f"{number}{value}") for number in range(7)
    )
    return FoldState(
        identity_uid=value,
        opener_uid=value,
        newest_uid=value,
        lead_time=moment,
        lead_uid=value,
        lead_weight=0.0,
        lead_entities={},
        entity_origins={},
        evidence_origins=(),
        participant_origins=dict.fromkeys(("user_name", "source_ip", "app_name"), origins),
    )


def poison_context(message: Message, value: str) -> Message:
    """The message, seen against things of every kind that say that text wherever they can."""
    context = tuple(_build_poisoned_contexts(value))
    return replace(message, alert=replace(message.alert, entities={}, context=context))


def build_digest_message(value: str, *, attempt: int = 1) -> DigestMessage:
    """A digest as large as they get, with that text in the place of every text."""
    moment = datetime(2026, 11, 19, 8, 0, 12, tzinfo=UTC)
    group = DigestGroup(
        rule=value,
        org=value,
        severity=Severity.LOW,
        alert_count=120,
        event_count=1400,
        actors=(value, value, value),
        actor_count=9,
    )
    entry = DigestEntry(alert_id=value, severity=Severity.LOW, last_time=moment, title=value)
    return DigestMessage(
        key=value,
        digest=AlertDigest(
            storm=value,
            revision=2,
            severity=Severity.HIGH,
            limit=StormLimit(),
            orgs=(value, value),
            alert_count=1480,
            severity_counts={Severity.HIGH: 2, Severity.LOW: 1478},
            groups=(group,) * 10,
            group_count=14,
            entries=(entry,) * 5,
            first_time=moment,
            last_time=moment,
            storm_alert_count=1800,
        ),
        is_update=True,
        attempt=attempt,
    )


any_text = st.text(st.characters(exclude_categories=()))
_moments = st.datetimes(timezones=st.just(UTC))
_values = (
    any_text
    | st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats()
    | _moments
    | st.lists(st.integers(), max_size=3)
)
_contexts = st.sampled_from(sorted(CONTEXT_FIELDS)).flatmap(
    lambda kind: st.fixed_dictionaries(
        {"kind": st.just(kind)},
        optional=dict.fromkeys(
            CONTEXT_FIELDS[kind],
            _values | st.lists(any_text, max_size=3) | st.dictionaries(any_text, any_text),
        ),
    )
)
_texts = st.lists(any_text, max_size=30).map(tuple)

alerts = st.builds(
    Alert,
    id=any_text,
    org=any_text,
    rule=any_text,
    key=_texts,
    title=any_text,
    severity=st.sampled_from(Severity),
    status=any_text | st.sampled_from(["withdrawn", "merged"]),
    first_time=_moments,
    last_time=_moments,
    count=st.integers(0, 10**12),
    late_seconds=st.integers(-(10**6), 10**9),
    entities=st.dictionaries(st.sampled_from(ENTITY_COLUMNS) | any_text, any_text, max_size=30),
    evidence=st.lists(
        st.dictionaries(st.sampled_from([*CANONICAL_COLUMNS]), _values, max_size=20), max_size=12
    ).map(tuple),
    description=any_text,
    attack=_texts,
    triage=_texts.map("\n".join) | _texts.map(lambda lines: "\n".join(f"- {x}" for x in lines)),
    references=_texts | st.just(("https://example.com/" + "r" * 200,) * 30),
    created=st.just(datetime(2026, 11, 19, tzinfo=UTC)),
    revision=st.integers(1, 10**9),
    context=st.lists(_contexts | st.just({"kind": "other"}), max_size=6).map(tuple),
    reason=any_text,
    merged_into=any_text,
)

messages = st.builds(
    Message,
    key=any_text,
    alert=alerts,
    is_update=st.booleans(),
    attempt=st.integers(1, 10**6),
    user_url=st.none() | any_text | st.just("https://acme.my.salesforce.com/0055f00000HyJSwXXY"),
)
"""Anything that the types allow, and more."""
