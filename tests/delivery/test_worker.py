"""The outbox worker against a real receiver."""

import threading
from contextlib import contextmanager

import sqlalchemy as sa
from structlog.testing import capture_logs

from collector.channels.email.settings import EmailSettings
from collector.channels.registry import build_channel
from collector.channels.slack.settings import SlackSettings
from collector.delivery.worker import DeliveryWorker
from collector.model import Severity
from collector.settings import Secret
from collector.store import alerts, event_history, outbox, tables
from fakes.model_samples import NOON, build_alert
from fakes.slack import HangUp, WebhookReply, run_slack_receiver
from fakes.smtp import run_mailbox


@contextmanager
def delivering(database, *reactions, stop=None):
    with run_slack_receiver() as receiver:
        receiver.script.extend(reactions)
        channel = build_channel("chat", SlackSettings(webhook_url=Secret(receiver.url)))
        yield (
            DeliveryWorker(
                database=database,
                channels={"chat": channel},
                login_urls={"acme": "https://acme.my.salesforce.com"},
                stop_event=stop or threading.Event(),
            ),
            receiver,
        )


def owe(database, *numbers, **changes):
    for number in numbers:
        made = build_alert(id=f"{number:020}", title=f"Alert {number}", **changes)
        with database.begin() as connection:
            alerts.save_alerts(connection, [made], {})
            outbox.enqueue_alert(connection, made, ["chat"], now=NOON)


def deliveries(database):
    with database.read() as connection:
        return connection.execute(
            sa.select(tables.deliveries).order_by(tables.deliveries.c.key)
        ).fetchall()


def make_due(database):
    with database.begin() as connection:
        connection.execute(sa.update(tables.deliveries).values(due=NOON))
        connection.execute(sa.update(tables.channel_statuses).values(held_until=NOON))


def test_what_is_owed_is_sent_once_in_order(database):
    owe(database, 1, 2, 3)
    with delivering(database) as (deliverer, receiver):
        assert 3 == deliverer.drain_channel("chat")
        assert 0 == deliverer.drain_channel("chat")

        assert 3 == len(receiver.bodies)
        told = [body["text"] for body in receiver.bodies]
        assert [1, 2, 3] == [int(text.split("Alert ")[1][0]) for text in told]
    assert ["sent"] * 3 == [row.state for row in deliveries(database)]


def test_the_message_links_to_the_user_in_the_org(database):
    owe(database, 1)
    with delivering(database) as (deliverer, receiver):
        deliverer.drain_channel("chat")

        assert "https://acme.my.salesforce.com/005000000000001AAA" in str(receiver.bodies[0])


def test_a_user_id_that_is_none_becomes_no_link(database):
    owe(database, 1, entities={"user_id": "../../evil?x=1"})
    with delivering(database) as (deliverer, receiver):
        deliverer.drain_channel("chat")

        assert "my.salesforce.com/" not in str(receiver.bodies[0])


def test_what_is_not_taken_is_tried_again_with_the_attempt_counted(database):
    owe(database, 1)
    with delivering(database, WebhookReply(status=503, body="busy")) as (deliverer, receiver):
        assert 0 == deliverer.drain_channel("chat")
        (row,) = deliveries(database)
        assert ("ready", 1) == (row.state, row.attempts)
        assert row.due > NOON

        make_due(database)
        assert 1 == deliverer.drain_channel("chat")
        assert 2 == len(receiver.bodies)


def test_a_pause_that_the_receiver_asks_for_is_kept_by_the_whole_channel(database):
    owe(database, 1, 2, 3)
    limited = WebhookReply(status=429, headers={"Retry-After": "30"})
    with delivering(database, limited) as (deliverer, receiver):
        assert 0 == deliverer.drain_channel("chat")

        assert 1 == len(receiver.bodies)
    assert 3 == len({row.key for row in deliveries(database) if row.state == "ready"})


def test_what_may_have_arrived_is_repeated_and_marked_as_a_possible_repeat(database):
    owe(database, 1)
    with delivering(database, HangUp()) as (deliverer, receiver):
        assert 0 == deliverer.drain_channel("chat")
        make_due(database)
        assert 1 == deliverer.drain_channel("chat")

        first, second = (str(body) for body in receiver.bodies)
        key = f"{1:020}.1.chat"
        assert "possible repeat" not in first
        assert "possible repeat" in second
        assert key in second


def test_who_was_refused_beside_others_is_logged_and_kept(database):
    owe(database, 1)
    with run_mailbox() as box, capture_logs() as logs:
        box.refusals = {"ciso@acme.com": "550 5.1.1 no such user"}
        settings = EmailSettings(
            host="127.0.0.1",
            port=box.port,
            tls="none",
            sender="collector@acme.com",
            to=("soc@acme.com", "ciso@acme.com"),
        )
        deliverer = DeliveryWorker(
            database=database,
            channels={"chat": build_channel("chat", settings)},
            login_urls={},
            stop_event=threading.Event(),
        )
        assert 1 == deliverer.drain_channel("chat")

    words = "refused recipients: ciso@acme.com: 550 5.1.1 no such user"
    with database.read() as connection:
        (record,) = event_history.list_deliveries(connection, f"{1:020}")
    assert ("sent", words) == (record.state, record.reason)
    assert [words] == [log["reason"] for log in logs if log["event"] == "delivery_partly_refused"]


def test_an_update_says_so(database):
    owe(database, 1)
    with delivering(database) as (deliverer, receiver):
        deliverer.drain_channel("chat")
        owe(database, 1, revision=2, severity=Severity.CRITICAL)
        deliverer.drain_channel("chat")

        assert ["Update" in str(body) for body in receiver.bodies] == [False, True]


def test_the_first_message_of_an_alert_is_no_update_whatever_its_revision(database):
    owe(database, 1, 2)
    owe(database, 1, revision=2)
    with delivering(database, WebhookReply(status=404, body="no_service")) as (deliverer, receiver):
        deliverer.drain_channel("chat")
        owe(database, 1, revision=3, severity=Severity.CRITICAL)
        make_due(database)
        with database.begin() as connection:
            connection.execute(sa.delete(tables.channel_statuses))
        deliverer.drain_channel("chat")

        assert 3 == len(receiver.bodies)
        assert not any("Update" in str(body) for body in receiver.bodies)


def test_asked_to_stop_nothing_more_is_leased(database):
    owe(database, 1)
    stop = threading.Event()
    stop.set()
    with delivering(database, stop=stop) as (deliverer, receiver):
        assert 0 == deliverer.drain_channel("chat")

        assert [] == receiver.bodies
    assert ["ready"] == [row.state for row in deliveries(database)]


def test_the_secret_of_a_channel_is_never_kept(database, tmp_path):
    owe(database, 1)
    with delivering(database, WebhookReply(status=403, body="action_prohibited")) as (deliverer, _):
        deliverer.drain_channel("chat")
    database.close()

    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"canary" not in kept
