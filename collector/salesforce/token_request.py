"""One request to the token endpoint: a token, or a refusal with advice."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import httpx

from collector import clock
from collector.errors import CollectorError, LoginRefusedError, UnreachableError
from collector.http import check_url, read_body
from collector.loopback import is_loopback
from collector.salesforce.api_errors import build_unreachable_error, sanitize_message
from collector.salesforce.clock_skew import compute_clock_skew
from collector.salesforce.login_advice import TRANSIENT_ERRORS, find_advice
from collector.settings import OrgSettings, Secret, list_secrets

_SALESFORCE_DOMAINS = (".salesforce.com", ".salesforce.mil", ".force.com", ".sfcrmproducts.cn")
_TOKEN_PATTERN = re.compile(r"[!-~]{1,8192}")
_USER_ID_PATTERN = re.compile(r"/id/00D[A-Za-z0-9]{12,15}/(005[A-Za-z0-9]{12,15})\Z", re.ASCII)
_MAX_ANSWER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A token for one org's API at `instance_url` (scheme, host and port, nothing else).

    `user_id` is whom the token is for, where the answer says so.
    """

    access_token: Secret
    instance_url: str
    user_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenGrant:
    """A token, and the refresh token that takes the place of the one that was used, if any."""

    token: AccessToken
    refresh_token: Secret | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenDenial:
    """A refusal. `clock_skew` is the org's clock minus ours, where that can have been the cause."""

    error: LoginRefusedError
    clock_skew: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _TokenResponse:
    status: int
    document: dict[str, Any]
    clock_skew: timedelta | None


def request_token(
    org: OrgSettings,
    form: dict[str, str],
    http: httpx.Client,
    *,
    now: Callable[[], datetime] = clock.now,
) -> TokenGrant | TokenDenial:
    """Ask for a token once, with a form of `build_token_form`.

    Raises:
        UnreachableError: a time-out, a reset, 5xx, or something else than the endpoint's JSON.
    """
    where = f"{org.name}: login"
    answer = _post_form(org, form, http, now, where)
    if answer.status == 200:
        return _build_grant(org, answer.document)
    return _build_denial(org, answer, where, _list_hidden_texts(org, form))


def _post_form(
    org: OrgSettings,
    form: dict[str, str],
    http: httpx.Client,
    now: Callable[[], datetime],
    where: str,
) -> _TokenResponse:
    url = check_url(org.login_url, what=f"{org.name}: login_url") + "/services/oauth2/token"
    try:
        with http.stream("POST", url, data=form, headers={"Accept": "application/json"}) as answer:
            return _TokenResponse(
                status=answer.status_code,
                document=_parse_document(read_body(answer, limit=_MAX_ANSWER_BYTES)),
                clock_skew=compute_clock_skew(answer, now()),
            )
    except httpx.HTTPError as problem:
        raise build_unreachable_error(where, problem) from None


def _list_hidden_texts(org: OrgSettings, form: dict[str, str]) -> list[str]:
    """The secrets of the request, plain and form-encoded, the longest first."""
    plain = {*list_secrets(org.auth), form.get("assertion", ""), form.get("password", "")} - {""}
    return sorted(plain | set(map(quote_plus, plain)), key=len, reverse=True)


def _parse_document(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _build_grant(org: OrgSettings, document: dict[str, Any]) -> TokenGrant | TokenDenial:
    token, instance = _read_secret(document, "access_token"), document.get("instance_url")
    if token is None or not isinstance(instance, str):
        raise UnreachableError(f"{org.name}: login: the answer holds no token")
    url = _check_instance_url(org, instance)
    if url is None:
        return TokenDenial(
            error=LoginRefusedError(
                f"{org.name}: the login answered with an instance_url that is not Salesforce's; "
                "check `login_url`",
                permanent=True,
            )
        )
    return TokenGrant(
        token=AccessToken(access_token=token, instance_url=url, user_id=_find_user_id(document)),
        refresh_token=_read_secret(document, "refresh_token"),
    )


def _find_user_id(document: dict[str, Any]) -> str | None:
    """The user at the end of the identity URL."""
    match = _USER_ID_PATTERN.search(str(document.get("id", "")))
    return match[1] if match else None


def _read_secret(document: dict[str, Any], name: str) -> Secret | None:
    text = document.get(name)
    return Secret(text) if isinstance(text, str) and _TOKEN_PATTERN.fullmatch(text) else None


def _check_instance_url(org: OrgSettings, text: str) -> str | None:
    """The URL that the token will be sent to, if it is one of Salesforce's."""
    login_url = httpx.URL(org.login_url)
    with suppress(CollectorError):
        url = httpx.URL(check_url(text, what="instance_url"))
        is_local = is_loopback(login_url.host) and is_loopback(url.host)
        is_salesforce = url.host == login_url.host or url.host.endswith(_SALESFORCE_DOMAINS)
        is_bare = url.path in {"", "/"} and not url.query and not url.fragment
        if is_bare and (is_local or is_salesforce):
            return f"{url.scheme}://{url.netloc.decode('ascii')}"
    return None


def _build_denial(
    org: OrgSettings, answer: _TokenResponse, where: str, hidden: list[str]
) -> TokenDenial:
    status = answer.status
    if 300 <= status < 400:
        sentence = (
            f"{where}: the login URL leads elsewhere ({status}): set `login_url` to the org's "
            "present My Domain"
        )
        return TokenDenial(error=LoginRefusedError(sentence, permanent=True))
    error = sanitize_message(answer.document.get("error"), *hidden)
    if status == 420 or status >= 500 or not error or error in TRANSIENT_ERRORS:
        raise UnreachableError(f"{where}: {status}" + (f" {error}" if error else ", no JSON"))
    description = sanitize_message(answer.document.get("error_description"), *hidden)
    advice = find_advice(org.auth.flow, error, description)
    reason = f"{error}: {description}" if description else error
    return TokenDenial(
        error=LoginRefusedError(
            f"{where} refused ({reason}): {advice.sentence}", permanent=advice.permanent
        ),
        clock_skew=answer.clock_skew if advice.may_be_clock and org.auth.flow == "jwt" else None,
    )
