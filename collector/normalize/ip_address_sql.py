"""SQL that reads the addresses in a text, and turns them into 32 hex digits, which CIDR compares.

In steps, each over the result of the one before, since each needs it several times.
"""

from __future__ import annotations

from collector.escaping import quote_literal
from collector.plain_addresses import PORT_PATTERN

KEY_LENGTH = 32
"""Hex digits of an address."""

_OCTET_PATTERN = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4_PATTERN = rf"{_OCTET_PATTERN}(?:\.{_OCTET_PATTERN}){{3}}"
_IPV4_MAPPED_PREFIX = 0xFFFF_0000_0000
"""`::ffff:0.0.0.0`, the first of the IPv6 addresses that stand for IPv4 ones."""

_GROUPS_PATTERN = "[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*"
_IPV6_PATTERN = f"(?:{_GROUPS_PATTERN})?::(?:{_GROUPS_PATTERN})?|{_GROUPS_PATTERN}"

_ADDRESS_HINT = r"(?:^|[^0-9A-Za-z.:])(?:(?:[0-9]+\.){3}[0-9]|[0-9A-Fa-f]*:[0-9A-Fa-f:])"
"""The beginning of an address, after anything that is no part of one."""

_BETWEEN_ADDRESSES = "[^0-9A-Za-z.:]+"
_TRAILING_DOTS = r"\.+$"
"""Of an address that is written as a whole host name: `1.2.3.4.`."""

_LEADING_ZEROS = r"\b0+([0-9A-Fa-f])"

PRIVATE_KEY_PATTERN = (
    "^(?:0{20}ffff(?:00|0a|7f|64[4-7]|a9fe|ac1|c0a8|[ef])"  # of IPv4
    "|0{31}[01]$|f[cd]|fe[89ab]|ff)"  # of IPv6
)
"""Keys of addresses that nobody reaches from outside: of private and shared networks (RFC 1918,
RFC 6598), of one link or one machine, unspecified, multicast and reserved ones."""


def match_address(text: str) -> str:
    """SQL: whether there may be an address in the SQL expression `text`."""
    return f"regexp_matches({text}, {quote_literal(_ADDRESS_HINT)})"


def select_addresses(relation: str, text: str) -> str:
    """A SELECT of a FROM item's columns, of `read_address` and of `read_address_key`.

    They are the source address in the column `text` and the keys of all addresses in it, that of
    the source first, with blanks between; NULL where there is none. Of several addresses the
    source is the first public one, or else the first. A key is 32 lower-case hex digits; IPv4 has
    that of `::ffff:a.b.c.d`. Ports, brackets, zones (`%eth0`), zeros before numbers and a final dot
    are no part of an address.
    """
    rows = _select_single_key(relation, text)
    others = f"single_key IS NULL AND {match_address(text)}"
    keys = _build_keys(_split_addresses(text))
    keyed_parts = f"list_filter({keys}, lambda part: part.key IS NOT NULL)"
    rows = _select_when(rows, others, keyed_parts, "keyed_parts")
    rows = _select_when(rows, "keyed_parts IS NOT NULL", _choose_source(), "source_part")
    return (
        "SELECT * EXCLUDE (address_text, address_groups, single_key, keyed_parts, source_part),"
        f" CASE WHEN single_key IS NOT NULL THEN {text}"
        " WHEN source_part IS NOT NULL THEN source_part.text END AS read_address,"
        " CASE WHEN single_key IS NOT NULL THEN single_key"
        f" WHEN source_part IS NOT NULL THEN {_join_keys()} END AS read_address_key FROM ({rows})"
    )


def match_ipv4(text: str) -> str:
    """SQL: whether the SQL expression `text` is nothing, or an IPv4 address and no more."""
    return f"coalesce(regexp_full_match({text}, '{_IPV4_PATTERN}'), TRUE)"


def select_ipv4_addresses(relation: str, text: str) -> str:
    """What `select_addresses` gives where each text is nothing, or an IPv4 address and no more."""
    key = f"CASE WHEN {text} IS NOT NULL THEN repeat('0', 20) || {_build_ipv4_hex(text)} END"
    return f"SELECT *, {text} AS read_address, {key} AS read_address_key FROM {relation}"


def build_address_keys(texts: str) -> str:
    """SQL: for each text of a list its key if it is an address and no more; else NULL."""
    return f"list_transform({_build_keys(texts)}, lambda part: part.key)"


def _select_single_key(relation: str, text: str) -> str:
    """A SELECT of a FROM item's columns, and of the key where a text is an address and no more.

    Nearly every text is; to look for several in a text costs many times as much.
    """
    rows = f"SELECT *, {_build_groups_text(text)} AS address_text FROM {relation}"
    rows = f"SELECT *, {_build_groups('address_text')} AS address_groups FROM ({rows})"
    key = f"coalesce({_build_ipv4_key(text)}, {_build_ipv6_key('address_groups')})"
    return f"SELECT *, {key} AS single_key FROM ({rows})"


