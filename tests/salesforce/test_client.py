from __future__ import annotations

import threading
import traceback
from datetime import timedelta

import pytest

from collector import clock
from collector.errors import (
    ApiVersionError,
    CollectorError,
    LimitExceededError,
    NotAvailableError,
    QueryTooWideError,
    SalesforceError,
    SessionExpiredError,
    StoppedError,
    UnreachableError,
)
from collector.salesforce.client import ApiUsage, FieldDescription, SalesforceClient
from collector.settings import Secret, list_secrets
from fakes.proxy import FakeProxy
from fakes.salesforce import (
    HTML_PAGE,
    MAINTENANCE,
    SESSION_EXPIRED,
    TOKEN_CANARY,
    VERSIONS_PATH,
    HttpReply,
    build_error_reply,
    build_json_reply,
    build_jwt_org,
    build_password_org,
    build_refresh_org,
    build_secret_org,
    render_private_pem,
)

QUERY = "/services/data/v67.0/query/"
SECOND_PAGE = f"{QUERY}01gRM000004dkEYAQ-2"
NO_PAUSE = (0.0, 0.0)
SOQL = "SELECT Id FROM User WHERE Name = 'a+b & c%20d é' AND X > 2026-10-01T12:00:00.000Z"


def rows(client: SalesforceClient) -> list[object]:
    return [record["Id"] for page in client.query(SOQL) for record in page]


@pytest.fixture
def five(fake):
    fake.records = [{"attributes": {"type": "User"}, "Id": str(n)} for n in range(5)]
    return ["0", "1", "2", "3", "4"]


class TestQuery:
    def test_every_page_is_read_once_and_in_order(self, fake, client, five):
        assert rows(client) == five
        assert len(fake.list_requests(QUERY)) == 3

    def test_a_page_is_asked_for_when_it_is_wanted(self, fake, client, five):
        pages = client.query(SOQL)
        assert fake.request_log == []

        next(pages)
        assert len(fake.list_requests(QUERY)) == 1

    def test_the_query_arrives_as_it_was_written(self, fake, client):
        rows(client)

        assert fake.list_requests(QUERY)[0].soql == SOQL

    def test_calls_name_the_collector_and_ask_for_large_pages(self, fake, client, five):
        rows(client)

        for request in fake.list_requests(QUERY):
            assert request.headers["sforce-call-options"] == "client=collector"
            assert request.headers["sforce-query-options"] == "batchSize=2000"
            assert request.headers["accept-encoding"] == "gzip"
            assert request.headers["user-agent"].startswith("collector/")
            assert "x-prettyprint" not in request.headers
            assert "cookie" not in request.headers

    def test_attributes_vanish_and_related_objects_stay(self, fake, client):
        fake.records = [
            {
                "attributes": {"type": "SetupAuditTrail", "url": "/x"},
                "Score": 0.855,
                "CreatedBy": {"attributes": {"type": "User"}, "Username": "a@acme.com"},
                "Related": {"records": [{"attributes": {}, "Id": "1"}]},
                "Nothing": None,
            }
        ]

        assert [list(page) for page in client.query(SOQL)] == [
            [
                {
                    "Score": 0.855,
                    "CreatedBy": {"Username": "a@acme.com"},
                    "Related": {"records": [{"Id": "1"}]},
                    "Nothing": None,
                }
            ]
        ]

    @pytest.mark.parametrize(
        "page",
        [
            {"records": []},
            {"records": [], "done": False},
            {"records": [], "done": "no", "nextRecordsUrl": "/services/data/v67.0/query/x-2"},
            {"records": [], "nextRecordsUrl": "/services/data/v67.0/query/x-2"},
            {"records": [], "done": False, "nextRecordsUrl": "https://evil.example.com/query/x"},
            {"records": [], "done": False, "nextRecordsUrl": "/services/data/v67.0/query/../x"},
            {"records": {}, "done": True},
            {"records": ["x"], "done": True},
            {"done": True},
            [],
            "done",
        ],
    )
    def test_a_page_that_is_none_is_never_the_end_of_the_data(self, fake, client, page):
        fake.set_reply(QUERY, build_json_reply(page))

        with pytest.raises(UnreachableError):
            rows(client)

    def test_a_page_that_leads_to_itself_ends_in_an_error(self, fake, client):
        fake.set_reply(
            QUERY, build_json_reply({"records": [], "done": False, "nextRecordsUrl": SECOND_PAGE})
        )

        with pytest.raises(UnreachableError):
            rows(client)


