"""One event per login of an administrator as another user: LoginAsEvent, LoginAs, SetupAuditTrail.

It has not the name of the log file's type, which stands for that file alone.
"""

from __future__ import annotations

from collector.normalize.fact_types import FactPairing, FactTellers, FactType, join_values

_LOGIN_ACTIONS = ("suorgadminlogin", "sunetworkadminlogin", "suprmadminlogin", "suloginaccessused")
_LOGIN_KEY = "nullif(login_key, '')"
_NAME = "nullif(lower(user_name), '')"
_ID = "nullif(left(user_id, 15), '')"
_NAMES = join_values("lower(user_name)", "left(target_user, 15)")

IMPERSONATION = FactType(
    event_type="Impersonation",
    uid_prefix="impersonation",
    tellers=(
        FactTellers(event_types=("LoginAsEvent",)),
        FactTellers(event_types=("LoginAs",)),
        FactTellers(
            event_types=("SetupAuditTrail",),
            condition=f"lower(operation) IN ({', '.join(map(repr, _LOGIN_ACTIONS))})",
        ),
    ),
    pairings=(
        FactPairing(one=0, other=1, links=((_LOGIN_KEY, _LOGIN_KEY),), likeness=(_NAMES, _NAMES)),
        FactPairing(one=0, other=2, likeness=(_NAME, _NAME)),
        FactPairing(one=1, other=2, likeness=(_ID, _ID)),
    ),
    link_columns=("login_key",),
)
"""A login as another user; `user_id` and `user_name` are the administrator's. LoginAsEvent and
LoginAs are of one when they have the same LoginKey, or agree on who came as whom and lie within two
seconds. The audit trail names the other user in a sentence alone: with it the administrator and the
seconds must do."""
