"""The network around an address as SQL: its /24, or its /48 where it is of IPv6."""

from __future__ import annotations

_IPV4_KEY_BEGINNING = f"{'0' * 20}ffff"


def build_network(address: str, key: str) -> str:
    """SQL: `192.0.2.0/24` of 192.0.2.7, `2001:db8:1::/48` of 2001:db8:1:2::3.

    Args:
        address: SQL for the address as text, or NULL.
        key: SQL for its key, of 32 hex digits, with those of further addresses behind it.
    """
    groups = " || ':' || ".join(_build_group(key, start) for start in (1, 5, 9))
    shortened = f"regexp_replace({groups} || '::/48', '(?:^|:)0(?::0)*::/48$', '::/48')"
    return (
        f"CASE WHEN starts_with({key}, '{_IPV4_KEY_BEGINNING}')"
        f" THEN {_build_ipv4_network(address, key)}"
        f" WHEN {key} IS NOT NULL THEN {shortened} END"
    )


def _build_ipv4_network(address: str, key: str) -> str:
    """SQL: from the text where it is an IPv4 address; from the key of one written as IPv6."""
    octets = " || '.' || ".join(
        f"('0x' || {key}[{start}:{start + 1}])::BIGINT" for start in (25, 27, 29)
    )
    return (
        f"CASE WHEN contains({address}, ':') THEN {octets} || '.0/24'"
        f" ELSE left({address}, length({address}) - instr(reverse({address}), '.')) || '.0/24' END"
    )


def _build_group(key: str, start: int) -> str:
    """SQL: four hex digits of a key without the zeros before them."""
    return f"coalesce(nullif(ltrim({key}[{start}:{start + 3}], '0'), ''), '0')"
