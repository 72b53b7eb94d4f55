"""Event log objects: the same Id on every record, no identifier, and off unless asked for."""

from datetime import timedelta

from collector.app.configuration import SETTINGS_MODELS
from collector.demo import OrgBehaviour
from collector.sources import build_sources
from fakes.model_samples import NOON

SECOND = timedelta(seconds=1)


def row(number):
    return {
        "Timestamp": NOON + number * SECOND,
        "RequestIdentifier": f"request{number}",
        "UserIdentifier": "0055f00000HyJSwAAN",
        "Username": "ada@example.com",
        "SourceIp": "203.0.113.7",
        "LoginStatus": "LOGIN_NO_ERROR",
        "BrowserType": "Mozilla/5.0",
        "CountryCode": "US",
    }


def test_it_is_off_unless_the_settings_say_otherwise():
    assert "event_log_objects" not in [
        source.kind for source in build_sources(SETTINGS_MODELS.sources())
    ]
    assert "event_log_objects" in [
        source.kind
        for source in build_sources(
            SETTINGS_MODELS.sources.model_validate({"event_log_objects": True})
        )
    ]


def test_records_without_an_id_of_their_own_are_told_apart_and_told_once(watch, clock):
    """The windows overlap, so that every record is served again and again."""
    logs = watch(event_log_objects={"objects": ["Login*"]})
    logs.store.add_rows("LoginEventLog", row(1), row(2))
    clock.advance_by(minutes=10)
    logs.poll_sources()
    logs.store.add_rows("LoginEventLog", row(3), visible_from=NOON)
    clock.advance_by(minutes=10)
    for _ in range(2):
        logs.poll_sources()

    columns = "time, event_type, user_id, user_name, source_ip, outcome, user_agent, country"
    same = ("LoginEventLog", "0055f00000HyJSwAAN", "ada@example.com", "203.0.113.7")
    expected = [(NOON + n * SECOND, *same, "success", "Mozilla/5.0", "US") for n in (1, 2, 3)]
    assert expected == logs.list_events("LoginEventLog", columns)


def test_only_the_objects_that_were_asked_for_are_read(watch):
    logs = watch(event_log_objects={"objects": ["Login*"]})

    assert ["LoginEventLog"] == [one.stream.name for one in logs.poll_sources()]


def test_without_the_permission_it_says_which(watch):
    missing = frozenset({"LoginEventLog", "ApiTotalUsageEventLog"})
    without = watch(behaviour=OrgBehaviour(missing=missing), event_log_objects={})

    assert "'View Event Log Object Data'" in without.poll_for_problems()
