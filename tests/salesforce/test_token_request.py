from __future__ import annotations

import base64
import traceback
from urllib.parse import quote_plus

import httpx
import jwt
import pytest

from collector import clock
from collector import http as web
from collector.errors import CollectorError, LoginRefusedError, UnreachableError
from collector.salesforce.authenticator import Authenticator
from collector.salesforce.login_advice import ADVICE_TABLE, TRANSIENT_ERRORS
from collector.salesforce.token_request import AccessToken
from collector.settings import JwtAuth, OrgSettings, Secret, list_secrets
from fakes.salesforce import (
    CLIENT_ID,
    CLIENT_SECRET,
    HTML_PAGE,
    JWT_GRANT,
    MAINTENANCE,
    TOKEN_PATH,
    USERNAME,
    FakeSalesforce,
    HttpReply,
    build_json_reply,
    build_jwt_org,
    build_password_org,
    build_refresh_org,
    build_secret_org,
    create_private_key,
    render_private_pem,
)


@pytest.fixture
def http():
    with web.build_client() as client:
        yield client


def login(org: OrgSettings, http: httpx.Client) -> AccessToken:
    return Authenticator(org, http).obtain_token()


def refusal(code: str, description: str | None, status: int = 400) -> HttpReply:
    return build_json_reply({"error": code, "error_description": description}, status)


class TestToken:
    def test_a_key_buys_a_token(self, fake, http):
        token = login(build_jwt_org(fake), http)

        assert token.instance_url == fake.url
        assert token.access_token.reveal().startswith("00D")
        assert token.access_token.reveal() not in repr(token)

    def test_the_assertion_is_signed_rs256_and_lives_at_most_three_minutes(self, fake, http):
        login(build_jwt_org(fake), http)
        form = fake.list_requests(TOKEN_PATH)[0].form
        claims = jwt.decode(
            form["assertion"],
            create_private_key().public_key(),
            algorithms=["RS256"],
            audience=fake.url,
        )

        assert form["grant_type"] == JWT_GRANT
        assert claims["iss"] == CLIENT_ID
        assert claims["sub"] == USERNAME
        assert 60 < claims["exp"] - clock.now().timestamp() <= 180

    def test_a_secret_buys_a_token(self, fake, http):
        assert login(build_secret_org(fake), http).instance_url == fake.url
        assert fake.list_requests(TOKEN_PATH)[0].form == {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }


SAID = [
    ("invalid_grant", "user hasn't approved this consumer", "pre-authorize"),
    ("invalid_grant", "audience is invalid", "`audience`"),
    ("invalid_grant", "Audience validation failed", "`audience`"),
    ("invalid_grant", "invalid assertion", "certificate"),
    ("invalid_grant", "expired authorization code", "clock"),
    ("invalid_grant", "authentication failure", "IP ranges"),
    ("invalid_grant", "expired access/refresh token", "authorize the app again"),
    ("invalid_grant", "user is locked", "unlock"),
    ("invalid_grant", "user is inactive", "activate"),
    ("invalid_grant", "no client credentials user enabled", "Run As"),
    ("invalid_grant", "request not supported on this domain", "My Domain"),
    ("invalid_grant", None, "OAuth policies"),
    ("inactive_user", "user is inactive", "activate the integration user (Setup, Users)"),
    ("inactive_org", "", "ask Salesforce"),
    ("invalid_client_id", "client identifier invalid", "ten minutes"),
    ("invalid_client", "invalid client credentials", "client_secret"),
    ("app_not_found", "External client app is not installed in this org", "install the app"),
    ("invalid_app_access", "user is not admin approved", "approve the user for the app"),
    ("invalid_request", "refresh_token scope is required", "offline_access"),
    ("invalid_request", "must use HTTP POST", "`proxy`"),
    ("invalid_request", "missing parameter", "OAuth settings: the flow"),
    ("unsupported_grant_type", "grant type not supported", "enable this OAuth flow"),
    ("invalid_scope", None, "give the app the scopes"),
    ("something_new", "what?", "check the app's OAuth settings and policies in Setup"),
]
"""Each error of the token endpoint, and words of the sentence that it becomes."""

