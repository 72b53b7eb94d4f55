"""Big objects answer only what their index can; EventLogFile answers daily files by default."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from collector.demo.api_errors import ApiError
from collector.demo.org_store import OrgLogFile, OrgStore
from collector.demo.soql_execution import RequestView, run_query

NOW = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)


def view(**options):
    store = OrgStore()
    store.add_rows(
        "ApiEvent",
        *(
            {
                "EventDate": NOW - timedelta(minutes=number // 2),
                "CreatedDate": NOW - timedelta(minutes=number // 2),
                "EventIdentifier": f"event-{number}",
                "UserId": "0055f00000AAAAAAA3",
            }
            for number in range(6)
        ),
    )
    store.add_files(
        OrgLogFile(
            id=f"0AT5f00000AAAA{number}AAA",
            event_type="Login",
            log_date=NOW - timedelta(hours=6),
            created=NOW - timedelta(hours=1),
            sequence=sequence,
            content=b'"EVENT_TYPE"\n"Login"\n',
        )
        for number, sequence in enumerate((0, 1, 2))
    )
    return RequestView(store=store, now=NOW, version="67.0", **options)


def events(clauses):
    records = run_query(f"SELECT EventIdentifier FROM ApiEvent {clauses}", view()).records
    return "".join(record["EventIdentifier"][-1] for record in records)


def sequences(clauses, **options):
    records = run_query(f"SELECT Sequence FROM EventLogFile {clauses}", view(**options)).records
    return [record["Sequence"] for record in records]


@pytest.mark.parametrize(
    ("clauses", "found"),
    [
        ("", "012345"),
        ("ORDER BY EventDate DESC LIMIT 3", "012"),
        ("WHERE EventDate > 2026-10-01T11:58:00Z", "0123"),
        ("WHERE EventDate > 2026-10-01T11:58:00Z AND EventDate <= 2026-10-01T11:59:00Z", "23"),
        ("WHERE EventDate = 2026-10-01T11:59:00Z AND EventIdentifier = 'event-3'", "3"),
        (
            "WHERE EventDate = 2026-10-01T11:59:00Z AND EventIdentifier IN ('event-2', 'event-9')",
            "2",
        ),
        ("WHERE EventDate = TODAY", "012345"),
        ("WHERE EventDate < LAST_N_DAYS:1", ""),
    ],
)
def test_big_objects_answer_newest_first_what_their_index_can(clauses, found):
    assert events(clauses) == found


@pytest.mark.parametrize(
    "query",
    [
        "SELECT Id FROM ApiEvent ORDER BY EventDate",
        "SELECT Id FROM ApiEvent ORDER BY EventDate ASC",
        "SELECT Id FROM ApiEvent ORDER BY EventDate DESC NULLS LAST",
        "SELECT Id FROM ApiEvent ORDER BY EventDate DESC, EventIdentifier DESC",
        "SELECT Id FROM ApiEvent ORDER BY CreatedDate DESC",
        "SELECT COUNT() FROM ApiEvent",
        "SELECT COUNT(Id) FROM ApiEvent",
        "SELECT UserId FROM ApiEvent GROUP BY UserId",
        "SELECT User.Name FROM ApiEvent",
        "SELECT Id FROM ApiEvent LIMIT 1 OFFSET 1",
        "SELECT Id FROM ApiEvent WHERE UserId = '0055f00000AAAAAAA3'",
        "SELECT Id FROM ApiEvent WHERE CreatedDate > TODAY",
        "SELECT Id FROM ApiEvent WHERE EventIdentifier = 'event-1'",
        "SELECT Id FROM ApiEvent WHERE EventDate != TODAY",
        "SELECT Id FROM ApiEvent WHERE NOT EventDate = TODAY",
        "SELECT Id FROM ApiEvent WHERE EventDate = TODAY OR EventDate = YESTERDAY",
        "SELECT Id FROM ApiEvent WHERE EventDate = TODAY AND EventIdentifier = 'event-1'",
        "SELECT Id FROM ApiEvent WHERE EventDate > 2026-10-01T11:59:00Z AND EventIdentifier = 'a'",
        "SELECT Id FROM ApiEvent WHERE EventDate = TODAY AND EventIdentifier LIKE 'a%'",
        "SELECT Id FROM ApiEvent WHERE EventDate = TODAY AND EventIdentifier NOT IN ('a')",
    ],
)
def test_big_objects_refuse_everything_else(query):
    with pytest.raises(ApiError) as refusal:
        run_query(query, view())

    assert refusal.value.code == "BIG_OBJECT_UNSUPPORTED_OPERATION"


def test_every_row_of_a_big_object_has_the_same_id():
    records = run_query("SELECT Id FROM ApiEvent", view()).records

    assert {record["Id"] for record in records} == {"000000000000000AAA"}
    assert {record["attributes"]["url"] for record in records} == {
        "/services/data/v67.0/sobjects/ApiEvent/000000000000000AAA"
    }


@pytest.mark.parametrize(
    ("clauses", "found"),
    [
        ("", [0]),
        ("WHERE CreatedDate = TODAY", [0]),
        ("WHERE EventType = 'Login' ORDER BY CreatedDate, Id", [0]),
        ("WHERE Interval = 'Hourly' ORDER BY Id", [1, 2]),
        ("WHERE Interval = 'Daily'", [0]),
        ("WHERE Sequence >= 0 ORDER BY Id", [0, 1, 2]),
        ("WHERE Sequence != 0 ORDER BY Id", [1, 2]),
        ("WHERE Id > '0AT5f00000AAAA0AAA' ORDER BY Id", [1, 2]),
        (
            "WHERE CreatedDate > YESTERDAY OR (CreatedDate = TODAY AND Id != null) ORDER BY Id",
            [0, 1, 2],
        ),
    ],
)
def test_without_interval_sequence_or_id_only_daily_files_are_listed(clauses, found):
    assert sequences(clauses) == found


def test_without_hourly_files_there_is_no_interval():
    assert sequences("WHERE Sequence >= 0", hourly_files=False) == [0]
    with pytest.raises(ApiError) as refusal:
        sequences("WHERE Interval = 'Hourly'", hourly_files=False)
    assert refusal.value.code == "INVALID_FIELD"
    assert "No such column 'Interval' on entity 'EventLogFile'" in refusal.value.message


def test_a_log_file_is_listed_by_its_address():
    (record,) = run_query("SELECT LogFile FROM EventLogFile", view()).records

    address = "/services/data/v67.0/sobjects/EventLogFile/0AT5f00000AAAA0AAA"
    assert record["LogFile"] == address + "/LogFile"
    assert record["attributes"]["url"] == address
