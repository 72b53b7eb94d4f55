"""Networks as prefixes of address keys."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.detect.predicates.cidr import list_prefixes, parse_address


def _key(address) -> str:
    number = int(address)
    return f"{(0xFFFF << 32) | number:032x}" if address.version == 4 else f"{number:032x}"


@st.composite
def networks(draw):
    if draw(st.booleans()):
        return ip_network((draw(st.integers(0, 2**32 - 1)), draw(st.integers(0, 32))), strict=False)
    number, length = draw(st.integers(0, 2**128 - 1)), draw(st.integers(0, 128))
    return ip_network((ip_address(number if number > 2**32 else 2**120), length), strict=False)


@settings(deadline=None)
@given(st.lists(networks(), min_size=1, max_size=5), st.data())
def test_an_address_has_a_prefix_exactly_when_a_network_holds_it(chosen, data):
    network = data.draw(st.sampled_from(chosen))
    offset = data.draw(st.integers(-2, network.num_addresses + 1))
    number = int(network.network_address) + offset
    address = type(network.network_address)(number % 2**network.max_prefixlen)
    key = _key(address)

    found = list_prefixes(chosen)

    is_in_v4 = [each for each in chosen if each.version == address.version and address in each]
    mapped = ip_address(int(key, 16)) if address.version == 4 else None
    is_in_v6 = [each for each in chosen if each.version == 6 and (mapped or address) in each]
    assert bool(is_in_v4 or is_in_v6) == any(key[:length] in each for length, each in found.items())


def test_prefixes_are_whole_digits_grouped_by_their_length():
    found = list_prefixes(
        [ip_network("10.0.0.0/8"), ip_network("10.0.0.0/9"), ip_network("8.8.8.0/23")]
    )

    assert {26: ["00000000000000000000ffff0a"], 30: [*found[30]]} == found
    assert ["00000000000000000000ffff080808", "00000000000000000000ffff080809"] == found[30]


@pytest.mark.parametrize(
    "text",
    [
        *("192.0.2.1.", "192.0.2.1.:443", "192%2E0%2e2%252E1", "１９２．０。２．１"),
        *("::ffff:192.0.2.1:443", "%5B::ffff:192.0.2.1%5D%3A443", "[::ffff:192.0.2.1]"),
    ],
)
def test_an_address_is_one_however_it_is_spelt(text):
    """As the columns of events have it; rules and lists are written by people, too."""
    assert parse_address(text) == 0xFFFF << 32 | 0xC0000201
