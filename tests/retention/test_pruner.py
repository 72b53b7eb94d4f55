"""What is older than it is kept goes, and nothing else; what went does not come again."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from collector import engine
from collector.archive import parquet_sql
from collector.clock import to_micros
from collector.completeness import build_completeness_report
from collector.detect import RuleSet
from collector.errors import CollectorError, StoppedError
from collector.ingest import quarantine
from collector.ingest.archive_claim import claim_archive
from collector.ingest.batches_at_work import BatchesAtWork
from collector.ingest.retired_files import GRACE, delete_retired_files
from collector.model import (
    BatchState,
    DamageState,
    DeliveryState,
    DirectoryPage,
    EntryReading,
    FirstSeen,
    PollState,
    WindowFacts,
)
from collector.retention.clock_doubt import explain_clock_doubt
from collector.retention.keeping_plan import KeepingPlan
from collector.settings import ArchiveSettings
from collector.store import (
    damaged_files,
    directory_entries,
    first_seen_memory,
    holds,
    ledger,
    ledger_totals,
    listed_files,
    org_clocks,
    rule_fingerprints,
    storms,
    tables,
    unfinished_batches,
)
from collector.store.holds import HoldScope
from collector.store.retention_tables import folded_batches
from collector.store.unfinished_batches import BatchProgress
from fakes.model_samples import STREAM, build_rule
from fakes.old_state import (
    DAY,
    NOW,
    build_file_batch,
    build_pruner,
    build_window_batch,
    dump_state,
    list_values,
    open_old_state,
    set_file_aside,
    store_alert,
    store_file,
    write_file,
)
from fakes.pipeline_bench import open_pipeline_bench


@pytest.fixture
def state(tmp_path):
    with open_old_state(tmp_path) as opened:
        yield opened


@pytest.fixture
def bench(tmp_path):
    """With a pipeline, where events are taken in or read; without rules."""
    with open_pipeline_bench(tmp_path, rules=RuleSet(rules=())) as opened:
        yield opened


def list_batch_keys(state):
    return list_values(state, tables.batches, "key")


def place_hold(state, **scope):
    with state.database.begin() as connection:
        return holds.insert_hold(
            connection, HoldScope(**scope), reason="case 7", placed_by="ada", now=NOW
        )


def release_hold(state, hold):
    with state.database.begin() as connection:
        holds.mark_hold_released(connection, hold.id, released_by="bob", now=NOW)


# ---- events


def test_files_go_by_whole_days_and_the_time_of_their_type(state):
    for age in (364, 365, 366, 367):
        store_file(state, age)
    for age in (89, 90, 91, 92):
        store_file(state, age, "ApiTotalUsage")

    run = build_pruner(state).prune(NOW)

    # The day of the cutoff itself is kept whole.
    left = ["ApiTotalUsage-89", "ApiTotalUsage-90", "Login-364", "Login-365"]
    assert left == list_values(state, tables.archive_files, "batch")
    assert (4, 12, 16, 0) == (run.files, run.rows, run.bytes, run.held_files)
    with state.database.read() as connection:
        totals = ledger_totals.list_ledger_totals(connection)
    assert {("Login", 6, 6), ("ApiTotalUsage", 6, 6)} == {
        (total.event_type, total.rows, total.pruned) for total in totals
    }


def test_who_began_to_read_goes_on_and_an_hour_later_the_file_is_gone(bench):
    for age in (400, 1):
        bench.pipeline.ingest(write_file(bench, age))
    with bench.database.read() as connection:
        before = ledger.list_archive_files(connection)
    relation = parquet_sql.build_relation(bench.places.archive.locate_files(before))
    hunt = engine.open_engine()

    build_pruner(bench).prune(NOW)
    delete_retired_files(bench.database, bench.places.archive, BatchesAtWork(), now=NOW)
    assert [(6,)] == hunt.execute(f"SELECT count(*) FROM {relation}").fetchall()
    hunt.close()

    assert 1 == delete_retired_files(
        bench.database, bench.places.archive, BatchesAtWork(), now=NOW + GRACE
    )
    assert [] == list_values(bench, tables.retired_files, "path")
    days = {path.name for path in (bench.places.state_dir / "archive").rglob("date=*")}
    assert {f"date={(NOW - DAY).date()}"} == days, "no empty folder remains"


def test_a_file_that_was_written_again_at_its_place_stays(bench):
    batch = write_file(bench, 400)
    bench.pipeline.ingest(batch)
    build_pruner(bench).prune(NOW)
    with bench.database.begin() as connection:
        # As after the damage of another file of the batch: it is read again from its beginning.
        connection.execute(sa.update(tables.batches).values(state=BatchState.DAMAGED))
    bench.pipeline.ingest(write_file(bench, 400))

    delete_retired_files(bench.database, bench.places.archive, BatchesAtWork(), now=NOW + GRACE)

    assert [f"{batch.key}:0:1", f"{batch.key}:0:2", f"{batch.key}:0:3"] == [
        uid for (uid,) in bench.list_rows()
    ]


def test_what_is_published_and_not_committed_yet_stays(state):
    batch = store_file(state, 400)
    build_pruner(state).prune(NOW)
    (path,) = (state.places.state_dir / "archive").rglob("*.parquet")
    at_work = BatchesAtWork()

    with at_work.hold_batch(batch.key):
        delete_retired_files(state.database, state.places.archive, at_work, now=NOW + GRACE)
        assert path.exists()
    delete_retired_files(state.database, state.places.archive, at_work, now=NOW + GRACE)

    assert not path.exists()


def test_what_was_pruned_is_not_fetched_again_and_not_lost(bench):
    batch = write_file(bench, 390)
    bench.pipeline.ingest(batch)
    with bench.database.begin() as connection:
        listed_files.record_listed_files(connection, [batch], now=NOW - 380 * DAY)
    build_pruner(bench).prune(NOW)

    with bench.database.begin() as connection:
        assert {batch.key} == ledger.find_known_keys(connection, [batch.key])
        assert [] == listed_files.mark_unlisted_lost(connection, STREAM, now=NOW)
    assert 0 == bench.pipeline.ingest(write_file(bench, 390)).rows
    assert [] == bench.list_rows()


def test_a_batch_of_which_a_part_is_missing_or_unfolded_keeps_its_files(state):
    batch = store_file(state, 400)
    with state.database.begin() as connection:
        progress = BatchProgress(has_unfolded_matches=True)
        unfinished_batches.save_progress(connection, batch.key, progress)

    build_pruner(state).prune(NOW)

    assert [batch.key] == list_values(state, tables.archive_files, "batch")


# ---- holds


@pytest.mark.parametrize(
    ("scope", "kept"),
    [
        ({}, [("Login", 400), ("Login", 500), ("Logout", 400)]),
        ({"org": "acme", "event_type": "Login"}, [("Login", 400), ("Login", 500)]),
        ({"event_type": "Logo*"}, [("Logout", 400)]),
        ({"until": NOW - 450 * DAY}, [("Login", 500)]),
        ({"start": NOW - 450 * DAY}, [("Login", 400), ("Logout", 400)]),
        ({"start": NOW - 400 * DAY, "until": NOW - 400 * DAY}, [("Login", 400), ("Logout", 400)]),
        ({"org": "other"}, []),
    ],
)
def test_a_hold_covers_an_org_a_type_and_a_time_with_both_ends(scope, kept):
    events = [("Login", 400), ("Login", 500), ("Logout", 400)]
    covered = [
        (name, age)
        for name, age in events
        if HoldScope(**scope).covers("acme", name, NOW - age * DAY, NOW - age * DAY)
    ]
    assert kept == covered


def test_a_hold_keeps_what_it_covers_until_it_is_released(state):
    for event_type, age in (("Login", 400), ("Login", 500), ("Logout", 400)):
        store_file(state, age, event_type)
    hold = place_hold(state, event_type="Log?ut")

    run = build_pruner(state).prune(NOW)
    assert ["Logout-400"] == list_values(state, tables.archive_files, "batch")
    assert (2, 1) == (run.files, run.held_files)

    release_hold(state, hold)
    build_pruner(state).prune(NOW)
    assert [] == list_values(state, tables.archive_files, "batch")


# ---- alerts


def test_alerts_go_with_their_matches_and_messages_once_these_have_arrived(state):
    sent, superseded = DeliveryState.SENT, DeliveryState.SUPERSEDED
    gone = store_alert(state, 401, sent, superseded)
    never_told = store_alert(state, 402)
    kept = [
        store_alert(state, 399, sent),
        *(
            store_alert(state, 401, sent, waiting)
            for waiting in (DeliveryState.READY, DeliveryState.REJECTED, DeliveryState.DIGESTED)
        ),
    ]

    run = build_pruner(state).prune(NOW)

    ids = sorted(alert.id for alert in kept)
    assert 2 == run.alerts
    assert ids == list_values(state, tables.alerts, "id")
    assert sorted(ids * 2) == list_values(state, tables.matches, "alert_id")
    told = set(list_values(state, tables.deliveries, "alert_id"))
    assert set(ids) == told
    assert {gone.id, never_told.id}.isdisjoint(told)


def test_an_alert_of_a_time_under_a_hold_stays_whole(state):
    held = store_alert(state, 450, DeliveryState.SENT)
    store_alert(state, 450, DeliveryState.SENT, org="other")
    store_alert(state, 470, DeliveryState.SENT)
    # Its events may be of any type, and what is kept may be matched again.
    place_hold(state, org="acme", event_type="Logout", start=NOW - 451 * DAY, until=NOW - 450 * DAY)

    build_pruner(state).prune(NOW)

    assert [held.id] == list_values(state, tables.alerts, "id")
    assert [held.id] * 2 == list_values(state, tables.matches, "alert_id")
    assert [held.id] == list_values(state, tables.deliveries, "alert_id")


def test_an_episode_that_may_go_on_stays(state):
    store_alert(state, 401, DeliveryState.SENT)
    rule = build_rule(dedup_window=402 * DAY)

    build_pruner(state, rules=[rule]).prune(NOW)
    assert 1 == len(list_values(state, tables.alerts, "id"))
    build_pruner(state).prune(NOW)
    assert 0 == len(list_values(state, tables.alerts, "id"))


def test_a_digest_goes_with_the_last_alert_that_it_told(state):
    alerts = [store_alert(state, age, DeliveryState.READY) for age in (401, 399)]
    with state.database.begin() as connection:
        limit = storms.StormLimit(messages=1, window=timedelta(minutes=5))
        key = storms.compose_digest(connection, "channel-0", limit, now=NOW - 410 * DAY)
        table = tables.deliveries
        connection.execute(
            sa.update(table).values(state=DeliveryState.SENT, finished=NOW - 401 * DAY)
        )

    build_pruner(state).prune(NOW)
    kept = [key, f"{alerts[1].id}.1.channel-0"]
    assert sorted(kept) == list_values(state, tables.deliveries, "key")
    assert [alerts[1].id] == list_values(state, tables.alerts, "id")

    build_pruner(state).prune(NOW + 2 * DAY)
    assert [] == list_values(state, tables.deliveries, "key")


def test_more_matches_than_one_transaction_takes_go_all(state, monkeypatch):
    monkeypatch.setattr("collector.store.alert_expiry.MATCHES_AT_ONCE", 3)
    store_alert(state, 401, DeliveryState.SENT, matches=8)

    build_pruner(state).prune(NOW)

    assert [] == list_values(state, tables.matches, "event_uid")


# ---- the ledger


def store_window(state, age, **changes):
    time = NOW - age * DAY
    facts = WindowFacts(start=time - timedelta(minutes=1), until=time, rows=5, is_truncated=False)
    batch = build_window_batch(age, facts=facts, **changes)
    with state.database.begin() as connection:
        entry = ledger.LedgerEntry(state=BatchState.STORED, rows=0, duplicates=5)
        ledger.record_batch(connection, batch, entry, [])
    return batch


def test_batches_are_added_up_when_nobody_lists_or_reads_them_any_more(state):
    for age in (34, 36, 40, 300):
        store_window(state, age)
    for age in (1, 399, 401, 500):
        store_file(state, age)
    with state.database.begin() as connection:
        old = [build_file_batch(age) for age in (399, 401)]
        listed_files.record_listed_files(connection, old, now=NOW)
        before = ledger_totals.list_ledger_totals(connection)

    run = build_pruner(state).prune(NOW)

    assert ["Login-1", "Login-399", "window-34"] == list_batch_keys(state)
    assert ["Login-399"] == list_values(state, tables.listed_files, "key"), "or it would be lost"
    assert 5 == run.batches
    with state.database.read() as connection:
        after = ledger_totals.list_ledger_totals(connection)
    moved = [replace(total, rows=total.rows + total.pruned, pruned=0) for total in after]
    assert before == moved, "the sums are what they were"
    months = {(row[0], row[1]) for row in list_values(state, folded_batches, "event_type", "month")}
    assert {("ApiEvent", f"{NOW - age * DAY:%Y-%m}") for age in (36, 40, 300)} <= months


def test_the_newest_batch_of_a_stream_stays(state):
    for age in (60, 50):
        store_window(state, age)

    build_pruner(state).prune(NOW)

    assert ["window-50"] == list_batch_keys(state)


def test_what_is_set_aside_goes_with_the_day_that_it_is_of(state):
    for age in (360, 420):
        set_file_aside(state, age)
    store_file(state, 1)
    build_pruner(state).prune(NOW)

    quarantined = [each.batch.key for each in quarantine.list_batches(state.places.quarantine)]
    assert ["Login-360"] == quarantined
    assert ["Login-1", "Login-360"] == list_batch_keys(state)


def test_quarantine_and_strays_heed_a_hold(state):
    batch = set_file_aside(state, 420)
    strays = state.places.strays / "20250101T000000Z"
    for age, org in ((420, "acme"), (420, "other"), (360, "other")):
        day = (NOW - age * DAY).date()
        folder = strays / f"org={org}" / "event_type=Login" / f"date={day}"
        folder.mkdir(parents=True)
        (folder / "x.parquet").write_bytes(b"PAR1")
    # Found a moment ago, say by a state that was put back: there is time to look.
    shutil.copytree(strays, state.places.strays / f"{NOW:%Y%m%dT%H%M%S.%fZ}")
    hold = place_hold(state, org="acme")

    build_pruner(state).prune(NOW)
    assert 3 == len(list((state.places.strays / f"{NOW:%Y%m%dT%H%M%S.%fZ}").rglob("*.parquet")))
    assert [batch.key] == [
        each.batch.key for each in quarantine.list_batches(state.places.quarantine)
    ]
    left = sorted(path.parent.parent.parent.name for path in strays.rglob("*.parquet"))
    assert ["org=acme", "org=other"] == left

    release_hold(state, hold)
    build_pruner(state).prune(NOW)
    assert [] == list(quarantine.list_batches(state.places.quarantine))
    (kept,) = strays.rglob("*.parquet")
    assert f"date={(NOW - 360 * DAY).date()}" == kept.parent.name


def test_a_damaged_file_that_cannot_be_had_again_goes_with_its_day(state):
    table = tables.damaged_files
    for age in (360, 420):
        store_file(state, age)
        with state.database.begin() as connection:
            (file,) = ledger.read_ledger_batch(connection, f"Login-{age}").files
            damaged_files.record_damage(connection, file, reason="it is not there", now=NOW)
            connection.execute(sa.update(table).values(state=DamageState.LOST))
            connection.execute(sa.update(tables.batches).values(state=BatchState.LOST))
        state.places.archive.move_file_aside(file, target_root=state.places.damaged_files)
    store_file(state, 1)

    build_pruner(state).prune(NOW)

    assert ["Login-360"] == list_values(state, table, "batch")
    (left,) = state.places.damaged_files.rglob("*.parquet")
    assert "Login-360.parquet" == left.name
    assert ["Login-1", "Login-360"] == list_batch_keys(state)
    with state.database.read() as connection:
        assert [2] == [total.lost for total in ledger_totals.list_ledger_totals(connection)]


def read_completeness(state, *, since):
    with state.database.read() as connection:
        return build_completeness_report(
            connection, org="acme", since=since, until=NOW, archive=state.places.archive
        )


def test_the_proof_of_completeness_balances_after_pruning(state):
    for age in (300, 370, 380):
        store_file(state, age)
    build_pruner(state).prune(NOW)

    report = read_completeness(state, since=NOW - 390 * DAY)
    (balance,) = report.balances
    assert (3, 3, 6) == (balance.batches, balance.rows, balance.pruned)
    assert [] == [
        problem for part in report.archive_comparisons for problem in part.list_problems()
    ]


def test_the_proof_says_what_is_only_counted(state):
    for age in (1, 401, 402):
        store_file(state, age)
    build_pruner(state).prune(NOW)

    report = read_completeness(state, since=NOW - 450 * DAY)
    (total,) = report.folded
    assert (2, 6, NOW - 401 * DAY) == (total.batches, total.rows, total.newest)
    assert [(1, 3)] == [(balance.batches, balance.rows) for balance in report.balances]


# ---- rules


def test_a_rule_forgets_what_no_kept_event_can_need(state):
    first_seen = FirstSeen(key=("user_id",), learn=14 * DAY, forget=90 * DAY)
    rule = build_rule(name="new-app", aggregation=first_seen)
    runs = [(f"k{age}", (1, "e", to_micros(NOW - age * DAY))) for age in (454, 455, 457, 458)]
    with state.database.begin() as connection:
        for name in ("new-app", "unloaded"):
            first_seen_memory.save_runs(connection, org="acme", rule=name, runs=runs)
            rule_fingerprints.save_fingerprint(
                connection, org="acme", kind="first_seen", rule=name, fingerprint="f"
            )

    build_pruner(state, rules=[rule]).prune(NOW)

    # 365 days of events, 90 that a key is remembered for, and the cutoff's own day.
    assert [("new-app", "k454"), ("new-app", "k455")] == list_values(
        state, tables.first_seen_runs, "rule", "key"
    )


def test_a_version_of_the_directory_stays_while_an_event_may_be_judged_by_it(state):
    for age in (500, 400, 100):
        at = NOW - age * DAY
        reading = EntryReading(kind="user", id="0051", values={"name": str(age)}, changed=at)
        page = DirectoryPage(read=at, readings=(reading,))
        with state.database.begin() as connection:
            directory_entries.save_directory_page(connection, "acme", page, now=at)

    build_pruner(state).prune(NOW)

    # That of 400 days ago still held for the oldest events, a year ago.
    left = list_values(state, tables.directory_entries, "valid_from")
    assert [NOW - 400 * DAY, NOW - 100 * DAY] == left


def test_a_rule_that_needs_older_events_than_are_kept_is_told_with_what_fits():
    rules = [
        build_rule(
            name="new-app",
            event_types=("Login", "ApiEvent"),
            aggregation=FirstSeen(key=("user_id",), learn=14 * DAY, forget=90 * DAY),
        ),
        build_rule(name="single"),
    ]
    settings = ArchiveSettings.model_validate({"by_type": {"Login": "14d", "ApiEvent": "15d"}})

    plan = KeepingPlan(settings=settings, rules=RuleSet(rules=tuple(rules)))
    warning = (
        "the rule new-app is silent until the archive is 14d deep, and `archive` keeps Login for"
        " 14d only: keep it for at least 15d"
    )
    assert [warning] == list(plan.list_warnings())


# ---- when


def test_pruning_twice_is_pruning_once(state):
    for age in (1, 100, 400, 500):
        store_file(state, age)
        store_alert(state, age, DeliveryState.SENT)
    for age in (30, 40, 50):
        store_window(state, age)
    place_hold(state, start=NOW - 405 * DAY, until=NOW - 395 * DAY)
    pruner = build_pruner(state)

    pruner.prune(NOW)
    once = dump_state(state)
    pruner.prune(NOW)
    twice = dump_state(state)

    assert {**once, "prune_runs": []} == {**twice, "prune_runs": []}


def save_poll(state, when):
    with state.database.begin() as connection:
        poll = ledger.PollStatus(
            stream=STREAM, state=PollState.OK, reason="", last_attempt=when, last_success=when
        )
        ledger.save_poll_status(connection, poll)


def test_it_is_due_once_a_day_and_by_a_clock_that_an_org_confirms(state):
    store_file(state, 364)
    pruner = build_pruner(state)
    assert pruner.prune_when_due(NOW) is None, "no org has answered yet"
    save_poll(state, NOW)
    assert pruner.prune_when_due(NOW) is not None
    assert pruner.prune_when_due(NOW + DAY - timedelta(seconds=1)) is None
    assert pruner.prune_when_due(NOW + DAY) is not None

    ahead = NOW + 400 * DAY
    assert pruner.prune_when_due(ahead) is None
    save_poll(state, ahead)
    with state.database.begin() as connection:
        tolerance = timedelta(minutes=2)
        skew = NOW - ahead
        org_clocks.record_clock_skew(connection, "acme", skew, tolerance=tolerance, now=ahead)
        assert "400 days" in explain_clock_doubt(connection, now=ahead)
    assert pruner.prune_when_due(ahead) is None
    assert 1 == len(list_values(state, tables.archive_files, "path"))


def test_it_ends_between_two_steps_when_asked_to(state):
    store_file(state, 400)
    pruner = build_pruner(state)
    pruner.stop_event.set()

    with pytest.raises(StoppedError):
        pruner.prune(NOW)
    assert 1 == len(list_values(state, tables.archive_files, "path"))


def test_without_its_archive_nothing_is_pruned(state):
    store_file(state, 400)
    claim_archive(state.database, state.places.archive)
    (state.places.state_dir / "archive").rename(state.places.state_dir / "unmounted")

    with pytest.raises(CollectorError, match="is its volume mounted"):
        build_pruner(state).prune(NOW)
    assert ["Login-400"] == list_values(state, tables.archive_files, "batch")
