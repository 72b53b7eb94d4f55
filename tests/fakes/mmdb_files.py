"""MaxMind DB files of a few networks. Source: MaxMind DB File Format Specification 2.0."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Network, ip_network
from typing import Any

_METADATA_MARKER = b"\xab\xcd\xefMaxMind.com"
_IPV4_PREFIX_BITS = 96
_SEPARATOR_BYTES = 16
BUILT = datetime(2026, 11, 1, tzinfo=UTC)


def build_database(
    networks: Mapping[str, Any], *, kind: str = "GeoLite2-Country", built: datetime = BUILT
) -> bytes:
    """The bytes of a database with a record for each network, of IPv4 and IPv6."""
    nodes: list[list[Any]] = [[None, None]]
    for network, record in networks.items():
        _insert_network(nodes, network, record)
    offsets: dict[str, int] = {}
    data = b""
    for record in networks.values():
        if repr(record) not in offsets:
            offsets[repr(record)] = len(data)
            data += _encode(record)
    tree = b"".join(_encode_pointer(side, len(nodes), offsets) for node in nodes for side in node)
    metadata = {
        "node_count": len(nodes),
        "record_size": 24,
        "ip_version": 6,
        "database_type": kind,
        "languages": ["en"],
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": int(built.timestamp()),
        "description": {"en": "of a test"},
    }
    return tree + bytes(_SEPARATOR_BYTES) + data + _METADATA_MARKER + _encode(metadata)


def _insert_network(nodes: list[list[Any]], text: str, record: Any) -> None:
    network = ip_network(text)
    length = network.prefixlen + (_IPV4_PREFIX_BITS if isinstance(network, IPv4Network) else 0)
    address = int(network.network_address)
    position = 0
    for bit in range(length - 1):
        side = (address >> (127 - bit)) & 1
        if not isinstance(nodes[position][side], int):
            nodes.append([None, None])
            nodes[position][side] = len(nodes) - 1
        position = nodes[position][side]
    nodes[position][(address >> (128 - length)) & 1] = ("record", repr(record))


def _encode_pointer(side: Any, node_count: int, offsets: Mapping[str, int]) -> bytes:
    if side is None:
        number = node_count
    elif isinstance(side, int):
        number = side
    else:
        number = node_count + _SEPARATOR_BYTES + offsets[side[1]]
    return number.to_bytes(3, "big")


def _encode(value: Any) -> bytes:
    match value:
        case str():
            text = value.encode()
            return _encode_control(2, len(text)) + text
        case int():
            number = value.to_bytes((value.bit_length() + 7) // 8, "big")
            return _encode_control(6 if value < 1 << 32 else 9, len(number)) + number
        case list():
            return _encode_control(11, len(value)) + b"".join(map(_encode, value))
        case dict():
            pairs = (_encode(key) + _encode(each) for key, each in value.items())
            return _encode_control(7, len(value)) + b"".join(pairs)
    raise TypeError(value)


def _encode_control(kind: int, size: int) -> bytes:
    low, further = (size, b"") if size < 29 else (29, bytes([size - 29]))
    if kind > 7:
        return bytes([low, kind - 7]) + further
    return bytes([kind << 5 | low]) + further
