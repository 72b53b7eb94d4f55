"""A slow, plain evaluator of Sigma detections in Python: what the SQL of a rule must agree with.

Shares pySigma's parser with the engine and nothing else: no SQL, no folding together of values.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, TypeAlias

import re2
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.rule import SigmaDetections
from sigma.types import (
    CompareOperators,
    Placeholder,
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
    SpecialChars,
)

from collector.plain_names import (
    simplify_beginning,
    simplify_end,
    simplify_name,
    simplify_part,
)

EventRow: TypeAlias = Mapping[str, Any]
"""An event: text, int, float, datetime with a zone, or None (also what is absent) by column."""

ListEntries: TypeAlias = Sequence[Mapping[str, Any]]
"""A value list: of each entry its `value`, `cidr`, `prefix` or `contains`, and perhaps `expires`
(a date)."""

NO_LISTS: Mapping[str, ListEntries] = MappingProxyType({})
KEYWORD_FIELDS = ("query", "uri", "detail", "user_agent", "client_name", "operation", "entity")
ADDRESS_FIELD = "source_ip"
NAME_FIELDS = ("user_name", "user_agent", "client_name", "app_name", "package_name")

_ID_FIELD = re.compile(r"user_id|app_id|job_id|request_id|.*_ID|.*_ID_DERIVED|.*Id")
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*", re.ASCII)
_COMPARATORS: Mapping[CompareOperators, Callable[[Any, Any], bool]] = {
    CompareOperators.LT: lambda one, other: one < other,
    CompareOperators.LTE: lambda one, other: one <= other,
    CompareOperators.GT: lambda one, other: one > other,
    CompareOperators.GTE: lambda one, other: one >= other,
    CompareOperators.NEQ: lambda one, other: one != other,
}


def matches_event(
    detection: Mapping[str, Any], row: EventRow, *, lists: Mapping[str, ListEntries] = NO_LISTS
) -> bool:
    """Whether the detection (as in a rule file, with its condition) holds for an event."""
    return compile_detection(detection, lists=lists)(row)


def compile_detection(
    detection: Mapping[str, Any], *, lists: Mapping[str, ListEntries] = NO_LISTS
) -> Callable[[EventRow], bool]:
    """`holds` for many events: the detection is parsed once."""
    conditions = [
        each.parse() for each in SigmaDetections.from_dict(dict(detection)).parsed_condition
    ]
    return lambda row: any(_holds_condition(each, row, lists) for each in conditions)


def fold_case(text: str) -> str:
    """Text without regard to case: every character by itself, never two for one."""
    return "".join(character.lower()[0] for character in text)


def is_same_id(one: str, other: str) -> bool:
    """Whether two texts are one id, each with or without the last three characters."""
    if _ID.fullmatch(other) and len(one) in {15, 18}:
        return one[:15] == other[:15]
    return one == other


def is_id_field(field: str) -> bool:
    return _ID_FIELD.fullmatch(field) is not None


# ---- the tree


def _holds_condition(condition: Any, row: EventRow, lists: Mapping[str, ListEntries]) -> bool:
    match condition:
        case ConditionOR(args=args):
            return any(_holds_condition(each, row, lists) for each in args)
        case ConditionAND(args=args):
            return all(_holds_condition(each, row, lists) for each in args)
        case ConditionNOT(args=[negated]):
            return not _holds_condition(negated, row, lists)
        case ConditionFieldEqualsValueExpression(field=field, value=value):
            return _matches_field(field, value, row, lists)
        case ConditionValueExpression(value=value):
            return _matches_keyword(value, row)
    raise NotImplementedError(condition)


def _matches_keyword(value: Any, row: EventRow) -> bool:
    texts = {name: _to_text(row[name]) for name in KEYWORD_FIELDS if row.get(name) is not None}
    match value:
        case SigmaExpansion(values=values):
            return any(_matches_keyword(each, row) for each in values)
        case SigmaString():
            return any(
                _matches_string(name, value, text, is_anywhere=True) for name, text in texts.items()
            )
        case SigmaNumber():
            return any(str(value) in text for text in texts.values())
        case SigmaRegularExpression():
            return any(_matches_regex(value, text) for text in texts.values())
    raise NotImplementedError(value)


def _matches_field(field: str, value: Any, row: EventRow, lists: Mapping[str, ListEntries]) -> bool:
    given = row.get(field)
    match value:
        case SigmaExpansion(values=values):
            return any(_matches_field(field, each, row, lists) for each in values)
        case SigmaExists(exists=exists):
            return (given is not None) is exists
        case SigmaNull():
            return given is None
        case SigmaString() if not "".join(map(str, value.s)):
            return given in {None, ""}
    if given is None:
        return False
    return _matches_value(field, value, row, lists)


def _matches_value(field: str, value: Any, row: EventRow, lists: Mapping[str, ListEntries]) -> bool:
    match value:
        case SigmaString(s=[Placeholder(name=name)] | (Placeholder(name=name),)):
            return any(_matches_entry(each, field, row) for each in lists[name])
        case SigmaString():
            return _matches_text(field, value, _to_text(row[field]))
        case SigmaFieldReference():
            return _matches_reference(field, value, row)
    return _matches_typed_value(value, row[field])


def _matches_typed_value(value: Any, given: Any) -> bool:
    """What reads a value as something else than text."""
    match value:
        case SigmaBool(boolean=boolean):
            return fold_case(_to_text(given)) in ({"true", "1"} if boolean else {"false", "0"})
        case SigmaRegularExpression():
            return _matches_regex(value, _to_text(given))
        case SigmaCIDRExpression(network=network):
            return _is_in_network(given, network)
        case SigmaCompareExpression(op=operator, number=number):
            return _matches_number(number, given, _COMPARATORS[operator])
        case SigmaNumber():
            return _matches_number(value, given, lambda one, other: one == other)
    raise NotImplementedError(value)


def _matches_number(limit: SigmaNumber, given: Any, compare: Callable[[Any, Any], bool]) -> bool:
    if isinstance(limit, SigmaTimestampPart):
        return compare(_extract_time_part(limit, given), limit.number)
    return _compare_number(given, compare, limit)


# ---- text


def _to_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S+00")
    return str(value)


def _matches_text(field: str, value: SigmaString, given: str) -> bool:
    if is_id_field(field) and all(isinstance(part, str) for part in value.s):
        return is_same_id(given, "".join(value.s))
    if field == ADDRESS_FIELD and all(isinstance(part, str) for part in value.s):
        wanted = _read_wanted_address("".join(value.s))
        if wanted is not None:
            return wanted in _read_addresses(given)
    return _matches_string(field, value, given)


def _matches_string(
    field: str, value: SigmaString, given: str, *, is_anywhere: bool = False
) -> bool:
    minds_case = is_id_field(field) or isinstance(value, SigmaCasedString)
    as_compared = _keep_case if minds_case else fold_case
    parts = _write_plainly(value.s, is_anywhere=is_anywhere) if field in NAME_FIELDS else value.s
    pattern = "".join(_to_regex(part, as_compared) for part in parts)
    pattern = f".*{pattern}.*" if is_anywhere else pattern
    return re.fullmatch(pattern, as_compared(given), re.DOTALL) is not None


def _write_plainly(parts: Sequence[Any], *, is_anywhere: bool) -> list[Any]:
    """The texts of a string in the plain form of names; ends are ends but for keywords."""
    last = len(parts) - 1
    forms = {
        (True, True): simplify_name,
        (True, False): simplify_beginning,
        (False, True): simplify_end,
        (False, False): simplify_part,
    }
    return [
        forms[place == 0 and not is_anywhere, place == last and not is_anywhere](part)
        if isinstance(part, str)
        else part
        for place, part in enumerate(parts)
    ]


def _keep_case(text: str) -> str:
    return text


def _to_regex(part: Any, as_compared: Callable[[str], str]) -> str:
    if isinstance(part, str):
        return re.escape(as_compared(part))
    return {SpecialChars.WILDCARD_MULTI: ".*", SpecialChars.WILDCARD_SINGLE: "."}[part]


def _matches_regex(value: SigmaRegularExpression, given: str) -> bool:
    flags = "".join(sorted(value.sigma_to_re_flag[flag] for flag in value.flags))
    pattern = (f"(?{flags})" if flags else "") + str(value.regexp)
    return re2.search(pattern, given) is not None


def _matches_reference(field: str, value: SigmaFieldReference, row: EventRow) -> bool:
    one, other = row[field], row.get(value.field)
    if other is None:
        return False
    if value.starts_with or value.ends_with or isinstance(one, str) or isinstance(other, str):
        return _matches_text_reference(field, value, _to_text(one), _to_text(other))
    return bool(one == other)


def _matches_text_reference(field: str, value: SigmaFieldReference, one: str, other: str) -> bool:
    has_ids = is_id_field(field) or is_id_field(value.field)
    if not has_ids:
        one, other = fold_case(one), fold_case(other)
    match value.starts_with, value.ends_with:
        case True, True:
            return other in one
        case True, False:
            return one.startswith(other)
        case False, True:
            return one.endswith(other)
    lengths = {len(one), len(other)}
    return one == other or (has_ids and lengths <= {15, 18} and one[:15] == other[:15])


# ---- numbers, times, addresses


def _compare_number(given: Any, compare: Callable[[Any, Any], bool], limit: SigmaNumber) -> bool:
    """Columns of numbers are compared as floats, texts with nine decimals if they are numbers."""
    if isinstance(given, int | float):
        return compare(float(given), float(limit.number))
    if not isinstance(given, str) or not _NUMBER.fullmatch(given):
        return False
    try:
        number = Decimal(given.strip()).quantize(Decimal("1e-9"), ROUND_HALF_UP, Context(38))
    except InvalidOperation:  # too large
        return False
    return compare(number, Decimal(str(limit.number)))


def _extract_time_part(value: SigmaTimestampPart, given: datetime) -> int:
    name, moment = value.timestamp_part.name.lower(), given.astimezone(UTC)
    return moment.isocalendar().week if name == "week" else int(getattr(moment, name))


def _read_addresses(text: str) -> list[ipaddress.IPv6Address]:
    """The addresses in a text as IPv6, `::ffff:a.b.c.d` for IPv4."""
    found = []
    for piece in re.split(r"[^0-9A-Za-z.:]+", text, flags=re.ASCII):
        bare = re.sub(r"^([0-9.]+):[0-9]{1,5}$", r"\1", piece)
        try:
            address = ipaddress.ip_address(re.sub(r"\b0+(?=[0-9A-Fa-f])", "", bare))
        except ValueError:
            continue
        is_short = isinstance(address, ipaddress.IPv4Address)
        found.append(ipaddress.IPv6Address(f"::ffff:{address}") if is_short else address)
    return found


def _read_wanted_address(text: str) -> ipaddress.IPv6Address | None:
    """The address that a text is, and not one of several words; None for other texts."""
    addresses = _read_addresses(text) if not re.search(r"[, ]", text.strip()) else []
    return addresses[0] if addresses else None


def _is_in_network(given: Any, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    addresses = _read_addresses(given) if isinstance(given, str) else []
    if isinstance(network, ipaddress.IPv4Network):
        return any(each.ipv4_mapped and each.ipv4_mapped in network for each in addresses)
    return any(each in network for each in addresses)


# ---- lists


def _matches_entry(entry: Mapping[str, Any], field: str, row: EventRow) -> bool:
    return _is_unexpired(entry, row) and _matches_entry_value(entry, field, _to_text(row[field]))


def _is_unexpired(entry: Mapping[str, Any], row: EventRow) -> bool:
    expires: date | None = entry.get("expires")
    if expires is None:
        return True
    end = datetime.combine(expires + timedelta(days=1), time(), UTC)
    return row.get("time") is not None and row["time"] < end


def _matches_entry_value(entry: Mapping[str, Any], field: str, given: str) -> bool:
    as_compared = _keep_case if is_id_field(field) else fold_case
    form = next(form for form in ("value", "cidr", "prefix", "contains") if form in entry)
    wanted = entry[form]
    match form:
        case "cidr":
            return _is_in_network(given, ipaddress.ip_network(wanted))
        case "prefix":
            beginning = simplify_beginning(wanted) if field in NAME_FIELDS else wanted
            return as_compared(given).startswith(as_compared(beginning))
        case "contains":
            part = simplify_part(wanted) if field in NAME_FIELDS else wanted
            return as_compared(part) in as_compared(given)
    wanted_address = _read_wanted_address(wanted) if field == ADDRESS_FIELD else None
    if wanted_address is not None:
        return wanted_address in _read_addresses(given)
    if field in NAME_FIELDS:
        return fold_case(given) == fold_case(simplify_name(wanted))
    return (
        is_same_id(given, wanted) if is_id_field(field) else fold_case(given) == fold_case(wanted)
    )


def match_rows(
    detection: Mapping[str, Any],
    rows: Iterable[EventRow],
    *,
    lists: Mapping[str, ListEntries] = NO_LISTS,
) -> list[bool]:
    """`holds` of every row, in order."""
    return list(map(compile_detection(detection, lists=lists), rows))
