"""Facts of a batch go through JSON and come back, and JSON that was stored stays what it was."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model import (
    LogFileFacts,
    ObservationFacts,
    OtherFacts,
    RowCountFacts,
    UnknownFacts,
    WindowFacts,
    parse_facts,
    render_facts,
)

COUNTS = st.integers(0, 2**53)
TIMES = st.datetimes(timezones=st.just(UTC))
MILLISECONDS = TIMES.map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000))
LOG_FILES = st.builds(
    LogFileFacts,
    file_id=st.text(),
    log_date=TIMES,
    created_date=TIMES,
    interval=st.sampled_from(["hourly", "daily"]),
    sequence=COUNTS,
    announced_bytes=COUNTS,
    bytes=st.none() | COUNTS,
)
FACTS = st.one_of(
    LOG_FILES,
    st.builds(
        WindowFacts,
        start=MILLISECONDS,
        until=MILLISECONDS,
        rows=COUNTS,
        is_truncated=st.booleans(),
    ),
    st.builds(ObservationFacts, observed=MILLISECONDS, rows=COUNTS),
    st.builds(RowCountFacts, rows=COUNTS),
    st.just(UnknownFacts()),
    st.just(OtherFacts()),
)
KEYS = st.sampled_from(
    (
        *("file", "log_date", "created_date", "interval", "sequence", "announced_bytes", "bytes"),
        *("from", "to", "rows", "cut", "observed", "unknown", "of another version"),
    )
)
VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.just("2026-03-01T12:00:00Z")
STORED = {
    LogFileFacts: '{"file": "0AT5f00000AAAAAAAA", "log_date": "2026-03-01T12:00:00+00:00",'
    ' "created_date": "2026-03-01T15:04:05.123000+00:00", "interval": "hourly", "sequence": 1,'
    ' "announced_bytes": 1234, "bytes": 1234}',
    WindowFacts: '{"from": "2026-03-01T12:00:00.123Z", "to": "2026-03-01T18:00:00.123Z",'
    ' "rows": 7, "cut": false}',
    ObservationFacts: '{"observed": "2026-03-01T12:00:00.123Z", "rows": 7}',
    RowCountFacts: '{"rows": 7}',
    UnknownFacts: '{"unknown": true}',
    OtherFacts: "{}",
}


@given(FACTS)
def test_facts_come_back_from_json_as_they_were(facts):
    assert facts == parse_facts(json.loads(json.dumps(render_facts(facts))))


@given(st.dictionaries(KEYS, VALUES))
def test_json_that_was_stored_is_stored_again_as_it_was(document):
    assert document == render_facts(parse_facts(document))


@pytest.mark.parametrize(("kind", "text"), STORED.items())
def test_what_the_ledger_holds_is_read_as_what_it_is(kind, text):
    facts = parse_facts(json.loads(text))

    assert kind is type(facts)
    assert text == json.dumps(render_facts(facts))


def test_a_window_is_the_time_between_its_ends():
    facts = parse_facts(json.loads(STORED[WindowFacts]))

    start = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)
    assert facts == WindowFacts(
        start=start, until=start + timedelta(hours=6), rows=7, is_truncated=False
    )


def test_a_file_that_has_not_come_says_no_bytes():
    document = {**json.loads(STORED[LogFileFacts])}
    del document["bytes"]
    facts = parse_facts(document)

    assert isinstance(facts, LogFileFacts)
    assert (None, 1234) == (facts.bytes, facts.announced_bytes)
    assert "bytes" not in render_facts(facts)
