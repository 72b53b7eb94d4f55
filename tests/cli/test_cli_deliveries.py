"""`deliveries` shows what has not arrived and why, and has it tried again."""

from __future__ import annotations

import contextlib
import json
from datetime import timedelta

import pytest
from cli.processes import FEW_SOURCES, invoke_command, parse_lines, run_collector, write_config

from collector import clock
from collector.demo import EmbeddedOrg, OrgStore
from collector.errors import CollectorError
from collector.model import Severity
from collector.store import alerts, outbox
from collector.store.channel_status import ChannelStatus, save_channel_status
from collector.store.database import open_database
from fakes.delivery_bench import DeliveryBench, open_delivery_bench
from fakes.model_samples import build_alert
from fakes.slack import WebhookReply, run_slack_receiver
from fakes.smtp import run_mailbox
from hostile.strings import HOSTILE_STRINGS

GONE = WebhookReply(status=404, body="no_service")


@pytest.fixture
def state(tmp_path):
    """A configuration with the channel `chat`, and a bench that delivers to it."""
    channels = {"chat": {"type": "slack", "webhook_url": "https://hooks.slack.com/services/T/B/x"}}
    config = write_config(tmp_path, "https://acme.my.salesforce.com", channels=channels)
    (tmp_path / "state").mkdir()
    with (
        contextlib.closing(open_database(tmp_path / "state")) as database,
        open_delivery_bench(database, chat={"storm": {"messages": 2}}) as bench,
    ):
        bench.clock.now = clock.now()
        yield config, bench


def refuse(bench: DeliveryBench) -> None:
    """Two alerts that the channel refuses, a critical one among them."""
    bench.enqueue(1)
    bench.enqueue(2, severity=Severity.CRITICAL)
    bench.receivers["chat"].script.append(GONE)
    bench.worker.drain_channel("chat")


def test_it_lists_what_has_not_arrived_and_the_channel_that_takes_nothing(state):
    config, bench = state
    refuse(bench)
    first, second, channel = parse_lines(
        invoke_command("deliveries", "list", "--json", "-c", config)
    )
    screen = " ".join(invoke_command("deliveries", "list", "-c", config).stdout.split())

    assert ("delivery", "critical", "refused", 1, "Alert 2") == tuple(
        first[key] for key in ("kind", "severity", "state", "attempts", "title")
    )
    assert ("low", "ready", 0) == tuple(second[key] for key in ("severity", "state", "attempts"))
    assert ("channel", "chat", "refusing") == tuple(
        channel[key] for key in ("kind", "channel", "state")
    )
    assert "fingerprint" not in channel
    assert "chat has been refusing" in screen
    assert "no_service" in screen
    assert "The next try is in" in screen


def test_what_is_asked_for_is_due_at_once_and_a_running_collector_sends_it(state):
    config, bench = state
    refuse(bench)
    assert 0 == bench.worker.drain_channel("chat"), "the channel is held"
    said = invoke_command("deliveries", "retry", "--channel", "chat", "-c", config).stdout
    bench.clock.now = clock.now()

    assert said.startswith("chat: 2 messages due now\n")
    assert 2 == bench.worker.drain_channel("chat")
    assert (
        "every message has arrived\n" == invoke_command("deliveries", "list", "-c", config).stdout
    )
    assert "nothing waits\n" == invoke_command("deliveries", "retry", "-c", config).stdout


def test_single_messages_are_named_by_the_beginning_of_their_keys(state):
    config, bench = state
    refuse(bench)
    key = f"{2:020}"
    said = invoke_command("deliveries", "retry", key, "-c", config).stdout

    assert said.startswith("chat: 1 message due now\n")
    with pytest.raises(CollectorError, match="no message waits on 'chat' with a key that begins"):
        raise invoke_command(
            "deliveries", "retry", "--channel", "chat", "zz", "-c", config
        ).exception


def test_the_messages_of_a_digest_are_listed_by_its_key(state):
    config, bench = state
    bench.enqueue(*range(7))
    bench.worker.drain_channel("chat")
    (digest,) = bench.list_rows(alert_id=None)
    lines = parse_lines(
        invoke_command("deliveries", "list", "--json", "--digest", digest.key, "-c", config)
    )
    shown = invoke_command("alerts", "show", f"{5:020}", "-c", config).stdout
    explained = invoke_command("alerts", "explain", f"{5:020}", "-c", config).stdout

    assert [f"Alert {number}" for number in range(2, 7)] == [line["title"] for line in lines]
    for screen in (shown, explained):
        assert f"chat sent {digest.finished:%Y-%m-%d}" in " ".join(screen.split())
        assert f"in {digest.key}" in " ".join(screen.split())


