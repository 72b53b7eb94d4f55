"""The state database: on SQLite always, on PostgreSQL where one is given."""

import os
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from collector.errors import CollectorError, StateBusyError
from collector.model import AlertMatch, ArchiveFile, BatchState, Cursor, FoldState, Severity
from collector.store import alerts, delivery_leases, ledger, ledger_totals, outbox, tables
from collector.store.channel_status import ChannelStatus, save_channel_status
from collector.store.database import open_database
from collector.store.state_lock import hold_state_lock
from fakes import databases
from fakes.model_samples import NOON, STREAM, build_alert, build_batch

SECOND = timedelta(seconds=1)
FILE = ArchiveFile(
    path="org=acme/x.parquet",
    org="acme",
    event_type="Login",
    date="2026-03-01",
    rows=3,
    bytes=9,
    first_time=NOON,
    last_time=NOON + SECOND,
)
FOLD_STATE = FoldState(
    identity_uid="e1",
    opener_uid="e1",
    newest_uid="e1",
    lead_time=NOON,
    lead_uid="e1",
    lead_weight=1.5,
    lead_entities={"user_id": "005"},
    entity_origins={},
    evidence_origins=(),
)


@pytest.fixture(params=databases.DATABASE_KINDS)
def database(request, tmp_path):
    with databases.open_test_database(request.param, tmp_path) as opened:
        yield opened


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(database):
    with database.begin() as connection:
        context = MigrationContext.configure(connection)
        differences = compare_metadata(context, tables.metadata)

    named = [d for d in differences if not str(d[0]).startswith("modify_comment")]
    assert [] == [d for d in named if "comment" not in str(d[0])]


def test_a_transaction_that_fails_leaves_nothing(database):
    def work():
        with database.begin() as connection:
            ledger.record_batch(
                connection, build_batch(), ledger.LedgerEntry(state=BatchState.STORED), [FILE]
            )
            ledger.save_cursor(connection, STREAM, Cursor(time=NOON))
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        work()

    with database.read() as connection:
        assert frozenset() == ledger.find_known_keys(connection, [build_batch().key])
        assert ledger.read_cursor(connection, STREAM) is None


def test_a_cursor_is_kept_to_the_microsecond(database):
    cursor = Cursor(time=NOON + timedelta(microseconds=1), tiebreaker="0AT1")
    with database.begin() as connection:
        ledger.save_cursor(connection, STREAM, Cursor(time=NOON))
        ledger.save_cursor(connection, STREAM, cursor)

    with database.read() as connection:
        assert cursor == ledger.read_cursor(connection, STREAM)


def test_recording_a_batch_twice_is_recording_it_once(database):
    entry = ledger.LedgerEntry(state=BatchState.STORED, rows=3)
    with database.begin() as connection:
        ledger.record_batch(connection, build_batch(), entry, [FILE])
        ledger.record_batch(connection, build_batch(), entry, [FILE])

    with database.read() as connection:
        assert [FILE] == ledger.list_archive_files(connection, org="acme")
        (total,) = ledger_totals.list_ledger_totals(connection)
    assert (1, 3, NOON) == (total.batches, total.rows, total.newest)


def test_files_are_found_by_type_and_day(database):
    with database.begin() as connection:
        ledger.record_batch(
            connection, build_batch(), ledger.LedgerEntry(state=BatchState.STORED), [FILE]
        )

    with database.read() as connection:
        assert [FILE] == ledger.list_archive_files(
            connection, event_types=["Login"], dates=("2026-02-28", "2026-03-01")
        )
        assert [] == ledger.list_archive_files(connection, dates=("2026-03-02", "2026-03-03"))
        assert [] == ledger.list_archive_files(connection, event_types=["Logout"])


@pytest.mark.parametrize(
    ("begin", "end", "found"),
    [(-2, -1, []), (-1, 0, [FILE]), (0, 1, [FILE]), (1, 9, [FILE]), (2, 9, [])],
)
def test_a_file_is_of_a_span_that_touches_the_times_of_its_events(database, begin, end, found):
    with database.begin() as connection:
        ledger.record_batch(
            connection, build_batch(), ledger.LedgerEntry(state=BatchState.STORED), [FILE]
        )

    with database.read() as connection:
        between = (NOON + begin * SECOND, NOON + end * SECOND)
        assert found == ledger.list_archive_files(connection, between=between)


