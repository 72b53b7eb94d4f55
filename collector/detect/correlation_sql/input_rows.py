"""The events that a correlation looks at, each once in a group, as SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from collector.detect.correlation_sql.frames import (
    FIRES_COLUMN,
    MICROS_COLUMN,
    VALUE_COLUMN,
    WINDOW_COLUMNS,
    list_group_columns,
    name_flag_column,
    name_group_column,
)
from collector.escaping import quote_identifier
from collector.model import Correlation, Rule
from collector.model.event_columns import HEADER_COLUMNS

# A window of ten thousand million such numbers has a sum that still is a DECIMAL(38, 9).
NUMBER_TYPE = "DECIMAL(28, 9)"
"""The exact type that text is cast to, so that sums do not depend on an order."""


def as_correlation(rule: Rule) -> Correlation:
    """The correlation of a rule. Raises TypeError for rules of other kinds."""
    if isinstance(rule.aggregation, Correlation):
        return rule.aggregation
    raise TypeError(f"{rule.name} is no correlation")


def is_correlation(name: str, rules: Mapping[str, Rule]) -> bool:
    """Whether the rule of that name is a correlation."""
    return isinstance(rules[name].aggregation, Correlation)


def list_distinct_rules(correlation: Correlation) -> tuple[str, ...]:
    """The rules that it looks at, each once, in order."""
    return tuple(dict.fromkeys(correlation.rules))


def find_field(correlation: Correlation, name: str, rule: str) -> str:
    """The field that a name of the correlation stands for in one of its rules."""
    return correlation.aliases.get(name, {}).get(rule, name)


def list_read_fields(correlation: Correlation, rule: str) -> tuple[str, ...]:
    """The fields of one of its rules that it reads, beside those of every event."""
    names = [*correlation.group_by, *([correlation.field] if _reads_value(correlation) else [])]
    fields = dict.fromkeys(find_field(correlation, str(name), rule) for name in names)
    return tuple(field for field in fields if field not in HEADER_COLUMNS)


def select_plain_rows(correlation: Correlation, rule: str, source: str) -> str:
    """The events of a plain rule, given the SQL of its source."""
    return _select_rows(correlation, rule, f"({source}) AS events", quote_identifier, "TRUE")


def select_nested_rows(correlation: Correlation, inner: Rule, anchors: str) -> str:
    """The firing anchors of a correlation, given the SQL of its anchors."""
    names = as_correlation(inner).group_by
    columns = {
        **{name: name for name in (*HEADER_COLUMNS, *WINDOW_COLUMNS)},
        **{name: name_group_column(place) for place, name in enumerate(names)},
    }

    def render_column(field: str) -> str:
        return columns.get(field, "CAST(NULL AS VARCHAR)")

    return _select_rows(
        correlation, inner.name, f"({anchors}) AS events", render_column, FIRES_COLUMN
    )


def combine_rows(correlation: Correlation, rows: Sequence[str], *, is_unique: bool) -> str:
    """The events of all its rules.

    `is_unique` says that no event is there twice. Of an event that several rules match with
    different values, the greatest counts.
    """
    all_rows = " UNION ALL ".join(rows)
    if is_unique:
        return all_rows
    keys = ["event_uid", *list_group_columns(correlation)]
    minimum_columns = ["event_type", "time", "received", MICROS_COLUMN]
    maximum_columns = [
        *([VALUE_COLUMN] if _reads_value(correlation) else []),
        *_list_flag_columns(correlation),
    ]
    columns = [*(f"min({name}) AS {name}" for name in minimum_columns)]
    columns += [f"max({name}) AS {name}" for name in maximum_columns]
    return (
        f"SELECT {', '.join([*keys, *columns])} FROM ({all_rows}) AS events"
        f" GROUP BY {', '.join(keys)}"
    )


def _select_rows(
    correlation: Correlation,
    rule: str,
    relation: str,
    column: Callable[[str], str],
    condition: str,
) -> str:
    group_values = [column(find_field(correlation, name, rule)) for name in correlation.group_by]
    group_columns = [
        f"CAST({each} AS VARCHAR) AS {name_group_column(place)}"
        for place, each in enumerate(group_values)
    ]
    flags = [
        f"{int(each == rule)} AS {flag}"
        for each, flag in zip(
            list_distinct_rules(correlation), _list_flag_columns(correlation), strict=True
        )
    ]
    columns = [*HEADER_COLUMNS, f"epoch_us(time) AS {MICROS_COLUMN}", *group_columns, *flags]
    if _reads_value(correlation):
        value = column(find_field(correlation, str(correlation.field), rule))
        columns.append(f"{_render_value(correlation, value)} AS {VALUE_COLUMN}")
    conditions = [condition, *(f"{each} IS NOT NULL" for each in group_values)]
    return f"SELECT {', '.join(columns)} FROM {relation} WHERE {' AND '.join(conditions)}"


def _list_flag_columns(correlation: Correlation) -> list[str]:
    return [name_flag_column(place) for place in range(len(list_distinct_rules(correlation)))]


def _reads_value(correlation: Correlation) -> bool:
    return correlation.type.startswith("value_")


def _render_value(correlation: Correlation, value: str) -> str:
    if correlation.type == "value_count":
        return f"CAST({value} AS VARCHAR)"
    return f"TRY_CAST({value} AS {NUMBER_TYPE})"
