"""The REST protocol, as a client meets it over a real connection."""

from __future__ import annotations

import gzip
import socket
import threading
from datetime import timedelta

import httpx
import pytest
from demo.clients import DATA_PATH, NOW, parse_error

from collector.demo import (
    BulkJob,
    EmbeddedOrg,
    InjectedFault,
    OrgBehaviour,
    OrgLogFile,
    OrgStore,
    faults,
)
from collector.demo.salesforce_ids import extend_record_id

HOUR = timedelta(hours=1)
LOGIN = "/sobjects/EventLogFile/0AT5f00000AAAA1AAA/LogFile"


def log_file(content=b'"EVENT_TYPE"\n"Login"\n', **changed):
    values = {
        "id": "0AT5f00000AAAA1AAA",
        "event_type": "Login",
        "log_date": NOW - 6 * HOUR,
        "created": NOW - HOUR,
        "sequence": 1,
        "content": content,
    }
    return OrgLogFile(**{**values, **changed})


def with_files(*files):
    store = OrgStore()
    store.add_files(files or (log_file(),))
    return store


def with_users(count):
    store = OrgStore()
    rows = [
        {"Id": extend_record_id(f"0055f0000{i:06d}"), "Username": f"u{i}"} for i in range(count)
    ]
    store.add_rows("User", *rows)
    return store


def with_events(count):
    store = OrgStore()
    store.add_rows(
        "ApiEvent",
        *(
            {
                "EventDate": NOW - timedelta(seconds=number),
                "CreatedDate": NOW - timedelta(seconds=number),
                "EventIdentifier": str(number),
            }
            for number in range(count)
        ),
    )
    return store


# ---- versions and addresses


def test_versions_need_no_login_and_cost_nothing(connect):
    client = connect()

    with httpx.Client(base_url=client.org.base_url) as stranger:
        for path in ("/services/data", "/services/data/"):
            answer = stranger.get(path)
            assert answer.status_code == 200
            assert answer.json()[-1] == {
                "label": "Summer '26",
                "url": "/services/data/v67.0",
                "version": "67.0",
            }
            assert "sforce-limit-info" not in answer.headers
    assert client.org.api_calls == 0


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/services/data/v99.0/limits", (404, "NOT_FOUND")),
        ("/services/data/v67.5/limits", (404, "NOT_FOUND")),
        ("/services/data/vx/limits", (404, "NOT_FOUND")),
        ("/services/data/v30.0/limits", (410, "GONE")),
        ("/services/data/v67.0/nothing", (404, "NOT_FOUND")),
        ("/nothing", (404, "NOT_FOUND")),
        ("/services/data/v67.0/query", (400, "MALFORMED_QUERY")),
        ("/services/data/v67.0/sobjects/Nothing/describe", (404, "NOT_FOUND")),
        ("/services/data/v67.0/sobjects/User/005000000000000AAA", (404, "NOT_FOUND")),
        ("/services/data/v67.0/sobjects/ApiEvent/000000000000000AAA", (404, "NOT_FOUND")),
        (DATA_PATH + "/sobjects/EventLogFile/0AT000000000000AAA/LogFile", (404, "NOT_FOUND")),
        ("/services/data/v67.0/jobs/query/750000000000000AAA", (404, "NOT_FOUND")),
        ("/services/data/v67.0/jobs/nothing", (404, "NOT_FOUND")),
        ("/services/data/v67.0/query/01gXXXXXXXXXXXXXXX-2000", (400, "INVALID_QUERY_LOCATOR")),
        ("/services/data/v67.0/query/nonsense", (400, "INVALID_QUERY_LOCATOR")),
    ],
)
def test_errors_are_arrays_of_one(empty, path, expected):
    assert parse_error(empty.http.get(path)) == expected


def test_another_method_is_not_allowed(empty):
    assert parse_error(empty.http.post(DATA_PATH + "/limits")) == (405, "METHOD_NOT_ALLOWED")


def test_an_address_can_be_too_long(empty):
    client = empty

    assert client.send_query("SELECT Id FROM User" + " " * 16_400).status_code == 414
    assert client.get("/limits", headers={"X-Much": "x" * 16_300}).status_code == 431


def test_the_date_is_the_orgs_own(empty):
    assert empty.get("/limits").headers["date"] == "Thu, 01 Oct 2026 12:00:00 GMT"


def test_the_resources_are_listed(empty):
    assert empty.get("/").json()["query"] == DATA_PATH + "/query"


# ---- limits


