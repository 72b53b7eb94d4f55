"""A channel that is down is tried with one message; what it refused is tried again, for ever."""

import contextlib
from datetime import timedelta

import pytest

from collector.delivery.retry_plan import plan_retry
from collector.model import Delivery, RejectionScope, RetryLater, Severity
from collector.settings import Secret
from collector.store.database import open_database
from fakes.delivery_bench import open_delivery_bench
from fakes.slack import HangUp, WebhookReply

MICROSECOND = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
BUSY = WebhookReply(status=503)
GONE = WebhookReply(status=404, body="no_service")
INVALID = WebhookReply(status=400, body="invalid_blocks")


def break_receiver(bench, *reactions, count=1_000):
    bench.receivers["chat"].script.extend(reactions * count)


def mend_receiver(bench):
    bench.receivers["chat"].script.clear()


def drain_for(bench, length):
    """What the daemon does in so long a time; how many messages were taken.

    Nothing happens between the moments at which something is due, so these alone are tried.
    """
    end, sent = bench.clock.now + length, 0
    while bench.clock.now < end:
        held_until = bench.read_status().held_until or bench.clock.now
        waiting = [row.due for row in bench.list_rows() if row.state in {"ready", "refused"}]
        moments = [moment for due in waiting if (moment := max(due, held_until)) <= end]
        bench.clock.now = max(min(moments, default=end), bench.clock.now + MICROSECOND)
        sent += bench.worker.drain_channel("chat")
    return sent


@pytest.mark.parametrize("reaction", [BUSY, HangUp()], ids=["busy", "hangs up"])
def test_a_channel_that_is_down_is_tried_with_one_message_not_with_each(bench, reaction):
    bench.enqueue(*range(38))
    break_receiver(bench, reaction)
    assert 0 == bench.worker.drain_channel("chat")
    assert 1 == len(bench.list_texts())

    drain_for(bench, 60 * SECOND)
    assert len(bench.list_texts()) <= 8, "after 1, 2, 4, 8, 16 and 32 s, or half of it"
    assert ("failing", "chat") == (bench.read_status().state, bench.read_status().channel)


def test_a_channel_that_refuses_is_tried_with_one_message_at_growing_distances(bench):
    bench.enqueue(*range(38))
    break_receiver(bench, GONE)
    bench.worker.drain_channel("chat")
    assert 1 == len(bench.list_texts())
    drain_for(bench, HOUR)
    assert 9 == len(bench.list_texts()), "after 10, 20, 40, 80, 160, 320, 640 and 1,280 s"

    drain_for(bench, timedelta(days=6))
    assert len(bench.list_texts()) <= 21, "and at last once a day"
    status = bench.read_status()
    assert "refusing" == status.state
    assert "no_service" in status.reason


def test_a_refused_message_leaves_when_the_channel_takes_messages_again(bench):
    bench.enqueue(1, severity=Severity.CRITICAL)
    bench.enqueue(2, 3)
    break_receiver(bench, GONE)
    drain_for(bench, 600 * SECOND)
    mend_receiver(bench)
    before = len(bench.list_texts())

    assert 3 == drain_for(bench, 660 * SECOND)
    assert {"sent"} == {row.state for row in bench.list_rows()}
    assert "ok" == bench.read_status().state
    assert 3 == len(bench.list_texts()) - before


def test_what_waited_for_long_leaves_at_once_when_the_channel_recovers_the_gravest_first(bench):
    bench.enqueue(1, severity=Severity.CRITICAL)
    bench.enqueue(2, 3)
    break_receiver(bench, BUSY)
    drain_for(bench, HOUR)
    mend_receiver(bench)
    bench.clock.advance_by(300 * SECOND)

    assert 3 == bench.worker.drain_channel("chat")
    first = next(i for i, text in enumerate(bench.list_texts()[-3:]) if "Alert 1 " in text)
    assert first <= 1, "it is the probe, or follows it"


def test_a_message_that_is_refused_for_itself_holds_no_other_up(bench):
    bench.enqueue(1, severity=Severity.CRITICAL)
    bench.enqueue(2, 3)
    break_receiver(bench, INVALID, count=1)

    assert 2 == bench.worker.drain_channel("chat")
    assert "ok" == bench.read_status().state
    (refused,) = bench.list_rows(state="refused")
    assert (1, 20 * SECOND) == (refused.refusals, refused.due - bench.clock.now)
    assert 1 == drain_for(bench, 20 * SECOND)


