"""Trades a key or a secret for an access token, and says what to change in Setup when it cannot."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
import jwt

from collector import clock
from collector.errors import CollectorError, LoginRefused, SalesforceError, Unreachable
from collector.http import body, checked_url, is_loopback
from collector.salesforce.answers import said, unreachable
from collector.settings import JwtAuth, Org, Secret

ASSERTION_SECONDS = 120
"""Salesforce takes assertions of at most three minutes; the rest is for clocks that differ."""

_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_DOMAINS = (".salesforce.com", ".salesforce.mil", ".force.com", ".sfcrmproducts.cn")
_TOKEN = re.compile(r"[!-~]{1,8192}")
_ANSWER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Leave to call one org's API at `instance_url` (scheme, host and port, nothing else)."""

    access_token: Secret
    instance_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Advice:
    """What an answer of the token endpoint means: which error, with which words in it."""

    error: str
    words: str = ""
    sentence: str
    permanent: bool = True


_ADVICE = (
    _Advice(
        error="invalid_grant",
        words="approved",
        sentence="pre-authorize the user: in the app's policies choose 'Admin approved users are "
        "pre-authorized' and add the user's profile or permission set",
    ),
    _Advice(
        error="invalid_grant",
        words="audience",
        sentence="set `audience` to https://login.salesforce.com (production) or "
        "https://test.salesforce.com (sandbox)",
    ),
    _Advice(
        error="invalid_grant",
        words="client credentials user|no client credentials",
        sentence="choose a 'Run As' user in the app's client credentials policy",
    ),
    _Advice(
        error="invalid_grant",
        words="not supported on this domain",
        sentence="set `login_url` to the org's My Domain, https://….my.salesforce.com",
    ),
    _Advice(
        error="invalid_grant",
        words="locked|inactive",
        sentence="unlock or activate the integration user",
    ),
    _Advice(
        error="invalid_grant",
        words="assertion|expired auth|signature|certificate",
        sentence="check that the app holds the certificate of this private key, that `username` "
        "is right (a sandbox's ends in its name) and that this machine's clock is",
    ),
    _Advice(
        error="invalid_grant",
        words="expired access",
        sentence="the grant was revoked or has expired: authorize the app again",
    ),
    _Advice(
        error="invalid_grant",
        sentence="check the integration user's name, its login IP ranges and login hours, and "
        "the app's OAuth policies",
    ),
    _Advice(error="inactive_user", sentence="activate the integration user"),
    _Advice(error="inactive_org", sentence="the org is inactive"),
    _Advice(
        error="invalid_client_id",
        sentence="check `client_id`, the app's consumer key; that of a new app works after "
        "about ten minutes",
    ),
    _Advice(
        error="invalid_client",
        sentence="check `client_id` and `client_secret`, the app's consumer key and secret",
    ),
    _Advice(
        error="invalid_app_access",
        sentence="approve the user for the app: add its profile or permission set in the app's "
        "policies",
    ),
    _Advice(
        error="invalid_request",
        words="refresh_token",
        sentence="add the scope refresh_token (offline_access) to the app, beside api",
    ),
    _Advice(error="invalid_request", sentence="check the app's OAuth settings"),
    _Advice(error="unsupported_grant_type", sentence="enable this OAuth flow in the app"),
    _Advice(error="invalid_scope", sentence="give the app the scopes api and refresh_token"),
    _Advice(
        error="rate_limit_exceeded",
        sentence="the user has logged in too often within the hour; wait",
        permanent=False,
    ),
)
_UNKNOWN = _Advice(error="", sentence="check the app's OAuth settings and policies in Setup")
_TRANSIENT = frozenset({"unknown_error", "temporarily_unavailable", "server_error"})


def login(org: Org, http: httpx.Client) -> Token:
    """A new access token, by the org's flow. Asks once.

    Raises:
        LoginRefused: the token endpoint said no; the sentence says what to change.
        Unreachable: a time-out, a reset, 5xx, or something else than its JSON.
    """
    form, secrets = _grant(org)
    where = f"{org.name}: login"
    url = checked_url(org.login_url, what=f"{org.name}: login_url") + "/services/oauth2/token"
    try:
        with http.stream("POST", url, data=form, headers={"Accept": "application/json"}) as answer:
            status, content = answer.status_code, body(answer, limit=_ANSWER_BYTES)
    except httpx.HTTPError as problem:
        raise unreachable(where, problem) from None
    document = _document(content)
    if status == 200:
        return _token(org, document)
    raise _refused(where, status, document, secrets)


