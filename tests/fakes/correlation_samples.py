"""Small correlations and events, and the SQL that serves them to DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.escaping import quote_identifier, quote_literal
from collector.model import Correlation, Rule
from fakes import model_samples

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def build_correlation(
    name: str = "burst", rule: Mapping[str, Any] | None = None, **changes
) -> Rule:
    """A rule that asks for three events of `login` by one user within ten minutes, or changed."""
    over = {
        "type": "event_count",
        "rules": ("login",),
        "group_by": ("user",),
        "timespan": 10 * MINUTE,
        "operator": "gte",
        "limit": 3,
    }
    return model_samples.build_rule(
        name=name, predicate="FALSE", aggregation=Correlation(**(over | changes)), **(rule or {})
    )


def index_rules(*correlations: Rule, leaves: Sequence[str] = ("login", "query", "export")):
    """Rules by name: these, and plain ones."""
    plain = [model_samples.build_rule(name=name) for name in leaves]
    return {rule.name: rule for rule in (*plain, *correlations)}


def build_event(uid: str, minutes: float, late: float = 60, **fields: str | None) -> dict[str, Any]:
    """An event of user `ann`, so many minutes after noon and received so many after that."""
    time = NOON + minutes * MINUTE
    received = time + late * MINUTE
    fixed = {"event_uid": uid, "event_type": "Login", "time": time, "received": received}
    return {**fixed, "user": "ann", **fields}


def build_leaf_source(
    events: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Callable[[str, Sequence[str]], str]:
    """Events by the names of plain rules, as the windows ask for them."""

    def select_leaf(leaf: str, fields: Sequence[str]) -> str:
        names = ["event_uid", "event_type", "time", "received", *fields]
        rows = [", ".join(_to_literal(each.get(name)) for name in names) for each in events[leaf]]
        values = ", ".join(f"({row})" for row in [", ".join(_build_null_row(names)), *rows])
        columns = ", ".join(map(quote_identifier, names))
        return f"SELECT * FROM (VALUES {values}) AS t({columns}) WHERE event_uid IS NOT NULL"

    return select_leaf


def _build_null_row(names: Sequence[str]) -> list[str]:
    types = {"time": "TIMESTAMPTZ", "received": "TIMESTAMPTZ"}
    return [f"CAST(NULL AS {types.get(name, 'VARCHAR')})" for name in names]


def _to_literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, datetime):
        return f"TIMESTAMPTZ {quote_literal(value.isoformat())}"
    return quote_literal(value)
