"""What the configuration says of users, whatever their org says: who is an admin, who a program."""

from __future__ import annotations

import re
from dataclasses import dataclass

from collector.escaping import quote_literal
from collector.model import EntryValues

_ID_LENGTH = 15
_ESCAPE = "!"
_WILDCARDS = {"*": ".*", "?": "."}
_LIKE_SIGNS = str.maketrans({"*": "%", "?": "_", "%": "!%", "_": "!_", "!": "!!"})


@dataclass(frozen=True, slots=True, kw_only=True)
class UserClaims:
    """Users by id, or by username in any case; `*` and `?` stand for any characters and for one.

    Who is claimed to be none of a kind is none, whatever else is claimed.
    """

    admins: tuple[str, ...] = ()
    not_admins: tuple[str, ...] = ()
    integration_users: tuple[str, ...] = ()
    not_integration_users: tuple[str, ...] = ()

    def apply_claims(self, user_id: str, values: EntryValues) -> EntryValues:
        """A user's values, with what is claimed of the user in the place of what the org says."""
        username = str(values.get("username") or "")
        claimed = {
            key: truth
            for key, patterns_by_truth in self._list_patterns().items()
            for patterns, truth in reversed(patterns_by_truth)
            if any(_fits(pattern, user_id, username) for pattern in patterns)
        }
        return {**values, **claimed}

    def build_override(self, key: str, value: str) -> str:
        """The SQL expression `value` of a user's key, where nothing is claimed of the user.

        The relation has the user's `id`, and all values as JSON in `entry`.
        """
        cases = [
            f"WHEN {_build_condition(patterns)} THEN {str(truth).upper()}"
            for patterns, truth in self._list_patterns().get(key, ())
            if patterns
        ]
        return f"CASE {' '.join(cases)} ELSE {value} END" if cases else value

    def _list_patterns(self) -> dict[str, list[tuple[tuple[str, ...], bool]]]:
        """By the key, who is claimed to be what; the first that fits counts."""
        return {
            "is_admin": [(self.not_admins, False), (self.admins, True)],
            "is_integration": [
                (self.not_integration_users, False),
                (self.integration_users, True),
            ],
        }


NO_CLAIMS = UserClaims()


def _fits(pattern: str, user_id: str, username: str) -> bool:
    if _is_id(pattern) and user_id[:_ID_LENGTH] == pattern[:_ID_LENGTH]:
        return True
    parts = (_WILDCARDS.get(sign) or re.escape(sign) for sign in pattern.lower())
    return re.fullmatch("".join(parts), username.lower(), re.DOTALL) is not None


def _is_id(pattern: str) -> bool:
    return pattern.isalnum() and len(pattern) >= _ID_LENGTH


def _build_condition(patterns: tuple[str, ...]) -> str:
    """Whether one of the patterns fits the user; NULL names fit none."""
    name = "lower(coalesce(json_extract_string(entry, '$.username'), ''))"
    conditions = []
    for pattern in patterns:
        like = quote_literal(pattern.lower().translate(_LIKE_SIGNS))
        conditions.append(f"{name} LIKE {like} ESCAPE {quote_literal(_ESCAPE)}")
        if _is_id(pattern):
            # Ids of 15 characters differ by capitals alone, and the other three follow from these.
            short_id = quote_literal(pattern[:_ID_LENGTH])
            conditions.append(f"substr(id, 1, {_ID_LENGTH}) = {short_id}")
    return f"({' OR '.join(conditions)})"
