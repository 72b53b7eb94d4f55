"""One event for each fact, from the events that tell of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta

from collector.escaping import quote_identifier
from collector.normalize.fact_pairing import (
    PairingStage,
    build_assignment,
    build_keyed_select,
    build_stage_select,
    list_stages,
)
from collector.normalize.fact_types import TOLD_BY, FactType

NEARBY_DISTANCE = timedelta(minutes=2)
"""Events of one minute and those of the next lie less than this apart."""


def build_fact_select(fact: FactType, relation: str, event_types: Collection[str]) -> str:
    """SQL: one event for each fact, with `FactType.columns`.

    `event_types` are those that there may be in the FROM item `relation`; of fewer the SQL is much
    shorter.
    """
    present = fact.list_present_tellers(event_types)
    assignment = _build_whole_assignment(fact, "told", present)
    records = build_records(fact, "told", f"({assignment})", present)
    return f"WITH told AS (SELECT * FROM {relation}) {records}"


def build_affected_events(
    fact: FactType, fresh: str, stored: str, event_types: Collection[str]
) -> str:
    """A FROM item: of the stored events, those of the facts that a fresh one tells of."""
    present = fact.list_present_tellers(event_types)
    assignment = _build_whole_assignment(fact, "nearby", present)
    return (
        f"(WITH nearby AS (SELECT * FROM {build_nearby_events(fact, fresh, stored)}),"
        f" assigned AS ({assignment}), affected AS (SELECT fact FROM assigned WHERE event_uid IN"
        f" (SELECT event_uid FROM {fresh}))"
        " SELECT * FROM nearby WHERE event_uid IN"
        " (SELECT event_uid FROM assigned WHERE fact IN (SELECT fact FROM affected)))"
    )


def build_nearby_events(fact: FactType, fresh: str, stored: str) -> str:
    """A FROM item: of the stored events, those within a minute of a fresh one, or linked with it.

    That is enough to see which event tells of which fact. Without links they lie no further than
    NEARBY_DISTANCE from a fresh one.
    """
    minutes = f"SELECT DISTINCT date_trunc('minute', time) AS minute FROM {fresh}"
    nearby_minutes = (
        "SELECT minute + INTERVAL 1 MINUTE * shift"
        f" FROM ({minutes}), (SELECT unnest([-1, 0, 1]) AS shift)"
    )
    links = "".join(
        f" OR {column} IN (SELECT {column} FROM {fresh} WHERE {column} IS NOT NULL)"
        for column in map(quote_identifier, fact.link_columns)
    )
    return f"(SELECT * FROM {stored} WHERE date_trunc('minute', time) IN ({nearby_minutes}){links})"


def build_records(fact: FactType, relation: str, assignment: str, present: Sequence[int]) -> str:
    """SQL: the facts that events of the present tellers tell of, with `FactType.columns`.

    `assignment` is a FROM item with the `fact` of each event; what has none is left out. Both FROM
    items are named several times.
    """
    readings = "".join(
        f", {fact.readings.get(name, quote_identifier(name))} AS {_name_reading(name)}"
        for name in sorted({*fact.own_columns, *fact.readings})
    )
    read = f"(SELECT *{readings} FROM {relation} AS told)" if readings else relation
    columns = ", ".join(_render_columns(fact, present))
    if not has_pairs(fact, present):
        alone = f"*{readings}, event_uid AS first_uid, received AS earliest"
        (place,) = present
        condition = fact.tellers[place].selection
        return (
            f"SELECT {columns} FROM (SELECT {alone} FROM {relation} AS told"
            f" WHERE {condition}) AS side{place}"
        )
    sides = "".join(
        f" LEFT JOIN {read} AS side{place} ON side{place}.event_uid = facts.uid{place}"
        for place in present
    )
    groups = _build_groups(fact, relation, assignment, present)
    return f"SELECT {columns} FROM ({groups}) AS facts{sides}"


def has_pairs(fact: FactType, present: Sequence[int]) -> bool:
    """Whether an event of the present tellers may tell of the same fact as another one."""
    return len(present) > 1 or any(fact.tellers[place].chunk_key for place in present)


def _build_groups(fact: FactType, relation: str, assignment: str, present: Sequence[int]) -> str:
    """SQL: of each fact the uid of its event of each of the tellers, and who told of it first.

    Of chunks it is the first one.
    """
    uids = ", ".join(
        f"max(CASE WHEN {_render_side_condition(fact, place)} THEN event_uid END) AS uid{place}"
        for place in present
    )
    window = "OVER (PARTITION BY fact ORDER BY received, told.event_uid)"
    return (
        f"SELECT fact, max(first_uid) AS first_uid, max(earliest) AS earliest, {uids} FROM"
        f" (SELECT told.event_uid, org, event_type, operation, fact,"
        f" first_value(told.event_uid) {window} AS first_uid,"
        f" first_value(received) {window} AS earliest"
        f" FROM {relation} AS told JOIN {assignment} AS assigned"
        " ON assigned.event_uid = told.event_uid) AS tellings GROUP BY fact"
    )


def _render_side_condition(fact: FactType, place: int) -> str:
    """Which events say the values of a fact for these tellers."""
    tellers = fact.tellers[place]
    return f"{tellers.selection}{' AND event_uid = fact' if tellers.chunk_key else ''}"


def _render_columns(fact: FactType, present: Sequence[int]) -> Iterator[str]:
    def render_first(name: str) -> str:
        """The value of the most preferred tellers that have one."""
        sides = [f"side{place}.{quote_identifier(name)}" for place in present]
        return f"coalesce({', '.join(sides)})" if len(sides) > 1 else sides[0]

    expressions = {
        # The event received first names the fact, so that later ones do not change its uid.
        "event_uid": f"'{fact.uid_prefix}:' || {render_first('org')} || ':' || first_uid",
        "event_type": f"'{fact.event_type}'",
        "received": "earliest",
        TOLD_BY: f"concat_ws(',', {', '.join(f'side{place}.event_type' for place in present)})",
    }
    read = {*fact.own_columns, *fact.readings}
    for name, kind in fact.columns.items():
        expression = expressions.get(name)
        if expression is None:
            expression = render_first(f"of:{name}" if name in read else name)
        yield f"({expression})::{kind} AS {quote_identifier(name)}"


def _name_reading(name: str) -> str:
    return quote_identifier(f"of:{name}")  # no column of an event can have such a name


def _build_whole_assignment(fact: FactType, relation: str, present: Collection[int]) -> str:
    """SQL: the fact of each event, in one statement with all stages."""
    parts = {"keyed": build_keyed_select(fact, relation, present)}
    known: dict[str, PairingStage] = {}
    for place, stage in enumerate(list_stages(fact, present)):
        parts[f"pairs{place}"] = build_stage_select(fact, stage, "keyed", known)
        known[f"pairs{place}"] = stage
    named = ", ".join(f"{name} AS ({sql})" for name, sql in parts.items())
    return f"WITH {named} {build_assignment('keyed', known)}"