def test_what_waits_on_a_channel_that_is_not_configured_any_more_is_said_to_stay(state, tmp_path):
    _, bench = state
    refuse(bench)
    config = write_config(tmp_path, "https://acme.my.salesforce.com", channels={})
    screen = " ".join(invoke_command("deliveries", "list", "-c", config).stdout.split())
    status = parse_lines(invoke_command("status", "--json", "-c", config))
    lines = parse_lines(invoke_command("deliveries", "list", "--json", "-c", config))
    said = invoke_command("deliveries", "retry", "-c", config).stdout

    assert ["the channel is not configured any more"] * 2 == [line["reason"] for line in lines]
    assert "The next try" not in screen
    assert "due" not in screen.split()
    assert "channel" not in [line["kind"] for line in status]
    remedy = "; configure it again, or give its messages up by"
    remedy += " `collector deliveries discard --channel chat`"
    assert [f"the channel is not configured any more{remedy}"] * 2 == [
        line["reason"] for line in status if line["kind"] == "outbox"
    ]
    assert (
        f"chat: 2 messages cannot leave: the channel is not configured any more{remedy}\n" == said
    )


def test_what_waits_on_a_channel_that_is_gone_is_given_up(state, tmp_path):
    _, bench = state
    bench.enqueue(*range(7))
    bench.receivers["chat"].script.extend([WebhookReply(), WebhookReply(), GONE])
    bench.worker.drain_channel("chat")
    bench.enqueue(9, severity=Severity.CRITICAL)
    config = write_config(tmp_path, "https://acme.my.salesforce.com", channels={})
    asked = invoke_command("deliveries", "discard", "--channel", "chat", "-c", config)
    said = invoke_command("deliveries", "discard", "--channel", "chat", "--yes", "-c", config)
    lines = parse_lines(invoke_command("deliveries", "list", "--all", "--json", "-c", config))

    question = "6 messages (1 critical, 5 low) on chat, will never be sent. Discard? [y/N]: "
    assert question in asked.stderr
    assert 1 == asked.exit_code
    assert "chat: 6 messages discarded\n" == said.stdout
    given_up = [line for line in lines if line["state"] == "superseded"]
    assert 7 == len(given_up), "the digest as well"
    for line in given_up:
        assert line["reason"].startswith("discarded by `collector deliveries discard` at 20")
        assert line["reason"].endswith("Z: the channel is not configured any more")
        assert line["finished"]
    assert 2 == sum(line["state"] == "sent" for line in lines)
    assert [] == bench.build_worker().list_undelivered()
    with pytest.raises(CollectorError, match="no message waits on 'chat'"):
        raise invoke_command(
            "deliveries", "discard", "--channel", "chat", "--yes", "-c", config
        ).exception


def test_what_is_being_sent_is_not_given_up(state):
    """A daemon that is at work has leased it, and records what became of it."""
    config, bench = state
    bench.enqueue(1, 2)
    bench.clock.now = clock.now()
    leased = bench.worker._lease_delivery("chat")
    said = invoke_command("deliveries", "discard", "--channel", "chat", "--yes", "-c", config)

    assert "chat: 1 message discarded\n" == said.stdout
    assert ["leased", "superseded"] == [row.state for row in bench.list_rows()]
    assert leased.key == bench.list_rows()[0].key


def test_what_waits_for_a_digest_is_not_said_to_be_due(state):
    config, bench = state
    bench.clock.now = clock.now() - timedelta(minutes=1)
    bench.enqueue(*range(7))
    bench.worker.drain_channel("chat")
    bench.enqueue(7, 8, 9)
    bench.enqueue(10, severity=Severity.CRITICAL)
    (digest,) = bench.list_rows(alert_id=None)
    said = invoke_command("deliveries", "retry", "-c", config).stdout
    screen = invoke_command("deliveries", "list", "-c", config).stdout

    leaves = digest.finished + timedelta(minutes=5)
    assert [
        "chat: 1 message due now",
        f"chat: 3 messages held for the digest that leaves at {leaves:%Y-%m-%d %H:%M:%S}Z",
        "a running collector sends them now, else the next `collector run`",
    ] == said.splitlines()
    assert 1 == screen.split().count("due")


def test_status_tells_of_a_channel_that_takes_nothing(state):
    config, bench = state
    refuse(bench)
    lines = parse_lines(invoke_command("status", "--json", "-c", config))

    assert ["refusing"] == [line["state"] for line in lines if line["kind"] == "channel"]


