"""The SQL of rules in the words of another engine."""

from __future__ import annotations

import sqlglot
from sqlglot import exp


def spark(sql: str) -> str:
    """DuckDB's SQL of a rule, as Spark says it. Raises sqlglot.errors.SqlglotError."""
    tree = sqlglot.parse_one(sql, read="duckdb")
    return tree.transform(_as_spark).sql(dialect="spark")


def _as_spark(node: exp.Expression) -> exp.Expression:
    match node:
        case exp.Window(this=exp.Count(this=exp.Distinct(expressions=[counted]))):
            # Spark has no count(DISTINCT …) over windows.
            node.set("this", exp.Anonymous(this="collect_set", expressions=[counted]))
            return exp.Anonymous(this="size", expressions=[node])
        case exp.PercentileCont(this=value, expression=part):
            return exp.Anonymous(this="percentile", expressions=[value, part])
        case exp.Anonymous(this=name, expressions=arguments) if name.lower() == "epoch_us":
            return exp.Anonymous(this="unix_micros", expressions=arguments)
    return node
