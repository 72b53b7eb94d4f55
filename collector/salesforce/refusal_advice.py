"""What a refusal of the API means, and what to change in Setup because of it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalAdvice:
    """A row of the table: which code, with which message, asks for what.

    `pattern` is a regular expression, searched for in the message.
    """

    code: str
    pattern: str = ""
    sentence: str


REFUSAL_TABLE = (
    # Salesforce Help, article 005226515.
    RefusalAdvice(
        code="INVALID_SESSION_ID",
        pattern="not valid for use with the REST API",
        sentence="add the scope api (Manage user data via APIs) to the app, and see that API access"
        " control (Setup, API Access Control) lets it in",
    ),
    RefusalAdvice(
        code="INVALID_SESSION_ID",
        sentence="if sessions are locked to the address that they began at (Setup, Session"
        " Settings), all requests must leave by one; find out who ends this user's sessions",
    ),
    RefusalAdvice(
        code="INVALID_AUTH_HEADER",
        sentence="something between here and Salesforce changes the request: check `proxy`",
    ),
    RefusalAdvice(
        code="INVALID_OPERATION_WITH_EXPIRED_PASSWORD",
        sentence="give the integration user a new password, and the permission 'Password Never"
        " Expires'",
    ),
    RefusalAdvice(
        code="API_DISABLED_FOR_ORG",
        sentence="give the integration user the permission 'API Enabled'",
    ),
)


def find_refusal_advice(code: str, message: str) -> str:
    """What to change; empty where the refusal itself says all that there is to say."""
    for row in REFUSAL_TABLE:
        if row.code == code and re.search(row.pattern, message, re.IGNORECASE):
            return row.sentence
    return ""