def audience(org: Org) -> str:
    """Whom an assertion is for: what the settings say, else Salesforce's production or sandboxes'.

    Not the My Domain, which Salesforce has refused; but an org on this machine is its own.
    """
    if isinstance(org.auth, JwtAuth) and org.auth.audience:
        return org.auth.audience
    host = httpx.URL(org.login_url).host
    if is_loopback(host):
        return org.login_url
    sandbox = host == "test.salesforce.com" or host.endswith(".sandbox.my.salesforce.com")
    return "https://test.salesforce.com" if sandbox else "https://login.salesforce.com"


def _grant(org: Org) -> tuple[dict[str, str], list[str]]:
    """The form that asks for a token, and what of it must never be told."""
    if isinstance(org.auth, JwtAuth):
        assertion = _assertion(org, org.auth)
        return {"grant_type": _JWT_GRANT, "assertion": assertion}, [assertion]
    secret = org.auth.client_secret.reveal()
    form = {
        "grant_type": "client_credentials",
        "client_id": org.auth.client_id,
        "client_secret": secret,
    }
    return form, [secret]


def _assertion(org: Org, auth: JwtAuth) -> str:
    claims = {
        "iss": auth.client_id,
        "sub": auth.username,
        "aud": audience(org),
        "exp": int(clock.now().timestamp()) + ASSERTION_SECONDS,
    }
    try:
        return jwt.encode(claims, auth.private_key.reveal(), algorithm="RS256")
    except (jwt.PyJWTError, ValueError, TypeError):
        raise LoginRefused(
            f"{org.name}: private_key is no RSA key in PEM form without a passphrase",
            permanent=True,
        ) from None


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _token(org: Org, document: dict[str, Any]) -> Token:
    token, instance = document.get("access_token"), document.get("instance_url")
    if not isinstance(token, str) or not isinstance(instance, str) or not _TOKEN.fullmatch(token):
        raise Unreachable(f"{org.name}: login: the answer holds no token")
    return Token(access_token=Secret(token), instance_url=_instance(org, instance))


def _instance(org: Org, text: str) -> str:
    """The URL that the token will be sent to, if it is one of Salesforce's."""
    own = httpx.URL(org.login_url)
    with suppress(CollectorError):
        url = httpx.URL(checked_url(text, what="instance_url"))
        local = is_loopback(own.host) and is_loopback(url.host)
        known = url.host == own.host or url.host.endswith(_DOMAINS)
        bare = url.path in {"", "/"} and not url.query and not url.fragment
        if bare and (local or known):
            return f"{url.scheme}://{url.netloc.decode('ascii')}"
    raise LoginRefused(
        f"{org.name}: the login answered with an instance_url that is not Salesforce's; "
        "check `login_url`",
        permanent=True,
    )


def _refused(
    where: str, status: int, document: dict[str, Any], secrets: list[str]
) -> SalesforceError:
    if 300 <= status < 400:
        return LoginRefused(
            f"{where}: the login URL leads elsewhere ({status}): set `login_url` to the org's "
            "present My Domain",
            permanent=True,
        )
    error = said(document.get("error"), *secrets)
    if status == 420 or status >= 500 or not error or error in _TRANSIENT:
        return Unreachable(f"{where}: {status}" + (f" {error}" if error else ", no JSON"))
    description = said(document.get("error_description"), *secrets)
    advice = _advice(error, description)
    heard = f"{error}: {description}" if description else error
    return LoginRefused(f"{where} refused ({heard}): {advice.sentence}", permanent=advice.permanent)


def _advice(error: str, description: str) -> _Advice:
    for advice in _ADVICE:
        if advice.error == error and re.search(advice.words, description, re.IGNORECASE):
            return advice
    return _UNKNOWN
