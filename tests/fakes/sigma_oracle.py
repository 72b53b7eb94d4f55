"""A slow, plain evaluator of Sigma detections in Python: what the SQL of a rule must agree with.

Shares pySigma's parser with the engine and nothing else: no SQL, no folding together of values.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
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

from collector.detect.predicates.sigma_extensions import FieldComparison, ListPair
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
KEYWORD_FIELDS = (
    *("query", "uri", "detail", "user_agent", "client_name", "operation", "entity", "user_name"),
    *("source_ip", "app_name", "status", "package_name", "target_user_name", "permission"),
    *("old_value", "new_value"),
)
ADDRESS_FIELD = "source_ip"
LIST_FIELDS = {"entity": ',;[]"', "SecurityEventData": "[]{}", "PREFIXES_SEARCHED": " "}
"""By field whose text is a list, what parts its members, each with blanks and commas around it."""
NAME_FIELDS = (
    *("user_name", "user_agent", "client_name", "app_name", "package_name", "target_user_name"),
)

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
    detection: Mapping[str, Any],
    *,
    lists: Mapping[str, ListEntries] = NO_LISTS,
    zone: tzinfo = UTC,
) -> Callable[[EventRow], bool]:
    """`holds` for many events, whose times are read in a zone: the detection is parsed once."""
    conditions = [
        each.parse() for each in SigmaDetections.from_dict(dict(detection)).parsed_condition
    ]
    told = {
        name: [{**entry, "expires": None} for entry in entries] for name, entries in lists.items()
    }

    def holds(row: EventRow) -> bool:
        local = {
            name: value.astimezone(zone) if isinstance(value, datetime) else value
            for name, value in row.items()
        }
        return any(_holds_condition(each, local, told, lists) for each in conditions)

    return holds


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


def _holds_condition(
    condition: Any,
    row: EventRow,
    lists: Mapping[str, ListEntries],
    excusing: Mapping[str, ListEntries],
) -> bool:
    """Whether a condition holds; under NOT, what has expired is not among the entries of lists."""
    match condition:
        case ConditionOR(args=args):
            return any(_holds_condition(each, row, lists, excusing) for each in args)
        case ConditionAND(args=args):
            return all(_holds_condition(each, row, lists, excusing) for each in args)
        case ConditionNOT(args=[negated]):
            return not _holds_condition(negated, row, excusing, excusing)
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
    members = [] if given is None else _split_list(field, given)
    return any(_matches_value(field, value, {**row, field: each}, lists) for each in members)


def _split_list(field: str, given: Any) -> list[Any]:
    """What is compared of a value: each member of a list, else itself."""
    parts = [given]
    for separator in LIST_FIELDS.get(field, ""):
        parts = [piece for part in parts for piece in part.split(separator)]
    if len(parts) == 1:
        return parts
    blanks = " \t\n\f\r,"
    inner = [part.strip(blanks) for part in parts[1:-1]]
    whole = [parts[0].rstrip(blanks), *inner, parts[-1].lstrip(blanks)]
    return [part for place, part in enumerate(whole) if part or place in {0, len(whole) - 1}]


def _matches_value(field: str, value: Any, row: EventRow, lists: Mapping[str, ListEntries]) -> bool:
    match value:
        case SigmaString() if placeholders := [p for p in value.s if isinstance(p, Placeholder)]:
            form = {1: "value", 2: "prefix", 3: "contains"}[len(value.s)]
            entries = lists[placeholders[0].name]
            placed = [
                {**each, "value": None} | {form: each["value"]} if "value" in each else each
                for each in entries
            ]
            return any(_matches_entry(_drop_none(each), field, row) for each in placed)
        case SigmaString():
            return _matches_text(field, value, _to_text(row[field]))
        case SigmaFieldReference():
            return _matches_reference(field, value, row)
        case ListPair(list_name=name, field=other):
            return any(
                _matches_entry(entry, field, row)
                and any(
                    _is_in_network(row.get(other), ipaddress.ip_network(each))
                    for each in entry.get("networks", ())
                )
                for entry in lists[name]
            )
        case FieldComparison():
            return _matches_comparison(field, value, row)
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
    others = [] if row.get(value.field) is None else _split_list(value.field, row[value.field])
    return any(_matches_one_reference(field, value, row[field], other) for other in others)


def _matches_comparison(field: str, value: FieldComparison, row: EventRow) -> bool:
    others = [] if row.get(value.field) is None else _split_list(value.field, row[value.field])
    compare = _COMPARATORS[value.op]
    pairs = [(_read_size(row[field]), _read_size(other)) for other in others]
    return any(compare(one, other) for one, other in pairs if None not in (one, other))


def _read_size(given: Any) -> Any:
    """A time or a number to compare; None for what is neither."""
    if isinstance(given, datetime | int | float):
        return given
    if not _NUMBER.fullmatch(given):
        return None
    return Decimal(given.strip()).quantize(Decimal("1e-9"), ROUND_HALF_UP, Context(38))


def _matches_one_reference(field: str, value: SigmaFieldReference, one: Any, other: Any) -> bool:
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
    """A part of a time, as its own zone has it."""
    name, moment = value.timestamp_part.name.lower(), given
    if name == "weekday":
        return moment.isoweekday()
    return moment.isocalendar().week if name == "week" else int(getattr(moment, name))


def _read_addresses(text: str) -> list[ipaddress.IPv6Address]:
    """The addresses in a text as IPv6, `::ffff:a.b.c.d` for IPv4."""
    found = []
    for piece in re.split(r"[^0-9A-Za-z.:]+", text, flags=re.ASCII):
        bare = re.sub(r"^((?:[0-9A-Fa-f:]*:)?[0-9]+\.[0-9.]+):[0-9]{1,5}$", r"\1", piece).rstrip(
            "."
        )
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


def _drop_none(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if value is not None}


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
    zone: tzinfo = UTC,
) -> list[bool]:
    """`holds` of every row, in order."""
    return list(map(compile_detection(detection, lists=lists, zone=zone), rows))