SAID_TO_PASSWORDS = [
    ("invalid_grant", "authentication failure", "allows username-password flows"),
    ("invalid_grant", "user is locked", "unlock"),
    ("unsupported_grant_type", "grant type not supported", "External Client Apps do not have"),
]


@pytest.fixture(scope="module")
def refusing():
    with FakeSalesforce() as fake:
        yield fake


class TestRefusals:
    @pytest.mark.parametrize(("code", "description", "advice"), SAID)
    def test_each_one_says_what_to_change(self, refusing, http, code, description, advice):
        refusing.queue_replies(TOKEN_PATH, refusal(code, description))

        with pytest.raises(LoginRefusedError) as raised:
            login(build_jwt_org(refusing), http)
        assert raised.value.permanent
        assert advice in str(raised.value)
        assert code in str(raised.value)

    @pytest.mark.parametrize(("code", "description", "advice"), SAID_TO_PASSWORDS)
    def test_and_to_whom_it_says_so(self, refusing, http, code, description, advice):
        refusing.queue_replies(TOKEN_PATH, refusal(code, description))

        with pytest.raises(LoginRefusedError, match=advice):
            login(build_password_org(refusing), http)

    def test_no_row_of_the_table_is_without_a_test(self):
        said = [advice for _, _, advice in SAID + SAID_TO_PASSWORDS] + ["too often"]

        assert [
            row for row in ADVICE_TABLE if not any(advice in row.sentence for advice in said)
        ] == []

    def test_too_many_logins_are_not_for_ever(self, refusing, http):
        refusing.queue_replies(
            TOKEN_PATH, refusal("rate_limit_exceeded", "login rate exceeded", 403)
        )

        with pytest.raises(LoginRefusedError) as raised:
            login(build_jwt_org(refusing), http)
        assert not raised.value.permanent

    @pytest.mark.parametrize(
        "answer",
        [
            MAINTENANCE,
            HTML_PAGE,
            *(refusal(code, "retry your request") for code in sorted(TRANSIENT_ERRORS)),
            refusal("invalid_grant", "authentication failure", 500),
            refusal("x", "no routing", 420),
            HttpReply(status=400, body=b"<html>"),
            HttpReply(status=400, body=b"[]"),
            HttpReply(status=400, body=b"[" * 100_000),
            HttpReply(status=429),
            HttpReply(drops_connection=True),
            HttpReply(body=b"{}"),
            HttpReply(body=b"x" * (2 << 20)),
            HttpReply(body=b'{"access_token": "x", "instance_url": "y"}', sent_bytes=10),
            build_json_reply({"access_token": 1, "instance_url": "https://acme.my.salesforce.com"}),
            build_json_reply(
                {"access_token": "a\r\nb: c", "instance_url": "https://acme.my.salesforce.com"}
            ),
            build_json_reply({"access_token": "a"}),
        ],
    )
    def test_what_is_no_verdict_is_unreachable_and_asked_once(self, fake, http, answer):
        fake.set_reply(TOKEN_PATH, answer)

        with pytest.raises(UnreachableError):
            login(build_jwt_org(fake), http)
        assert fake.login_count == 1

    def test_a_redirect_is_not_followed_with_the_secret(self, fake, http):
        fake.set_reply(TOKEN_PATH, HttpReply(status=307, headers={"Location": f"{fake.url}/other"}))

        with pytest.raises(LoginRefusedError, match="login_url"):
            login(build_secret_org(fake), http)
        assert fake.list_requests("/other") == []

    @pytest.mark.parametrize("key", ["nonsense", "-----BEGIN PRIVATE KEY-----\nx\n"])
    def test_a_key_that_is_none_is_never_used(self, fake, http, key):
        auth = JwtAuth(client_id="x", username="y", private_key=Secret(key))

        logins = Authenticator(build_jwt_org(fake, auth=auth), http)
        for _ in range(6):
            with pytest.raises(LoginRefusedError, match="private_key is no RSA key"):
                logins.obtain_token()
        assert fake.request_log == []


