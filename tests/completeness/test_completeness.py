"""The proof: listed = stored + quarantined + lost + pending, at any moment, and gaps by name."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.collection.backfill import Backfill
from collector.completeness import build_completeness_report
from collector.completeness.balances import compute_balances
from collector.completeness.hourly_files import find_quiet_hours, find_sequence_gaps
from collector.completeness.window_coverage import compute_window_coverage
from collector.demo import EmbeddedOrg, InjectedFault, OrgStore
from collector.ingest.state_paths import StatePaths
from collector.model import RowCountFacts, Stream, StreamPurpose
from collector.store.batch_inventory import InventoryItem
from collector.store.stream_coverage import CoverageSpan
from fakes.collector_setup import (
    DAY,
    HOUR,
    build_log_file,
    build_login_rows,
    open_test_collector,
    poll_sources,
    write_config,
)
from fakes.model_samples import NOON, STREAM, build_log_file_facts

STATES = ("stored", "quarantined", "lost", "pending")


def item(number=0, **changes):
    made = InventoryItem(
        key=f"{number:032}",
        stream=STREAM,
        event_type="Login",
        log_time=NOON,
        facts=build_log_file_facts(file_id=f"0AT{number}"),
        state="stored",
        rows=10,
    )
    return replace(made, **changes)


def window(number=0, *, served, **changes):
    stream = Stream(org="acme", source="stored_events", name="ApiEvent")
    facts = RowCountFacts(rows=served)
    return item(number, stream=stream, event_type="ApiEvent", facts=facts, **changes)


def of_hour(*sequences, hour=0):
    return [
        item(100 * hour + n, log_time=NOON + hour * HOUR, facts=build_log_file_facts(sequence=n))
        for n in sequences
    ]


# ---- the balance


@given(st.lists(st.sampled_from(STATES), max_size=30))
def test_every_listed_file_is_in_exactly_one_state(states):
    items = [item(number, state=state) for number, state in enumerate(states)]

    for count in compute_balances(items):
        parts = (count.stored, count.quarantined, count.lost, count.pending)
        assert count.listed == len(items) == sum(parts)
        assert parts == tuple(states.count(state) for state in STATES)
        assert 0 == count.unaccounted


def test_a_file_that_was_stored_and_never_listed_breaks_the_balance():
    (count,) = compute_balances([item(1), item(2, is_listed=False)])

    assert -1 == count.unaccounted
    assert any("unaccounted" in problem for problem in count.list_problems())


def test_a_record_that_was_served_and_is_nowhere_breaks_the_balance():
    (count,) = compute_balances([window(1, served=10, rows=7, duplicates=2)])

    assert (10, 7, 2, 1) == (count.listed, count.stored, count.duplicates, count.unaccounted)


def test_records_of_a_segment_that_was_set_aside_are_quarantined_not_unaccounted_for():
    (count,) = compute_balances([window(1, served=10, rows=4, duplicates=2, state="quarantined")])

    assert (4, 0) == (count.quarantined, count.unaccounted)


def test_reasons_are_told_once_each():
    items = [item(n, state="lost", reason="deleted") for n in range(9)]

    (count,) = compute_balances(items)
    assert ["deleted"] == count.reasons
    assert ["acme/event_log_file/Login: 9 files lost: deleted"] == list(count.list_problems())


# ---- hours


@pytest.mark.parametrize(
    ("sequences", "missing"),
    [((1,), []), ((1, 2, 3), []), ((1, 3), [2]), ((2,), [1]), ((4, 2), [1, 3])],
)
def test_a_gap_in_sequence_is_named(sequences, missing):
    found = [gap.missing for gap in find_sequence_gaps(of_hour(*sequences), listing_start=NOON)]

    assert ([missing] if missing else []) == found


def test_a_number_that_may_have_come_before_collecting_began_is_no_loss():
    (early,) = find_sequence_gaps(of_hour(2), listing_start=NOON + HOUR)
    (late,) = find_sequence_gaps(of_hour(2), listing_start=NOON + HOUR - timedelta(seconds=1))

    assert "before collecting began" in early.explained
    assert [] == list(early.list_problems())
    assert ["acme/Login: the hour 2026-03-01 12:00Z has the files 2, not 1"] == list(
        late.list_problems()
    )


def test_daily_files_have_no_numbers_to_miss():
    daily = [item(1, facts=build_log_file_facts(sequence=0))]

    assert [] == list(find_sequence_gaps(daily, listing_start=NOON))


def test_hours_without_a_file_are_told_for_types_that_have_one_in_most_hours():
    busy = [one for hour in (0, 1, 3, 4) for one in of_hour(1, hour=hour)]
    rare = [replace(one, event_type="Report") for hour in (0, 9) for one in of_hour(1, hour=hour)]

    (found,) = find_quiet_hours([*busy, *rare])
    assert ("Login", [NOON + 2 * HOUR]) == (found.event_type, found.hours)


# ---- windows


def span(start, until):
    return CoverageSpan(start=NOON + start * HOUR, until=NOON + until * HOUR)


def covered(*spans, purpose=StreamPurpose.LIVE):
    stream = Stream(org="acme", source="stored_events", name="ApiEvent", purpose=purpose)
    return {stream: list(spans)}


def test_windows_that_follow_each_other_have_no_gap():
    (found,) = compute_window_coverage(covered(span(0, 5)), within=span(-99, 99))

    assert (NOON, NOON + 5 * HOUR, []) == (found.start, found.until, found.gaps)


def test_a_gap_between_windows_is_named_by_its_bounds():
    (found,) = compute_window_coverage(covered(span(0, 2), span(3, 5)), within=span(-99, 99))

    assert [span(2, 3)] == found.gaps
    assert [
        "acme/stored_events/ApiEvent: not read from 2026-03-01 14:00:00Z to 2026-03-01 15:00:00Z"
    ] == list(found.list_problems())


def test_a_backfill_covers_for_the_stream_whose_past_it_reads():
    both = covered(span(2, 5)) | covered(span(0, 2), purpose=StreamPurpose.BACKFILL)
    (found,) = compute_window_coverage(both, within=span(-99, 99))

    assert ("ApiEvent", NOON, []) == (found.stream, found.start, found.gaps)


def test_only_the_time_in_question_is_looked_at():
    both = covered(span(0, 2), span(3, 9))
    (found,) = compute_window_coverage(both, within=span(4, 6))

    assert (span(4, 6), []) == (CoverageSpan(start=found.start, until=found.until), found.gaps)
    assert [] == list(compute_window_coverage(both, within=span(20, 30)))


# ---- on the real path

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
POISONED, DELETED, REFUSED = 3, 5, 7


def files():
    for number in range(12):
        file = build_log_file(number, NOW - (60 - 2 * number) * HOUR)
        ragged = file.content + b'"one","two"\n'
        yield replace(file, content=ragged) if number == POISONED else file


@pytest.fixture
def org():
    store = OrgStore()
    store.add_files(files())
    store.add_rows("LoginHistory", *build_login_rows(NOW - 2 * DAY, 40, HOUR))
    with EmbeddedOrg(store) as served:
        yield served


def proof(collector):
    archive = StatePaths(state_dir=collector.settings.state_dir).archive
    with collector.database.read() as connection:
        return build_completeness_report(
            connection,
            org="acme",
            since=NOW - 9 * DAY,
            until=datetime.now(UTC),
            archive=archive,
        )


def of(proof, event_type):
    return next(count for count in proof.balances if count.event_type == event_type)


@pytest.mark.slow
def test_at_every_moment_of_a_troubled_collection_all_that_was_listed_is_accounted_for(
    org, tmp_path
):
    sources = {"event_log_file": {"settle": "0s"}, "login_history": {}}
    org.inject_faults(
        InjectedFault(address_pattern=f"/0AT{REFUSED:012}AAA/LogFile", times=None, status=503)
    )
    with open_test_collector(write_config(tmp_path, org, **sources)) as collector:
        (poller,) = collector.pollers
        backfill = Backfill(
            context=poller.context,
            api_budget=poller.api_budget,
            database=collector.database,
            pipeline=collector.pipeline,
            since=NOW - 8 * DAY,
            stop_event=collector.stop_event,
        )
        seen = set()
        for step in backfill.run(poller.sources):
            if step.rows and step.stream.source == "event_log_file":
                org.store.remove_file(f"0AT{DELETED:012}AAA")
            present = proof(collector)
            for count in present.balances:
                assert 0 == count.unaccounted
            logins = [count for count in present.balances if count.event_type == "Login"]
            for count in logins:
                assert 12 == count.listed
                parts = (count.stored, count.quarantined, count.lost, count.pending)
                assert 12 == sum(parts)
                seen.add(parts)
        last = proof(collector)

    logins = of(last, "Login")
    assert (9, 1, 1, 1, 1) == (
        logins.stored,
        logins.quarantined,
        logins.lost,
        logins.pending,
        logins.failing,
    )
    assert (40, 40) == (of(last, "LoginHistory").listed, of(last, "LoginHistory").rows)
    assert len(seen) > 8, "and it was looked at on the way"
    assert 2 == len(last.problems), "what is pending is not missing"


def test_a_calm_collection_is_complete_polled_as_often_as_one_likes(org, tmp_path):
    sources = {"login_history": {"lookback": "3d"}}
    with open_test_collector(write_config(tmp_path, org, **sources)) as collector:
        for _ in range(3):
            poll_sources(collector)
        calm = proof(collector)

    assert [] == calm.problems
    (stream,) = calm.window_coverage
    assert stream.start < NOW - 2 * DAY
    assert [] == stream.gaps
    assert 40 == of(calm, "LoginHistory").stored


def test_empty_windows_are_proven_too(tmp_path):
    with (
        EmbeddedOrg(OrgStore()) as org,
        open_test_collector(write_config(tmp_path, org, login_history={})) as collector,
    ):
        poll_sources(collector)
        poll_sources(collector)
        (stream,) = proof(collector).window_coverage

    assert stream.until - stream.start > timedelta(hours=23)
    assert [] == stream.gaps


def test_an_archive_that_was_tampered_with_is_told(org, tmp_path):
    with open_test_collector(
        write_config(tmp_path, org, login_history={"lookback": "3d"})
    ) as collector:
        poll_sources(collector)
        archive = StatePaths(state_dir=collector.settings.state_dir).archive
        victim, other, *_ = sorted(archive.root.rglob("*.parquet"))
        victim.unlink()
        other.write_bytes(b"PAR1")
        (problem,) = proof(collector).problems

    assert "acme/LoginHistory" in problem
    assert "2 are gone" in problem
