"""Sigma conditions as SQL predicates over the event table, in words that DuckDB and Spark share.

Text is compared as Sigma says: without regard to case, unless `cased`. Ids always mind case, and
one of 15 characters is that of 18 which begins with it. NOT is never NULL.
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

from collector.detect.predicates import equality, ids
from collector.detect.predicates.columns import TEXT, TIME, Columns
from collector.detect.predicates.literals import (
    MANY,
    Unsupported,
    exact,
    is_plain,
    like,
    plain,
    regex,
)
from collector.detect.predicates.membership import list_name, member
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
            parts = [_expression(each, columns) for each in args]
            return f"({' AND '.join(parts)})" if len(parts) > 1 else parts[0]
        case ConditionNOT(args=[negated]):
            return f"NOT {predicate(negated, columns)}"
        case ConditionFieldEqualsValueExpression():
            return _field(condition.field, condition.value, columns)
        case ConditionValueExpression():
            return _keyword(condition.value, columns)
    raise Unsupported("the condition is empty")


# ---- values that one comparison can take together


class _Kind(Enum):
    FOLDED = auto()
    EXACT = auto()
    NUMBER = auto()
    NETWORK = auto()


def _any(conditions: Sequence[Condition], columns: Columns) -> str:
    together: dict[tuple[str, _Kind], list[SigmaType]] = {}
    parts = []
    for condition in conditions:
        match condition:
            case ConditionFieldEqualsValueExpression() if kind := _kind(condition.value):
                together.setdefault((condition.field, kind), []).append(condition.value)
            case _:
                parts.append(_expression(condition, columns))
    parts += [_one_of(name, kind, values, columns) for (name, kind), values in together.items()]
    return equality.any_of(parts)


_KINDS: Mapping[type[SigmaType], _Kind] = {
    SigmaString: _Kind.FOLDED,
    SigmaCasedString: _Kind.EXACT,
    SigmaNumber: _Kind.NUMBER,
    SigmaCIDRExpression: _Kind.NETWORK,
}


def _kind(value: SigmaType) -> _Kind | None:
    if isinstance(value, SigmaString) and (value.contains_placeholder() or not is_plain(value)):
        return None
    return _KINDS.get(type(value))


def _one_of(name: str, kind: _Kind, values: Sequence[SigmaType], columns: Columns) -> str:
    match kind:
        case _Kind.NETWORK:
            found = [each.network for each in values if isinstance(each, SigmaCIDRExpression)]
            return equality.networks(name, found, columns)
        case _Kind.NUMBER:
            return equality.one_of(columns.number(name), map(str, values))
        case _Kind.EXACT:
            return equality.cased_texts(name, list(map(plain, values)), columns)
    return equality.texts(name, list(map(plain, values)), columns)


def _sides(name: str, value: SigmaType, columns: Columns) -> tuple[str, Callable[[str], str]]:
    """The column, and how to write what is compared with it, as the value minds case or not."""
    if isinstance(value, SigmaCasedString):
        return columns.text(name), exact
    return equality.sides(name, columns)


# ---- one field, one value


def _field(name: str, value: SigmaType, columns: Columns) -> str:
    if kind := _kind(value):
        return _one_of(name, kind, [value], columns)
    if convert := _CONVERSIONS.get(type(value)):
        return convert(name, value, columns)
    raise Unsupported(f"values of type {type(value).__name__} are not served")


def _text(name: str, value: SigmaString, columns: Columns) -> str:
    """Empty text, text with wildcards, or the name of a list."""
    if value.contains_placeholder():
        return member(name, list_name(value), columns)
    if not value.s or value.s == [""]:
        return f"({columns.raw(name)} IS NULL OR {columns.text(name)} = '')"
    if all(part is MANY for part in value.s):
        return f"{columns.raw(name)} IS NOT NULL"
    subject, literal = _sides(name, value, columns)
    return like(subject, value, literal)


def _boolean(name: str, value: SigmaBool, columns: Columns) -> str:
    words = ("true", "1") if value.boolean else ("false", "0")
    return equality.one_of(columns.folded(name), map(sql_literal, words))


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
    is_whole = not (value.starts_with or value.ends_with)
    if is_whole and TEXT not in {columns.type(name), columns.type(value.field)}:
        return f"{columns.raw(name)} = {columns.raw(value.field)}"
    is_id = columns.is_id(name) or columns.is_id(value.field)
    compared = columns.text if is_id else columns.folded
    whole, part = compared(name), compared(value.field)
    match value.starts_with, value.ends_with:
        case True, True:
            return f"POSITION({part} IN {whole}) > 0"
        case True, False:
            return f"LEFT({whole}, LENGTH({part})) = {part}"
        case False, True:
            return f"RIGHT({whole}, LENGTH({part})) = {part}"
    return _same_id(whole, part) if is_id else f"{whole} = {part}"


def _same_id(one: str, other: str) -> str:
    beginnings = " = ".join(f"substr({each}, 1, {ids.KEPT})" for each in (one, other))
    lengths = " AND ".join(equality.is_as_long_as_an_id(each) for each in (one, other))
    return f"({one} = {other} OR ({beginnings} AND {lengths}))"


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
        case SigmaString() if value.contains_placeholder():
            raise Unsupported("a list needs a field to be compared with")
        case SigmaString():
            found = [_holds(name, value, columns) for name in KEYWORD_FIELDS]
        case SigmaNumber():
            found = [_holds(name, SigmaString(str(value)), columns) for name in KEYWORD_FIELDS]
        case SigmaRegularExpression():
            found = [_regex(name, value, columns) for name in KEYWORD_FIELDS]
        case SigmaExpansion():
            found = [_keyword(each, columns) for each in value.values]
        case _:
            raise Unsupported("without a field, a value is text, a number or a regular expression")
    return equality.any_of(found)


def _holds(name: str, value: SigmaString, columns: Columns) -> str:
    subject, literal = _sides(name, value, columns)
    return like(subject, _anywhere(value), literal)


def _anywhere(value: SigmaString) -> SigmaString:
    if not plain(value):
        raise Unsupported("a keyword must hold some text")
    opened = value if value.startswith(MANY) else MANY + value
    return opened if opened.endswith(MANY) else opened + MANY