def test_every_call_counts_and_is_told(connect):
    client = connect(behaviour=OrgBehaviour(daily_call_limit=500))
    client.org.spend_calls(40)

    answer = client.get("/limits")

    assert answer.headers["sforce-limit-info"] == "api-usage=41/500; api-bursts=1/750"
    assert answer.json()["DailyApiRequests"] == {"Max": 500, "Remaining": 459}
    assert client.send_query("nonsense").headers["sforce-limit-info"].startswith("api-usage=42/500")


def test_beyond_the_days_calls_everything_is_refused_without_retry_after(connect):
    client = connect(behaviour=OrgBehaviour(daily_call_limit=2))
    client.org.spend_calls(2)

    answer = client.get("/limits")

    assert parse_error(answer) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert answer.json()[0]["message"] == "TotalRequests Limit exceeded."
    assert "retry-after" not in answer.headers


# ---- objects


def test_describe_tells_types_and_what_may_be_filtered(empty):
    client = empty

    fields = {
        field["name"]: field
        for field in client.get("/sobjects/EventLogFile/describe").json()["fields"]
    }

    assert fields["LogFile"]["type"] == "base64"
    assert fields["LogDate"]["type"] == "datetime"
    assert fields["Interval"]["filterable"]
    assert not fields["LogFileFieldNames"]["filterable"]


def test_big_objects_let_filter_only_what_they_index(empty):
    fields = empty.get("/sobjects/LoginEvent/describe").json()["fields"]

    assert [field["name"] for field in fields if field["filterable"]] == [
        "EventDate",
        "EventIdentifier",
    ]


def test_what_the_licence_does_not_cover_is_nowhere(connect):
    client = connect(behaviour=OrgBehaviour(missing=frozenset({"ApiEvent"})))

    names = {one["name"] for one in client.get("/sobjects").json()["sobjects"]}

    assert "ApiEvent" not in names
    assert "LoginEvent" in names
    assert parse_error(client.send_query("SELECT Id FROM ApiEvent")) == (400, "INVALID_TYPE")
    assert parse_error(client.get("/sobjects/ApiEvent/describe")) == (404, "NOT_FOUND")


def test_without_hourly_entitlement_there_is_no_interval_and_no_hourly_file(connect):
    daily = log_file(id="0AT5f00000AAAA0AAA", sequence=0)
    client = connect(with_files(log_file(), daily), behaviour=OrgBehaviour(hourly_files=False))

    fields = client.get("/sobjects/EventLogFile/describe").json()["fields"]

    assert "Interval" not in {field["name"] for field in fields}
    assert parse_error(client.send_query("SELECT Interval FROM EventLogFile")) == (
        400,
        "INVALID_FIELD",
    )
    assert len(client.query_records("SELECT Id FROM EventLogFile WHERE Sequence >= 0")) == 1
    assert client.get(LOGIN).status_code == 404


def test_a_record_is_read_by_either_form_of_its_id(connect):
    client = connect(with_users(2))

    long = client.get("/sobjects/User/" + extend_record_id("0055f0000000001")).json()

    assert long["Username"] == "u1"
    assert client.get("/sobjects/user/0055f0000000001").json() == long
    assert client.get("/sobjects/User").json()["objectDescribe"]["name"] == "User"


# ---- pages


@pytest.mark.parametrize(
    ("header", "size"), [("", 2000), ("batchSize=500", 500), ("batchSize=7", 200)]
)
def test_pages_add_up_to_the_whole(connect, header, size):
    client = connect(with_users(4100))
    answer = client.send_query(
        "SELECT Id FROM User ORDER BY Id", **{"Sforce-Query-Options": header}
    ).json()
    pages = [answer]
    while not answer["done"]:
        locator = answer["nextRecordsUrl"].removeprefix(DATA_PATH + "/query/")
        assert len(locator.partition("-")[0]) == 18
        answer = client.http.get(answer["nextRecordsUrl"]).json()
        pages.append(answer)

    found = [record["Id"] for page in pages for record in page["records"]]

    assert found == sorted(found)
    assert len(set(found)) == 4100
    assert {len(page["records"]) for page in pages[:-1]} == {size}
    assert {page["totalSize"] for page in pages} == {4100}
    assert "nextRecordsUrl" not in pages[-1]


def test_locators_expire_on_command(connect):
    client = connect(with_users(2100))
    following = client.send_query("SELECT Id FROM User").json()["nextRecordsUrl"]
    assert client.http.get(following).status_code == 200

    client.org.expire_locators()

    assert parse_error(client.http.get(following)) == (400, "INVALID_QUERY_LOCATOR")


