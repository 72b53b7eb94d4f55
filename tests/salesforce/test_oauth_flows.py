"""What each flow sends, and whom an assertion is for."""

from __future__ import annotations

from datetime import UTC, datetime

import jwt
import pytest

from collector.salesforce.oauth_flows import build_token_form, choose_audience
from collector.settings import JwtAuth, OrgSettings, PasswordAuth, RefreshTokenAuth, Secret
from fakes.salesforce import create_private_key, render_private_pem

AT = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
JWT = JwtAuth(
    client_id="id", username="collector@acme.com", private_key=Secret(render_private_pem())
)


def org(auth, url="https://acme.my.salesforce.com"):
    return OrgSettings(name="acme", login_url=url, auth=auth)


def test_an_assertion_ends_two_minutes_after_the_given_moment():
    sent = build_token_form(org(JWT), issued_at=AT)["assertion"]
    claims = jwt.decode(
        sent,
        create_private_key().public_key(),
        algorithms=["RS256"],
        options={"verify_signature": False},
    )

    assert claims == {
        "iss": "id",
        "sub": "collector@acme.com",
        "aud": "https://login.salesforce.com",
        "exp": AT.timestamp() + 120,
    }
    assert jwt.get_unverified_header(sent)["alg"] == "RS256"


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (
            RefreshTokenAuth(client_id="id", refresh_token=Secret("r")),
            {"grant_type": "refresh_token", "client_id": "id", "refresh_token": "r"},
        ),
        (
            RefreshTokenAuth(client_id="id", client_secret=Secret("s"), refresh_token=Secret("r")),
            {
                "grant_type": "refresh_token",
                "client_id": "id",
                "client_secret": "s",
                "refresh_token": "r",
            },
        ),
        (
            PasswordAuth(
                client_id="id", client_secret=Secret("s"), username="u", password=Secret("p")
            ),
            {
                "grant_type": "password",
                "client_id": "id",
                "client_secret": "s",
                "username": "u",
                "password": "p",
            },
        ),
        (
            PasswordAuth(
                client_id="id",
                client_secret=Secret("s"),
                username="u",
                password=Secret("p"),
                security_token=Secret("t"),
            ),
            {
                "grant_type": "password",
                "client_id": "id",
                "client_secret": "s",
                "username": "u",
                "password": "pt",
            },
        ),
    ],
)
def test_the_other_flows_send_what_they_know(auth, expected):
    assert build_token_form(org(auth), issued_at=AT) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://acme.my.salesforce.com", "https://login.salesforce.com"),
        ("https://login.salesforce.com", "https://login.salesforce.com"),
        ("https://acme.develop.my.salesforce.com", "https://login.salesforce.com"),
        ("https://acme.trailblaze.my.salesforce.com", "https://login.salesforce.com"),
        ("https://sandbox.my.salesforce.com", "https://login.salesforce.com"),
        ("https://test.salesforce.com", "https://test.salesforce.com"),
        ("https://acme--uat.sandbox.my.salesforce.com", "https://test.salesforce.com"),
        ("https://acme--uat.my.salesforce.com", "https://test.salesforce.com"),
        ("https://acme--uat.cs42.my.salesforce.com", "https://test.salesforce.com"),
        ("https://acme.scratch.my.salesforce.com", "https://test.salesforce.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_the_audience_is_salesforce_s_and_not_the_my_domain(url, expected):
    assert choose_audience(org(JWT, url)) == expected


def test_the_settings_audience_is_taken():
    auth = JWT.model_copy(update={"audience": "https://a.example.com"})

    assert choose_audience(org(auth)) == "https://a.example.com"
