"""The collector's own troubles go down the ordinary path: once for each episode, and no more."""

from datetime import UTC, datetime, timedelta

import pytest

from collector import clock
from collector.app import daemon
from collector.app.single_pass import run_once
from collector.demo import EmbeddedOrg, OrgBehaviour, OrgStore
from collector.health.monitor import HealthMonitor
from collector.model import BatchState, OtherFacts, Severity, Stream
from collector.store import alerts, ledger, outbox, tracked_objects
from collector.store.channel_status import ChannelStatus, save_channel_status
from collector.store.delivery_journal import DeliveryJournal
from fakes.collector_setup import (
    DAY,
    HOUR,
    build_log_file,
    open_test_collector,
    poll_sources,
    write_config,
)
from fakes.model_samples import build_alert, build_batch
from fakes.pipeline_bench import open_pipeline_bench

API = Stream(org="acme", source="stored_events", name="ApiEvent")
LOGIN = Stream(org="acme", source="stored_events", name="LoginEvent")
EXPECTED = {("acme", "stored_events"): timedelta(minutes=1)}
NOW = clock.now()


@pytest.fixture
def bench(tmp_path):
    with open_pipeline_bench(tmp_path) as made:
        yield made


@pytest.fixture
def told(tmp_path):
    """The same, with a channel that nobody delivers to."""
    with open_pipeline_bench(tmp_path, channels=("chat",)) as made:
        yield made


def watch(bench):
    return HealthMonitor(
        database=bench.database,
        pipeline=bench.pipeline,
        spool=bench.places.spool,
        read_schedule=lambda: EXPECTED,
        find_journal_problem=DeliveryJournal(bench.places.delivery_journal).find_problem,
    )


def polled(bench, state, *, at=NOW, stream=API, reason=""):
    with bench.database.begin() as connection:
        ledger.save_poll_status(
            connection,
            ledger.PollStatus(
                stream=stream,
                state=state,
                reason=reason,
                last_attempt=at,
                last_success=at if state == "ok" else None,
            ),
        )


def events(bench):
    return bench.list_rows("status, event_type, org, entity, detail")


def owed(bench):
    with bench.database.read() as connection:
        return sum(pile.count for pile in outbox.list_queue_stats(connection))


def test_an_episode_is_told_once_however_often_one_looks(told):
    polled(told, "ok", at=NOW - HOUR)
    polled(told, "unavailable", reason="it needs Shield")
    eyes = watch(told)
    first = eyes.check_health(NOW)
    again = [eyes.check_health(NOW + times * timedelta(minutes=5)) for times in range(5)]

    assert ["unavailable"] == [symptom.state for symptom in first]
    assert [[]] * 5 == again
    assert [
        ("unavailable", "CollectorHealth", "acme", "acme/stored_events", "it needs Shield")
    ] == events(told)
    (alert,) = told.list_alerts()
    assert ("collector-health", 1, 1) == (alert.rule, alert.count, owed(told))


def test_a_process_that_starts_anew_does_not_tell_it_again(bench):
    polled(bench, "ok", at=NOW - HOUR)
    polled(bench, "unavailable")
    watch(bench).check_health(NOW)

    assert [] == watch(bench).check_health(NOW)
    assert 1 == len(events(bench))


def test_when_it_heals_that_is_an_event_and_no_alert_and_the_next_time_is_told(bench):
    eyes = watch(bench)
    polled(bench, "ok", at=NOW - HOUR)
    polled(bench, "unavailable")
    eyes.check_health(NOW)
    polled(bench, "ok", at=NOW + HOUR)
    eyes.check_health(NOW + HOUR)
    assert ["recovered", "unavailable"] == [row[0] for row in events(bench)]
    assert 1 == len(bench.list_alerts())

    later = NOW + 8 * HOUR
    polled(bench, "unavailable", at=later)
    assert ["unavailable"] == [symptom.state for symptom in eyes.check_health(later)]
    assert 2 == len(bench.list_alerts())
    assert 3 == len(events(bench))


def test_streams_of_one_source_that_fall_ill_together_are_one_message(told):
    for stream in (API, LOGIN):
        polled(told, "ok", at=NOW - HOUR, stream=stream)
        polled(told, "unavailable", stream=stream)
    watch(told).check_health(NOW)

    assert 2 == len(events(told))
    assert [2] == [alert.count for alert in told.list_alerts()]
    assert 1 == owed(told)


def test_what_was_told_and_cannot_be_written_down_is_an_alert(bench):
    """After a loss of the state nobody could say what was told."""
    bench.places.delivery_journal.mkdir()
    eyes = watch(bench)
    for hours in (0, 1):
        eyes.check_health(NOW + hours * HOUR)
    bench.places.delivery_journal.rmdir()
    eyes.check_health(NOW + 2 * HOUR)

    assert [("broken", "outbox"), ("recovered", "outbox")] == [
        (row[0], row[3]) for row in events(bench)
    ]
    (alert,) = bench.list_alerts()
    assert alert.title.startswith(
        "Collector: outbox told.jsonl is broken: what is told cannot be written down in "
    )


