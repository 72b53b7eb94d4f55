"""An org that moves, or refuses a version or a token: found again, or told what to change."""

from __future__ import annotations

import ssl
from contextlib import ExitStack, closing

import pytest

from collector.errors import (
    ApiVersionError,
    InstanceGoneError,
    LoginRefusedError,
    NotAvailableError,
    SessionExpiredError,
    UnreachableError,
)
from collector.salesforce.client import SalesforceClient
from fakes.certificates import show_certificate
from fakes.salesforce import (
    TOKEN_PATH,
    VERSIONS_PATH,
    FakeSalesforce,
    HttpReply,
    build_error_reply,
    build_json_reply,
    build_jwt_org,
)

NO_PAUSE = (0.0, 0.0)
QUERY = "/services/data/v67.0/query/"
SOQL = "SELECT Id FROM User"
URL_NOT_RESET = build_error_reply(
    400, "URL_NOT_RESET", "Destination URL not reset. The URL returned from login must be set"
)
LAST_ANSWER = HttpReply(body=b'{"records": [{"Id": "old"}], "done": true}', framing="close")
TRACES = {
    "URL_NOT_RESET": URL_NOT_RESET,
    "URL_NOT_RESET as 401": HttpReply(status=401, body=URL_NOT_RESET.body),
    "404 page": HttpReply(status=404, body=b"<html>no such host</html>"),
    "302": HttpReply(status=302, headers={"Location": "https://elsewhere.example.com"}),
    "307": HttpReply(status=307, headers={"Location": "https://elsewhere.example.com"}),
    "420": HttpReply(status=420, body=b"<html>no route</html>"),
}
"""What an instance answers that is the org's no more."""


