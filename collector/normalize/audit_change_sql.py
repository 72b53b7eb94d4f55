"""What a sentence of the setup audit trail says was changed: a permission, a value, a range.

The words around the values are the platform's; names in between are whatever a user typed, so the
last words that fit are read. Source: texts of audit rows in real orgs.
"""

from __future__ import annotations

from collector.escaping import quote_literal
from collector.normalize.ip_address_sql import build_address_keys
from collector.normalize.value_readers import capture_group

_HOLDER = "(?:permission set group|permission set|profile)"
_PERMISSION_PATTERN = (
    rf"(?is)^changed {_HOLDER} .+: (?:general user permission |group member )?(.+?)(?: permission)?"
    r" (?:(?:was|were) (?:changed from .*|enabled|disabled|added|removed)|is (?:enabled|disabled))"
    r"\.?$"
)
_ASSIGNED_PATTERN = (
    r"(?is)^permission set (?:group |license )?(.+): (?:assigned to|unassigned from) user .+$"
)

_ADDRESS = "([0-9A-Fa-f.:]+)"
_RANGE_PATTERN = (
    r"(?is)^{verb} (?:.* )?(?:login ip range|ip range|ip ?allowlist|ip ?whitelist)\b.*"
    rf" from {_ADDRESS} to {_ADDRESS}\.?$"
)
_ANY_RANGE = _RANGE_PATTERN.format(verb="[a-z]+")
_ADDED_RANGE = _RANGE_PATTERN.format(verb="(?:added|created|inserted|changed|updated)")
_REMOVED_RANGE = _RANGE_PATTERN.format(verb="(?:deleted|removed)")

_CHANGE_PATTERN = r"(?is)^(?:changed|email change attempted) .* from (.*?) to (.*?)\.?$"
_STATE_PATTERN = r"(?is)^changed .+: .+ (?:is|was|were) (enabled|disabled|added|removed)\.?$"


def read_permission(sentence: str) -> str:
    """The permission that was changed, or what was given: a permission set, group or licence.

    `Modify All Data`, `Account object permissions`, `Ticket Portal connected app`.
    """
    patterns = (_PERMISSION_PATTERN, _ASSIGNED_PATTERN)
    return f"coalesce({', '.join(capture_group(pattern)(sentence) for pattern in patterns)})"


def read_old_value(sentence: str) -> str:
    """What was there before; of an IP range that was removed, the range."""
    removed = _read_range(sentence, _REMOVED_RANGE)
    return f"CASE WHEN {_is_range(sentence)} THEN {removed} ELSE {_read_value(sentence, 1)} END"


def read_new_value(sentence: str) -> str:
    """What is there now; of an IP range that was added, the range: `192.0.2.0 - 192.0.2.255`."""
    added = _read_range(sentence, _ADDED_RANGE)
    value = (
        f"coalesce({_read_value(sentence, 2)}, lower({capture_group(_STATE_PATTERN)(sentence)}))"
    )
    return f"CASE WHEN {_is_range(sentence)} THEN {added} ELSE {value} END"


def read_range_size(sentence: str) -> str:
    """How many addresses an IP range has; NULL where its ends are no addresses in order."""
    ends = ", ".join(_extract(sentence, _ANY_RANGE, group) for group in (1, 2))
    keys = f"list_filter({build_address_keys(f'[{ends}]')}, lambda key: key IS NOT NULL)"
    number = "('0x' || key[{first}:{last}])::UBIGINT::HUGEINT"
    high, low = (number.format(first=first, last=first + 15) for first in (1, 17))
    numbers = f"list_transform({keys}, lambda key: {{'high': {high}, 'low': {low}}})"
    size = (
        "(ends[2].high - ends[1].high)::DOUBLE * 18446744073709551616"
        " + (ends[2].low - ends[1].low + 1)::DOUBLE"
    )
    sizes = (
        f"list_transform([{numbers}], lambda ends: CASE WHEN len(ends) = 2 AND {size} > 0"
        f" THEN {size} END)"
    )
    return f"CASE WHEN {_is_range(sentence)} THEN {sizes}[1] END"


def _is_range(sentence: str) -> str:
    return f"regexp_matches({sentence}, {quote_literal(_ANY_RANGE)})"


def _read_range(sentence: str, pattern: str) -> str:
    ends = [_extract(sentence, pattern, group) for group in (1, 2)]
    return f"CASE WHEN {ends[0]} <> '' THEN {ends[0]} || ' - ' || {ends[1]} END"


def _read_value(sentence: str, group: int) -> str:
    """SQL: a side of `from … to …`; NULL where it says null or nothing."""
    value = _extract(sentence, _CHANGE_PATTERN, group)
    return f"CASE WHEN lower({value}) NOT IN ('', 'null') THEN {value} END"


def _extract(sentence: str, pattern: str, group: int) -> str:
    return f"regexp_extract({sentence}, {quote_literal(pattern)}, {group})"
