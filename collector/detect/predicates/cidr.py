"""Networks as prefixes of the event table's address keys (32 hex digits, IPv4 as ::ffff:a.b.c.d).

A prefix of whole hex digits is plain text, which every SQL engine compares fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Network, collapse_addresses, ip_address

_IPV4_MAPPED = 0xFFFF << 32


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

    A zone (`%eth0`) is no part of an address.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return _IPV4_MAPPED | int(address)
    return int(address) if address.scope_id is None else None


def format_address_key(number: int) -> str:
    """The 32 hex digits of an address."""
    return f"{number:032x}"


def to_ipv6(network: IPv4Network | IPv6Network) -> IPv6Network:
    """The same network among the IPv6 addresses."""
    if isinstance(network, IPv6Network):
        return network
    return IPv6Network((_IPV4_MAPPED | int(network.network_address), 96 + network.prefixlen))
