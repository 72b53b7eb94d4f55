"""What makes an event the same event on every replay."""

from __future__ import annotations

PLACEHOLDER = "000000000000000AAA"


def uids(events):
    return [event["event_uid"] for event in events]


def test_lines_of_a_file_are_known_by_where_they_stand(normalizer):
    rows = normalizer.normalize_rows("Login", ["EVENT_TYPE"], ["Login"], ["Login"], segment=3)

    assert uids(rows) == ["0AT5f000000ABCDEAA:3:1", "0AT5f000000ABCDEAA:3:2"]


def test_lines_of_an_unknown_kind_of_file_are_too(normalizer):
    assert uids(normalizer.normalize_rows("AnythingNew", ["A"], ["x"])) == [
        "0AT5f000000ABCDEAA:0:1"
    ]


def test_the_upper_case_form_of_stored_events_is_too(normalizer):
    event = normalizer.normalize_record(
        "ApiAnomalyEventStore", EVENT_TYPE="ApiAnomalyEventStore", SCORE="1"
    )

    assert event["event_uid"] == "0AT5f000000ABCDEAA:0:1"


def test_stored_events_are_known_by_their_identifier(normalizer):
    event = normalizer.normalize_record("ApiEvent", Id=PLACEHOLDER, EventIdentifier="5b1c-1")

    assert event["event_uid"] == "5b1c-1"


def test_without_an_identifier_an_anomaly_is_known_by_its_id(normalizer):
    event = normalizer.normalize_record(
        "ApiAnomalyEventStore", Id="0eR5f0000000001AAA", EventIdentifier=""
    )

    assert event["event_uid"] == "0eR5f0000000001AAA"


def test_audit_rows_and_logins_are_known_by_their_id(normalizer):
    assert normalizer.normalize_record("SetupAuditTrail", Id="0Ym1")["event_uid"] == "0Ym1"
    assert normalizer.normalize_record("LoginHistory", Id="0Ya1")["event_uid"] == "0Ya1"


def test_records_without_an_id_are_known_by_what_they_say(normalizer):
    first = {"Id": PLACEHOLDER, "EventIdentifier": "", "Username": "ann", "Query": "q"}
    second = first | {"Query": "r"}
    reordered = dict(reversed(first.items())) | {"LoginKey": ""}

    [one, two] = uids(normalizer.normalize_records("ApiEvent", first, second))

    assert one.startswith("ApiEvent:")
    assert PLACEHOLDER not in one
    assert one != two
    assert uids(normalizer.normalize_records("ApiEvent", reordered)) == [one]


def test_a_snapshot_of_a_record_is_a_new_event_when_something_has_changed(normalizer):
    job = {"id": "7505f000008xKLmAAM", "state": "InProgress"}

    [first, again, done] = uids(
        normalizer.normalize_records("BulkJobInfo", job, job, job | {"state": "JobComplete"})
    )

    assert first == again != done


def test_a_record_of_nothing_still_has_an_identity(normalizer):
    [event] = normalizer.normalize_rows("ApiEvent", ["EventIdentifier", "Query"], ["", ""])

    assert event["event_uid"].startswith("ApiEvent:")
