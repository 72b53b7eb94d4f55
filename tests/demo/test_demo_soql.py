"""SOQL: what is parsed, what is refused, and what conditions mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.demo.api_errors import ApiError
from collector.demo.org_store import OrgStore
from collector.demo.sobjects import find_sobject
from collector.demo.soql_execution import RequestView, run_query
from collector.demo.soql_parser import (
    AllFields,
    FieldPath,
    SoqlComparison,
    list_comparisons,
    parse_query,
)
from collector.demo.soql_tokens import DateLiteral

NOW = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)  # a Thursday


def view(**options):
    store = OrgStore()
    store.add_rows(
        "User",
        {"Id": "0055f00000AAAAAAA3", "Username": "Ada@acme.com", "IsActive": True},
        {"Id": "0055f00000AAAABAA3", "Username": "ben@acme.com", "IsActive": False},
        {"Id": "0055f00000AAAACAA3", "Username": None, "IsActive": True},
    )
    days = (0, 1, 7, 40)
    store.add_rows(
        "SetupAuditTrail",
        *(
            {
                "Id": f"0Ym5f00000AAAA{number}AAA",
                "Action": f"action{number}",
                "Display": "text",
                "CreatedDate": NOW - timedelta(days=age),
                "CreatedById": "0055f00000AAAAAAA3" if number else None,
            }
            for number, age in enumerate(days)
        ),
    )
    return RequestView(store=store, now=NOW, version="67.0", **options)


def users(where):
    records = run_query(f"SELECT Id FROM User WHERE {where}", view()).records
    return "".join(record["Id"][14] for record in records)


def audits(where):
    records = run_query(f"SELECT Action FROM SetupAuditTrail WHERE {where}", view()).records
    return "".join(sorted(record["Action"][-1] for record in records))


def code(text, **options):
    with pytest.raises(ApiError) as refusal:
        run_query(text, view(**options))
    return refusal.value.code


def status(text):
    try:
        run_query(text, view())
    except ApiError as refusal:
        return refusal.status
    return 200


# ---- parsing


def test_a_whole_statement_is_read():
    query = parse_query(
        "select Id, CreatedBy.Name, FIELDS(STANDARD) from SetupAuditTrail where (Action = 'a' or"
        " Action in ('b', 'c')) and not CreatedDate < LAST_N_DAYS:3"
        " order by CreatedDate desc nulls last, Id limit 7 offset 3"
    )

    assert query.sobject == "SetupAuditTrail"
    assert query.selection == (
        FieldPath(name="Id"),
        FieldPath(name="CreatedBy.Name"),
        AllFields(kind="STANDARD"),
    )
    assert list_comparisons(query.where) == [
        SoqlComparison(path="Action", operator="=", value="a"),
        SoqlComparison(path="Action", operator="IN", value=("b", "c")),
        SoqlComparison(
            path="CreatedDate", operator="<", value=DateLiteral(name="LAST_N_DAYS", count=3)
        ),
    ]
    assert [(key.path, key.descending, key.nulls) for key in query.order_by] == [
        ("CreatedDate", True, "LAST"),
        ("Id", False, ""),
    ]
    assert (query.limit, query.offset) == (7, 3)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("'it\\'s'", "it's"),
        ("'a\\nb'", "a\nb"),
        ("'\\u00e9'", "é"),
        ("-4.5", -4.5),
        ("TRUE", True),
        ("null", None),
        ("2026-10-01T12:00:00Z", NOW),
        ("2026-10-01T14:00:00.000+02:00", NOW),
    ],
)
def test_literals_mean_what_salesforce_means(written, meant):
    (comparison,) = list_comparisons(parse_query(f"SELECT Id FROM User WHERE A = {written}").where)

    assert comparison.value == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT",
        "SELECT FROM User",
        "SELECT Id FROM",
        "SELECT Id, FROM User",
        "SELECT Id FROM User WHERE",
        "SELECT Id FROM User WHERE Id",
        "SELECT Id FROM User WHERE Id = ",
        "SELECT Id FROM User WHERE Id = 'open",
        "SELECT Id FROM User WHERE (Id = 'a'",
        "SELECT Id FROM User WHERE Id = a",
        "SELECT Id FROM User WHERE Id IN ()",
        "SELECT Id FROM User WHERE Id IN (SELECT Id FROM User)",
        "SELECT Id FROM User WHERE Name = 'a' AND Name = 'b' OR Name = 'c'",
        "SELECT Id FROM User WHERE Name = 'bad \\q escape'",
        "SELECT Id FROM User WHERE CALENDAR_YEAR(CreatedDate) = 2026",
        "SELECT Id FROM User WHERE CreatedDate > 2026-10-01T12:34:56.000+0000",
        "SELECT Id FROM User WHERE CreatedDate > 2026-10-01T12:34:56",
        "SELECT Id FROM User WHERE CreatedDate > 2026-13-01T12:34:56Z",
        "SELECT Id FROM User WHERE CreatedDate > LAST_N_DAYS",
        "SELECT Id FROM User LIMIT -1",
        "SELECT Id FROM User LIMIT 1 garbage",
        "SELECT Id FROM User; DROP TABLE User",
        "SELECT COUNT(), Id FROM User",
        "SELECT FIELDS(MOST) FROM User",
        "SELECT FIELDS(ALL) FROM User",
        "SELECT FIELDS(ALL) FROM User LIMIT 201",
        "SELECT SUM(Username) FROM User",
        "SELECT Name, COUNT(Id) FROM User",
        "UPDATE User SET Name = 'x'",
    ],
)
def test_what_is_not_soql_is_malformed(text):
    assert code(text) == "MALFORMED_QUERY"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
        ("SELECT Nope FROM User", "INVALID_FIELD"),
        ("SELECT Id FROM User WHERE Nope = 1", "INVALID_FIELD"),
        ("SELECT Id FROM User ORDER BY Nope", "INVALID_FIELD"),
        ("SELECT Nobody.Name FROM User", "INVALID_FIELD"),
        ("SELECT Id, id FROM User", "INVALID_FIELD"),
        ("SELECT Id FROM User WHERE IsActive = 'yes'", "INVALID_FIELD"),
        ("SELECT Id FROM User WHERE CreatedDate > '2026-10-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM User WHERE CreatedDate > 2026-10-01", "INVALID_FIELD"),
        ("SELECT Id FROM User WHERE Username > null", "INVALID_FIELD"),
        ("SELECT Id FROM User WHERE IsActive > true", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM User WHERE Id = 'short'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM User WHERE Id LIKE '0055f00000AAAAA'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM User OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("SELECT Id FROM User WHERE " + "(" * 200 + "Id = 'a'", "QUERY_TOO_COMPLICATED"),
        ("SELECT Id FROM User WHERE " + "NOT " * 5000 + "Id = 'a'", "QUERY_TOO_COMPLICATED"),
        ("SELECT Id FROM User" + " " * 100_000, "QUERY_TOO_COMPLICATED"),
        ("SELECT Id FROM SetupAuditTrail WHERE Display LIKE '%app%'", "INVALID_FIELD"),
        ("SELECT Id FROM SetupAuditTrail WHERE Section = 'Manage Users'", "INVALID_FIELD"),
        ("SELECT Id FROM SetupAuditTrail ORDER BY Display", "INVALID_FIELD"),
        ("SELECT COUNT(Id) FROM SetupAuditTrail", "MALFORMED_QUERY"),
        ("SELECT Action FROM SetupAuditTrail GROUP BY Action", "MALFORMED_QUERY"),
        ("SELECT Id FROM LoginHistory WHERE Status = 'Success'", "INVALID_FIELD"),
        ("SELECT Id FROM LoginHistory WHERE Browser = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM ApiAnomalyEventStore WHERE UserId = null", "INVALID_FIELD"),
        ("SELECT Id FROM EventLogFile WHERE LogFileFieldNames = 'x'", "INVALID_FIELD"),
    ],
)
def test_what_salesforce_refuses_has_its_code(text, expected):
    assert code(text) == expected


_WORDS = (
    "SELECT FROM WHERE ORDER BY LIMIT OFFSET GROUP AND OR NOT IN LIKE ( ) , = != <> < <= > >= Id"
    " COUNT() FIELDS(ALL) User ApiEvent EventLogFile SetupAuditTrail CreatedBy.Name EventDate"
    " CreatedDate Sequence IsActive 'a' '' 12 -1.5 null true TODAY LAST_N_DAYS:3 NULLS FIRST DESC"
    " 2026-10-01T00:00:00Z 2026-10-01 0055f00000AAAAAAA3"
)


@given(
    st.one_of(
        st.text(max_size=80),
        st.lists(st.sampled_from(_WORDS.split()), max_size=14).map(" ".join),
        st.lists(st.sampled_from(_WORDS.split()), max_size=9).map(
            lambda words: "SELECT Id FROM User WHERE " + " ".join(words)
        ),
    )
)
def test_any_text_is_answered_or_refused(text):
    """No text makes the org raise anything but a SOQL error."""
    assert status(text) in (200, 400)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_a_quoted_string_comes_back_whole(value):
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")

    (comparison,) = list_comparisons(parse_query(f"SELECT Id FROM User WHERE A = '{quoted}'").where)

    assert comparison.value == value


# ---- meaning


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Username = 'ada@ACME.com'", "A"),
        ("Username != 'ada@acme.com'", "BC"),
        ("Username <> null", "AB"),
        ("Username = null", "C"),
        ("Username LIKE '%ACME.com'", "AB"),
        ("Username LIKE '_da@%'", "A"),
        ("Username LIKE 'a%n@acme.com'", ""),
        ("Username LIKE '%\\_%'", ""),
        ("Username IN ('BEN@acme.com', null)", "BC"),
        ("Username NOT IN ('ben@acme.com')", "AC"),
        ("Username > 'b'", "B"),
        ("IsActive = true AND NOT Username = null", "A"),
        ("NOT (IsActive = false OR Username = null)", "A"),
        ("Id = '0055f00000AAAAB'", "B"),
        ("Id > '0055f00000AAAABAA3'", "C"),
        ("(IsActive = false OR Username = null) AND Id != null", "BC"),
    ],
)
def test_conditions_on_text_ids_and_booleans(where, found):
    assert users(where) == found


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("CreatedDate = TODAY", "0"),
        ("CreatedDate = YESTERDAY", "1"),
        ("CreatedDate < TODAY", "123"),
        ("CreatedDate <= YESTERDAY", "123"),
        ("CreatedDate > YESTERDAY", "0"),
        ("CreatedDate >= YESTERDAY", "01"),
        ("CreatedDate = LAST_N_DAYS:7", "012"),
        ("CreatedDate = LAST_WEEK", "2"),
        ("CreatedDate = THIS_MONTH", "0"),
        ("CreatedDate = LAST_MONTH", "12"),
        ("CreatedDate = LAST_90_DAYS", "0123"),
        ("CreatedDate = N_DAYS_AGO:40", "3"),
        ("CreatedDate = TOMORROW", ""),
        ("CreatedDate > 2026-09-24T12:00:00Z AND CreatedDate <= 2026-10-01T12:00:00Z", "01"),
        ("CreatedBy.Username = 'ada@acme.com'", "123"),
        ("CreatedById = null", "0"),
    ],
)
def test_conditions_on_times_and_related_records(where, found):
    assert audits(where) == found


def test_nulls_come_first_unless_told_otherwise():
    def order(clause):
        records = run_query(f"SELECT Username FROM User ORDER BY Username {clause}", view()).records
        return [record["Username"] for record in records]

    assert order("") == [None, "Ada@acme.com", "ben@acme.com"]
    assert order("DESC") == [None, "ben@acme.com", "Ada@acme.com"]
    assert order("ASC NULLS LAST") == ["Ada@acme.com", "ben@acme.com", None]


def test_limit_and_offset_cut_a_window():
    result = run_query("SELECT Id FROM User ORDER BY Id LIMIT 1 OFFSET 1", view())

    assert [record["Id"] for record in result.records] == ["0055f00000AAAABAA3"]
    assert result.total == 1


def test_related_records_are_objects_of_their_own_or_null():
    records = run_query(
        "SELECT createdby.username, CreatedBy.IsActive FROM SetupAuditTrail ORDER BY Action",
        view(),
    ).records

    assert records[0]["CreatedBy"] is None
    assert records[1]["CreatedBy"] == {
        "attributes": {
            "type": "User",
            "url": "/services/data/v67.0/sobjects/User/0055f00000AAAAAAA3",
        },
        "Username": "Ada@acme.com",
        "IsActive": True,
    }


def test_datetimes_are_written_without_a_colon_in_the_offset():
    (record, *_) = run_query("SELECT CreatedDate FROM SetupAuditTrail LIMIT 1", view()).records

    assert record["CreatedDate"] == "2026-10-01T12:00:00.000+0000"


def test_count_has_a_total_and_no_records():
    result = run_query("SELECT COUNT() FROM SetupAuditTrail WHERE CreatedDate < TODAY", view())

    assert (result.total, result.records) == (3, [])


def test_groups_are_aggregate_results():
    result = run_query(
        "SELECT IsActive, COUNT(Id) n, COUNT(Username), MAX(Username) FROM User GROUP BY IsActive",
        view(),
    )

    assert result.records == [
        {
            "attributes": {"type": "AggregateResult"},
            "IsActive": False,
            "n": 1,
            "expr0": 1,
            "expr1": "ben@acme.com",
        },
        {
            "attributes": {"type": "AggregateResult"},
            "IsActive": True,
            "n": 2,
            "expr0": 1,
            "expr1": "Ada@acme.com",
        },
    ]


def test_all_fields_are_those_of_describe():
    (record,) = run_query("SELECT FIELDS(ALL) FROM User LIMIT 1", view()).records

    names = [field.name for field in find_sobject("User").fields.values()]
    assert list(record) == ["attributes", *names]


def test_an_object_that_is_missing_is_an_unknown_type():
    assert code("SELECT Id FROM User", missing=frozenset({"User"})) == "INVALID_TYPE"
