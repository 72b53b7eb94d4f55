"""SQL that turns the text of an IP address into 32 hex digits, which CIDR rules compare.

In three steps, each over the result of the one before: each needs it several times.
"""

from __future__ import annotations

_OCTET_PATTERN = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4_PATTERN = rf"{_OCTET_PATTERN}(?:\.{_OCTET_PATTERN}){{3}}"
_IPV4_MAPPED_PREFIX = 0xFFFF_0000_0000
"""`::ffff:0.0.0.0`, the first of the IPv6 addresses that stand for IPv4 ones."""

_GROUPS_PATTERN = "[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*"
_IPV6_PATTERN = f"(?:{_GROUPS_PATTERN})?::(?:{_GROUPS_PATTERN})?|{_GROUPS_PATTERN}"


def build_address_text(text: str) -> str:
    """The IPv6 address in the SQL expression `text`, lower case, its IPv4 tail as two groups.

    NULL for what has no colon; nothing is checked yet.
    """
    tail = f"regexp_extract({text}, ':({_IPV4_PATTERN})$', 1)"
    digits = _build_ipv4_hex(tail)
    head = f"regexp_replace({text}, '[0-9.]+$', '')"
    return (
        f"CASE WHEN contains({text}, ':') THEN lower(CASE WHEN contains({text}, '.') AND"
        f" {tail} <> '' THEN {head} || {digits}[5:8] || ':' || {digits}[9:12] ELSE {text} END) END"
    )


def build_address_groups(text: str) -> str:
    """The eight groups of an IPv6 address in the form of `build_address_text`; NULL if it is none.

    They stand between colons, `::` written out, a group of zeros perhaps as nothing. A zone
    (`%eth0`) is no part of an address.
    """
    colons = f"(strlen({text}) - strlen(replace({text}, ':', '')))"
    edges = f"(starts_with({text}, '::')::INTEGER + ends_with({text}, '::')::INTEGER)"
    return (
        f"CASE WHEN NOT regexp_full_match({text}, '{_IPV6_PATTERN}') THEN NULL"
        f" WHEN NOT contains({text}, '::') AND {colons} = 7 THEN {text}"
        f" WHEN contains({text}, '::') AND {colons} - {edges} <= 7"
        f" THEN replace({text}, '::', repeat(':0', 8 - {colons}) || ':') END"
    )


def build_address_key(text: str, groups: str) -> str:
    """The 32 lower-case hex digits of the address in the SQL expression `text`; NULL if it is none.

    `groups` is what `build_address_groups` gave. IPv4 has the key of `::ffff:a.b.c.d`.
    """
    digits = f"list_transform(string_split({groups}, ':'), lambda part: lpad(part, 4, '0'))"
    return (
        f"CASE WHEN regexp_full_match({text}, '{_IPV4_PATTERN}') THEN"
        f" repeat('0', 20) || {_build_ipv4_hex(text)}"
        f" WHEN {groups} IS NOT NULL THEN array_to_string({digits}, '') END"
    )


def _build_ipv4_hex(text: str) -> str:
    """Twelve hex digits, the first four `ffff`; only for what is such an address."""
    octets = f"try_cast(string_split({text}, '.') AS BIGINT[])"
    number = f"list_reduce({octets}, lambda high, low: high * 256 + low)"
    return f"lower(to_hex({_IPV4_MAPPED_PREFIX} + {number}))"
