"""What a refusal of the token endpoint means, and what to change in Setup because of it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginAdvice:
    """A row of the table: which error, with which description, in which flow, means what.

    Attributes:
        pattern: a regular expression, searched for in the description.
        flow: the only flow that it is about; all if empty.
        sentence: what to change, and where.
        permanent: whether trying again without a change cannot help.
        may_be_clock: whether a wrong clock of ours can be the cause.
    """

    error: str
    pattern: str = ""
    flow: str = ""
    sentence: str
    permanent: bool = True
    may_be_clock: bool = False


ADVICE_TABLE = (
    LoginAdvice(
        error="invalid_grant",
        pattern="approved",
        sentence="pre-authorize the user: in the app's policies choose 'Admin approved users are "
        "pre-authorized' and add the user's profile or permission set",
    ),
    LoginAdvice(
        error="invalid_grant",
        pattern="audience",
        sentence="set `audience` to https://login.salesforce.com (production) or "
        "https://test.salesforce.com (sandbox)",
    ),
    LoginAdvice(
        error="invalid_grant",
        pattern="client credentials user|no client credentials",
        sentence="choose a 'Run As' user in the app's client credentials policy",
    ),
    LoginAdvice(
        error="invalid_grant",
        pattern="not supported on this domain",
        sentence="set `login_url` to the org's My Domain, https://….my.salesforce.com",
    ),
    LoginAdvice(
        error="invalid_grant",
        pattern="locked|inactive",
        sentence="unlock or activate the integration user (Setup, Users)",
    ),
    LoginAdvice(
        error="invalid_grant",
        pattern="expired access|refresh token",
        sentence="the grant was revoked or has expired: authorize the app again and put the new "
        "token into `refresh_token`; the app's refresh token policy says how long it is valid",
    ),
    LoginAdvice(
        error="invalid_grant",
        pattern="assertion|expired|signature|certificate",
        sentence="check that the app holds the certificate of this private key, that `username` "
        "is right (a sandbox's ends in its name) and that this machine's clock is",
        may_be_clock=True,
    ),
    LoginAdvice(
        error="invalid_grant",
        flow="password",
        sentence="check `username`, `password` and `security_token` (a new password makes a new "
        "token), that Setup, OAuth and OpenID Connect Settings, allows username-password flows, "
        "and the user's login IP ranges and login hours",
    ),
    LoginAdvice(
        error="invalid_grant",
        sentence="check the integration user's name, its login IP ranges and login hours, and "
        "the app's OAuth policies",
    ),
    LoginAdvice(error="inactive_user", sentence="activate the integration user (Setup, Users)"),
    LoginAdvice(
        error="inactive_org",
        sentence="the org is locked or its contract or trial has ended: ask Salesforce, or take "
        "it out of `orgs`",
    ),
    LoginAdvice(
        error="invalid_client_id",
        sentence="check `client_id`, the app's consumer key; that of a new app works after "
        "about ten minutes",
    ),
    LoginAdvice(
        error="invalid_client",
        sentence="check `client_id` and `client_secret`, the app's consumer key and secret",
    ),
    LoginAdvice(
        error="app_not_found",
        sentence="install the app in this org (Setup, External Client App Manager; a sandbox "
        "needs its own) and check `client_id` and `login_url`",
    ),
    LoginAdvice(
        error="invalid_app_access",
        sentence="approve the user for the app: add its profile or permission set in the app's "
        "policies; an app of another org must be installed in this one first",
    ),
    LoginAdvice(
        error="invalid_request",
        pattern="refresh_token",
        sentence="add the scope refresh_token (offline_access) to the app, beside api",
    ),
    LoginAdvice(
        error="invalid_request",
        pattern="POST",
        sentence="something between here and Salesforce changed the request: check `login_url` "
        "and `proxy`",
    ),
    LoginAdvice(
        error="invalid_request",
        sentence="check the app's OAuth settings: the flow, and the scopes api and refresh_token",
    ),
    LoginAdvice(
        error="unsupported_grant_type",
        flow="password",
        sentence="External Client Apps do not have the password flow: use jwt, or a connected "
        "app with username-password flows allowed (Setup, OAuth and OpenID Connect Settings)",
    ),
    LoginAdvice(
        error="unsupported_grant_type", sentence="enable this OAuth flow in the app's settings"
    ),
    LoginAdvice(error="invalid_scope", sentence="give the app the scopes api and refresh_token"),
    LoginAdvice(
        error="rate_limit_exceeded",
        sentence="the user has logged in too often within the hour: wait, and find out which "
        "program logs in as this user (Setup, Login History)",
        permanent=False,
    ),
    LoginAdvice(error="", sentence="check the app's OAuth settings and policies in Setup"),
)

TRANSIENT_ERRORS = frozenset({"unknown_error", "temporarily_unavailable", "server_error"})
"""Errors that say nothing about the credentials: trying again may help."""


def find_advice(flow: str, error: str, description: str) -> LoginAdvice:
    """The first row of the table that fits; the last one fits everything."""
    return next(row for row in ADVICE_TABLE if _matches_row(row, flow, error, description))


def _matches_row(row: LoginAdvice, flow: str, error: str, description: str) -> bool:
    return (
        row.error in {error, ""}
        and row.flow in {flow, ""}
        and re.search(row.pattern, description, re.IGNORECASE) is not None
    )
