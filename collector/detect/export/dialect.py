"""The SQL of rules, converted for another engine."""

from __future__ import annotations

import sqlglot
from sqlglot import exp


def to_spark(sql: str) -> str:
    """A rule's SQL for DuckDB, converted for Spark. Raises sqlglot.errors.SqlglotError."""
    tree = sqlglot.parse_one(sql, read="duckdb")
    return tree.transform(_convert_node).sql(dialect="spark")


def _convert_node(node: exp.Expression) -> exp.Expression:
    match node:
        case exp.Window(this=exp.Count(this=exp.Distinct(expressions=[argument]))):
            # Spark has no count(DISTINCT …) over windows.
            node.set("this", exp.Anonymous(this="collect_set", expressions=[argument]))
            return exp.Anonymous(this="size", expressions=[node])
        case exp.Extract(this=exp.Var(this=part)) if str(part).upper() == "ISODOW":
            node.set("this", exp.Var(this="DOW_ISO"))
        case exp.PercentileCont(this=value, expression=part):
            return exp.Anonymous(this="percentile", expressions=[value, part])
        case exp.Anonymous(this=name, expressions=arguments) if name.lower() == "epoch_us":
            return exp.Anonymous(this="unix_micros", expressions=arguments)
        case exp.In(this=subject, args={"query": exp.Subquery(this=query)}):
            values = _split_values(query)
            return exp.In(this=subject, expressions=values) if values else node
        case exp.ArrayOverlaps(this=one, expression=exp.Split(this=joined, expression=separator)):
            other = exp.Array(expressions=_split_literal(joined, separator))
            return exp.Anonymous(this="arrays_overlap", expressions=[one, other])
    return node


def _split_values(query: exp.Expression) -> list[exp.Expression]:
    """The literals of a `split` of one long text, so that nothing has to be joined."""
    match query.expressions:
        case [exp.Explode(this=exp.Split(this=joined, expression=separator))]:
            return _split_literal(joined, separator)
    return []


def _split_literal(joined: exp.Expression, separator: exp.Expression) -> list[exp.Expression]:
    texts = _read_literal(joined).split(_read_literal(separator))
    literals = [exp.Literal.string(text) for text in texts]
    is_lowered = isinstance(joined, exp.Lower)
    return [exp.Lower(this=each) if is_lowered else each for each in literals]


def _read_literal(literal: exp.Expression) -> str:
    return str(literal.this.this if isinstance(literal, exp.Lower) else literal.this)