def _select_when(rows: str, condition: str, value: str, name: str) -> str:
    """A SELECT of the columns of another, and of a value where a condition holds, else of NULL."""
    return f"SELECT *, CASE WHEN {condition} THEN {value} END AS {name} FROM ({rows})"


# ---- one address


def _build_groups_text(text: str) -> str:
    """The IPv6 address in the SQL expression `text`, lower case, its IPv4 tail as two groups.

    NULL for what has no colon; nothing is checked yet.
    """
    tail = f"regexp_extract({text}, ':({_IPV4_PATTERN})$', 1)"
    groups = f"regexp_replace({_build_ipv4_hex(tail)}, '^ffff(.{{4}})', '\\1:')"
    head = f"regexp_replace({text}, '[0-9.]+$', '')"
    return (
        f"CASE WHEN contains({text}, ':') THEN lower(CASE WHEN contains({text}, '.') AND"
        f" {tail} <> '' THEN {head} || {groups} ELSE {text} END) END"
    )


def _build_groups(text: str) -> str:
    """The eight groups of an IPv6 address in the form of `_build_groups_text`; NULL if none.

    They stand between colons, `::` written out, a group of zeros perhaps as nothing.
    """
    colons = f"(strlen({text}) - strlen(replace({text}, ':', '')))"
    edges = f"(starts_with({text}, '::')::INTEGER + ends_with({text}, '::')::INTEGER)"
    return (
        f"CASE WHEN NOT regexp_full_match({text}, '{_IPV6_PATTERN}') THEN NULL"
        f" WHEN NOT contains({text}, '::') AND {colons} = 7 THEN {text}"
        f" WHEN contains({text}, '::') AND {colons} - {edges} <= 7"
        f" THEN replace({text}, '::', repeat(':0', 8 - {colons}) || ':') END"
    )


def _build_ipv4_key(text: str) -> str:
    """The key of the IPv4 address in the SQL expression `text`; NULL if it is none."""
    is_address = f"regexp_full_match({text}, '{_IPV4_PATTERN}')"
    return f"CASE WHEN {is_address} THEN repeat('0', 20) || {_build_ipv4_hex(text)} END"


def _build_ipv6_key(groups: str) -> str:
    """The key of the IPv6 address with these groups, which `_build_groups` gave."""
    digits = f"list_transform(string_split({groups}, ':'), lambda part: lpad(part, 4, '0'))"
    return f"array_to_string({digits}, '')"


def _build_ipv4_hex(text: str) -> str:
    """Twelve hex digits, the first four `ffff`; only for what is such an address."""
    octets = f"try_cast(string_split({text}, '.') AS BIGINT[])"
    number = f"list_reduce({octets}, lambda high, low: high * 256 + low)"
    return f"lower(to_hex({_IPV4_MAPPED_PREFIX} + {number}))"


# ---- a text with addresses in it


def _split_addresses(text: str) -> str:
    """The pieces of a text that may be addresses, without ports, final dots and leading zeros."""
    pieces = f"string_split_regex({text}, '{_BETWEEN_ADDRESSES}')"
    plain = f"regexp_replace(piece, '^{PORT_PATTERN}$', '\\1')"
    plain = f"regexp_replace({plain}, '{_TRAILING_DOTS}', '')"
    plain = f"regexp_replace({plain}, '{_LEADING_ZEROS}', '\\1', 'g')"
    return f"list_transform({pieces}, lambda piece: {plain})"


def _build_keys(pieces: str) -> str:
    """For each piece a struct of its `text` and its `key`, which is NULL if it is no address."""
    steps = f"list_transform({pieces}, lambda piece: {{'text': piece, 'lower':"
    steps = f"{steps} {_build_groups_text('piece')}}})"
    steps = (
        f"list_transform({steps}, lambda piece: {{'text': piece.text, 'groups':"
        f" {_build_groups('piece.lower')}}})"
    )
    return (
        f"list_transform({steps}, lambda piece: {{'text': piece.text, 'key':"
        f" coalesce({_build_ipv4_key('piece.text')}, {_build_ipv6_key('piece.groups')})}})"
    )


def _choose_source() -> str:
    """Of `keyed_parts` the first with a public address, or else the first."""
    is_public = f"NOT regexp_matches(part.key, '{PRIVATE_KEY_PATTERN}')"
    return f"coalesce(list_filter(keyed_parts, lambda part: {is_public})[1], keyed_parts[1])"


def _join_keys() -> str:
    """The keys of `keyed_parts`, that of `source_part` first and once."""
    keys = "list_transform(keyed_parts, lambda part: part.key)"
    others = f"list_filter({keys}, lambda key: key <> source_part.key)"
    return f"array_to_string(list_prepend(source_part.key, {others}), ' ')"