def test_history_begins_with_the_earliest_committed_event_of_the_types(database):
    later = replace(FILE, path="logout", event_type="Logout", first_time=NOON + SECOND)
    other = replace(FILE, path="other", org="other", first_time=NOON - SECOND)
    with database.begin() as connection:
        ledger.record_batch(
            connection,
            build_batch(),
            ledger.LedgerEntry(state=BatchState.STORED),
            [FILE, later, other],
        )

    def history(*event_types):
        with database.read() as connection:
            return ledger.find_earliest_event_time(connection, org="acme", event_types=event_types)

    assert NOON + SECOND == history("Logout")
    assert NOON == history("Logout", "Login")
    assert NOON == history()
    assert history("Report") is None


def test_a_failed_poll_keeps_the_time_of_the_last_success(database):
    def poll(state, minutes, success):
        moment = NOON + timedelta(minutes=minutes)
        return ledger.PollStatus(
            stream=STREAM,
            state=state,
            reason="",
            last_attempt=moment,
            last_success=moment if success else None,
        )

    with database.begin() as connection:
        ledger.save_poll_status(connection, poll("ok", 0, success=True))
        ledger.save_poll_status(connection, poll("failed", 5, success=False))

    with database.read() as connection:
        (kept,) = ledger.list_poll_statuses(connection)
    assert ("failed", NOON, NOON + timedelta(minutes=5)) == (
        kept.state,
        kept.last_success,
        kept.last_attempt,
    )


def member(uid="e1", seconds=0, alert_id=None, **changes):
    made = AlertMatch(
        alert_id=alert_id or build_alert().id,
        event_uid=uid,
        time=NOON + seconds * SECOND,
        severity=Severity.HIGH,
        weight=0.1,
        count=2,
        late_seconds=60,
        title="Odd login",
        shown={"entities": {"user_id": "005"}, "evidence": [{"event_uid": uid}], "context": []},
    )
    return replace(made, **changes)


def joined(connection, *members):
    alerts.save_alerts(connection, [build_alert()], {build_alert().id: members})


def members(database, *uids):
    with database.read() as connection:
        return alerts.find_alert_matches(connection, org="acme", rule="odd-login", event_uids=uids)


def test_an_alert_comes_back_as_it_went(database):
    full = build_alert(
        context=({"kind": "list", "list": "ioc_ip"},),
        status="withdrawn",
        merged_into="b" * 20,
        reason="It was late.",
        fold_state=FOLD_STATE,
    )
    with database.begin() as connection:
        alerts.save_alerts(connection, [full], {})

    with database.read() as connection:
        assert full == alerts.find_alert(connection, full.id)
        assert [full] == alerts.find_alerts_by_prefix(connection, full.id[:6])
        assert [full] == list(alerts.read_alerts(connection, {full.id, "none"}))
        assert [] == alerts.find_alerts_by_prefix(connection, "%")
        assert alerts.find_alert(connection, "none") is None


def test_a_member_comes_back_as_it_went(database):
    plain = member("e2", shown=None)
    with database.begin() as connection:
        joined(connection, member(), plain)

    assert {"e1": member(), "e2": plain} == members(database, "e1", "e2", "e3")


def test_the_members_of_alerts_come_in_the_order_of_time(database):
    with database.begin() as connection:
        joined(connection, member("e1", 5), member("e2", 1), member("e3", 3))

    with database.read() as connection:
        found = alerts.iterate_alert_matches(connection, [build_alert().id])
        assert ["e2", "e3", "e1"] == [one.event_uid for one in found]
        assert [] == list(alerts.iterate_alert_matches(connection, []))


def test_an_event_belongs_to_the_alert_of_a_rule_that_had_it_last(database):
    other = build_alert(id="f" * 20)
    moved = member(alert_id=other.id, title="Odder")
    with database.begin() as connection:
        joined(connection, member())
        alerts.save_alerts(connection, [other], {other.id: [moved]})

    assert {"e1": moved} == members(database, "e1")


