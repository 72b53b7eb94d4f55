"""The events that a correlation looks at, each once in a group, as SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from collector.detect.windows.frames import (
    FIRES,
    FIXED,
    MEASURED,
    MOMENT,
    VALUE,
    group,
    groups,
    is_of,
)
from collector.model import Correlation, Rule
from collector.text import sql_identifier

# A window of ten thousand million such numbers has a sum that still is a DECIMAL(38, 9).
NUMBER = "DECIMAL(28, 9)"
"""What text is read as to be a number: exact, so that sums do not depend on an order."""


def correlation_of(rule: Rule) -> Correlation:
    """What a correlation looks at. Raises TypeError for other rules."""
    if isinstance(rule.over, Correlation):
        return rule.over
    raise TypeError(f"{rule.name} is no correlation")


def is_correlation(name: str, rules: Mapping[str, Rule]) -> bool:
    """Whether the rule of that name is a correlation."""
    return isinstance(rules[name].over, Correlation)


def distinct(correlation: Correlation) -> tuple[str, ...]:
    """The rules that it looks at, each once, in order."""
    return tuple(dict.fromkeys(correlation.rules))


def field_at(correlation: Correlation, name: str, rule: str) -> str:
    """The field that a name of the correlation stands for in one of its rules."""
    return correlation.aliases.get(name, {}).get(rule, name)


def fields_at(correlation: Correlation, rule: str) -> tuple[str, ...]:
    """The fields of one of its rules that it reads, beside those of every event."""
    names = [*correlation.group_by, *([correlation.field] if _reads_value(correlation) else [])]
    fields = dict.fromkeys(field_at(correlation, str(name), rule) for name in names)
    return tuple(field for field in fields if field not in FIXED)


def plain(correlation: Correlation, rule: str, source: str) -> str:
    """The events of a plain rule, given the SQL of its source."""
    return _rows(correlation, rule, f"({source}) AS events", sql_identifier, "TRUE")


def nested(correlation: Correlation, inner: Rule, anchors: str) -> str:
    """The firing anchors of a correlation, given the SQL of its anchors."""
    names = correlation_of(inner).group_by
    columns = {
        **{name: name for name in (*FIXED, *MEASURED)},
        **{name: group(place) for place, name in enumerate(names)},
    }

    def column(field: str) -> str:
        return columns.get(field, "CAST(NULL AS VARCHAR)")

    return _rows(correlation, inner.name, f"({anchors}) AS events", column, FIRES)


def together(correlation: Correlation, rows: Sequence[str], *, apart: bool) -> str:
    """The events of all its rules.

    `apart` says that no event is there twice. Of an event that several rules match with different
    values, the greatest counts.
    """
    whole = " UNION ALL ".join(rows)
    if apart:
        return whole
    keys = ["event_uid", *groups(correlation)]
    kept = ["event_type", "time", "received", MOMENT]
    most = [*([VALUE] if _reads_value(correlation) else []), *_flags(correlation)]
    columns = [*(f"min({name}) AS {name}" for name in kept)]
    columns += [f"max({name}) AS {name}" for name in most]
    return (
        f"SELECT {', '.join([*keys, *columns])} FROM ({whole}) AS events GROUP BY {', '.join(keys)}"
    )


def _rows(
    correlation: Correlation,
    rule: str,
    relation: str,
    column: Callable[[str], str],
    condition: str,
) -> str:
    read = [column(field_at(correlation, name, rule)) for name in correlation.group_by]
    named = [f"CAST({each} AS VARCHAR) AS {group(place)}" for place, each in enumerate(read)]
    flags = [
        f"{int(each == rule)} AS {flag}"
        for each, flag in zip(distinct(correlation), _flags(correlation), strict=True)
    ]
    columns = [*FIXED, f"epoch_us(time) AS {MOMENT}", *named, *flags]
    if _reads_value(correlation):
        value = column(field_at(correlation, str(correlation.field), rule))
        columns.append(f"{_converted(correlation, value)} AS {VALUE}")
    known = [condition, *(f"{each} IS NOT NULL" for each in read)]
    return f"SELECT {', '.join(columns)} FROM {relation} WHERE {' AND '.join(known)}"


def _flags(correlation: Correlation) -> list[str]:
    return [is_of(place) for place in range(len(distinct(correlation)))]


def _reads_value(correlation: Correlation) -> bool:
    return correlation.type.startswith("value_")


def _converted(correlation: Correlation, value: str) -> str:
    if correlation.type == "value_count":
        return f"CAST({value} AS VARCHAR)"
    return f"TRY_CAST({value} AS {NUMBER})"
