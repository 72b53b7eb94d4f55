"""Storms: the critical ones come alone and first, the others as digests, and none is dropped."""

import contextlib
import threading
from collections import Counter
from datetime import timedelta

import pytest

from collector.model import Severity
from collector.store import outbox
from fakes import databases
from fakes.delivery_bench import open_delivery_bench
from fakes.slack import HangUp, WebhookReply

MINUTE = timedelta(minutes=1)
WINDOW = 5 * MINUTE


@pytest.fixture(params=databases.DATABASE_KINDS)
def database(request, tmp_path):
    with databases.open_test_database(request.param, tmp_path) as opened:
        yield opened


def test_the_gravest_leave_first_and_of_equals_the_oldest(bench):
    bench.enqueue(1, 2)
    bench.enqueue(3, severity=Severity.HIGH)
    bench.clock.advance_by(MINUTE)
    bench.enqueue(4, severity=Severity.CRITICAL)
    bench.enqueue(5, severity=Severity.HIGH)
    assert 5 == bench.worker.drain_channel("chat")

    numbers = [int(text.split("Alert ")[1].split()[0]) for text in bench.list_texts()]
    assert [4, 3, 5, 1, 2] == numbers


@pytest.mark.slow
def test_a_critical_alert_is_the_next_message_behind_fifteen_hundred_low_ones(database):
    with open_delivery_bench(database) as bench:
        bench.enqueue(*range(1500))
        bench.enqueue(9999, severity=Severity.CRITICAL)
        assert 22 == bench.worker.drain_channel("chat")

        texts = bench.list_texts()
        assert "Alert 9999" in texts[0]
        assert "1,480 alerts of acme: 1,480 low" in texts[21]
        assert Counter(sent=1502) == Counter(row.state for row in bench.list_rows())
        (digest,) = bench.list_rows(alert_id=None)
        assert 1480 == len(bench.list_rows(digest=digest.key)), "each is told by it, or alone"


def test_what_comes_in_a_storm_waits_for_the_next_digest_but_critical_ones(bench):
    bench.enqueue(*range(5))
    bench.worker.drain_channel("chat")
    bench.clock.advance_by(MINUTE)
    bench.enqueue(*range(100, 130))
    bench.enqueue(200, severity=Severity.CRITICAL)

    assert 1 == bench.worker.drain_channel("chat")
    assert "Alert 200" in bench.list_texts()[-1]
    bench.clock.advance_by(WINDOW - MINUTE)
    assert 1 == bench.worker.drain_channel("chat")
    assert "Digest 2 of a storm: 30 alerts" in bench.list_texts()[-1]
    first, second = bench.list_rows(alert_id=None)
    assert (first.storm, 1, 2) == (second.storm, first.revision, second.revision)
    assert "told 31 alerts" in str(bench.receivers["chat"].bodies[-1])


def test_a_storm_is_over_when_a_window_brought_no_more_than_the_limit(bench):
    bench.enqueue(*range(5))
    bench.worker.drain_channel("chat")
    bench.enqueue(*range(100, 104))
    bench.clock.advance_by(WINDOW)

    assert 4 == bench.worker.drain_channel("chat")
    assert "Alert 103" in bench.list_texts()[-1]
    assert 1 == len(bench.list_rows(alert_id=None))


def test_in_a_lasting_storm_there_is_one_digest_a_window(bench):
    for minute in range(15):
        bench.enqueue(*range(10 * minute, 10 * minute + 8))
        bench.worker.drain_channel("chat")
        bench.clock.advance_by(MINUTE)
    bench.worker.drain_channel("chat")

    digests = bench.list_rows(alert_id=None)
    assert 1 == len({row.storm for row in digests})
    assert [1, 2, 3, 4] == sorted(row.revision for row in digests)
    assert 4 + len(digests) == len(bench.list_texts())
    told = [row.state for row in bench.list_rows() if row.alert_id is not None]
    assert Counter(sent=15 * 8) == Counter(told)


def test_the_limit_is_a_setting_of_the_channel(database):
    storm = {"storm": {"messages": 2, "window": timedelta(hours=1)}}
    with open_delivery_bench(database, chat=storm) as bench:
        bench.enqueue(*range(5))
        assert 3 == bench.worker.drain_channel("chat")
        bench.enqueue(*range(10, 15))
        bench.clock.advance_by(59 * MINUTE)
        assert 0 == bench.worker.drain_channel("chat")


def test_an_alert_that_becomes_critical_leaves_the_digest_and_goes_alone(bench):
    bench.enqueue(*range(4))
    bench.worker.drain_channel("chat")
    bench.enqueue(*range(100, 140))
    bench.receivers["chat"].script.append(WebhookReply(status=503))
    assert 0 == bench.worker.drain_channel("chat"), "the digest was not taken"
    bench.enqueue(105, severity=Severity.CRITICAL, revision=2)
    bench.clock.advance_by(MINUTE)
    assert 2 == bench.worker.drain_channel("chat")

    assert "Alert 105" in bench.list_texts()[-2]
    assert "39 alerts" in bench.list_texts()[-1]
    assert [("superseded", 1), ("sent", 2)] == [
        (each.state, each.revision) for each in bench.list_deliveries(105)
    ]


