"""One event per login, from its records in Login, LoginEvent and LoginHistory."""

from __future__ import annotations

from collector.normalize.fact_types import FactPairing, FactTellers, FactType

_WHO = "concat_ws('|', user_id, coalesce(left(source_ip_key, 32), source_ip), outcome)"
_LOGIN_KEY = "nullif(login_key, '')"


def _shorten_history_id(column: str) -> str:
    return f"nullif(left({column}, 15), '')"


SIGN_IN = FactType(
    event_type="SignIn",
    uid_prefix="login",
    tellers=(
        # LoginEvent has the most fields, and times to the millisecond.
        FactTellers(event_types=("LoginEvent",)),
        FactTellers(event_types=("Login",)),
        FactTellers(event_types=("LoginHistory",)),
    ),
    pairings=(
        FactPairing(
            one=0,
            other=2,
            links=((_shorten_history_id('"LoginHistoryId"'), _shorten_history_id('"Id"')),),
            likeness=(_WHO, _WHO),
        ),
        FactPairing(one=0, other=1, links=((_LOGIN_KEY, _LOGIN_KEY),), likeness=(_WHO, _WHO)),
        FactPairing(one=2, other=1, likeness=(_WHO, _WHO)),
    ),
    native_columns=("Id", "LoginHistoryId"),
)
"""A login. Two records are of one when one names the other (LoginHistoryId, LoginKey), else when
they agree on user, address and outcome and lie within two seconds."""
