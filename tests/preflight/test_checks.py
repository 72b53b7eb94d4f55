"""The preflight tells what an org gives from what is switched off and what is not allowed."""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest

from collector import clock, sources
from collector.app.configuration import SETTINGS_MODELS
from collector.demo import EmbeddedOrg, InjectedFault, OrgBehaviour, OrgLogFile, OrgStore
from collector.model import DeliveryRejection, DeliverySuccess, IndeterminateDelivery, RetryLater
from collector.preflight import checks
from collector.salesforce.client import SalesforceClient
from collector.settings import ClientCredentialsAuth, OrgSettings, Secret


@contextmanager
def context(server, tmp_path, *, secret=None):
    application = server.application
    auth = ClientCredentialsAuth(
        client_id=application.client_id, client_secret=Secret(secret or application.client_secret)
    )
    settings = OrgSettings(name="acme", login_url=server.base_url, auth=auth)
    with closing(
        SalesforceClient(settings, stop_event=threading.Event(), retry_pause=(0, 0.01))
    ) as client:
        yield sources.SourceContext(
            org="acme",
            client=client,
            catalog=sources.Catalog(client),
            spool=tmp_path,
            find_stored_keys=lambda _keys: frozenset(),
            find_newest_time=lambda _stream: None,
        )


@pytest.fixture
def examine(tmp_path):
    """The findings on an org, by what they are about."""

    def ask(store=None, *, secret=None, faults=(), spent=0, **options):
        with (
            EmbeddedOrg(store or OrgStore(), **options) as server,
            context(server, tmp_path, secret=secret) as asked,
        ):
            server.inject_faults(*faults)
            server.spend_calls(spent)
            kinds = sources.build_sources(SETTINGS_MODELS.sources())
            return {found.subject: found for found in checks.examine_org(asked, kinds)}

    return ask


def log_file(now):
    return OrgLogFile(
        id="0AT5f00000AAAAAAAA",
        event_type="Login",
        log_date=now - timedelta(hours=6),
        created=now - timedelta(hours=1),
        sequence=1,
        content=b'"EVENT_TYPE"\n"Login"\n',
    )


def test_an_org_that_gives_everything_has_no_failure(examine):
    now = clock.now()
    store = OrgStore()
    store.add_files([log_file(now)])
    found = examine(store)

    assert "failed" not in {each.level for each in found.values()}
    assert "objects visible" in found["acme/login"].message
    assert ("ok", "files of the last two days: Login") == (
        found["acme/event_log_file/hourly"].level,
        found["acme/event_log_file/hourly"].message,
    )


def test_a_refused_login_ends_the_examination(examine):
    found = examine(secret="wrong")

    assert ["acme/login"] == list(found)
    assert "failed" == found["acme/login"].level
    assert "client_secret" in found["acme/login"].message


def test_an_object_without_rows_may_not_be_stored(examine):
    store = OrgStore()
    now = clock.now().replace(microsecond=0)
    store.add_rows("LogoutEvent", {"EventDate": now, "CreatedDate": now, "EventIdentifier": "e"})
    found = examine(store)

    assert "ok" == found["acme/stored_events/LogoutEvent"].level
    assert "warning" == found["acme/stored_events/UriEvent"].level
    assert "Enable Storing" in found["acme/stored_events/UriEvent"].message
    assert "ok" == found["acme/login_history/LoginHistory"].level


def test_an_org_without_recent_log_files_may_not_generate_them(examine):
    found = examine()["acme/event_log_file/daily"]

    assert "warning" == found.level
    assert "Generate event log files" in found.message


def test_objects_that_the_user_does_not_see_are_warnings(examine):
    missing = frozenset({"EventLogFile", "SetupAuditTrail", "LoginHistory", "ApiEvent"})
    found = examine(behaviour=OrgBehaviour(missing=missing))

    for subject, permission in {
        "event_log_file/*": "View Event Log Files",
        "setup_audit_trail/SetupAuditTrail": "View Setup and Configuration",
        "login_history/LoginHistory": "",
        "stored_events/ApiEvent": "View Real-Time Event Monitoring Data",
    }.items():
        assert "warning" == found[f"acme/{subject}"].level
        assert permission in found[f"acme/{subject}"].message


def test_an_object_that_cannot_be_asked_fails_and_the_next_is_still_looked_at(examine):
    down = InjectedFault(address_pattern="FROM UriEvent", times=None, status=503, body="<html>")
    found = examine(faults=[down])

    assert "failed" == found["acme/stored_events/UriEvent"].level
    assert "ok" == found["acme/setup_audit_trail/SetupAuditTrail"].level


def test_a_clock_that_is_off_is_a_warning_that_says_by_how_much(examine):
    found = examine(clock=lambda: clock.now() + timedelta(minutes=10))["acme/clock"]

    assert "warning" == found.level
    assert "behind the org's" in found.message
    early = examine(clock=lambda: clock.now() - timedelta(minutes=10))["acme/clock"]

    assert "ahead of the org's" in early.message
    assert "ok" == examine()["acme/clock"].level


def test_calls_that_are_nearly_used_up_are_a_warning(examine):
    plenty = examine(behaviour=OrgBehaviour(daily_call_limit=1_000))["acme/limits"]
    scarce = examine(behaviour=OrgBehaviour(daily_call_limit=1_000), spent=800)["acme/limits"]

    assert ("ok", "warning") == (plenty.level, scarce.level)
    assert " of 1,000 API calls used" in scarce.message


def test_limits_that_cannot_be_read_name_the_permission(examine):
    refused = InjectedFault(address_pattern="/limits", times=None, status=403, body=[])
    found = examine(faults=[refused])["acme/limits"]

    assert "warning" == found.level
    assert "View Setup and Configuration" in found.message


class _Receiver:
    """A channel that answers as it is told."""

    def __init__(self, outcome):
        self.outcome = outcome
        self.messages = []

    def send(self, message):
        self.messages.append(message)
        return self.outcome


@pytest.mark.parametrize("kind", [RetryLater, DeliveryRejection, IndeterminateDelivery])
def test_a_channel_that_does_not_take_the_test_message_has_failed(kind):
    found = checks.examine_channel("secops", _Receiver(kind(reason="no such webhook")))

    assert ("failed", "channels/secops", "no such webhook") == (
        found.level,
        found.subject,
        found.message,
    )


def test_a_test_message_that_some_recipients_do_not_get_is_a_warning():
    words = "refused recipients: ciso@acme.com: 550 5.1.1 no such user"
    found = checks.examine_channel("mail", _Receiver(DeliverySuccess(refusals=words)))

    assert ("warning", "channels/mail", words) == (found.level, found.subject, found.message)


def test_a_test_message_says_that_it_is_one():
    receiver = _Receiver(DeliverySuccess())
    found = checks.examine_channel("secops", receiver)

    assert "ok" == found.level
    assert "Test message" in receiver.messages[0].alert.title