def test_no_text_acts_on_a_terminal(tmp_path):
    config = write_config(tmp_path, "https://acme.my.salesforce.com")
    (tmp_path / "state").mkdir()
    storable = [text for text in HOSTILE_STRINGS if text.isascii() or text.isprintable()]
    now = clock.now()
    with (
        contextlib.closing(open_database(tmp_path / "state")) as database,
        database.begin() as connection,
    ):
        for number, text in enumerate(storable):
            alert = build_alert(id=f"{number:020}", title=text)
            alerts.save_alerts(connection, [alert], {})
            outbox.enqueue_alert(connection, alert, ["chat"], now=now)
            outbox.postpone_delivery(connection, f"{alert.id}.1.chat", reason=text, due=now)
        status = ChannelStatus(channel="chat", state="failing", reason=storable[-1])
        save_channel_status(connection, status)
    screen = invoke_command("deliveries", "list", "-c", config).stdout

    assert screen.replace("\n", "").isprintable()


@pytest.mark.slow
def test_a_state_that_is_not_there_is_told(tmp_path):
    config = write_config(tmp_path, "https://acme.my.salesforce.com")

    for arguments in (("list",), ("retry",)):
        process = run_collector("deliveries", *arguments, "-c", config, cwd=tmp_path)
        assert (1, "") == (process.returncode, process.stdout)
        assert "nothing has been collected yet" in process.stderr


@pytest.mark.slow
def test_a_webhook_that_was_gone_for_a_while_loses_no_alert(tmp_path):
    """The whole path as processes: refused, told with exit 1, mended, retried, arrived."""
    with EmbeddedOrg(OrgStore()) as org, run_slack_receiver() as receiver:
        config = write_config(
            tmp_path,
            org.base_url,
            sources=FEW_SOURCES,
            channels={"chat": {"type": "slack", "webhook_url": receiver.url}},
        )
        secret = {"SF_SECRET": org.application.client_secret}
        run_collector("run", "--once", "-c", config, cwd=tmp_path, **secret)
        before = clock.now() - timedelta(hours=1)
        with (
            contextlib.closing(open_database(tmp_path / "state")) as database,
            database.begin() as connection,
        ):
            alert = build_alert(severity=Severity.CRITICAL)
            alerts.save_alerts(connection, [alert], {})
            outbox.enqueue_alert(connection, alert, ["chat"], now=before)
        receiver.script.append(GONE)
        refused = run_collector("run", "--once", "-c", config, cwd=tmp_path, **secret)
        assert 1 == refused.returncode
        assert "no_service" in refused.stderr
        run_collector("deliveries", "retry", "-c", config, cwd=tmp_path, **secret)
        run_collector("run", "--once", "-c", config, cwd=tmp_path, **secret)

        (line,) = [
            line
            for line in map(
                json.loads,
                run_collector(
                    "deliveries", "list", "--all", "--json", "-c", config, cwd=tmp_path, **secret
                ).stdout.splitlines(),
            )
            if line.get("alert_id") == alert.id
        ]
        assert ("sent", 2) == (line["state"], line["attempts"])


@pytest.mark.slow
def test_passes_that_share_nothing_but_the_state_mail_nobody_twice(tmp_path):
    """`run --once` as a timer runs it, while the mail server greylists one of two recipients."""
    with EmbeddedOrg(OrgStore()) as org, run_mailbox() as box:
        mail = {
            "type": "email",
            "host": "127.0.0.1",
            "port": box.port,
            "tls": "none",
            "from": "collector@example.com",
            "to": ["soc@example.com", "ciso@example.com"],
        }
        config = write_config(tmp_path, org.base_url, sources=FEW_SOURCES, channels={"mail": mail})
        secret = {"SF_SECRET": org.application.client_secret}
        run_collector("run", "--once", "-c", config, cwd=tmp_path, **secret)
        before = clock.now() - timedelta(hours=1)
        with (
            contextlib.closing(open_database(tmp_path / "state")) as database,
            database.begin() as connection,
        ):
            alert = build_alert(severity=Severity.CRITICAL)
            alerts.save_alerts(connection, [alert], {})
            outbox.enqueue_alert(connection, alert, ["mail"], now=before)
        box.refusals = {"ciso@example.com": "451 4.7.1 greylisted"}
        for _ in range(2):
            waiting = run_collector("run", "--once", "-c", config, cwd=tmp_path, **secret)
            assert 1 == waiting.returncode
            run_collector("deliveries", "retry", "-c", config, cwd=tmp_path, **secret)
        box.refusals = {}
        last = run_collector("run", "--once", "-c", config, cwd=tmp_path, **secret)

        assert 0 == last.returncode, last.stderr
        # Another mail tells of the collector's own health: that this one waits.
        assert [["soc@example.com"], ["ciso@example.com"]] == [
            received.recipients
            for received in box.mails
            if received.message["X-Collector-Alert"] == alert.id
        ]
