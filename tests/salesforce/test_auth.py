from __future__ import annotations

import base64
import traceback

import jwt
import pytest

from collector import clock
from collector import http as web
from collector.errors import CollectorError, LoginRefused, Unreachable
from collector.salesforce.auth import audience, login
from collector.settings import JwtAuth, Secret
from fakes.salesforce import (
    CLIENT_ID,
    CLIENT_SECRET,
    JWT_GRANT,
    MAINTENANCE,
    PAGE,
    TOKEN_PATH,
    USERNAME,
    FakeSalesforce,
    Reply,
    jwt_org,
    private_key,
    private_pem,
    reply,
    secret_org,
)


@pytest.fixture
def http():
    with web.client() as client:
        yield client


def refusal(code: str, description: str | None, status: int = 400) -> Reply:
    return reply({"error": code, "error_description": description}, status)


class TestToken:
    def test_a_key_buys_a_token(self, fake, http):
        token = login(jwt_org(fake), http)

        assert token.instance_url == fake.url
        assert token.access_token.reveal().startswith("00D")
        assert token.access_token.reveal() not in repr(token)

    def test_the_assertion_is_signed_rs256_and_lives_at_most_three_minutes(self, fake, http):
        login(jwt_org(fake), http)
        form = fake.asked(TOKEN_PATH)[0].form
        claims = jwt.decode(
            form["assertion"], private_key().public_key(), algorithms=["RS256"], audience=fake.url
        )

        assert form["grant_type"] == JWT_GRANT
        assert claims["iss"] == CLIENT_ID
        assert claims["sub"] == USERNAME
        assert 60 < claims["exp"] - clock.now().timestamp() <= 180

    def test_a_secret_buys_a_token(self, fake, http):
        assert login(secret_org(fake), http).instance_url == fake.url
        assert fake.asked(TOKEN_PATH)[0].form == {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("https://acme.my.salesforce.com", "https://login.salesforce.com"),
            ("https://login.salesforce.com", "https://login.salesforce.com"),
            ("https://acme.develop.my.salesforce.com", "https://login.salesforce.com"),
            ("https://test.salesforce.com", "https://test.salesforce.com"),
            ("https://acme--dev.sandbox.my.salesforce.com", "https://test.salesforce.com"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ],
    )
    def test_the_audience_is_salesforce_s_and_not_the_my_domain(self, fake, url, expected):
        assert audience(jwt_org(fake, login_url=url)) == expected

    def test_the_settings_audience_is_taken(self, fake):
        auth = JwtAuth(
            client_id="x", username="y", private_key=Secret("z"), audience="https://a.example.com"
        )

        assert audience(jwt_org(fake, auth=auth)) == "https://a.example.com"


@pytest.fixture(scope="module")
def refusing():
    with FakeSalesforce() as fake:
        yield fake


