"""Up to when what may still come is known: by cursors, by log files, and by what fails for long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector import clock
from collector.app.configuration import SETTINGS_MODELS
from collector.ingest.stream_progress import find_reading_horizon
from collector.model import Cursor, LogFileFacts, Stream
from collector.store import ledger, listed_files
from collector.store.ledger import LedgerEntry, PollStatus
from collector.store.listed_files import LATEST_SUPPLEMENT
from fakes.databases import open_sqlite_state
from fakes.model_samples import NOON, build_batch

HOUR = timedelta(hours=1)
STORED, FILES = "stored_events", "event_log_file"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    opened = open_sqlite_state(tmp_path_factory.mktemp("state"))
    yield opened
    opened.close()


@pytest.fixture
def org(database, request):
    """Streams of an org of the test's own; what is written of them is seen at noon."""
    with database.begin() as connection:
        yield _Org(connection, request.node.name)


class _Org:
    def __init__(self, connection, name):
        self.connection = connection
        self.name = name

    def poll(self, source, name, state="ok", *, since=NOON, last=NOON):
        """A poll that went like that, as all have since then."""
        for time in (since, last):
            status = PollStatus(
                stream=self.stream(source, name),
                state=state,
                reason="",
                last_attempt=time,
                last_success=None,
            )
            ledger.save_poll_status(self.connection, status)

    def stream(self, source, name):
        return Stream(org=self.name, source=source, name=name)

    def read(self, source, name, until, **poll):
        self.poll(source, name, **poll)
        ledger.save_cursor(self.connection, self.stream(source, name), Cursor(time=until))

    def file(self, hours, *, interval="hourly", event_type="Login", is_stored=True):
        """A listed log file of so many hours after noon."""
        time = NOON + hours * HOUR
        facts = LogFileFacts(
            file_id=f"{event_type}{hours}",
            log_date=time,
            created_date=time,
            interval=interval,
            sequence=1,
            announced_bytes=1,
        )
        batch = build_batch(
            key=f"{self.name}{event_type}{hours}",
            event_type=event_type,
            stream=self.stream(FILES, interval),
            log_time=time,
            facts=facts,
        )
        listed_files.record_listed_files(self.connection, [batch], now=NOON)
        if is_stored:
            entry = LedgerEntry(state="stored", rows=0)
            ledger.record_batch(self.connection, batch, entry, [])

    def horizon(self, *types, now=NOON, **sources):
        settings = SETTINGS_MODELS.sources.model_validate(sources)
        found = find_reading_horizon(self.connection, self.name, types, settings, now=now)
        unread = {name: (time - NOON) / HOUR for name, time in found.unread.items()}
        return (found.until - NOON) / HOUR, unread


NEVER = (clock.EPOCH - NOON) / HOUR


def test_a_query_stream_was_read_up_to_its_cursor(org):
    org.read(STORED, "ApiEvent", NOON - HOUR)
    org.read(STORED, "LoginEvent", NOON - 3 * HOUR)

    assert org.horizon("ApiEvent") == (-1, {})
    assert org.horizon("ApiEvent", "LoginEvent") == (-3, {})


def test_what_was_not_asked_for_yet_holds_back(org):
    assert org.horizon("ApiEvent") == (NEVER, {})
    org.poll(STORED, "ApiEvent")
    assert org.horizon("ApiEvent") == (NEVER, {})


def test_what_the_org_does_not_give_or_is_not_to_be_read_holds_nothing_back(org):
    org.poll(STORED, "ApiEvent", "unavailable")
    org.read(STORED, "LoginEvent", NOON - HOUR)

    assert org.horizon("ApiEvent") == (0, {})
    assert org.horizon("ReportEvent") == (0, {})
    assert org.horizon("LoginEvent", stored_events=False) == (0, {})
    assert org.horizon("LoginEvent", stored_events={"objects": ["Api*"]}) == (0, {})
    assert org.horizon("CollectorHealth") == (0, {})


def test_log_files_are_read_to_the_end_of_the_newest_hour_or_day(org):
    org.poll(FILES, "hourly")
    org.file(-5, event_type="Logout")
    assert org.horizon("Login") == (-4, {})

    org.file(-7, is_stored=False)
    assert org.horizon("Login") == (-7, {})
    assert org.horizon("Logout") == (-4, {})


def test_a_daily_file_is_of_a_day(org):
    org.poll(FILES, "daily")
    org.file(-36, interval="daily")

    assert org.horizon("Login") == (-12, {})


def test_without_newer_files_all_is_known_that_can_come_no_more(org):
    org.poll(FILES, "hourly")
    org.file(-300)
    stream = org.stream(FILES, "hourly")
    span = listed_files.CoverageSpan(start=NOON - 2 * LATEST_SUPPLEMENT, until=NOON)
    listed_files.record_listing_coverage(org.connection, stream, span)

    assert org.horizon("Login") == (-LATEST_SUPPLEMENT / HOUR, {})


def test_what_fails_is_waited_for_a_day_and_then_named(org):
    cursor = NOON - 40 * HOUR
    org.read(STORED, "ApiEvent", cursor, state="failed", since=NOON - 23 * HOUR)
    assert org.horizon("ApiEvent") == (-40, {})

    later = NOON + 2 * HOUR
    org.poll(STORED, "ApiEvent", "failed", last=later)
    assert org.horizon("ApiEvent", now=later) == (-22, {"stored_events/ApiEvent": -40})


def test_what_failed_before_a_long_stop_is_asked_again_first(org):
    org.read(STORED, "ApiEvent", NOON, state="failed", since=NOON - 30 * HOUR)

    assert org.horizon("ApiEvent", now=NOON + 60 * HOUR) == (0, {})


def test_a_rule_about_every_type_waits_for_every_source(org):
    sources = dict.fromkeys(SETTINGS_MODELS.sources.model_fields, False)
    org.read(STORED, "ApiEvent", NOON - 2 * HOUR)
    org.read("setup_audit_trail", "SetupAuditTrail", NOON - HOUR)
    wanted = {**sources, "stored_events": True, "setup_audit_trail": True}

    assert org.horizon(**wanted) == (-2, {})