def test_an_event_parts_from_the_alert_that_is_named_and_from_no_other(database):
    with database.begin() as connection:
        joined(connection, member("e1"), member("e2"))
        of_rule = {"org": "acme", "rule": "odd-login"}
        alerts.detach_matches(
            connection, **of_rule, alerts_by_uid={"e1": "another", "e2": build_alert().id}
        )

    assert {"e1": member("e1")} == members(database, "e1", "e2")


def test_events_move_to_another_alert_one_by_one_or_all(database):
    other = build_alert(id="f" * 20)
    with database.begin() as connection:
        joined(connection, member("e1"), member("e2"), member("e3"))
        alerts.move_matches(
            connection, org="acme", rule="odd-login", event_uids=["e2"], alert_id="e" * 20
        )
        alerts.move_merged_matches(connection, build_alert(status="merged", merged_into=other.id))

    owners = {uid: one.alert_id for uid, one in members(database, "e1", "e2", "e3").items()}
    assert {"e1": other.id, "e2": "e" * 20, "e3": other.id} == owners


def test_what_went_on_in_another_alert_is_not_listed_and_never_near(database):
    gone = build_alert(status="merged", merged_into="b" * 20)
    with database.begin() as connection:
        alerts.save_alerts(connection, [gone], {})

    with database.read() as connection:
        assert [] == alerts.list_alerts(connection)
        assert [gone] == alerts.list_alerts(connection, include_merged=True)
        assert {} == alerts.find_nearby_alerts(
            connection, org="acme", rule="odd-login", spans={gone.key: (NOON, NOON)}
        )


@pytest.mark.parametrize(("hours", "found"), [(-2, 0), (-1, 1), (1, 1), (2, 0)])
def test_near_means_touching_the_span(database, hours, found):
    span = (
        NOON + timedelta(hours=hours) - timedelta(hours=1),
        NOON + timedelta(hours=hours) + timedelta(hours=1),
    )
    with database.begin() as connection:
        alerts.save_alerts(connection, [build_alert()], {})
        near = alerts.find_nearby_alerts(
            connection, org="acme", rule="odd-login", spans={build_alert().key: span}
        )

    assert found == len(near.get(build_alert().key, ()))


def test_the_listing_filters_and_puts_the_newest_first(database):
    newer = build_alert(id="b" * 20, last_time=NOON + SECOND, severity=Severity.HIGH)
    with database.begin() as connection:
        alerts.save_alerts(connection, [build_alert(), newer], {})

    with database.read() as connection:
        assert [newer, build_alert()] == alerts.list_alerts(connection)
        assert [newer] == alerts.list_alerts(connection, min_severity=Severity.HIGH)
        assert [newer] == alerts.list_alerts(connection, since=NOON + SECOND)
        assert [newer] == alerts.list_alerts(connection, limit=1)
        assert [] == alerts.list_alerts(connection, rule="other")


def owe(database, revision=1, now=NOON):
    with database.begin() as connection:
        alerts.save_alerts(connection, [build_alert()], {})
        outbox.enqueue_alert(connection, build_alert(revision=revision), ["chat"], now=now)


def lease(database, now=NOON):
    with database.begin() as connection:
        return delivery_leases.lease_delivery(
            connection, "chat", now=now, until=now + timedelta(minutes=2)
        )


def heaps(database):
    with database.read() as connection:
        return outbox.list_queue_stats(connection)


def states(database):
    return {pile.state: pile.count for pile in heaps(database)}


def test_a_leased_message_is_nobody_elses_until_the_lease_ends(database):
    owe(database)

    first = lease(database)
    assert ("0123456789abcdef0123.1.chat", 1) == (first.key, first.attempts)
    assert lease(database, NOON + timedelta(seconds=119)) is None
    again = lease(database, NOON + timedelta(seconds=120))
    assert (first.key, 2) == (again.key, again.attempts)


