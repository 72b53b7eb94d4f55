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
    render_micros,
)
from collector.detect.correlation_sql.linked_rows import list_link_fields
from collector.detect.correlation_sql.member_conditions import (
    list_condition_columns,
    list_condition_flags,
    name_text_column,
    type_fields,
)
from collector.detect.correlation_sql.member_rows import (
    counts_members,
    name_member_column,
    select_lists,
    split_lists,
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


def list_distinct_members(correlation: Correlation) -> tuple[str, ...]:
    """Those of them that decide whether it fires: they have the first places."""
    return tuple(dict.fromkeys(correlation.members))


def find_field(correlation: Correlation, name: str, rule: str) -> str:
    """The field that a name of the correlation stands for in one of its rules."""
    return correlation.aliases.get(name, {}).get(rule, name)


def list_read_fields(
    correlation: Correlation, rule: str, carried: Sequence[str] = ()
) -> tuple[str, ...]:
    """The fields of one of its rules that it reads, beside those of every event.

    `carried` are fields that its rows are to have beside its own.
    """
    fields = _list_compared_fields(correlation, rule)
    fields += [name for each in correlation.member_conditions for name in each.columns]
    fields += list_link_fields(correlation.link, rule)
    distinct = dict.fromkeys([*fields, *list_carried_fields(correlation, carried)])
    return tuple(field for field in distinct if field not in HEADER_COLUMNS)


def _list_compared_fields(correlation: Correlation, rule: str) -> list[str]:
    """The fields of one of its rules that it groups by, and the one that it computes with."""
    reads_value = _reads_value(correlation) and rule not in correlation.optional
    names = [*correlation.group_by, *([correlation.field] if reads_value else [])]
    return [find_field(correlation, str(name), rule) for name in names]


def list_carried_fields(correlation: Correlation, carried: Sequence[str]) -> tuple[str, ...]:
    """The fields of events that its rows have: its own, and those for one above it."""
    distinct = dict.fromkeys([*correlation.carried, *carried])
    return tuple(field for field in distinct if field not in HEADER_COLUMNS)


def list_inner_fields(
    correlation: Correlation, inner: Rule, carried: Sequence[str] = ()
) -> tuple[str, ...]:
    """The fields of events that a correlation below it has to carry for it."""
    known = {*as_correlation(inner).group_by, *WINDOW_COLUMNS}
    fields = list_read_fields(correlation, inner.name, carried)
    return tuple(field for field in fields if field not in known)


def name_carried_column(field: str) -> str:
    """The column of a carried field."""
    return quote_identifier(f"#of:{field}")


def select_plain_rows(
    correlation: Correlation, rule: str, source: str, carried: Sequence[str] = ()
) -> str:
    """The events of a plain rule, given the SQL of its source."""
    fields = list_read_fields(correlation, rule, carried)
    lists = select_lists(_list_compared_fields(correlation, rule))
    names = [*HEADER_COLUMNS, *map(quote_identifier, fields)]
    rows = split_lists(f"({source}) AS events", lists, names)
    return _select_rows(correlation, rule, rows, quote_identifier, lists=lists, carried=carried)


def select_nested_rows(
    correlation: Correlation, inner: Rule, anchors: str, carried: Sequence[str] = ()
) -> str:
    """The firing anchors of a correlation, given the SQL of its anchors."""
    names = as_correlation(inner).group_by
    columns = {
        **{
            field: name_carried_column(field)
            for field in list_inner_fields(correlation, inner, carried)
        },
        **{name: name for name in (*HEADER_COLUMNS, *WINDOW_COLUMNS)},
        **{name: name_group_column(place) for place, name in enumerate(names)},
    }
    # Where the windows below are told apart by a list, it is one member that they have.
    fields = _list_compared_fields(correlation, inner.name)
    lists = select_lists(field for field in fields if field not in names)
    selected = "".join(f", {columns[field]} AS {quote_identifier(field)}" for field in lists)
    firing = f"(SELECT *{selected} FROM ({anchors}) AS events WHERE {FIRES_COLUMN}) AS events"
    rows = split_lists(firing, lists, list(dict.fromkeys(columns.values())))
    return _select_rows(
        correlation, inner.name, rows, columns.__getitem__, lists=lists, carried=carried
    )


def combine_rows(
    correlation: Correlation,
    rows: Sequence[str],
    *,
    carried: Sequence[str] = (),
    is_unique: bool,
) -> str:
    """The events of all its rules.

    `is_unique` says that no event is there twice. Of an event that several rules match with
    different values, the greatest counts.
    """
    all_rows = " UNION ALL ".join(rows)
    if is_unique:
        return all_rows
    keys = ["event_uid", *list_group_columns(correlation)]
    keys += [VALUE_COLUMN] if counts_members(correlation) else []
    minimum_columns = ["event_type", "time", "received", MICROS_COLUMN]
    maximum_columns = [
        *([VALUE_COLUMN] if _reads_value(correlation) and VALUE_COLUMN not in keys else []),
        *_list_flag_columns(correlation),
        *list_condition_columns(correlation),
        *map(name_carried_column, list_carried_fields(correlation, carried)),
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
    rows: str,
    column: Callable[[str], str],
    *,
    lists: Sequence[str],
    carried: Sequence[str],
) -> str:
    """The columns of a FROM item's rows; of the `lists` each row has one member, and the whole."""
    if correlation.member_conditions:
        groups = [find_field(correlation, name, rule) for name in correlation.group_by]
        fields = dict.fromkeys([*groups, *list_read_fields(correlation, rule, carried)])
        members = [*map(name_member_column, lists)]
        rows = type_fields(correlation, [*fields], column, rows, also=members)
        column = name_text_column

    def compare(field: str) -> str:
        return name_member_column(field) if field in lists else column(field)

    group_values = [compare(find_field(correlation, name, rule)) for name in correlation.group_by]
    columns = [*HEADER_COLUMNS, f"{render_micros(correlation)} AS {MICROS_COLUMN}"]
    columns += [
        f"CAST({each} AS VARCHAR) AS {name_group_column(place)}"
        for place, each in enumerate(group_values)
    ]
    columns += [
        f"{int(each == rule)} AS {flag}"
        for each, flag in zip(
            list_distinct_rules(correlation), _list_flag_columns(correlation), strict=True
        )
    ]
    if _reads_value(correlation):
        field = find_field(correlation, str(correlation.field), rule)
        value = "NULL" if rule in correlation.optional else compare(field)
        columns.append(f"{_render_value(correlation, value)} AS {VALUE_COLUMN}")
    columns += list_condition_flags(correlation, rule)
    columns += [
        f"CAST({column(field)} AS VARCHAR) AS {name_carried_column(field)}"
        for field in list_carried_fields(correlation, carried)
    ]
    known = [f"{each} IS NOT NULL" for each in group_values]
    return f"SELECT {', '.join(columns)} FROM {rows} WHERE {' AND '.join(['TRUE', *known])}"


def _list_flag_columns(correlation: Correlation) -> list[str]:
    return [name_flag_column(place) for place in range(len(list_distinct_rules(correlation)))]


def _reads_value(correlation: Correlation) -> bool:
    return correlation.type.startswith("value_")


def _render_value(correlation: Correlation, value: str) -> str:
    if correlation.type == "value_count":
        return f"CAST({value} AS VARCHAR)"
    return f"TRY_CAST({value} AS {NUMBER_TYPE})"