class TestRefusals:
    @pytest.mark.parametrize(
        ("code", "description", "advice"),
        [
            ("invalid_grant", "user hasn't approved this consumer", "pre-authorize"),
            ("invalid_grant", "audience is invalid", "`audience`"),
            ("invalid_grant", "Audience validation failed", "`audience`"),
            ("invalid_grant", "invalid assertion", "certificate"),
            ("invalid_grant", "expired authorization code", "clock"),
            ("invalid_grant", "authentication failure", "IP ranges"),
            ("invalid_grant", "expired access/refresh token", "authorize the app again"),
            ("invalid_grant", "user is locked", "unlock"),
            ("invalid_grant", "no client credentials user enabled", "Run As"),
            ("invalid_grant", "request not supported on this domain", "My Domain"),
            ("inactive_user", "user is inactive", "activate"),
            ("inactive_org", "", "inactive"),
            ("invalid_client_id", "client identifier invalid", "ten minutes"),
            ("invalid_client", "invalid client credentials", "client_secret"),
            ("invalid_app_access", "user is not admin approved", "permission set"),
            ("invalid_request", "refresh_token scope is required", "offline_access"),
            ("invalid_request", "must use HTTP POST", "OAuth settings"),
            ("unsupported_grant_type", "grant type not supported", "enable"),
            ("invalid_scope", None, "scopes"),
            ("something_new", "what?", "Setup"),
        ],
    )
    def test_each_one_says_what_to_change(self, refusing, http, code, description, advice):
        refusing.then(TOKEN_PATH, refusal(code, description))

        with pytest.raises(LoginRefused) as raised:
            login(jwt_org(refusing), http)
        assert raised.value.permanent
        assert advice in str(raised.value)
        assert code in str(raised.value)

    def test_too_many_logins_are_not_for_ever(self, refusing, http):
        refusing.then(TOKEN_PATH, refusal("rate_limit_exceeded", "login rate exceeded", 403))

        with pytest.raises(LoginRefused) as raised:
            login(jwt_org(refusing), http)
        assert not raised.value.permanent

    @pytest.mark.parametrize(
        "answer",
        [
            MAINTENANCE,
            PAGE,
            refusal("unknown_error", "retry your request"),
            refusal("temporarily_unavailable", "busy"),
            refusal("invalid_grant", "authentication failure", 500),
            refusal("x", "no routing", 420),
            Reply(status=400, body=b"<html>"),
            Reply(status=400, body=b"[]"),
            Reply(status=400, body=b"[" * 100_000),
            Reply(status=429),
            Reply(drop=True),
            Reply(body=b"{}"),
            Reply(body=b"x" * (2 << 20)),
            Reply(body=b'{"access_token": "x", "instance_url": "y"}', sent=10),
            reply({"access_token": 1, "instance_url": "https://acme.my.salesforce.com"}),
            reply({"access_token": "a\r\nb: c", "instance_url": "https://acme.my.salesforce.com"}),
            reply({"access_token": "a"}),
        ],
    )
    def test_what_is_no_verdict_is_unreachable_and_asked_once(self, fake, http, answer):
        fake.always(TOKEN_PATH, answer)

        with pytest.raises(Unreachable):
            login(jwt_org(fake), http)
        assert fake.logins == 1

    def test_a_redirect_is_not_followed_with_the_secret(self, fake, http):
        fake.always(TOKEN_PATH, Reply(status=307, headers={"Location": f"{fake.url}/other"}))

        with pytest.raises(LoginRefused, match="login_url"):
            login(secret_org(fake), http)
        assert fake.asked("/other") == []

    @pytest.mark.parametrize("key", ["nonsense", "-----BEGIN PRIVATE KEY-----\nx\n"])
    def test_a_key_that_is_none_is_never_used(self, fake, http, key):
        auth = JwtAuth(client_id="x", username="y", private_key=Secret(key))

        with pytest.raises(LoginRefused, match="private_key"):
            login(jwt_org(fake, auth=auth), http)
        assert fake.journal == []


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
        refusing.then(TOKEN_PATH, reply({"access_token": "a", "instance_url": url}))

        assert login(jwt_org(refusing), http).instance_url == url.rstrip("/")

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
        refusing.then(TOKEN_PATH, reply({"access_token": "a", "instance_url": url}))

        with pytest.raises(LoginRefused, match="instance_url"):
            login(jwt_org(refusing), http)


class TestSecrets:
    @pytest.mark.parametrize("make", [jwt_org, secret_org])
    def test_no_error_repeats_what_was_sent(self, fake, http, make):
        class Echo(FakeSalesforce):
            def answer(self, request):
                self.journal.append(request)
                told = " ".join(request.form.values())
                return reply({"error": "invalid_grant", "error_description": told}, 400)

        with Echo() as echo:
            with pytest.raises(CollectorError) as raised:
                login(make(echo), http)
            sent = echo.asked(TOKEN_PATH)[0].form
        shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value)
        for secret in (sent.get("assertion"), sent.get("client_secret"), private_pem()[30:80]):
            assert secret is None or secret not in shown
            assert secret is None or secret[:40] not in shown

    def test_the_server_s_words_are_one_printable_line(self, fake, http):
        fake.always(TOKEN_PATH, refusal("invalid_grant\n", "\x1b[2J\u202e" + "no " * 500))

        with pytest.raises(LoginRefused) as raised:
            login(jwt_org(fake), http)
        assert str(raised.value).isprintable()
        assert len(str(raised.value)) < 600

    def test_the_private_key_is_never_sent(self, fake, http):
        login(jwt_org(fake), http)
        key = base64.b64decode("".join(private_pem().splitlines()[1:-1]))

        assert key[40:60] not in fake.journal[0].body
        assert private_pem()[30:80].encode() not in fake.journal[0].body
