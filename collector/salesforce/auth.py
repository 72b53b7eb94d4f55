"""One request to the token endpoint: a token, or a refusal in words that help."""

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
from collector.errors import CollectorError, LoginRefused, Unreachable
from collector.http import body, checked_url, is_loopback
from collector.salesforce.advice import TRANSIENT, advice
from collector.salesforce.answers import clock_skew, said, unreachable
from collector.settings import Org, Secret, secrets_in

_DOMAINS = (".salesforce.com", ".salesforce.mil", ".force.com", ".sfcrmproducts.cn")
_TOKEN = re.compile(r"[!-~]{1,8192}")
_USER = re.compile(r"/id/00D[A-Za-z0-9]{12,15}/(005[A-Za-z0-9]{12,15})\Z", re.ASCII)
_ANSWER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Leave to call one org's API at `instance_url` (scheme, host and port, nothing else).

    `user_id` is whom the token is for, where the answer says so.
    """

    access_token: Secret
    instance_url: str
    user_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A token, and the refresh token that takes the place of the one that was used, if any."""

    token: Token
    refresh_token: Secret | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """A refusal. `skew` is the org's clock minus ours, where that can have been the cause."""

    error: LoginRefused
    skew: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    document: dict[str, Any]
    skew: timedelta | None


def ask(
    org: Org, form: dict[str, str], http: httpx.Client, *, now: Callable[[], datetime] = clock.now
) -> Granted | Denied:
    """Ask for a token once, with a form of `flows.form`.

    Raises:
        Unreachable: a time-out, a reset, 5xx, or something else than the endpoint's JSON.
    """
    where = f"{org.name}: login"
    answer = _post(org, form, http, now, where)
    if answer.status == 200:
        return _granted(org, answer.document)
    return _denied(org, answer, where, _hidden(org, form))


def _post(
    org: Org, form: dict[str, str], http: httpx.Client, now: Callable[[], datetime], where: str
) -> _Answer:
    url = checked_url(org.login_url, what=f"{org.name}: login_url") + "/services/oauth2/token"
    try:
        with http.stream("POST", url, data=form, headers={"Accept": "application/json"}) as answer:
            return _Answer(
                status=answer.status_code,
                document=_document(body(answer, limit=_ANSWER_BYTES)),
                skew=clock_skew(answer, now()),
            )
    except httpx.HTTPError as problem:
        raise unreachable(where, problem) from None


def _hidden(org: Org, form: dict[str, str]) -> list[str]:
    """What must never be told, in each shape that the endpoint has seen it in, longest first."""
    plain = {*secrets_in(org.auth), form.get("assertion", ""), form.get("password", "")} - {""}
    return sorted(plain | set(map(quote_plus, plain)), key=len, reverse=True)


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _granted(org: Org, document: dict[str, Any]) -> Granted | Denied:
    token, instance = _secret(document, "access_token"), document.get("instance_url")
    if token is None or not isinstance(instance, str):
        raise Unreachable(f"{org.name}: login: the answer holds no token")
    url = _instance(org, instance)
    if url is None:
        return Denied(
            error=LoginRefused(
                f"{org.name}: the login answered with an instance_url that is not Salesforce's; "
                "check `login_url`",
                permanent=True,
            )
        )
    return Granted(
        token=Token(access_token=token, instance_url=url, user_id=_user(document)),
        refresh_token=_secret(document, "refresh_token"),
    )


def _user(document: dict[str, Any]) -> str | None:
    """The user at the end of the identity URL."""
    found = _USER.search(str(document.get("id", "")))
    return found[1] if found else None


def _secret(document: dict[str, Any], name: str) -> Secret | None:
    text = document.get(name)
    return Secret(text) if isinstance(text, str) and _TOKEN.fullmatch(text) else None


def _instance(org: Org, text: str) -> str | None:
    """The URL that the token will be sent to, if it is one of Salesforce's."""
    own = httpx.URL(org.login_url)
    with suppress(CollectorError):
        url = httpx.URL(checked_url(text, what="instance_url"))
        local = is_loopback(own.host) and is_loopback(url.host)
        known = url.host == own.host or url.host.endswith(_DOMAINS)
        bare = url.path in {"", "/"} and not url.query and not url.fragment
        if bare and (local or known):
            return f"{url.scheme}://{url.netloc.decode('ascii')}"
    return None


def _denied(org: Org, answer: _Answer, where: str, hidden: list[str]) -> Denied:
    status = answer.status
    if 300 <= status < 400:
        sentence = (
            f"{where}: the login URL leads elsewhere ({status}): set `login_url` to the org's "
            "present My Domain"
        )
        return Denied(error=LoginRefused(sentence, permanent=True))
    error = said(answer.document.get("error"), *hidden)
    if status == 420 or status >= 500 or not error or error in TRANSIENT:
        raise Unreachable(f"{where}: {status}" + (f" {error}" if error else ", no JSON"))
    description = said(answer.document.get("error_description"), *hidden)
    found = advice(org.auth.flow, error, description)
    heard = f"{error}: {description}" if description else error
    return Denied(
        error=LoginRefused(
            f"{where} refused ({heard}): {found.sentence}", permanent=found.permanent
        ),
        skew=answer.skew if found.clock and org.auth.flow == "jwt" else None,
    )