def test_an_alert_that_becomes_critical_while_its_digest_is_on_the_way_is_told_by_both(bench):
    bench.enqueue(*range(6))
    sender = bench.worker.channels["chat"]
    original = sender.send

    class Interrupting:
        def send(self, message):
            if "digest" in type(message).__name__.lower():
                bench.enqueue(5, severity=Severity.CRITICAL, revision=2)
            return original(message)

    bench.worker.channels = {"chat": Interrupting()}
    assert 6 == bench.worker.drain_channel("chat")

    assert [("sent", True), ("sent", False)] == [
        (each.state, bool(each.digest)) for each in bench.list_deliveries(5)
    ]


def test_a_digest_says_which_alerts_of_whom_and_shows_the_gravest(bench):
    bench.enqueue(*range(4))
    bench.worker.drain_channel("chat")
    users = ["ada", "ada", "ada", "bob", "bob", "eve", "joe"]
    for number, user in enumerate(users):
        entities = {"user_name": f"{user}@acme.com"}
        bench.enqueue(100 + number, entities=entities, rule="odd-export", count=2)
    bench.enqueue(7, severity=Severity.HIGH, org="emea", revision=2)
    bench.worker.drain_channel("chat")

    body = str(bench.receivers["chat"].bodies[-1])
    assert "8 alerts of 2 orgs: 1 high, 7 low" in body
    assert "odd-login in emea: 1 alert, 1 event" in body
    expected = (
        "odd-export in acme: 7 alerts, 14 events, by ada@acme.com, bob@acme.com, eve@acme.com"
    )
    assert f"{expected} and 1 other" in body
    assert body.index("Alert 7") < body.index("Alert 106")
    assert "… 3 more" in body


def test_a_digest_that_may_have_arrived_is_repeated_with_its_mark_and_tells_the_same(bench):
    bench.enqueue(*range(4))
    bench.worker.drain_channel("chat")
    bench.enqueue(*range(100, 150))
    bench.receivers["chat"].script.append(HangUp())
    assert 0 == bench.worker.drain_channel("chat")
    bench.enqueue(*range(200, 250))
    bench.clock.advance_by(MINUTE)
    assert 1 == bench.worker.drain_channel("chat")

    first, second = (str(body) for body in bench.receivers["chat"].bodies[-2:])
    (digest,) = bench.list_rows(alert_id=None)
    assert "possible repeat" not in first
    assert f"possible repeat, attempt 2, key {digest.key}" in second
    assert "50 alerts" in first
    assert "50 alerts" in second


def test_whoever_dies_while_a_digest_is_sent_leaves_it_to_the_next_one_with_a_mark(bench):
    bench.enqueue(*range(9))
    stop = threading.Event()

    class Dying:
        """Sends, and dies before anybody can record it."""

        def send(self, message):
            if "digest" not in type(message).__name__.lower():
                return channel.send(message)
            channel.send(message)
            raise SystemExit

    worker = bench.build_worker(stop=stop)
    channel = worker.channels["chat"]
    worker.channels = {"chat": Dying()}
    with contextlib.suppress(SystemExit):
        worker.drain_channel("chat")
    with bench.database.begin() as connection:
        outbox.release_leases(connection)
    assert 1 == bench.worker.drain_channel("chat")

    assert Counter(sent=10) == Counter(row.state for row in bench.list_rows())
    assert 6 == len(bench.list_texts())
    assert "possible repeat" in str(bench.receivers["chat"].bodies[-1])


def test_a_digest_that_is_refused_comes_again_without_the_texts_of_the_org(bench):
    entities = {"user_name": "<script>@acme.com"}
    bench.enqueue(*range(4))
    bench.worker.drain_channel("chat")
    bench.enqueue(*range(100, 130), entities=entities)
    bench.receivers["chat"].script.append(WebhookReply(status=400, body="invalid_blocks"))
    assert 0 == bench.worker.drain_channel("chat")
    bench.clock.advance_by(MINUTE)
    assert 1 == bench.worker.drain_channel("chat")

    first, second = (str(body) for body in bench.receivers["chat"].bodies[-2:])
    assert "script" in first
    assert "script" not in second
    assert "odd-login in acme: 30 alerts" in second


def test_a_clock_that_is_put_back_holds_nobody_up(bench):
    bench.clock.advance_by(timedelta(days=1))
    bench.enqueue(*range(9))
    bench.worker.drain_channel("chat")
    bench.clock.advance_by(timedelta(days=-1))
    bench.enqueue(100)

    assert 1 == bench.worker.drain_channel("chat")


def test_channels_have_storms_of_their_own(database):
    storm = {"storm": {"messages": 3}}
    with open_delivery_bench(database, "chat", "mail", chat=storm, mail=storm) as bench:
        bench.enqueue(*range(9), channels=("chat",))
        bench.enqueue(*range(30, 33), channels=("mail",))
        bench.worker.drain_channels()

        assert (4, 3) == (len(bench.list_texts("chat")), len(bench.list_texts("mail")))
