"""The embedded org's Composite resource: queries side by side, one API call."""

from __future__ import annotations

from urllib.parse import quote

from demo.clients import DATA_PATH, NOW, parse_error

from collector.demo import OrgBehaviour, OrgStore

AUDIT = "SELECT Id FROM SetupAuditTrail"


def ask(client, *soqls, headers=None):
    subrequests = [
        {
            "method": "GET",
            "url": f"{DATA_PATH}/query?q={quote(soql)}",
            "referenceId": f"ref{number}",
            "httpHeaders": headers or {},
        }
        for number, soql in enumerate(soqls)
    ]
    return client.http.post(f"{DATA_PATH}/composite", json={"compositeRequest": subrequests})


def build_store(count):
    store = OrgStore()
    rows = [{"Id": f"0Ym{n:012}AAA", "CreatedDate": NOW, "Action": "x"} for n in range(count)]
    store.add_rows("SetupAuditTrail", *rows)
    return store


def test_each_query_has_a_status_and_an_answer_of_its_own_and_all_are_one_call(connect):
    client = connect(build_store(3))
    calls = client.org.api_calls
    answer = ask(client, AUDIT, "SELECT Nope FROM ApiEvent")
    good, bad = answer.json()["compositeResponse"]

    assert 200 == answer.status_code
    assert ("ref0", 200, 3) == (
        good["referenceId"],
        good["httpStatusCode"],
        len(good["body"]["records"]),
    )
    assert ("ref1", 400, "INVALID_FIELD") == (
        bad["referenceId"],
        bad["httpStatusCode"],
        bad["body"][0]["errorCode"],
    )
    assert 1 == client.org.api_calls - calls
    assert f"api-usage={calls + 1}/" in answer.headers["Sforce-Limit-Info"]


def test_big_objects_have_their_rules_and_pages_their_sizes(connect):
    client = connect(build_store(250))
    pages, refused = ask(
        client,
        AUDIT,
        "SELECT EventDate FROM ApiEvent ORDER BY EventDate ASC",
        headers={"Sforce-Query-Options": "batchSize=200"},
    ).json()["compositeResponse"]

    assert (200, False) == (len(pages["body"]["records"]), pages["body"]["done"])
    assert "BIG_OBJECT_UNSUPPORTED_OPERATION" == refused["body"][0]["errorCode"]
    rest = client.http.get(pages["body"]["nextRecordsUrl"]).json()
    assert (50, True) == (len(rest["records"]), rest["done"])


def test_a_sixth_query_is_refused(connect):
    assert (400, "INVALID_INPUT") == parse_error(ask(connect(), *[AUDIT] * 6))


def test_what_is_no_request_is_refused_and_what_is_no_query_not_found(connect):
    client = connect()
    broken = client.http.post(f"{DATA_PATH}/composite", content=b"{")
    other = {"method": "GET", "url": f"{DATA_PATH}/limits", "referenceId": "a"}
    [found] = client.http.post(f"{DATA_PATH}/composite", json={"compositeRequest": [other]}).json()[
        "compositeResponse"
    ]

    assert (400, "JSON_PARSER_ERROR") == parse_error(broken)
    assert 404 == found["httpStatusCode"]


def test_an_org_may_lack_it_and_it_is_for_post_alone(connect):
    without = connect(behaviour=OrgBehaviour(composite=False))

    assert (404, "NOT_FOUND") == parse_error(ask(without, AUDIT))
    assert 405 == connect().get("/composite").status_code