def test_a_message_that_one_recipient_takes_later_holds_no_other_up(bench):
    bench.enqueue(1)
    bench.worker.drain_channel("chat")
    later = RetryLater(reason="greylisted", scope=RejectionScope.MESSAGE)
    delivery = Delivery(
        key="k",
        alert_id="a",
        channel="chat",
        revision=1,
        severity=Severity.LOW,
        attempts=1,
    )
    plan = plan_retry(delivery, bench.read_status(), later, jitter=1.0, now=bench.clock.now)

    assert bench.read_status() == plan.status
    assert 2 * SECOND == plan.due - bench.clock.now


def test_a_few_messages_that_are_never_taken_do_not_stop_the_others(bench):
    """A receiver may refuse a text in words that sound as if it refused everything."""
    poison = {"1", "2", "3"}
    channel = bench.worker.channels["chat"]

    class Filtering:
        def send(self, message):
            if getattr(message, "alert", None) and message.alert.title.split()[1] in poison:
                bench.receivers["chat"].script.append(WebhookReply(status=403))
            return channel.send(message)

    bench.worker.channels = {"chat": Filtering()}
    bench.enqueue(1, 2, 3, severity=Severity.CRITICAL)
    for number in range(10, 18):
        bench.enqueue(number)
        drain_for(bench, 600 * SECOND)

    waits = [row.finished - row.created for row in bench.list_rows(state="sent")]
    assert 8 == len(waits)
    assert max(waits) <= 240 * SECOND
    assert sum(wait > 10 * SECOND for wait in waits) <= 4, "as these come at growing distances"
    assert [1, 2, 3] == [int(row.alert_id) for row in bench.list_rows(state="refused")]


def test_a_receiver_that_refuses_each_message_for_itself_refuses_all(bench):
    bench.enqueue(*range(38))
    break_receiver(bench, INVALID)
    bench.worker.drain_channel("chat")

    assert 3 == len(bench.list_texts())
    assert "refusing" == bench.read_status().state


def test_a_pause_that_the_receiver_asks_for_is_kept_also_by_what_comes_meanwhile(bench):
    bench.enqueue(1)
    break_receiver(bench, WebhookReply(status=429, headers={"Retry-After": "30"}), count=1)
    bench.worker.drain_channel("chat")
    bench.enqueue(2, severity=Severity.CRITICAL)

    assert 0 == drain_for(bench, 29 * SECOND)
    assert 2 == drain_for(bench, SECOND)


def test_a_refused_message_is_not_told_where_a_later_one_said_more(bench):
    bench.enqueue(1)
    break_receiver(bench, GONE, count=1)
    bench.worker.drain_channel("chat")
    bench.enqueue(1, revision=2, severity=Severity.HIGH)
    drain_for(bench, 60 * SECOND)

    assert ["superseded", "sent"] == [row.state for row in bench.list_rows()]
    assert 2 == len(bench.list_texts())


# ---- a change of the settings


def test_changed_settings_make_all_due_at_once(bench):
    bench.enqueue(*range(3))
    break_receiver(bench, GONE)
    drain_for(bench, HOUR)
    mend_receiver(bench)
    assert ["chat"] == bench.worker.notice_changed_settings(), "they were not known before"
    assert [] == bench.build_worker().notice_changed_settings(), "a start alone changes nothing"

    break_receiver(bench, GONE)
    drain_for(bench, HOUR)
    mend_receiver(bench)
    new_url = Secret(f"{bench.receivers['chat'].url}-renewed")
    bench.settings["chat"] = bench.settings["chat"].model_copy(update={"webhook_url": new_url})
    worker = bench.build_worker()
    assert ["chat"] == worker.notice_changed_settings()
    assert 3 == worker.drain_channel("chat")


def test_no_secret_of_the_settings_is_kept(tmp_path):
    with contextlib.closing(open_database(tmp_path)) as database:
        with open_delivery_bench(database) as bench:
            bench.worker.notice_changed_settings()
            salt, digest = bench.read_status().fingerprint.split(":")
        kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert (32, 64) == (len(salt), len(digest))
    assert b"canary" not in kept