def test_lost_batches_are_told_once_a_day_and_nothing_recovers_from_them(bench):
    with bench.database.begin() as connection:
        made = build_batch(stream=API, event_type="ApiEvent", received=NOW)
        entry = ledger.LedgerEntry(state=BatchState.LOST, reason="deleted")
        ledger.record_batch(connection, made, entry, [])
    eyes = watch(bench)
    for hours in (0, 1, 49):
        eyes.check_health(NOW + hours * HOUR)

    assert [("lost", "1 of ApiEvent: deleted")] == [(row[0], row[4]) for row in events(bench)]
    assert ["high"] == [str(alert.severity) for alert in bench.list_alerts()]
    with bench.database.read() as connection:
        assert {} == tracked_objects.read_object_states(connection, org="acme", source="health")


def test_a_stuck_outbox_is_told_once_though_its_oldest_message_changes(told):
    eyes, now = watch(told), clock.now()
    polled(told, "ok", at=now - HOUR)
    polled(told, "unavailable", at=now)
    eyes.check_health(now)
    assert 1 == owed(told)
    stuck = [eyes.check_health(now + timedelta(hours=hours)) for hours in (2, 3, 4)]

    assert [1, 0, 0] == [len(found) for found in stuck]
    assert {"acme", "collector"} == {row[2] for row in events(told)}


def test_a_critical_alert_that_waits_is_told_as_high_with_what_the_receiver_said(told):
    now = clock.now()
    with told.database.begin() as connection:
        made = build_alert(severity=Severity.CRITICAL)
        alerts.save_alerts(connection, [made], {})
        outbox.enqueue_alert(connection, made, ["chat"], now=now - 6 * timedelta(minutes=1))
        gone = ChannelStatus(channel="chat", state="refusing", reason="Slack answered 404")
        save_channel_status(connection, gone)
    watch(told).check_health(now)
    (alert,) = (alert for alert in told.list_alerts() if alert.rule == "collector-health")

    assert Severity.HIGH == alert.severity
    assert "1 critical alert not taken: Slack answered 404" in alert.title


def test_nothing_remains_in_the_spool(bench):
    polled(bench, "ok", at=NOW - HOUR)
    polled(bench, "unavailable")
    watch(bench).check_health(NOW)

    assert [] == list(bench.places.spool.iterdir())


@pytest.mark.slow
def test_one_pass_tells_of_a_permission_that_went_away(tmp_path):
    channels = {"here": {"type": "terminal"}}
    with EmbeddedOrg(OrgStore()) as org:
        config = write_config(tmp_path, org, channels=channels, login_history={})
        with open_test_collector(config) as collector:
            run_once(collector)
    with EmbeddedOrg(
        OrgStore(), behaviour=OrgBehaviour(missing=frozenset({"LoginHistory"}))
    ) as org:
        config = write_config(tmp_path, org, channels=channels, login_history={})
        with open_test_collector(config) as collector:
            told = [run_once(collector).delivery_count for _ in range(2)]
            with collector.database.read() as connection:
                (alert,) = alerts.list_alerts(connection)

    assert [1, 0] == told
    assert "Monitor Login History" in alert.title
    assert "T1562.008" in alert.attack


def test_the_daemon_looks_after_itself_when_it_is_due_and_survives_what_it_finds(tmp_path):
    with EmbeddedOrg(OrgStore()) as org:
        config = write_config(tmp_path, org, login_history={})
        with open_test_collector(config) as collector:
            with collector.database.begin() as connection:
                made = build_batch(received=clock.now(), facts=OtherFacts())
                ledger.record_batch(connection, made, ledger.LedgerEntry(state=BatchState.LOST), [])
            watch = collector.health_monitor
            tick = daemon._PeriodicJob(
                300.0, "watch_failed", lambda: watch.check_health(clock.now())
            )
            tick()
            assert 0 == count(collector), "it was not due yet"
            tick.next_run = 0.0
            tick()
            assert 1 == count(collector)
        tick.next_run = 0.0
        tick()


def count(collector):
    with collector.database.read() as connection:
        return len(alerts.list_alerts(connection))


def test_a_pass_over_old_files_blames_nobody_for_what_came_before(tmp_path):
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    store = OrgStore()
    store.add_files([build_log_file(n, now - 5 * DAY + n * HOUR) for n in range(3)])
    with EmbeddedOrg(store) as org:
        config = write_config(tmp_path, org, event_log_file={"settle": "0s", "lookback": "9d"})
        with open_test_collector(config) as collector:
            poll_sources(collector)
            assert [] == collector.health_monitor.check_health(clock.now())