class TestLogin:
    @pytest.mark.parametrize("place", [QUERY, SECOND_PAGE])
    def test_a_refused_token_costs_one_login_and_no_record(self, fake, client, five, place):
        fake.queue_replies(place, SESSION_EXPIRED)

        assert rows(client) == five
        assert fake.login_count == 2

    def test_the_very_request_that_was_refused_is_repeated(self, fake, client, five):
        pages = client.query(SOQL)
        next(pages)
        fake.revoke_tokens()

        assert [r["Id"] for page in pages for r in page] == five[2:]
        assert [request.path for request in fake.list_requests(SECOND_PAGE)] == [SECOND_PAGE] * 2
        assert fake.login_count == 2

    @pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b"null", b'["x"]'])
    def test_401_means_a_new_login_whatever_its_body(self, fake, client, five, body):
        fake.queue_replies(QUERY, HttpReply(status=401, body=body))

        assert rows(client) == five
        assert fake.login_count == 2

    @pytest.mark.parametrize("place", [QUERY, SECOND_PAGE])
    def test_a_token_that_is_refused_for_ever_costs_one_login_more(self, fake, client, five, place):
        fake.set_reply(place, SESSION_EXPIRED)

        with pytest.raises(SessionExpiredError):
            rows(client)
        assert fake.login_count == 2

    def test_the_version_list_is_read_once(self, fake, client, five):
        fake.queue_replies(QUERY, SESSION_EXPIRED)
        rows(client)

        assert len(fake.list_requests(VERSIONS_PATH)) == 1 + len(
            fake.list_requests("/services/data/v")
        )
        listing = next(r for r in fake.request_log if r.path == VERSIONS_PATH)
        assert "authorization" not in listing.headers

    def test_a_login_is_kept_while_the_version_list_cannot_be_read(self, fake, client, five):
        fake.queue_replies(VERSIONS_PATH, *[MAINTENANCE] * 3)
        with pytest.raises(UnreachableError):
            rows(client)

        assert rows(client) == five
        assert fake.login_count == 1

    def test_many_threads_with_one_dead_token_log_in_once(self, fake, client):
        assert client.instance_url == fake.url
        fake.revoke_tokens()
        found: list[object] = []
        threads = [threading.Thread(target=lambda: found.append(rows(client))) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert found == [[]] * 5
        assert fake.login_count == 2


class TestProxy:
    def test_every_request_goes_through_it(self, fake, five):
        with FakeProxy("u:p") as proxy:
            org = build_jwt_org(fake, proxy=Secret(f"http://u:p@{proxy.address}"))
            client = SalesforceClient(org, retry_pause=NO_PAUSE)
            assert rows(client) == five
            client.close()
            asked = [target.removeprefix(fake.url) for _, target in proxy.requests]

        assert asked == [request.path for request in fake.request_log]
        assert len(asked) == 5

    def test_one_that_refuses_is_named_without_its_password(self, fake):
        with FakeProxy("somebody:else") as proxy:
            address = Secret(f"http://u:CanaryProxy@{proxy.address}")
            org = build_jwt_org(fake, login_url="https://acme.my.salesforce.com", proxy=address)
            client = SalesforceClient(org, retry_pause=NO_PAUSE)
            with pytest.raises(UnreachableError, match=r"the proxy refuses \(407.*check") as r:
                rows(client)
            client.close()
        shown = "".join(traceback.format_exception(r.value)) + repr(org)

        assert "Canary" not in shown

    def test_one_that_is_not_there_is_an_outage(self, fake):
        client = SalesforceClient(
            build_jwt_org(fake, proxy=Secret("http://127.0.0.1:9")), retry_pause=NO_PAUSE
        )
        with pytest.raises(UnreachableError):
            rows(client)
        client.close()

        assert fake.request_log == []


class TestVersion:
    @pytest.mark.parametrize(
        ("offered", "taken"),
        [
            (["31.0", "68.0"], "67.0"),
            (["9.0", "65.0", "64.0"], "65.0"),
            (["67.0"], "67.0"),
            (["x", "66.0"], "66.0"),
        ],
    )
    def test_it_is_the_newest_that_both_know(self, fake, client, offered, taken):
        fake.versions = offered

        assert client.api_version == taken

    def test_the_settings_version_is_taken_unasked(self, fake):
        client = SalesforceClient(build_jwt_org(fake, api_version="61.0"))

        assert client.api_version == "61.0"
        assert [request.path for request in fake.request_log] == ["/services/oauth2/token"]
        client.close()

    @pytest.mark.parametrize(
        "answer",
        [
            build_json_reply({}),
            build_json_reply([]),
            build_json_reply([{"version": "../x"}]),
            HTML_PAGE,
        ],
    )
    def test_a_list_that_is_none_is_no_answer(self, fake, client, answer):
        fake.set_reply(VERSIONS_PATH, answer)

        with pytest.raises(UnreachableError):
            client.api_version  # noqa: B018


REFUSALS = [
    (
        build_error_reply(400, "INVALID_TYPE", "sObject type 'X' is not supported."),
        NotAvailableError,
    ),
    (build_error_reply(400, "INVALID_FIELD", "No such column 'Interval'"), NotAvailableError),
    (build_error_reply(403, "INSUFFICIENT_ACCESS"), NotAvailableError),
    (build_error_reply(403, "INSUFFICIENT_ACCESS_OR_READONLY"), NotAvailableError),
    (build_error_reply(403, "API_DISABLED_FOR_ORG"), NotAvailableError),
    (build_error_reply(403, "FUNCTIONALITY_NOT_ENABLED"), NotAvailableError),
    (build_error_reply(404, "NOT_FOUND"), NotAvailableError),
    (HttpReply(status=404), NotAvailableError),
    (build_error_reply(410, "UNSUPPORTED_API_VERSION"), ApiVersionError),
    (build_error_reply(410, "GONE"), ApiVersionError),
    (HttpReply(status=410), ApiVersionError),
    (
        build_error_reply(400, "QUERY_TIMEOUT", "Your query request was running for too long."),
        QueryTooWideError,
    ),
    (build_error_reply(500, "QUERY_TIMEOUT"), QueryTooWideError),
    (
        build_error_reply(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
        LimitExceededError,
    ),
    (build_error_reply(400, "INVALID_QUERY_LOCATOR"), SalesforceError),
    (build_error_reply(400, "MALFORMED_QUERY"), SalesforceError),
    (build_error_reply(414, "URI_TOO_LONG"), SalesforceError),
]
OUTAGES = [
    build_error_reply(500, "UNKNOWN_EXCEPTION"),
    build_error_reply(503, "SERVER_UNAVAILABLE"),
    build_error_reply(420, "NO_ROUTING"),
    build_error_reply(429, "TOO_MANY_REQUESTS"),
    MAINTENANCE,
    HTML_PAGE,
    HttpReply(status=404, body=b"<html>no such host</html>"),
    HttpReply(status=403, body=b"<html>blocked by the firewall</html>"),
    HttpReply(status=302, headers={"Location": "http://127.0.0.1:1/elsewhere"}),
    HttpReply(status=204),
    HttpReply(body=b""),
    HttpReply(body=b"[" * 100_000),
    HttpReply(body=b'{"x": ' + b"9" * 5_000 + b"}"),
    HttpReply(body=b"{}", headers={"Content-Encoding": "br"}),
    HttpReply(body=b"not gzip", headers={"Content-Encoding": "gzip"}),
    HttpReply(body=b'{"records": [], "done": true}', sent_bytes=9),
    HttpReply(drops_connection=True),
]


class TestRefusals:
    @pytest.mark.parametrize(("answer", "kind"), REFUSALS)
    def test_each_code_is_the_error_that_it_means_and_is_not_insisted_on(
        self, fake, client, answer, kind
    ):
        fake.set_reply(QUERY, answer)

        with pytest.raises(SalesforceError) as raised:
            rows(client)
        assert type(raised.value) is kind
        assert str(raised.value).startswith("acme: query")
        assert len(fake.list_requests(QUERY)) == 1

    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            (build_error_reply(400, "INVALID_TYPE"), "INVALID_TYPE"),
            (HttpReply(status=404), "NOT_FOUND"),
        ],
    )
    def test_what_is_not_available_says_its_code(self, fake, client, answer, code):
        fake.set_reply(QUERY, answer)

        with pytest.raises(NotAvailableError) as raised:
            rows(client)
        assert raised.value.code == code

    @pytest.mark.parametrize(
        ("message", "daily"),
        [
            ("TotalRequests Limit exceeded.", True),
            ("ConcurrentRequests (Concurrent API Requests) Limit exceeded.", False),
        ],
    )
    def test_the_daily_limit_is_told_from_the_concurrent_one(self, fake, client, message, daily):
        fake.set_reply(QUERY, build_error_reply(403, "REQUEST_LIMIT_EXCEEDED", message))

        with pytest.raises(LimitExceededError) as raised:
            rows(client)
        assert raised.value.is_daily is daily

    def test_pages_that_have_expired_say_so(self, fake, client, five):
        fake.set_reply(
            SECOND_PAGE, build_error_reply(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        )

        with pytest.raises(SalesforceError, match="pages have expired"):
            rows(client)

    def test_the_servers_words_are_short_and_harmless(self, fake, client):
        fake.set_reply(
            QUERY, build_error_reply(400, "MALFORMED_QUERY", "a\x1b[31m\n\u202eb" + " word" * 500)
        )

        with pytest.raises(SalesforceError) as raised:
            rows(client)
        message = str(raised.value)
        assert message.isprintable()
        assert len(message) < 300


class TestOutages:
    @pytest.mark.parametrize("answer", OUTAGES)
    def test_what_is_no_answer_is_asked_for_three_times(self, fake, client, answer):
        fake.set_reply(QUERY, answer)

        with pytest.raises(UnreachableError):
            rows(client)
        assert len(fake.list_requests(QUERY)) == 3

    @pytest.mark.parametrize("place", [QUERY, SECOND_PAGE])
    def test_two_of_them_in_a_row_cost_nothing(self, fake, client, five, place):
        for answer in OUTAGES:
            fake.queue_replies(place, answer, answer)

            assert rows(client) == five

    def test_a_redirect_is_not_followed(self, fake, client):
        fake.set_reply(QUERY, HttpReply(status=302, headers={"Location": f"{fake.url}/elsewhere"}))

        with pytest.raises(UnreachableError):
            rows(client)
        assert fake.list_requests("/elsewhere") == []

    def test_nobody_listening_is_unreachable(self, fake):
        client = SalesforceClient(build_jwt_org(fake, login_url="http://127.0.0.1:1"))

        with pytest.raises(UnreachableError, match="refused"):
            rows(client)
        client.close()


class TestStop:
    def test_nothing_is_asked_after_it(self, fake):
        stop = threading.Event()
        stop.set()
        client = SalesforceClient(build_jwt_org(fake), stop_event=stop)

        with pytest.raises(StoppedError):
            rows(client)
        assert fake.request_log == []
        client.close()

    def test_it_ends_a_query_between_two_pages(self, fake, five):
        stop = threading.Event()
        client = SalesforceClient(build_jwt_org(fake), stop_event=stop)
        pages = client.query(SOQL)
        next(pages)
        stop.set()

        with pytest.raises(StoppedError):
            next(pages)
        client.close()

    def test_it_ends_the_wait_between_two_tries(self, fake):
        stop = threading.Event()
        client = SalesforceClient(build_jwt_org(fake), stop_event=stop, retry_pause=(3600, 3600))
        assert client.api_version
        fake.set_reply(QUERY, MAINTENANCE)
        threading.Timer(0.05, stop.set).start()

        with pytest.raises(StoppedError):
            rows(client)
        client.close()


class TestOrg:
    def test_describe_tells_the_fields(self, fake, client):
        fake.objects["LoginEvent"] = [
            {"name": "EventDate", "type": "datetime", "filterable": True, "label": "x"},
            {"name": "Policy", "type": "string", "filterable": False},
        ]

        assert client.describe_object("LoginEvent") == (
            FieldDescription(name="EventDate", type="datetime", filterable=True),
            FieldDescription(name="Policy", type="string", filterable=False),
        )

    def test_an_object_that_is_not_there_is_not_available(self, client):
        with pytest.raises(NotAvailableError):
            client.describe_object("LoginEvent")

    @pytest.mark.parametrize("name", ["", "../limits", "a b", "x?y", "1x", "x\n"])
    def test_a_name_that_is_none_is_never_sent(self, fake, client, name):
        with pytest.raises(ValueError, match="no name"):
            client.describe_object(name)
        assert fake.request_log == []

    def test_a_resource_is_read_by_either_form_of_its_path(self, client):
        """As a part of ours, and as the org writes where the next page is."""
        for path in ("limits", "/services/data/v67.0/limits", "/services/data/v31.0/limits?a=1"):
            assert client.get_resource(path) == {
                "DailyApiRequests": {"Max": 5000, "Remaining": 4982}
            }

    def test_a_resource_that_is_not_there_is_not_available(self, client):
        with pytest.raises(NotAvailableError, match=r"jobs/query/750"):
            client.get_resource("jobs/query/750?queryLocator=1")

    @pytest.mark.parametrize(
        "path",
        [
            *("", "/limits", "../limits", "a/../b", "a b", "limits\n", "limits#x", "a?b?c"),
            *("//evil.example/x", "https://evil.example/x"),
            *("/services/data/v67.0/", "/services/oauth2/token"),
        ],
    )
    def test_a_path_that_leads_elsewhere_is_never_sent(self, fake, client, path):
        with pytest.raises(SalesforceError, match="leads out of the API"):
            client.get_resource(path)
        assert fake.request_log == []

    def test_object_names_and_limits(self, fake, client):
        fake.objects = {"User": [], "LoginEvent": []}

        assert client.list_object_names() == {"User", "LoginEvent"}
        assert client.get_limits() == {"DailyApiRequests": {"Max": 5000, "Remaining": 4982}}

    @pytest.mark.parametrize(
        ("header", "usage"),
        [
            ("api-usage=18/5000", ApiUsage(used_calls=18, max_calls=5000)),
            (
                "api-usage=10018/100000; api-bursts=1/750",
                ApiUsage(used_calls=10018, max_calls=100000),
            ),
            (
                "per-app-api-usage=17/250(appName=x); api-usage=25/5000",
                ApiUsage(used_calls=25, max_calls=5000),
            ),
            ("per-app-api-usage=17/250(appName=x)", None),
            ("api-usage=lots", None),
        ],
    )
    def test_the_use_of_the_api_is_read_from_any_answer(self, fake, client, header, usage):
        fake.limit_info = header
        client.get_limits()

        assert client.api_usage == usage

    def test_the_use_of_the_api_is_read_from_refusals_too(self, fake, client):
        refusal = build_error_reply(403, "REQUEST_LIMIT_EXCEEDED")
        headers = {"Sforce-Limit-Info": "api-usage=5001/5000"}
        fake.set_reply(QUERY, HttpReply(status=403, body=refusal.body, headers=headers))
        with pytest.raises(LimitExceededError):
            rows(client)

        assert client.api_usage == ApiUsage(used_calls=5001, max_calls=5000)

    def test_now_is_the_org_s_where_the_org_is_behind(self, fake, client):
        client.get_limits()
        assert client.clock_skew is not None
        assert abs(client.clock_skew) < timedelta(minutes=1)

        client.clock_skew = timedelta(hours=-1)
        assert abs(clock.now() - timedelta(hours=1) - client.estimate_org_time()) < timedelta(
            minutes=1
        )
        client.clock_skew = timedelta(hours=1)
        assert abs(clock.now() - client.estimate_org_time()) < timedelta(minutes=1)

    @pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Foo 2026 25:61:00 GMT"])
    def test_a_date_that_is_none_changes_nothing(self, fake, client, date):
        client.get_limits()
        skew = client.clock_skew
        fake.set_reply("/services/data/v67.0/limits", build_json_reply({}, Date=date))
        client.get_limits()

        assert client.clock_skew is not None
        assert skew is not None
        assert abs(client.clock_skew - skew) < timedelta(minutes=1)


class TestSecrets:
    @pytest.mark.parametrize(
        "make", [build_jwt_org, build_secret_org, build_refresh_org, build_password_org]
    )
    def test_no_error_shows_one(self, fake, make):
        client = SalesforceClient(make(fake), retry_pause=NO_PAUSE)
        for answer in [*(answer for answer, _ in REFUSALS), *OUTAGES, SESSION_EXPIRED]:
            fake.set_reply(QUERY, answer)
            with pytest.raises(CollectorError) as raised:
                rows(client)

            shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value)
            shown += repr(vars(client)) + repr(vars(client._session))
            shown += repr(vars(client._session._connection)) + repr(client._session._token)
            for secret in (TOKEN_CANARY, render_private_pem()[30:80], *list_secrets(make(fake))):
                assert secret not in shown
        client.close()

    def test_a_refusal_that_repeats_the_token_does_not_show_it(self, fake, client):
        echo = f"bad header Authorization: Bearer 00D!{'x' * 60}{TOKEN_CANARY}"
        fake.set_reply(QUERY, build_error_reply(400, "JSON_PARSER_ERROR", echo))

        with pytest.raises(SalesforceError) as raised:
            rows(client)
        assert TOKEN_CANARY not in str(raised.value)