def test_what_a_dead_process_was_sending_is_due_again_and_counted(database):
    owe(database)
    lease(database)
    with database.begin() as connection:
        outbox.release_leases(connection)

    assert 2 == lease(database).attempts


def test_a_sent_message_is_never_due_again(database):
    owe(database)
    taken = lease(database)
    with database.begin() as connection:
        outbox.mark_sent(connection, taken.key, reference="", now=NOON)

    assert lease(database, NOON + timedelta(days=30)) is None
    assert {"sent": 1} == states(database)


def test_a_postponed_message_waits_and_a_hold_makes_the_whole_channel_wait(database):
    owe(database)
    taken = lease(database)
    with database.begin() as connection:
        outbox.postpone_delivery(connection, taken.key, reason="busy", due=NOON + SECOND)
        held = ChannelStatus(channel="chat", held_until=NOON + 5 * SECOND)
        save_channel_status(connection, held)

    assert lease(database, NOON + 4 * SECOND) is None
    assert 2 == lease(database, NOON + 5 * SECOND).attempts


def test_a_newer_revision_takes_the_place_of_one_not_yet_tried(database):
    owe(database, revision=1)
    owe(database, revision=2)

    assert {"ready": 1, "superseded": 1} == states(database)
    assert 2 == lease(database).revision


def test_a_revision_that_may_have_been_told_is_kept(database):
    owe(database, revision=1)
    lease(database)
    owe(database, revision=2)

    assert {"leased": 1, "ready": 1} == states(database)


def test_what_is_over_is_owed_no_more_to_channels_that_have_not_heard_of_it(database):
    owe(database)
    lease(database)
    with database.begin() as connection:
        outbox.enqueue_alert(connection, build_alert(revision=2), ["chat", "mail"], now=NOON)
        assert frozenset({"chat"}) == outbox.find_notified_channels(connection, build_alert().id)
        outbox.cancel_unseen_deliveries(connection, build_alert().id, now=NOON)

    assert {("chat", "leased"), ("chat", "ready"), ("mail", "superseded")} == {
        (pile.channel, pile.state) for pile in heaps(database)
    }


def test_a_channel_that_refused_has_not_heard(database):
    owe(database)
    with database.begin() as connection:
        taken = delivery_leases.lease_delivery(connection, "chat", now=NOON, until=NOON + SECOND)
        outbox.mark_rejected(connection, taken.key, reason="no", due=NOON + SECOND, now=NOON)
        assert frozenset() == outbox.find_notified_channels(connection, build_alert().id)


def test_owing_the_same_message_twice_is_refused(database):
    owe(database)
    with pytest.raises(sa.exc.IntegrityError):
        owe(database)


def test_two_threads_never_lease_the_same_message(database):
    for number in range(20):
        with database.begin() as connection:
            one = build_alert(id=f"{number:020}")
            alerts.save_alerts(connection, [one], {})
            outbox.enqueue_alert(connection, one, ["chat"], now=NOON)
    taken = []

    def work():
        while (delivery := lease(database)) is not None:
            taken.append(delivery.key)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 20 == len(taken) == len(set(taken))


def test_one_process_at_a_time_works_on_a_directory(tmp_path):
    second = hold_state_lock(tmp_path)
    with (
        hold_state_lock(tmp_path),
        pytest.raises(StateBusyError, match="in use by another collector"),
    ):
        second.__enter__()
    with hold_state_lock(tmp_path):
        assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_a_state_file_that_is_no_database_is_refused_in_words(tmp_path):
    (tmp_path / "state.db").write_bytes(b"not a database, but long enough to look at" * 40)

    with pytest.raises(CollectorError, match=r"is damaged \(file is not a database\)"):
        open_database(tmp_path)


def test_a_database_url_never_shows_its_password(tmp_path):
    with pytest.raises(CollectorError) as caught:
        open_database(tmp_path, "postgresql+psycopg://u:canary-pw@127.0.0.1:1/none")
    assert "canary-pw" not in str(caught.value)


def test_the_state_is_for_its_owner_alone(tmp_path):
    open_database(tmp_path).close()

    assert 0o600 == (tmp_path / "state.db").stat().st_mode & 0o777
