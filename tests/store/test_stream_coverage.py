"""What windows cover is their union, in whatever order they come, and gaps are all the rest."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.model import WindowFacts, parse_facts
from collector.store import stream_coverage
from collector.store.stream_coverage import CoverageSpan
from fakes.databases import open_sqlite_state
from fakes.model_samples import NOON, STREAM, build_batch

MINUTE = timedelta(minutes=1)
WINDOWS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), max_size=12)


def span(start, until):
    return CoverageSpan(start=NOON + start * MINUTE, until=NOON + until * MINUTE)


def window(start, until, **changes):
    facts = WindowFacts(
        start=NOON + start * MINUTE, until=NOON + until * MINUTE, rows=0, is_truncated=False
    )
    received = NOON + timedelta(days=1)
    return build_batch(**{"facts": facts, "received": received, **changes})


def _soql(minutes):
    return (NOON + minutes * MINUTE).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    opened = open_sqlite_state(tmp_path_factory.mktemp("state"))
    yield opened
    opened.close()


def covered(database, batches):
    """What is covered after these batches, in a transaction that is taken back."""
    with database.begin() as connection:
        for each in batches:
            stream_coverage.cover_batch_window(connection, each)
        spans = stream_coverage.list_spans(connection, STREAM)
        connection.rollback()
    return spans


def minutes(spans):
    return {
        minute
        for each in spans
        for minute in range((each.start - NOON) // MINUTE, (each.until - NOON) // MINUTE)
    }


@settings(max_examples=60, deadline=None)
@given(WINDOWS)
def test_what_is_covered_is_the_union_and_no_two_spans_touch(database, windows):
    spans = covered(database, [window(start, start + width) for start, width in windows])

    expected = {m for start, width in windows for m in range(start, start + width)}
    assert expected == minutes(spans)
    assert all(a.until < b.start for a, b in pairwise(spans))


@given(WINDOWS, st.integers(0, 30), st.integers(1, 30))
def test_gaps_are_all_that_is_not_covered(windows, start, width):
    spans = [span(first, first + length) for first, length in windows]
    gaps = stream_coverage.find_gaps(spans, within=span(start, start + width))

    assert set(range(start, start + width)) - minutes(spans) == minutes(gaps)
    assert all(gap.start < gap.until for gap in gaps)


def test_a_day_of_windows_that_follow_each_other_is_one_row(database):
    assert [span(0, 600)] == covered(database, [window(n, n + 1) for n in range(600)])


def test_a_window_counts_once_however_often_it_is_committed(database):
    assert [span(0, 5)] == covered(database, [window(0, 5)] * 3)


def test_the_future_cannot_have_been_read(database):
    early = window(0, 10, received=NOON + 4 * MINUTE)

    assert [span(0, 4)] == covered(database, [early])
    assert [] == covered(database, [window(0, 10, received=NOON)])


@pytest.mark.parametrize("facts", [{}, {"file": "0AT1"}, {"from": "null", "to": _soql(1)}])
def test_what_is_no_window_covers_nothing(database, facts):
    assert [] == covered(database, [build_batch(facts=parse_facts(facts))])


def test_streams_do_not_cover_for_each_other(database):
    other = STREAM.__class__(org="other", source=STREAM.source, name=STREAM.name)

    assert [span(0, 1)] == covered(database, [window(0, 1), window(1, 2, stream=other)])
