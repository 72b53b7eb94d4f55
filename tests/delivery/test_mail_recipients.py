"""Who has a mail is remembered with it: whoever waits for it gets it later, and nobody twice."""

from __future__ import annotations

import contextlib
import threading
from datetime import timedelta

import pytest

from collector.channels.email.settings import EmailSettings
from collector.channels.registry import build_channel
from collector.delivery.fallback import FallbackPlan
from collector.delivery.policy import build_policy
from collector.delivery.worker import DeliveryWorker
from collector.model import Severity
from collector.store import alerts, outbox, tables
from collector.store.database import open_database
from fakes.databases import open_sqlite_state, write_earlier_state
from fakes.manual_clock import ManualClock
from fakes.model_samples import NOON, build_alert
from fakes.smtp import run_mailbox

SOC, CISO, DUTY = "soc@example.com", "ciso@example.com", "duty@example.com"
GREYLISTED = "451 4.7.1 greylisted"


class MailBench:
    """A state directory, a mail server, and passes that share nothing but these."""

    def __init__(self, folder, box):
        self.folder = folder
        self.box = box
        self.clock = ManualClock(NOON)
        self.storm = 20

    def enqueue(self, *numbers, **changes):
        with contextlib.closing(open_sqlite_state(self.folder)) as database:
            for number in numbers:
                alert = build_alert(
                    id=f"{number:020}", title=f"Alert {number}", severity=Severity.LOW, **changes
                )
                with database.begin() as connection:
                    alerts.save_alerts(connection, [alert], {})
                    outbox.enqueue_alert(connection, alert, ["mail"], now=self.clock.now)

    def run_pass(self, *recipients):
        """What `run --once` does with the outbox: a new process opens it, and sends what is due."""
        settings = EmailSettings(
            host="127.0.0.1",
            port=self.box.port,
            tls="none",
            sender="collector@example.com",
            to=recipients or (SOC, CISO, DUTY),
            storm={"messages": self.storm},
        )
        self.clock.now += timedelta(hours=1)
        with contextlib.closing(open_database(self.folder)) as database:
            worker = DeliveryWorker(
                database=database,
                channels={"mail": build_channel("mail", settings)},
                login_urls={},
                stop_event=threading.Event(),
                fallback_plan=FallbackPlan(
                    channels=("mail",), policies={"mail": build_policy(settings)}
                ),
                read_clock=self.clock,
            )
            worker.notice_changed_settings()
            worker.drain_channels()

    def list_served(self):
        """State and served recipients of each message, by key."""
        table = tables.deliveries
        with (
            contextlib.closing(open_database(self.folder)) as database,
            database.read() as connection,
        ):
            query = table.select().order_by(table.c.key)
            return [(row.state, row.served) for row in connection.execute(query)]

    @property
    def recipients(self):
        return [mail.recipients for mail in self.box.mails]


@pytest.fixture
def bench(tmp_path):
    with run_mailbox() as box:
        yield MailBench(tmp_path, box)


@pytest.mark.slow
def test_passes_send_a_mail_to_those_alone_who_do_not_have_it(bench):
    bench.enqueue(1)
    bench.box.refusals = {CISO: GREYLISTED, DUTY: GREYLISTED}
    bench.run_pass()
    bench.run_pass()
    assert [("ready", [SOC])] == bench.list_served()

    bench.box.refusals = {DUTY: GREYLISTED}
    bench.run_pass()
    assert [("ready", [CISO, SOC])] == bench.list_served()

    bench.box.replies = {"MAIL": "550 5.7.1 not now"}
    bench.run_pass()
    assert [("refused", [CISO, SOC])] == bench.list_served(), "a refusal forgets nobody"

    bench.box.replies, bench.box.refusals = {}, {}
    bench.run_pass()
    bench.run_pass()
    assert [[SOC], [CISO], [DUTY]] == bench.recipients
    assert [("sent", [])] == bench.list_served()


def test_a_recipient_who_is_new_in_the_settings_gets_what_waits_and_the_others_do_not(bench):
    bench.enqueue(1)
    bench.box.refusals = {CISO: GREYLISTED}
    bench.run_pass(SOC, CISO)
    bench.box.refusals = {}
    bench.run_pass(SOC, DUTY)

    assert [[SOC], [DUTY]] == bench.recipients


def test_the_next_revision_is_another_mail_for_all(bench):
    bench.enqueue(1)
    bench.box.refusals = {CISO: GREYLISTED}
    bench.run_pass(SOC, CISO)
    bench.enqueue(1, revision=2)
    bench.box.refusals = {}
    bench.run_pass(SOC, CISO)

    assert [[CISO], [SOC], [SOC, CISO]] == sorted(bench.recipients)


def test_a_digest_remembers_its_recipients_too(bench):
    bench.storm = 1
    bench.enqueue(*range(4))
    bench.box.refusals = {CISO: GREYLISTED}
    bench.run_pass(SOC, CISO)
    assert [[SOC], [SOC]] == bench.recipients, "what some have counts where a storm begins"
    bench.run_pass(SOC, CISO)
    bench.box.refusals = {}
    bench.run_pass(SOC, CISO)

    is_digest = ["Alert" not in str(mail.message["Subject"]) for mail in bench.box.mails]
    assert [(False, [SOC]), (True, [SOC]), (True, [CISO])] == [
        *zip(is_digest, bench.recipients, strict=True)
    ]
    assert [("sent", [])] * 5 == bench.list_served()


def test_an_outbox_of_before_opens_and_everybody_gets_what_waits_in_it(bench):
    bench.enqueue(1)
    write_earlier_state(bench.folder, "0008").dispose()
    bench.run_pass(SOC, CISO)

    assert [[SOC, CISO]] == bench.recipients
    assert [("sent", [])] == bench.list_served()