def test_big_objects_may_end_at_the_batch_without_a_locator(connect):
    paged = connect(with_events(2500)).send_query("SELECT Id FROM ApiEvent").json()
    ended = connect(with_events(2500), behaviour=OrgBehaviour(big_object_locators=False))

    answer = ended.send_query("SELECT EventIdentifier FROM ApiEvent").json()

    assert (paged["totalSize"], paged["done"]) == (2500, False)
    assert (answer["totalSize"], answer["done"]) == (2000, True)
    assert answer["records"][-1]["EventIdentifier"] == "1999"


def test_a_trailing_slash_and_query_all_are_the_same_resource(connect):
    client = connect(with_users(3))
    soql = {"q": "SELECT Id FROM User"}

    answers = [client.get(path, params=soql).json() for path in ("/query", "/query/", "/queryAll/")]

    assert answers[0] == answers[1] == answers[2]


def test_answers_are_compressed_for_those_who_accept_it(connect):
    client = connect(with_users(300))
    soql = "SELECT Id FROM User"

    plain = client.send_query(soql, **{"Accept-Encoding": "identity"})
    packed = client.send_query(soql, **{"Accept-Encoding": "gzip"})

    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json() == plain.json()


# ---- time


def test_rows_files_and_jobs_appear_at_their_time(connect):
    moment = [NOW]
    store = with_files(log_file(created=NOW + HOUR))
    store.add_rows("SetupAuditTrail", {"Id": "0Ym5f00000AAAA1AAA", "CreatedDate": NOW + HOUR})
    store.add_rows(
        "LoginHistory",
        {"Id": "0Ya5f00000AAAA1AAA", "LoginTime": NOW - HOUR},
        visible_from=NOW + HOUR,
    )
    store.add_jobs([job()])
    client = connect(store, clock=lambda: moment[0])

    def seen():
        return (
            len(client.query_records("SELECT Id FROM EventLogFile WHERE Sequence > 0")),
            client.get(LOGIN).status_code,
            len(client.query_records("SELECT Id FROM SetupAuditTrail")),
            len(client.query_records("SELECT Id FROM LoginHistory")),
            len(client.get("/jobs/query").json()["records"]),
        )

    before = seen()
    moment[0] = NOW + HOUR
    after = seen()
    moment[0] = NOW + timedelta(days=8)
    later = seen()

    assert before == (0, 404, 0, 0, 0)
    assert after == (1, 200, 1, 1, 1)
    assert later == (1, 200, 1, 1, 0)


def test_what_is_added_while_it_runs_is_served(connect):
    client = connect()
    assert client.query_records("SELECT Id FROM User") == []

    client.org.store.add_rows("User", {"Id": "0055f00000AAAA1AAA"})

    assert len(client.query_records("SELECT Id FROM User")) == 1


def test_a_store_takes_only_what_the_org_knows():
    store = OrgStore()

    with pytest.raises(Exception, match="No such column 'Nmae'"):
        store.add_rows("User", {"Id": "0055f00000AAAA1AAA", "Nmae": "x"})
    with pytest.raises(Exception, match="not supported"):
        store.add_rows("Thing", {"Id": "1"})
    with pytest.raises(ValueError, match="has an Id"):
        store.add_rows("User", {"Name": "x"})


# ---- log files


def test_a_log_file_is_chunked_octets(connect):
    content = b'"EVENT_TYPE","QUERY"\n' + b'"Login","line\nbreak, ""quoted"""\n' * 9000
    client = connect(with_files(log_file(content)))

    answer = client.get(LOGIN, headers={"Accept-Encoding": "identity"})

    assert answer.content == content
    assert answer.headers["content-type"] == "application/octetstream"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in answer.headers
    assert "sforce-limit-info" in answer.headers


def test_a_log_file_is_compressed_on_demand(connect):
    content = b'"EVENT_TYPE"\n' + b'"Login"\n' * 90_000
    client = connect(with_files(log_file(content)))

    with client.http.stream(
        "GET", DATA_PATH + LOGIN, headers={"Accept-Encoding": "gzip"}
    ) as answer:
        raw = b"".join(answer.iter_raw())

    assert answer.headers["content-encoding"] == "gzip"
    assert len(raw) < len(content) / 10
    assert gzip.decompress(raw) == content


