"""Networks as prefixes of the event table's address keys (32 hex digits, IPv4 as ::ffff:a.b.c.d).

A prefix of whole hex digits is plain text, which every SQL engine compares fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

_MAPPED = 0xFFFF << 32


def prefixes(networks: Iterable[IPv4Network | IPv6Network]) -> Mapping[int, list[str]]:
    """The prefixes, by length, that exactly the addresses of the networks begin with."""
    found: dict[int, list[str]] = {}
    for network in collapse_addresses(map(_in_ipv6, networks)):
        digits = -(-network.prefixlen // 4)
        for part in network.subnets(new_prefix=4 * digits):
            found.setdefault(digits, []).append(f"{int(part.network_address):032x}"[:digits])
    return dict(sorted(found.items()))


def _in_ipv6(network: IPv4Network | IPv6Network) -> IPv6Network:
    if isinstance(network, IPv6Network):
        return network
    return IPv6Network((_MAPPED | int(network.network_address), 96 + network.prefixlen))
