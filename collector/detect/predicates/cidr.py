"""Addresses and networks as the event table's address keys (32 hex digits, IPv4 as ::ffff:a.b.c.d).

A prefix of whole hex digits is plain text, which every SQL engine compares fast.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_address,
)

from collector.plain_addresses import PORT_PATTERN, simplify_addresses

KEY_LENGTH = 32
"""Hex digits of an address's key."""

_IPV4_MAPPED = 0xFFFF << 32
_BRACKETS = re.compile(r"\[(.*)\](?::\d{1,5})?", re.ASCII)
_PORT = re.compile(PORT_PATTERN)
_LEADING_ZEROS = re.compile(r"\b0+(?=[0-9A-Fa-f])")


def list_prefixes(networks: Iterable[IPv4Network | IPv6Network]) -> Mapping[int, list[str]]:
    """By length in hex digits, the prefixes that exactly the addresses of the networks have."""
    found: dict[int, list[str]] = {}
    for network in collapse_addresses(map(to_ipv6, networks)):
        digits = -(-network.prefixlen // 4)
        for part in network.subnets(new_prefix=4 * digits):
            found.setdefault(digits, []).append(
                format_address_key(int(part.network_address))[:digits]
            )
    return dict(sorted(found.items()))


def parse_address(text: str) -> int | None:
    """An address, in any spelling, as the number of an IPv6 address; None for other text.

    A port, brackets, a zone (`%eth0`), quotes, zeros before numbers and a final dot are no part of
    an address.
    """
    bare = simplify_addresses(text).strip("\"' \t\r\n")
    for pattern in (_BRACKETS, _PORT):
        bare = pattern.sub(r"\1", bare) if pattern.fullmatch(bare) else bare
    try:
        address = ip_address(_LEADING_ZEROS.sub("", bare.partition("%")[0].rstrip(".")))
    except ValueError:
        return None
    return _IPV4_MAPPED | int(address) if isinstance(address, IPv4Address) else int(address)


def parse_address_key(key: str) -> str:
    """The address that has this key, as people write it."""
    address = IPv6Address(int(key, 16))
    return str(address.ipv4_mapped or address)


def format_address_key(number: int) -> str:
    """The 32 hex digits of an address."""
    return f"{number:032x}"


def to_ipv6(network: IPv4Network | IPv6Network) -> IPv6Network:
    """The same network among the IPv6 addresses."""
    if isinstance(network, IPv6Network):
        return network
    return IPv6Network((_IPV4_MAPPED | int(network.network_address), 96 + network.prefixlen))