def test_the_length_of_a_file_is_that_of_its_text(connect):
    content = '"EVENT_TYPE"\n"Zoë"'.encode()
    client = connect(with_files(log_file(content)))

    (row,) = client.query_records(
        "SELECT LogFileLength, LogFileFieldNames, Interval, LogFile FROM EventLogFile"
        " WHERE Sequence = 1"
    )

    assert row["LogFileLength"] == float(len(content))
    assert row["LogFileFieldNames"] == "EVENT_TYPE"
    assert row["Interval"] == "Hourly"
    assert client.http.get(row["LogFile"]).content == content


def test_a_file_that_was_removed_is_gone(connect):
    client = connect(with_files())
    client.org.store.remove_file("0AT5f00000AAAA1AAA")

    assert client.query_records("SELECT Id FROM EventLogFile WHERE Sequence >= 0") == []
    assert parse_error(client.get(LOGIN)) == (404, "NOT_FOUND")


# ---- bulk jobs


def job(**changed):
    values = {
        "id": "7505f00000AAAA1AAA",
        "kind": "V2Query",
        "operation": "query",
        "object": "Contact",
        "created_by": "0055f00000AAAA1AAA",
        "created": NOW + HOUR,
        "finished": NOW + 2 * HOUR,
        "records": 1000,
    }
    return BulkJob(**{**values, **changed})


def test_a_job_is_told_with_its_records_only_when_asked_for_alone(connect):
    store = OrgStore()
    store.add_jobs([job(created=NOW - 3 * HOUR, finished=NOW - HOUR)])
    client = connect(store)

    (listed,) = client.get("/jobs/query").json()["records"]
    alone = client.get("/jobs/query/7505f00000AAAA1").json()

    assert "numberRecordsProcessed" not in listed
    assert listed.items() <= alone.items()
    assert alone["numberRecordsProcessed"] == 1000
    assert (alone["state"], alone["jobType"]) == ("JobComplete", "V2Query")
    assert alone["createdDate"] == "2026-10-01T09:00:00.000+0000"
    assert not {"query", "numberBatches"} & alone.keys()


def test_a_running_job_counts_up(connect):
    store = OrgStore()
    store.add_jobs([job(created=NOW - HOUR, finished=NOW + HOUR)])

    alone = connect(store).get("/jobs/query/7505f00000AAAA1AAA").json()

    assert (alone["state"], alone["numberRecordsProcessed"]) == ("InProgress", 500)


def test_a_deleted_job_is_unknown(connect):
    store = OrgStore()
    store.add_jobs([job(created=NOW - HOUR, finished=NOW - HOUR, deleted=NOW)])

    assert parse_error(connect(store).get("/jobs/query/7505f00000AAAA1AAA")) == (404, "NOT_FOUND")


def test_ingest_jobs_and_classic_ones_are_listed_where_they_belong(connect):
    store = OrgStore()
    past = {"created": NOW - HOUR, "finished": NOW - HOUR}
    store.add_jobs(
        [
            job(id="7505f00000AAAA1AAA", **past),
            job(id="7505f00000AAAA2AAA", kind="V2Ingest", operation="insert", **past),
            job(id="7505f00000AAAA3AAA", kind="Classic", operation="queryAll", **past),
            job(id="7505f00000AAAA4AAA", kind="Classic", operation="delete", **past),
        ]
    )
    client = connect(store)

    def listed(path):
        return sorted(one["id"][14] for one in client.get(path).json()["records"])

    assert listed("/jobs/query") == ["1", "3"]
    assert listed("/jobs/ingest") == ["2", "4"]
    assert listed("/jobs/query?jobType=V2Query") == ["1"]
    assert client.get("/jobs/ingest/7505f00000AAAA2AAA").json()["numberRecordsFailed"] == 0
    assert client.get("/jobs/ingest/7505f00000AAAA1AAA").status_code == 404


def test_many_jobs_come_in_pages(connect):
    store = OrgStore()
    past = {"created": NOW - HOUR, "finished": NOW - HOUR}
    store.add_jobs(
        job(id=extend_record_id(f"7505f0000{number:06d}"), **past) for number in range(1500)
    )
    client = connect(store)

    first = client.get("/jobs/query").json()
    second = client.http.get(first["nextRecordsUrl"]).json()

    assert (len(first["records"]), first["done"]) == (1000, False)
    assert (len(second["records"]), second["done"], second["nextRecordsUrl"]) == (500, True, None)
    assert len({one["id"] for one in first["records"] + second["records"]}) == 1500
    assert parse_error(client.get("/jobs/query?queryLocator=x")) == (400, "INVALID_QUERY_LOCATOR")


