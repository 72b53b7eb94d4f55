"""One event per login, from its records in Login, LoginEvent and LoginHistory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from collector.model.event_columns import CANONICAL_COLUMNS

SOURCE_TYPES = ("LoginEvent", "Login", "LoginHistory")
"""By preference: LoginEvent has the most fields, and times to the millisecond."""

REQUIRED_COLUMNS = (*CANONICAL_COLUMNS, "Id", "LoginHistoryId")

SECOND_SHIFTS = (0, 1, -1, 2, -2)
"""Seconds by which two records of one login may differ, the likeliest first: one of them is cut
to the second, and each is stamped by another machine."""

_COLUMN_OVERRIDES = {
    # The record received first names the login, so that later ones do not change its uid.
    "event_uid": "'login:' || org || ':' || max(CASE WHEN turn = 1 THEN event_uid END)",
    "org": "org",
    "event_type": "'SignIn'",
    "received": "min(received)",
}

_ACTOR_KEY = "concat_ws('|', org, user_id, coalesce(left(source_ip_key, 32), source_ip), outcome)"
_HISTORY_KEY = "org || '|' || nullif(left({column}, 15), '')"
_LOGIN_KEY = "org || '|' || nullif(login_key, '')"
_SIMILARITY_KEYS = tuple(
    ("who || '|' || second", f"who || '|' || (second + {shift})") for shift in SECOND_SHIFTS
)


def build_sign_in_select(relation: str, kinds: Sequence[str] = SOURCE_TYPES) -> str:
    """SQL that gives one event per login from a SQL FROM item over records of logins.

    `kinds` are the types of records that there may be; of fewer the SQL is much shorter.

    Two records are of one login when one names the other (LoginHistoryId, LoginKey), else when
    they agree on user, address and outcome and lie within two seconds. Each record of a login is
    of another type, so two of one type are always two logins.
    """
    columns = ", ".join(
        f"({_COLUMN_OVERRIDES.get(name, f'arg_min({name}, preference)')})::{kind} AS {name}"
        for name, kind in CANONICAL_COLUMNS.items()
    )
    order = " ".join(f"WHEN '{name}' THEN {place}" for place, name in enumerate(SOURCE_TYPES))
    return (
        f"SELECT {columns} FROM (SELECT *, CASE event_type {order} END AS preference,"
        " row_number() OVER (PARTITION BY org, login ORDER BY received, event_uid) AS turn"
        f" FROM ({_assign_logins(relation, kinds)})) GROUP BY org, login"
    )


def build_affected_events(fresh: str, stored: str, kinds: Sequence[str] = SOURCE_TYPES) -> str:
    """A SQL FROM item: of the stored records, those of the logins that a fresh one is about."""
    return (
        f"(WITH nearby AS (SELECT * FROM {build_nearby_events(fresh, stored)}),"
        f" assigned AS ({_assign_logins('nearby', kinds)}),"
        f" affected AS (SELECT org, login FROM assigned WHERE event_uid IN"
        f" (SELECT event_uid FROM {fresh}))"
        " SELECT * FROM nearby WHERE event_uid IN"
        " (SELECT event_uid FROM assigned SEMI JOIN affected USING (org, login)))"
    )


def build_nearby_events(fresh: str, stored: str) -> str:
    """A SQL FROM item: of the stored records, those within a minute of a fresh one.

    That is enough to see which record is of which login.
    """
    minutes = f"SELECT DISTINCT date_trunc('minute', time) AS minute FROM {fresh}"
    nearby_minutes = (
        "SELECT minute + INTERVAL 1 MINUTE * shift"
        f" FROM ({minutes}), (SELECT unnest([-1, 0, 1]) AS shift)"
    )
    return f"(SELECT * FROM {stored} WHERE date_trunc('minute', time) IN ({nearby_minutes}))"


def _assign_logins(relation: str, kinds: Sequence[str]) -> str:
    """SQL: the records with their `login`, which is the event_uid of one of its records."""
    records = (
        f"SELECT *, epoch_us(time) // 1000000 AS second, {_ACTOR_KEY} AS who FROM {relation}"
        f" WHERE event_type IN ({', '.join(map(repr, kinds))})"
    )
    if len(kinds) == 1:
        return f"SELECT *, event_uid AS login FROM ({records})"
    steps, links = _build_link_steps(kinds)
    parts = ", ".join(f"{name} AS ({sql})" for name, sql in {"told": records, **steps}.items())
    return (
        f"WITH {parts}, links AS ({_union_steps(links)})"
        " SELECT told.*, coalesce(links.one, told.event_uid) AS login"
        " FROM told LEFT JOIN links ON links.other = told.event_uid"
    )


def _build_link_steps(kinds: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """The SQL of each step that pairs records, by its name, and the steps that hold the pairs."""
    history = (_HISTORY_KEY.format(column='"LoginHistoryId"'), _HISTORY_KEY.format(column='"Id"'))
    event_steps: dict[str, str] = {}
    if "LoginEvent" in kinds and "LoginHistory" in kinds:
        event_steps |= _build_pair_steps(
            "eh", ("LoginEvent", "LoginHistory"), [history, *_SIMILARITY_KEYS]
        )
    if "LoginEvent" in kinds and "Login" in kinds:
        event_steps |= _build_pair_steps(
            "el", ("LoginEvent", "Login"), [(_LOGIN_KEY, _LOGIN_KEY), *_SIMILARITY_KEYS]
        )
    if "LoginHistory" not in kinds or "Login" not in kinds:
        return event_steps, list(event_steps)
    if not event_steps:
        others = _build_pair_steps("hl", ("LoginHistory", "Login"), _SIMILARITY_KEYS)
        return others, list(others)
    others = _build_pair_steps(
        "hl", ("LoginHistory", "Login"), _SIMILARITY_KEYS, excluded_step="paired"
    )
    return {**event_steps, "paired": _union_steps(event_steps), **others}, ["paired", *others]


def _build_pair_steps(
    prefix: str,
    types: tuple[str, str],
    cells: Sequence[tuple[str, str]],
    *,
    excluded_step: str | None = None,
) -> dict[str, str]:
    """The SQL steps, by name, that pair the records of two types one to one.

    In each step those pair up that are in the same cell, in the order of their times. Tellings that
    are the `other` in `excluded_step` take no part.
    """
    steps: dict[str, str] = {}
    for number, pair in enumerate(cells):
        one, other = (
            f"(SELECT event_uid, {cell} AS cell, row_number() OVER"
            f" (PARTITION BY {cell} ORDER BY time, event_uid) AS place FROM told"
            f" WHERE event_type = '{event_type}'"
            f"{_build_unpaired_condition(side, steps, excluded_step)})"
            for side, event_type, cell in zip(("one", "other"), types, pair, strict=True)
        )
        steps[f"{prefix}{number}"] = (
            f"SELECT one.event_uid AS one, other.event_uid AS other FROM {one} AS one"
            f" JOIN {other} AS other USING (cell, place)"
        )
    return steps


def _build_unpaired_condition(side: str, steps: Iterable[str], excluded_step: str | None) -> str:
    """A further condition: the record is in no pair of these steps; empty where there are none."""
    pairs = [f"SELECT {side} FROM {name}" for name in steps]
    pairs += [f"SELECT other FROM {excluded_step}"] if excluded_step else []
    return f" AND event_uid NOT IN ({' UNION ALL '.join(pairs)})" if pairs else ""


def _union_steps(steps: Iterable[str]) -> str:
    return " UNION ALL ".join(f"SELECT one, other FROM {name}" for name in steps)
