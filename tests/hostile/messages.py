"""Messages that nobody should be able to make: a string everywhere, and anything at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import strategies as st

from collector.model import ENTITY_FIELDS, Alert, Message, Severity

EVENT_FIELDS = (
    *ENTITY_FIELDS,
    "time",
    "event_type",
    "event_uid",
    "operation",
    "record_count",
    "outcome",
    "status",
    "score",
    "query",
    "detail",
    "uri",
)


def poisoned(message: Message, value: str) -> Message:
    """The message with that text in the place of every text, of names and links too."""
    alert = replace(
        message.alert,
        id=value,
        org=value,
        rule=value,
        key=(value,),
        title=value,
        status=value,
        entities={**dict.fromkeys(ENTITY_FIELDS, value), value: value},
        evidence=(dict.fromkeys(EVENT_FIELDS, value),) * 7,
        description=value,
        attack=(value, "T1078.004"),
        triage=f"1. {value}\n2. {value}",
        references=(value, f"https://example.com/{value}"),
    )
    return replace(message, key=value, alert=alert, user_url=value)


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
_texts = st.lists(any_text, max_size=30).map(tuple)

alerts = st.builds(
    Alert,
    id=any_text,
    org=any_text,
    rule=any_text,
    key=_texts,
    title=any_text,
    severity=st.sampled_from(Severity),
    status=any_text,
    first_time=_moments,
    last_time=_moments,
    count=st.integers(0, 10**12),
    late_seconds=st.integers(-(10**6), 10**9),
    entities=st.dictionaries(st.sampled_from(ENTITY_FIELDS) | any_text, any_text, max_size=30),
    evidence=st.lists(
        st.dictionaries(st.sampled_from(EVENT_FIELDS), _values, max_size=20), max_size=12
    ).map(tuple),
    description=any_text,
    attack=_texts,
    triage=_texts.map("\n".join) | _texts.map(lambda lines: "\n".join(f"- {x}" for x in lines)),
    references=_texts | st.just(("https://example.com/" + "r" * 200,) * 30),
    created=st.just(datetime(2026, 11, 19, tzinfo=UTC)),
    revision=st.integers(1, 10**9),
)

messages = st.builds(
    Message,
    key=any_text,
    alert=alerts,
    update=st.booleans(),
    attempt=st.integers(1, 10**6),
    user_url=st.none() | any_text | st.just("https://acme.my.salesforce.com/0055f00000HyJSwXXY"),
)
"""Anything that the types allow, and more."""
