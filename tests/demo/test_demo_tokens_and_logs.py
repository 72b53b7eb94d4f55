"""OauthToken and the event log objects, with the traps that Salesforce's have."""

from __future__ import annotations

from datetime import timedelta

from demo.clients import NOW

from collector.demo import OrgStore

SECOND = timedelta(seconds=1)


def token(number):
    user = f"005{number // 2:012}AAA"
    return {"AppName": f"App {number}", "UserId": user, "DeleteToken": f"t{number}", "UseCount": 1}


def test_tokens_have_no_id_and_come_in_pages_of_500(connect):
    store = OrgStore()
    store.add_rows("OauthToken", *map(token, range(501)))
    client = connect(store)

    first = client.send_query("SELECT Id, AppName FROM OauthToken").json()
    second = client.http.get(first["nextRecordsUrl"]).json()

    assert [500, 1] == [len(page["records"]) for page in (first, second)]
    assert {None} == {record["Id"] for record in first["records"]}


def test_a_query_finds_2500_tokens_and_says_nothing_of_the_others(connect):
    store = OrgStore()
    store.add_rows("OauthToken", *map(token, range(2_600)))
    client = connect(store)

    assert 2_500 == client.send_query("SELECT AppName FROM OauthToken").json()["totalSize"]
    rest = "SELECT AppName FROM OauthToken WHERE UserId > '005000000001249AAA'"
    assert 100 == client.send_query(rest).json()["totalSize"]


def test_a_token_that_was_removed_is_gone(connect):
    store = OrgStore()
    store.add_rows("OauthToken", token(1), token(2))
    client = connect(store)
    store.remove_rows("OauthToken", lambda row: row["AppName"] == "App 1")

    assert ["App 2"] == [
        one["AppName"] for one in client.query_records("SELECT AppName FROM OauthToken")
    ]


def test_event_log_objects_have_one_id_no_identifier_and_ordinary_filters(connect):
    store = OrgStore()
    for number in range(3):
        store.add_rows(
            "LoginEventLog", {"Timestamp": NOW - number * SECOND, "Username": f"u{number}"}
        )
    store.add_rows("LoginEventLog", {"Timestamp": NOW + SECOND, "Username": "later"})
    client = connect(store)

    soql = "SELECT Id, Username FROM LoginEventLog WHERE Username != 'u1' ORDER BY Timestamp ASC"
    records = client.query_records(soql)
    fields = client.get("/sobjects/LoginEventLog/describe").json()["fields"]

    assert [("000000000000000AAA", "u2"), ("000000000000000AAA", "u0")] == [
        (record["Id"], record["Username"]) for record in records
    ]
    assert "EventIdentifier" not in [field["name"] for field in fields]
    assert 404 == client.get("/sobjects/LoginEventLog/000000000000000AAA").status_code
