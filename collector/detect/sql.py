"""Sigma conditions as SQL predicates over the event table, in words that DuckDB and Spark share.

Text is compared as Sigma says: without regard to case, unless `cased`. NOT is never NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, TypeAlias

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionItem,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
)

from collector.detect import cidr
from collector.detect.columns import TEXT, TIME, Columns
from collector.detect.literals import MANY, Unsupported, exact, folded, is_plain, like, plain, regex
from collector.text import sql_literal

Condition: TypeAlias = (
    ConditionItem | ConditionFieldEqualsValueExpression | ConditionValueExpression | None
)

KEYWORD_FIELDS = (
    "query",
    "uri",
    "detail",
    "user_agent",
    "client_name",
    "operation",
    "entity",
)
"""Where values without a field are looked for."""

_OPERATORS = {
    CompareOperators.LT: "<",
    CompareOperators.LTE: "<=",
    CompareOperators.GT: ">",
    CompareOperators.GTE: ">=",
    CompareOperators.NEQ: "<>",
}


def predicate(condition: Condition, columns: Columns) -> str:
    """The SQL of a postprocessed condition; TRUE or FALSE for every row, never NULL.

    Raises SigmaError for what cannot be said in SQL.
    """
    return f"COALESCE({_expression(condition, columns)}, FALSE)"


def _expression(condition: Condition, columns: Columns) -> str:
    match condition:
        case ConditionOR(args=args):
            return _any(args, columns)
        case ConditionAND(args=args):
            return _joined(" AND ", [_expression(each, columns) for each in args])
        case ConditionNOT(args=[negated]):
            return f"NOT {predicate(negated, columns)}"
        case ConditionFieldEqualsValueExpression():
            return _field(condition.field, condition.value, columns)
        case ConditionValueExpression():
            return _keyword(condition.value, columns)
    raise Unsupported("the condition is empty")


def _joined(operator: str, parts: Sequence[str]) -> str:
    return f"({operator.join(parts)})" if len(parts) > 1 else parts[0]


# ---- lists: values that one comparison can take together


class _Kind(Enum):
    FOLDED = auto()
    EXACT = auto()
    NUMBER = auto()
    NETWORK = auto()


def _any(conditions: Sequence[Condition], columns: Columns) -> str:
    lists: dict[tuple[str, _Kind], list[SigmaType]] = {}
    parts = []
    for condition in conditions:
        match condition:
            case ConditionFieldEqualsValueExpression() if kind := _kind(condition.value):
                lists.setdefault((condition.field, kind), []).append(condition.value)
            case _:
                parts.append(_expression(condition, columns))
    parts += [_one_of(name, kind, values, columns) for (name, kind), values in lists.items()]
    return _joined(" OR ", parts)


_KINDS: Mapping[type[SigmaType], _Kind] = {
    SigmaString: _Kind.FOLDED,
    SigmaCasedString: _Kind.EXACT,
    SigmaNumber: _Kind.NUMBER,
    SigmaCIDRExpression: _Kind.NETWORK,
}


def _kind(value: SigmaType) -> _Kind | None:
    if isinstance(value, SigmaString) and not is_plain(value):
        return None
    return _KINDS.get(type(value))


def _one_of(name: str, kind: _Kind, values: Sequence[SigmaType], columns: Columns) -> str:
    if kind is _Kind.NETWORK:
        return _in_networks(name, values, columns)
    if kind is _Kind.NUMBER:
        return _in(columns.number(name), [str(value) for value in values])
    subject, literal = _sides(name, values[0], columns)
    return _in(subject, [literal(plain(value)) for value in values])


def _sides(name: str, value: SigmaType, columns: Columns) -> tuple[str, Callable[[str], str]]:
    """The column, and how to write what is compared with it, as the value minds case or not."""
    if isinstance(value, SigmaCasedString):
        return columns.text(name), exact
    return columns.folded(name), folded


def _in(subject: str, literals: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(literals))
    if len(distinct) == 1:
        return f"{subject} = {distinct[0]}"
    return f"{subject} IN ({', '.join(distinct)})"


def _in_networks(name: str, values: Sequence[SigmaType], columns: Columns) -> str:
    key = f"{name}_key"
    if key not in columns.types:
        raise Unsupported(f"cidr is served for source_ip, not for {name}")
    networks = [value.network for value in values if isinstance(value, SigmaCIDRExpression)]
    column = columns.raw(key)
    return _joined(
        " OR ",
        [
            _in(f"substr({column}, 1, {length})", [sql_literal(each) for each in beginnings])
            if length
            else f"{column} IS NOT NULL"
            for length, beginnings in cidr.prefixes(networks).items()
        ],
    )


# ---- one field, one value


def _field(name: str, value: SigmaType, columns: Columns) -> str:
    if kind := _kind(value):
        return _one_of(name, kind, [value], columns)
    if convert := _CONVERSIONS.get(type(value)):
        return convert(name, value, columns)
    raise Unsupported(f"values of type {type(value).__name__} are not served")


def _text(name: str, value: SigmaString, columns: Columns) -> str:
    """Empty text, or text with wildcards."""
    if not value.s or value.s == [""]:
        return f"({columns.raw(name)} IS NULL OR {columns.text(name)} = '')"
    if all(part is MANY for part in value.s):
        return f"{columns.raw(name)} IS NOT NULL"
    subject, literal = _sides(name, value, columns)
    return like(subject, value, literal)


def _boolean(name: str, value: SigmaBool, columns: Columns) -> str:
    words = ("true", "1") if value.boolean else ("false", "0")
    return _in(columns.folded(name), [sql_literal(word) for word in words])


def _null(name: str, _: SigmaNull, columns: Columns) -> str:
    return f"{columns.raw(name)} IS NULL"


def _exists(name: str, value: SigmaExists, columns: Columns) -> str:
    return f"{columns.raw(name)} IS {'NOT ' if value.exists else ''}NULL"


def _regex(name: str, value: SigmaRegularExpression, columns: Columns) -> str:
    return f"regexp_matches({columns.text(name)}, {regex(value)})"


def _comparison(name: str, value: SigmaCompareExpression, columns: Columns) -> str:
    number = value.number
    if isinstance(number, SigmaTimestampPart):
        subject = _time_part(name, number, columns)
    else:
        subject = columns.number(name)
    return f"{subject} {_OPERATORS[value.op]} {number.number}"


def _at_time(name: str, value: SigmaTimestampPart, columns: Columns) -> str:
    return f"{_time_part(name, value, columns)} = {value.number}"


def _time_part(name: str, value: SigmaTimestampPart, columns: Columns) -> str:
    part = value.timestamp_part.name
    if columns.type(name) != TIME:
        raise Unsupported(f"{part.lower()} is served for time and received, not for {name}")
    return f"EXTRACT({part} FROM {columns.raw(name)})"


def _reference(name: str, value: SigmaFieldReference, columns: Columns) -> str:
    if TEXT not in {columns.type(name), columns.type(value.field)}:
        return f"{columns.raw(name)} = {columns.raw(value.field)}"
    whole, part = columns.folded(name), columns.folded(value.field)
    match value.starts_with, value.ends_with:
        case True, True:
            return f"POSITION({part} IN {whole}) > 0"
        case True, False:
            return f"LEFT({whole}, LENGTH({part})) = {part}"
        case False, True:
            return f"RIGHT({whole}, LENGTH({part})) = {part}"
    return f"{whole} = {part}"


def _expansion(name: str, value: SigmaExpansion, columns: Columns) -> str:
    alternatives = [ConditionFieldEqualsValueExpression(name, each) for each in value.values]
    return _any(alternatives, columns)


_CONVERSIONS: Mapping[type[SigmaType], Callable[[str, Any, Columns], str]] = {
    SigmaString: _text,
    SigmaCasedString: _text,
    SigmaBool: _boolean,
    SigmaNull: _null,
    SigmaExists: _exists,
    SigmaRegularExpression: _regex,
    SigmaCompareExpression: _comparison,
    SigmaTimestampPart: _at_time,
    SigmaFieldReference: _reference,
    SigmaExpansion: _expansion,
}


# ---- values without a field


def _keyword(value: SigmaType, columns: Columns) -> str:
    match value:
        case SigmaString():
            found = [_holds(name, value, columns) for name in KEYWORD_FIELDS]
        case SigmaNumber():
            found = [_holds(name, SigmaString(str(value)), columns) for name in KEYWORD_FIELDS]
        case SigmaRegularExpression():
            found = [_regex(name, value, columns) for name in KEYWORD_FIELDS]
        case SigmaExpansion():
            found = [_keyword(each, columns) for each in value.values]
        case _:
            raise Unsupported(f"{type(value).__name__} needs a field")
    return _joined(" OR ", found)


def _holds(name: str, value: SigmaString, columns: Columns) -> str:
    subject, literal = _sides(name, value, columns)
    return like(subject, _anywhere(value), literal)


def _anywhere(value: SigmaString) -> SigmaString:
    if not plain(value):
        raise Unsupported("a keyword must hold some text")
    opened = value if value.startswith(MANY) else MANY + value
    return opened if opened.endswith(MANY) else opened + MANY
