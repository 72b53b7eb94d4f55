"""Where a channel does not take critical alerts, another one does; and it gets them later, too."""

from datetime import timedelta

from collector.model import Route, Severity
from fakes.delivery_bench import open_delivery_bench
from fakes.slack import WebhookReply

MINUTE = timedelta(minutes=1)
BUSY = WebhookReply(status=503)
GONE = WebhookReply(status=404, body="no_service")


def break_receiver(bench, name, reaction):
    bench.receivers[name].script.extend([reaction] * 1_000)


def enqueue_both(bench, channel="chat"):
    bench.enqueue(1, channels=(channel,), severity=Severity.CRITICAL)
    bench.enqueue(2, channels=(channel,), severity=Severity.HIGH)


def list_alerts_of(bench, name):
    return [text.split("Alert ")[1].split()[0] for text in bench.list_texts(name)]


def test_a_critical_alert_that_is_refused_goes_at_once_to_the_channel_that_is_named(database):
    named = {"fallback": ("oncall",)}
    with open_delivery_bench(database, "chat", "oncall", "other", chat=named) as bench:
        enqueue_both(bench)
        break_receiver(bench, "chat", GONE)
        assert 1 == bench.worker.drain_channels()

        assert ["1"] == list_alerts_of(bench, "oncall")
        assert [] == bench.list_texts("other")
        assert "chat, which does not take messages" in str(bench.receivers["oncall"].bodies[0])
        assert [("chat", "refused", ""), ("oncall", "sent", "chat")] == [
            (each.channel, each.state, each.instead_of) for each in bench.list_deliveries(1)
        ]


def test_one_pass_is_enough_whichever_channel_comes_first(database):
    named = {"fallback": ("oncall",)}
    with open_delivery_bench(database, "oncall", "chat", chat=named) as bench:
        enqueue_both(bench)
        break_receiver(bench, "chat", GONE)
        assert 1 == bench.worker.drain_channels()

        assert ["1"] == list_alerts_of(bench, "oncall")


def test_it_still_reaches_its_own_channel_and_the_other_one_only_once(database):
    named = {"fallback": ("oncall",)}
    with open_delivery_bench(database, "chat", "oncall", chat=named) as bench:
        enqueue_both(bench)
        break_receiver(bench, "chat", GONE)
        for _ in range(10):
            bench.worker.drain_channels()
            bench.clock.advance_by(MINUTE)
        bench.receivers["chat"].script.clear()
        bench.clock.advance_by(20 * MINUTE)
        assert 2 == bench.worker.drain_channels()

        assert ["1"] == list_alerts_of(bench, "oncall")
        assert {"sent"} == {row.state for row in bench.list_rows()}


def test_a_channel_that_does_not_answer_has_so_long_to_come_back(database):
    named = {"fallback": ("oncall",), "fallback_after": 3 * MINUTE}
    with open_delivery_bench(database, "chat", "oncall", chat=named) as bench:
        enqueue_both(bench)
        break_receiver(bench, "chat", BUSY)
        bench.worker.drain_channels()
        bench.clock.advance_by(3 * MINUTE - timedelta(seconds=1))
        bench.worker.drain_channels()
        assert [] == bench.list_texts("oncall")
        bench.clock.advance_by(timedelta(seconds=1))
        bench.worker.drain_channels()

        assert ["1"] == list_alerts_of(bench, "oncall")


def test_what_becomes_critical_while_the_channel_is_out_of_order_goes_over_at_once(database):
    with open_delivery_bench(database, "chat", "oncall") as bench:
        bench.enqueue(1)
        break_receiver(bench, "chat", GONE)
        bench.worker.drain_channels()
        bench.enqueue(1, severity=Severity.CRITICAL, revision=2)
        bench.worker.drain_channels()

        assert ["1"] == list_alerts_of(bench, "oncall")


def test_without_a_word_those_stand_in_that_the_routes_tell_of_that_org(database):
    routes = (
        Route(channels=("chat",), orgs=("acme",), min_severity=Severity.CRITICAL),
        Route(channels=("team",), orgs=("acme",)),
        Route(channels=("stranger",), orgs=("emea",)),
    )
    with open_delivery_bench(database, "chat", "team", "stranger", routes=routes) as bench:
        enqueue_both(bench)
        break_receiver(bench, "chat", GONE)
        bench.worker.drain_channels()

        assert ["1"] == list_alerts_of(bench, "team")
        assert [] == bench.list_texts("stranger")


def test_without_a_word_nobody_stands_in_where_another_channel_has_it(database):
    with open_delivery_bench(database, "chat", "team", "third") as bench:
        bench.enqueue(1, channels=("chat", "team"), severity=Severity.CRITICAL)
        bench.receivers["chat"].script.extend([BUSY] * 99)
        bench.worker.drain_channels()
        bench.clock.advance_by(5 * MINUTE)
        bench.worker.drain_channels()

        assert ["1"] == list_alerts_of(bench, "team")
        assert [] == bench.list_texts("third")


def test_nobody_stands_in_where_the_settings_say_so(database):
    with open_delivery_bench(database, "chat", "team", chat={"fallback": ()}) as bench:
        enqueue_both(bench)
        break_receiver(bench, "chat", GONE)
        bench.worker.drain_channels()

        assert [] == bench.list_texts("team")


def test_where_the_stand_in_is_out_of_order_too_its_own_stands_in(database):
    chain = {"chat": {"fallback": ("second",)}, "second": {"fallback": ("third", "chat")}}
    with open_delivery_bench(database, "chat", "second", "third", **chain) as bench:
        enqueue_both(bench)
        break_receiver(bench, "chat", GONE)
        break_receiver(bench, "second", GONE)
        bench.worker.drain_channels()
        bench.worker.drain_channels()

        assert ["1"] == list_alerts_of(bench, "third")
        assert "second, which" in str(bench.receivers["third"].bodies[0])


def test_a_stand_in_that_is_named_later_takes_what_waits(database):
    with open_delivery_bench(database, "chat", "oncall", chat={"fallback": ()}) as bench:
        enqueue_both(bench)
        break_receiver(bench, "chat", GONE)
        bench.worker.notice_changed_settings()
        bench.worker.drain_channels()
        update = {"fallback": ("oncall",)}
        bench.settings["chat"] = bench.settings["chat"].model_copy(update=update)
        worker = bench.build_worker()
        assert ["chat"] == worker.notice_changed_settings()
        worker.drain_channels()

        assert ["1"] == list_alerts_of(bench, "oncall")


def test_what_is_grave_on_a_channel_that_was_renamed_goes_to_those_that_the_routes_name(database):
    with open_delivery_bench(database, "chat", "team") as bench:
        enqueue_both(bench)
        bench.enqueue(3, channels=("chat",), severity=Severity.MEDIUM)
        bench.enqueue(4, channels=("team",), severity=Severity.CRITICAL)
        del bench.settings["chat"]
        worker = bench.build_worker(routes=(Route(channels=("team",)),))

        assert 2 == worker.redirect_removed_channels()
        assert 0 == worker.redirect_removed_channels()
        assert 3 == worker.drain_channels()
        assert ["1", "2", "4"] == sorted(list_alerts_of(bench, "team"))
        assert not any("instead" in str(body) for body in bench.receivers["team"].bodies)
        (sentence,) = worker.list_undelivered()
        assert sentence == (
            "chat: 1 message ready: the channel is not configured any more; configure it again, or"
            " give its messages up by `collector deliveries discard --channel chat`"
        )
