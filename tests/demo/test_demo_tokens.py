"""The token endpoint: every flow, every refusal, and the life of a session."""

from __future__ import annotations

import base64
from datetime import timedelta

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from demo.clients import DATA_PATH, NOW

from collector.demo import ConnectedApp, EmbeddedOrg, OrgBehaviour, OrgStore

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN = "/services/oauth2/token"


@pytest.fixture(scope="module")
def keys():
    return [rsa.generate_private_key(public_exponent=65_537, key_size=2048) for _ in range(2)]


@pytest.fixture(scope="module")
def http(keys):
    public = (
        keys[0]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    application = ConnectedApp(
        client_id="app",
        client_secret="secret",
        username="collector@acme.com",
        public_key=public.decode(),
        refresh_token="refresh-1",
    )
    org = EmbeddedOrg(OrgStore(), application=application, clock=lambda: NOW)
    with org, httpx.Client(base_url=org.base_url) as client:
        yield client


def assertion(key, *, algorithm="RS256", **changed):
    claims = {
        "iss": "app",
        "sub": "collector@acme.com",
        "aud": "https://login.salesforce.com",
        "exp": int((NOW + timedelta(minutes=2)).timestamp()),
        **changed,
    }
    return jwt.encode(claims, key, algorithm=algorithm)


def bearer(http, token):
    return http.post(TOKEN, data={"grant_type": JWT_BEARER, "assertion": token})


def refusal(answer):
    assert set(answer.json()) == {"error", "error_description"}
    return answer.status_code, answer.json()["error"]


def test_a_token_has_no_expiry_and_names_the_org(http):
    form = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "secret"}

    answer = http.post(TOKEN, data=form)

    body = answer.json()
    assert answer.status_code == 200
    assert set(body) == {
        *("access_token", "scope", "instance_url", "id", "token_type", "signature", "issued_at"),
    }
    assert body["access_token"].startswith("00D5f000005uVo7!")
    assert body["instance_url"] == str(http.base_url).rstrip("/")
    assert body["issued_at"] == str(int(NOW.timestamp() * 1000))
    assert "sforce-limit-info" not in answer.headers


def test_client_credentials_may_come_as_basic_authentication(http):
    basic = base64.b64encode(b"app:secret").decode()

    answer = http.post(
        TOKEN,
        data={"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {basic}"},
    )

    assert answer.status_code == 200


@pytest.mark.parametrize("expiry", [int, str, float])
def test_a_signed_assertion_opens_a_session(http, keys, expiry):
    exp = expiry(int((NOW + timedelta(minutes=3)).timestamp()))

    answer = bearer(http, assertion(keys[0], exp=exp))

    assert answer.status_code == 200
    assert "refresh_token" not in answer.json()
    assert "issued_at" not in answer.json()


def test_a_refresh_token_opens_a_session(http):
    form = {"grant_type": "refresh_token", "client_id": "app", "refresh_token": "refresh-1"}

    assert http.post(TOKEN, data=form).status_code == 200
    assert http.post(TOKEN, data={**form, "client_secret": "secret"}).status_code == 200


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({}, (400, "unsupported_grant_type")),
        (
            {"grant_type": "password", "username": "u", "password": "p"},
            (400, "unsupported_grant_type"),
        ),
        ({"grant_type": "client_credentials", "client_id": "no"}, (400, "invalid_client_id")),
        (
            {"grant_type": "client_credentials", "client_id": "app", "client_secret": "no"},
            (401, "invalid_client"),
        ),
        (
            {"grant_type": "refresh_token", "client_id": "app", "refresh_token": "old"},
            (400, "invalid_grant"),
        ),
        (
            {"grant_type": "refresh_token", "client_id": "no", "refresh_token": "refresh-1"},
            (400, "invalid_client_id"),
        ),
        (
            {
                "grant_type": "refresh_token",
                "client_id": "app",
                "client_secret": "no",
                "refresh_token": "refresh-1",
            },
            (401, "invalid_client"),
        ),
        ({"grant_type": JWT_BEARER}, (400, "invalid_grant")),
        ({"grant_type": JWT_BEARER, "assertion": "a.b.c"}, (400, "invalid_grant")),
    ],
)
def test_a_form_that_proves_nothing_is_refused(http, form, expected):
    assert refusal(http.post(TOKEN, data=form)) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"iss": "other"}, "invalid_client_id"),
        ({"sub": "stranger@acme.com"}, "invalid_grant"),
        ({"aud": "https://acme.my.salesforce.com"}, "invalid_grant"),
        ({"aud": ["https://login.salesforce.com"]}, "invalid_grant"),
        ({"exp": int((NOW - timedelta(seconds=1)).timestamp())}, "invalid_grant"),
        ({"exp": int((NOW + timedelta(minutes=3, seconds=1)).timestamp())}, "invalid_grant"),
        ({"exp": "soon"}, "invalid_grant"),
        ({"exp": None}, "invalid_grant"),
    ],
)
def test_an_assertion_with_a_wrong_claim_is_refused(http, keys, changed, expected):
    assert refusal(bearer(http, assertion(keys[0], **changed))) == (400, expected)