class Places:
    """Where the org logs in, where it was, and where it is now."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.login, self.old, self.new = (stack.enter_context(FakeSalesforce()) for _ in range(3))
        self.old._tokens = self.new._tokens = self.login._tokens
        self.old.records, self.new.records = [{"Id": "old"}], [{"Id": "new"}]
        self.login.instance_url = self.old.url

    def open_client(self, **changed):
        org = build_jwt_org(self.login, **changed)
        return self._stack.enter_context(closing(SalesforceClient(org, retry_pause=NO_PAUSE)))

    def move(self) -> None:
        self.login.instance_url = self.new.url


@pytest.fixture
def places():
    with ExitStack() as stack:
        yield Places(stack)


def read_ids(client):
    return [record["Id"] for page in client.query(SOQL) for record in page]


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
def test_an_org_that_has_moved_is_followed_by_one_login(places, trace):
    client = places.open_client()
    assert read_ids(client) == ["old"]
    places.old.set_reply("/services/data/v", trace)
    places.move()

    assert read_ids(client) == ["new"]
    assert client.instance_url == places.new.url
    assert places.login.login_count == 2


def test_a_port_that_is_closed_is_a_trace_of_a_move(places):
    client = places.open_client()
    places.old.queue_replies(QUERY, LAST_ANSWER)
    assert read_ids(client) == ["old"]
    places.old.__exit__()
    places.move()

    assert read_ids(client) == ["new"]
    assert places.login.login_count == 2


def test_a_certificate_of_another_name_is_a_trace_of_a_move(places, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    show_certificate(context, tmp_path / "right.pem")
    server = places.old._server
    server.socket = context.wrap_socket(server.socket, server_side=True)
    places.login.instance_url = places.old.url.replace("http:", "https:")
    client = places.open_client(ca_file=tmp_path / "right.pem")
    places.old.queue_replies(QUERY, LAST_ANSWER)
    assert read_ids(client) == ["old"]
    show_certificate(context, tmp_path / "wrong.pem", address="127.9.9.9")
    places.move()

    assert read_ids(client) == ["new"]


def test_an_instance_that_is_gone_before_the_first_answer_is_asked_for_again(places):
    client = places.open_client()
    places.old.set_reply(VERSIONS_PATH, TRACES["404 page"])
    with pytest.raises(InstanceGoneError, match="list of API versions: 404"):
        read_ids(client)
    places.move()

    assert read_ids(client) == ["new"]


def test_the_new_place_is_asked_in_a_version_that_it_serves(places):
    client = places.open_client()
    read_ids(client)
    places.new.versions = ["64.0", "65.0"]
    places.old.set_reply("/services/data/v", URL_NOT_RESET)
    places.move()

    assert read_ids(client) == ["new"]
    assert client.api_version == "65.0"


def test_while_the_login_knows_of_no_move_it_is_asked_once_in_five_minutes(places):
    client = places.open_client()
    read_ids(client)
    places.old.set_reply("/services/data/v", TRACES["404 page"])
    for _ in range(5):
        with pytest.raises(InstanceGoneError, match="query: 404 with a page"):
            read_ids(client)

    assert places.login.login_count == 2
    places.old._fixed_replies.clear()
    assert read_ids(client) == ["old"], "an outage heals without a login"
    assert places.login.login_count == 2


def test_where_the_login_is_out_of_order_too_the_first_trouble_is_told(places):
    client = places.open_client()
    read_ids(client)
    places.old.set_reply("/services/data/v", URL_NOT_RESET)
    places.login.set_reply(TOKEN_PATH, HttpReply(status=503))

    with pytest.raises(UnreachableError, match="query: URL_NOT_RESET: Destination URL not reset"):
        read_ids(client)


def test_where_the_login_is_refused_that_is_told(places):
    client = places.open_client()
    read_ids(client)
    places.old.set_reply("/services/data/v", URL_NOT_RESET)
    refusal = {"error": "inactive_org", "error_description": "organization is inactive"}
    places.login.set_reply(TOKEN_PATH, build_json_reply(refusal, 403))

    with pytest.raises(LoginRefusedError, match="inactive_org"):
        read_ids(client)


# ---- versions


def test_a_configured_version_that_is_retired_is_named_with_those_that_are_served(fake):
    with closing(SalesforceClient(build_jwt_org(fake, api_version="21.0"))) as client:
        fake.set_reply("/services/data/v21.0", build_error_reply(410, "GONE", "retired"))

        with pytest.raises(ApiVersionError) as raised:
            client.get_limits()
    assert str(raised.value) == (
        "acme: limits: GONE: retired: api_version is 21.0, and the org serves 31.0 to 68.0: without"
        " `api_version` the newest is taken"
    )


def test_a_configured_version_that_is_not_there_yet_is_named_too(fake):
    """Salesforce says of everything in it that it does not exist."""
    with closing(SalesforceClient(build_jwt_org(fake, api_version="99.0"))) as client:
        fake.set_reply("/services/data/v99.0", build_error_reply(404, "NOT_FOUND"))

        for _ in range(2):
            with pytest.raises(ApiVersionError, match=r"api_version is 99\.0, and the org serves"):
                client.list_object_names()


def test_what_is_not_there_in_a_version_that_is_served_is_just_not_there(fake):
    with closing(SalesforceClient(build_jwt_org(fake, api_version="66.0"))) as client:
        for _ in range(2):
            with pytest.raises(NotAvailableError, match="NOT_FOUND"):
                client.describe_object("LoginEvent")

    assert [visit.path for visit in fake.request_log].count(VERSIONS_PATH) == 1


def test_a_version_that_we_chose_and_that_is_retired_gives_way_to_another(fake, client):
    assert client.api_version == "67.0"
    fake.set_reply("/services/data/v67.0", build_error_reply(410, "UNSUPPORTED_API_VERSION"))
    fake.versions = ["68.0", "69.0"]
    with pytest.raises(ApiVersionError):
        client.get_limits()

    fake.versions = ["31.0", "66.0"]
    assert client.get_limits()
    assert client.api_version == "66.0"


# ---- Salesforce's words


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (
            build_error_reply(
                401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API"
            ),
            "for use with the REST API): add the scope api (Manage user data via APIs) to the app",
        ),
        (
            build_error_reply(401, "INVALID_SESSION_ID", "Session expired or invalid"),
            "a new token as well (401: INVALID_SESSION_ID Session expired or invalid): if sessions",
        ),
        (
            build_error_reply(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE"),
            "(401: INVALID_AUTH_HEADER INVALID_HEADER_TYPE): something between here and Salesforce",
        ),
        (HttpReply(status=401, body=b"<html>"), "the org refused a new token as well (401)"),
    ],
)
def test_a_refused_token_says_what_salesforce_said_and_what_to_do(fake, client, reply, words):
    fake.set_reply(QUERY, reply)

    for _ in range(2):
        with pytest.raises(SessionExpiredError) as raised:
            read_ids(client)
        assert words in str(raised.value)
    assert "the next login waits until" in str(raised.value)


def test_an_expired_password_is_named(fake, client):
    said = "The users password has expired, you must call SetPassword before attempting any other"
    reply = build_error_reply(403, "INVALID_OPERATION_WITH_EXPIRED_PASSWORD", said)
    fake.set_reply(QUERY, reply)

    with pytest.raises(Exception, match=f"{said}: give the integration user a new password"):
        read_ids(client)