# ---- faults


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        (faults.build_maintenance_fault(), 503, "<html>"),
        (faults.build_maintenance_fault(status=200), 200, "<html>"),
        (faults.build_lost_route_fault(), 420, "<html>"),
        (faults.build_timeout_fault(""), 400, "QUERY_TIMEOUT"),
        (faults.build_daily_limit_fault(), 403, "TotalRequests"),
        (faults.build_concurrency_fault(), 403, "ConcurrentRequests"),
        (faults.build_expired_fault(times=1), 401, "INVALID_SESSION_ID"),
        (InjectedFault(status=500, body=b"\x00\xff"), 500, "\x00"),
    ],
)
def test_a_fault_strikes_once_and_is_over(empty, fault, status, text):
    client = empty

    client.org.inject_faults(fault)

    answer = client.get("/limits")
    assert answer.status_code == status
    assert text in answer.text
    assert client.get("/limits").status_code == 200


def test_a_fault_may_last_until_it_is_called_off(empty):
    client = empty
    client.org.inject_faults(faults.build_expired_fault())

    assert {client.get("/limits").status_code for _ in range(5)} == {401}
    client.org.clear_faults()
    assert client.get("/limits").status_code == 200


def test_faults_strike_only_what_they_fit_and_in_order(connect):
    client = connect(with_users(1))
    client.org.inject_faults(
        InjectedFault(address_pattern="FROM User", status=500),
        InjectedFault(address_pattern="/query", times=2, status=502),
    )

    statuses = [client.send_query("SELECT Id FROM User").status_code for _ in range(4)]

    assert statuses == [500, 502, 502, 200]
    client.org.inject_faults(InjectedFault(address_pattern="/query", status=500))
    assert client.get("/limits").status_code == 200


def test_a_cut_connection_leaves_an_incomplete_body(connect, caplog):
    client = connect(with_files(log_file(b'"A"\n' * 60_000)))
    client.org.inject_faults(InjectedFault(address_pattern="LogFile", cut_after=100_000))
    address = httpx.URL(client.org.base_url)
    request = (
        f"GET {DATA_PATH}{LOGIN} HTTP/1.1\r\nHost: org\r\nConnection: close\r\n"
        f"Authorization: {client.http.headers['Authorization']}\r\n\r\n"
    )

    with socket.create_connection((address.host, address.port), timeout=5) as connection:
        connection.sendall(request.encode())
        with connection.makefile("rb") as answer:
            body = answer.read().partition(b"\r\n\r\n")[2]

    assert body.count(b"A") == 25_000
    assert not body.endswith(b"0\r\n\r\n")
    client.org.inject_faults(InjectedFault(address_pattern="LogFile", cut_after=100_000))
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(LOGIN, headers={"Accept-Encoding": "identity"})
    assert len(client.get(LOGIN).content) == 240_000
    assert caplog.records == []


def test_a_delay_can_outlast_a_client(empty):
    client = empty
    client.org.inject_faults(InjectedFault(address_pattern="limits", delay=0.4))

    with pytest.raises(httpx.ReadTimeout):
        client.get("/limits", timeout=0.05)

    assert client.get("/limits").status_code == 200


# ---- the server itself


def test_the_journal_tells_every_request_and_no_secret(connect):
    client = connect(with_users(1))
    client.send_query("SELECT Id FROM User")
    client.get("/nothing")

    journal = client.org.request_log

    assert [(visit.method, visit.path, visit.query, visit.status) for visit in journal] == [
        ("POST", "/services/oauth2/token", "", 200),
        ("GET", DATA_PATH + "/query", "q=SELECT Id FROM User", 200),
        ("GET", DATA_PATH + "/nothing", "", 404),
    ]
    assert client.org.application.client_secret not in repr(journal)


def test_stopping_closes_the_port_and_ends_the_thread():
    org = EmbeddedOrg(OrgStore())
    port = int(org.start().rpartition(":")[2])
    with httpx.Client(base_url=org.base_url) as client:
        client.get("/services/data")
        running = {thread.name for thread in threading.enumerate()}

        org.stop()
        org.stop()

    ended = running - {thread.name for thread in threading.enumerate()}
    assert f"embedded-org-{port}" in ended
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        pass


def test_it_serves_on_the_port_that_it_is_given():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError):
            EmbeddedOrg(OrgStore(), port=port).start()

    with EmbeddedOrg(OrgStore(), port=port) as org:
        assert org.base_url == f"http://127.0.0.1:{port}"