def test_an_assertion_signed_with_another_key_is_refused(http, keys):
    assert refusal(bearer(http, assertion(keys[1]))) == (400, "invalid_grant")


def test_only_rs256_counts(http, keys):
    assert refusal(bearer(http, assertion(keys[0], algorithm="RS512"))) == (400, "invalid_grant")
    assert refusal(bearer(http, assertion("", algorithm="none"))) == (400, "invalid_grant")


def test_an_assertion_with_an_identifier_counts_once(http, keys):
    token = assertion(keys[0], jti="once")

    assert bearer(http, token).status_code == 200
    assert refusal(bearer(http, token)) == (400, "invalid_grant")
    assert bearer(http, assertion(keys[0])).status_code == 200
    assert bearer(http, assertion(keys[0])).status_code == 200


def test_tokens_are_posted_as_a_form(http):
    body = {"grant_type": "client_credentials"}

    assert refusal(http.get(TOKEN, params=body)) == (400, "invalid_request")
    assert refusal(http.post(TOKEN, json=body)) == (400, "unsupported_grant_type")


def test_a_broken_basic_header_is_a_wrong_client(http):
    answer = http.post(
        TOKEN,
        data={"grant_type": "client_credentials"},
        headers={"Authorization": "Basic %%%"},
    )

    assert refusal(answer) == (401, "invalid_client")


def test_the_application_keeps_its_secrets_to_itself():
    application = ConnectedApp(client_secret="s3cr3t", refresh_token="r3fr3sh", public_key="k3y")

    assert not any(word in repr(application) for word in ("s3cr3t", "r3fr3sh", "k3y"))


# ---- sessions


def test_a_token_dies_on_command(connect):
    client = connect()
    assert client.get("/limits").status_code == 200

    client.org.expire_tokens()

    answer = client.get("/limits")
    assert answer.status_code == 401
    assert answer.json() == [
        {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
    ]
    assert "sforce-limit-info" not in answer.headers


def test_a_token_dies_after_its_uses(connect):
    client = connect(behaviour=OrgBehaviour(token_uses=2))

    assert [client.get("/limits").status_code for _ in range(4)] == [200, 200, 401, 401]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic YTpi"])
def test_without_a_token_nothing_is_served(empty, header):
    answer = empty.http.get(DATA_PATH + "/limits", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.json()[0]["errorCode"] in ("INVALID_SESSION_ID", "INVALID_AUTH_HEADER")


def test_the_identity_names_the_user(connect):
    client = connect()

    answer = client.http.get("/services/oauth2/userinfo").json()

    assert answer["username"] == client.org.application.username
    assert answer["organization_id"] == "00D5f000005uVo7EAE"
    client.org.expire_tokens()
    assert client.http.get("/services/oauth2/userinfo").status_code == 403


# ---- what an app and its admin can do besides


@pytest.fixture
def changing():
    """An org whose app rotates its tokens and has a password, and how to ask it."""
    application = ConnectedApp(
        client_id="app",
        client_secret="secret",
        refresh_token="refresh-1",
        password="password",
        security_token="token",
        rotates=True,
        lock_after=3,
    )
    with (
        EmbeddedOrg(OrgStore(), application=application, clock=lambda: NOW) as org,
        httpx.Client(base_url=org.base_url) as http,
    ):

        def ask(grant, **form):
            client = {"client_id": "app", "client_secret": "secret"}
            return http.post(TOKEN, data={"grant_type": grant, **client, **form})

        yield org, ask


def test_a_refresh_token_that_rotates_is_good_for_once(changing):
    _, ask = changing
    second = ask("refresh_token", refresh_token="refresh-1").json()["refresh_token"]

    assert refusal(ask("refresh_token", refresh_token="refresh-1")) == (400, "invalid_grant")
    third = ask("refresh_token", refresh_token=second).json()["refresh_token"]
    assert len({"refresh-1", second, third}) == 3


def test_a_password_is_followed_by_the_security_token(changing):
    org, ask = changing
    user = {"username": org.application.username}

    assert ask("password", **user, password="passwordtoken").status_code == 200
    assert refusal(ask("password", **user, password="password")) == (400, "invalid_grant")
    assert refusal(ask("password", password="passwordtoken")) == (400, "invalid_grant")
    assert org.wrong_password_count == 2


def test_wrong_passwords_in_a_row_lock_the_user(changing):
    org, ask = changing
    user = {"username": org.application.username}
    for password in ("x", "x", "passwordtoken", "x", "x", "x"):
        ask("password", **user, password=password)

    locked = ask("password", **user, password="passwordtoken")
    assert locked.json() == {"error": "invalid_grant", "error_description": "user is locked"}


def test_a_revoked_app_is_out_until_it_is_approved_again(connect):
    client = connect()
    form = {
        "grant_type": "client_credentials",
        "client_id": client.org.application.client_id,
        "client_secret": client.org.application.client_secret,
    }
    client.org.revoke_approval()

    assert client.get("/limits").status_code == 401
    assert refusal(client.http.post(TOKEN, data=form)) == (400, "invalid_app_access")
    client.org.restore_approval()
    assert client.http.post(TOKEN, data=form).status_code == 200