class TestInstance:
    @pytest.mark.parametrize(
        "url",
        [
            "https://acme.my.salesforce.com",
            "https://acme.my.salesforce.com/",
            "https://acme.my.salesforce.mil",
            "https://acme.lightning.force.com",
            "https://acme.my.sfcrmproducts.cn",
            "http://127.0.0.1:1234",
            "http://localhost:1234",
        ],
    )
    def test_a_token_goes_to_salesforce(self, refusing, http, url):
        refusing.queue_replies(
            TOKEN_PATH, build_json_reply({"access_token": "a", "instance_url": url})
        )

        assert login(build_jwt_org(refusing), http).instance_url == url.rstrip("/")

    @pytest.mark.parametrize(
        "url",
        [
            "https://evil.example.com",
            "https://salesforce.com.example.com",
            "https://evilsalesforce.com",
            "http://acme.my.salesforce.com",
            "https://user@acme.my.salesforce.com",
            "https://acme.my.salesforce.com/path",
            "https://acme.my.salesforce.com?x",
            "https://evil.example.com\\.salesforce.com",
            "https://evil.example.com#.salesforce.com",
            "https://evil.example.com%2f.salesforce.com",
            "https://169.254.169.254",
            "http://169.254.169.254",
            "ftp://127.0.0.1",
            "//acme.my.salesforce.com",
            "acme",
            "",
            "https://",
            "https://acme.my.salesforce.com:99999",
            "\x00",
        ],
    )
    def test_and_to_nobody_else(self, refusing, http, url):
        refusing.queue_replies(
            TOKEN_PATH, build_json_reply({"access_token": "a", "instance_url": url})
        )

        with pytest.raises(LoginRefusedError, match="instance_url"):
            login(build_jwt_org(refusing), http)


class TestSecrets:
    @pytest.mark.parametrize(
        "make", [build_jwt_org, build_secret_org, build_refresh_org, build_password_org]
    )
    def test_no_error_repeats_what_was_sent(self, fake, http, make):
        class Echo(FakeSalesforce):
            def answer_request(self, request):
                self.request_log.append(request)
                told = f"{' '.join(request.form.values())} {request.body.decode()}"
                return build_json_reply({"error": "invalid_grant", "error_description": told}, 400)

        with Echo() as echo:
            org = make(echo)
            with pytest.raises(CollectorError) as raised:
                login(org, http)
            sent = echo.list_requests(TOKEN_PATH)[0].form
        shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value)
        secrets = {
            *list_secrets(org.auth),
            sent.get("assertion", ""),
            render_private_pem()[30:80],
        } - {""}
        assert len(secrets) > 1
        for secret in secrets:
            assert secret not in shown
            assert quote_plus(secret) not in shown
            assert secret[:40] not in shown

    def test_the_server_s_words_are_one_printable_line(self, fake, http):
        fake.set_reply(TOKEN_PATH, refusal("invalid_grant\n", "\x1b[2J\u202e" + "no " * 500))

        with pytest.raises(LoginRefusedError) as raised:
            login(build_jwt_org(fake), http)
        assert str(raised.value).isprintable()
        assert len(str(raised.value)) < 600

    def test_the_private_key_is_never_sent(self, fake, http):
        login(build_jwt_org(fake), http)
        key = base64.b64decode("".join(render_private_pem().splitlines()[1:-1]))

        assert key[40:60] not in fake.request_log[0].body
        assert render_private_pem()[30:80].encode() not in fake.request_log[0].body
