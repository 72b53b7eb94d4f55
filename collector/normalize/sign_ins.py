"""One record for each login, whichever of Login, LoginEvent and LoginHistory have told of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from collector.normalize.schema import CANONICAL

SOURCES = ("LoginEvent", "Login", "LoginHistory")
"""In the order in which their words are taken: LoginEvent says most, and to the millisecond."""

NEEDS = (*CANONICAL, "Id", "LoginHistoryId")

SHIFTS = (0, 1, -1, 2, -2)
"""Seconds by which two tellings of one login may differ, the likeliest first: one of them is cut
to the second, and each is stamped by another machine."""

_OWN = {
    # The first that told gives the name, so that it stays the same when others tell it again.
    "event_uid": "'login:' || org || ':' || max(CASE WHEN turn = 1 THEN event_uid END)",
    "org": "org",
    "event_type": "'SignIn'",
    "received": "min(received)",
}

_WHO = "concat_ws('|', org, user_id, coalesce(source_ip_key, source_ip), outcome)"
_HISTORY = "org || '|' || nullif(left({column}, 15), '')"
_KEY = "org || '|' || nullif(login_key, '')"
_ALIKE = tuple(("who || '|' || second", f"who || '|' || (second + {shift})") for shift in SHIFTS)


def sign_ins(relation: str, kinds: Sequence[str] = SOURCES) -> str:
    """SQL that gives one event per login from a SQL FROM item over tellings of logins.

    `kinds` are the types of tellings that there may be; of fewer the SQL is much shorter.

    Two tellings are of one login when one names the other (LoginHistoryId, LoginKey), else when
    they agree on user, address and outcome and lie within two seconds. Each telling of a login is
    of another type, so two of one type are always two logins.
    """
    columns = ", ".join(
        f"({_OWN.get(name, f'arg_min({name}, preference)')})::{kind} AS {name}"
        for name, kind in CANONICAL.items()
    )
    order = " ".join(f"WHEN '{name}' THEN {place}" for place, name in enumerate(SOURCES))
    return (
        f"SELECT {columns} FROM (SELECT *, CASE event_type {order} END AS preference,"
        " row_number() OVER (PARTITION BY org, login ORDER BY received, event_uid) AS turn"
        f" FROM ({_grouped(relation, kinds)})) GROUP BY org, login"
    )


def touched(fresh: str, stored: str, kinds: Sequence[str] = SOURCES) -> str:
    """A SQL FROM item: of the stored tellings, those of the logins that a fresh one is about."""
    return (
        f"(WITH near AS (SELECT * FROM {near(fresh, stored)}),"
        f" known AS ({_grouped('near', kinds)}),"
        f" wanted AS (SELECT org, login FROM known WHERE event_uid IN"
        f" (SELECT event_uid FROM {fresh}))"
        " SELECT * FROM near WHERE event_uid IN"
        " (SELECT event_uid FROM known SEMI JOIN wanted USING (org, login)))"
    )


def near(fresh: str, stored: str) -> str:
    """A SQL FROM item: of the stored tellings, those within a minute of a fresh one.

    That is enough to see which telling is of which login.
    """
    minutes = f"SELECT DISTINCT date_trunc('minute', time) AS minute FROM {fresh}"
    around = (
        "SELECT minute + INTERVAL 1 MINUTE * shift"
        f" FROM ({minutes}), (SELECT unnest([-1, 0, 1]) AS shift)"
    )
    return f"(SELECT * FROM {stored} WHERE date_trunc('minute', time) IN ({around}))"


def _grouped(relation: str, kinds: Sequence[str]) -> str:
    """The tellings, each with the `login` that it is of: the event_uid of one of its tellings."""
    told = (
        f"SELECT *, epoch_us(time) // 1000000 AS second, {_WHO} AS who FROM {relation}"
        f" WHERE event_type IN ({', '.join(map(repr, kinds))})"
    )
    if len(kinds) == 1:
        return f"SELECT *, event_uid AS login FROM ({told})"
    steps, links = _links(kinds)
    parts = ", ".join(f"{name} AS ({sql})" for name, sql in {"told": told, **steps}.items())
    return (
        f"WITH {parts}, links AS ({_all(links)})"
        " SELECT told.*, coalesce(links.one, told.event_uid) AS login"
        " FROM told LEFT JOIN links ON links.other = told.event_uid"
    )


def _links(kinds: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """Steps by which tellings of two kinds or three find each other, and which give the links."""
    history = (_HISTORY.format(column='"LoginHistoryId"'), _HISTORY.format(column='"Id"'))
    with_event: dict[str, str] = {}
    if "LoginEvent" in kinds and "LoginHistory" in kinds:
        with_event |= _pairs("eh", ("LoginEvent", "LoginHistory"), [history, *_ALIKE])
    if "LoginEvent" in kinds and "Login" in kinds:
        with_event |= _pairs("el", ("LoginEvent", "Login"), [(_KEY, _KEY), *_ALIKE])
    if "LoginHistory" not in kinds or "Login" not in kinds:
        return with_event, list(with_event)
    if not with_event:
        rest = _pairs("hl", ("LoginHistory", "Login"), _ALIKE)
        return rest, list(rest)
    rest = _pairs("hl", ("LoginHistory", "Login"), _ALIKE, apart="paired")
    return {**with_event, "paired": _all(with_event), **rest}, ["paired", *rest]


def _pairs(
    prefix: str,
    types: tuple[str, str],
    cells: Sequence[tuple[str, str]],
    *,
    apart: str | None = None,
) -> dict[str, str]:
    """Steps by which tellings of two types find each other, one to one, none of them twice.

    In each step those pair up that are in the same cell, in the order of their times. Tellings that
    are the `other` in the step `apart` take no part.
    """
    steps: dict[str, str] = {}
    for number, pair in enumerate(cells):
        one, other = (
            f"(SELECT event_uid, {cell} AS cell, row_number() OVER"
            f" (PARTITION BY {cell} ORDER BY time, event_uid) AS place FROM told"
            f" WHERE event_type = '{event_type}'{_free(side, steps, apart)})"
            for side, event_type, cell in zip(("one", "other"), types, pair, strict=True)
        )
        steps[f"{prefix}{number}"] = (
            f"SELECT one.event_uid AS one, other.event_uid AS other FROM {one} AS one"
            f" JOIN {other} AS other USING (cell, place)"
        )
    return steps


def _free(side: str, steps: Iterable[str], apart: str | None) -> str:
    """A condition: not paired before."""
    taken = [f"SELECT {side} FROM {name}" for name in steps]
    taken += [f"SELECT other FROM {apart}"] if apart else []
    return f" AND event_uid NOT IN ({' UNION ALL '.join(taken)})" if taken else ""


def _all(steps: Iterable[str]) -> str:
    return " UNION ALL ".join(f"SELECT one, other FROM {name}" for name in steps)
