"""What databases of addresses say, of MaxMind and of IPinfo; damaged, missing and replaced ones."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from structlog.testing import capture_logs

from collector import geoip
from collector.errors import GeoIpFileError
from collector.geoip import UNKNOWN_PLACE, AddressPlace, PlaceDatabases
from fakes.mmdb_files import build_database

MAXMIND = {
    "192.0.2.0/24": {"country": {"iso_code": "DE", "names": {"en": "Germany"}}},
    "2001:db8::/32": {"registered_country": {"iso_code": "FR"}},
    "203.0.113.0/25": {"country": {"names": {"en": "nowhere"}}},
}
ASN = {
    "192.0.2.0/25": {
        "autonomous_system_number": 64500,
        "autonomous_system_organization": "Example Hosting",
    }
}
IPINFO = {
    "198.51.100.0/24": {
        "asn": "AS64501",
        "as_name": "Example VPN",
        "country": "Netherlands",
        "country_code": "NL",
    },
    "203.0.113.0/24": {"asn": "AS", "as_name": "", "country": "se"},
}


@pytest.fixture
def databases(tmp_path):
    """The databases of files with these contents, opened."""

    def write(*contents, **kinds):
        paths = []
        for number, networks in enumerate(contents):
            path = tmp_path / f"{number}.mmdb"
            path.write_bytes(build_database(networks, **kinds))
            paths.append(path)
        opened = PlaceDatabases(paths)
        opened.reopen_changed()
        return opened

    return write


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", AddressPlace(country="DE", asn=64500, as_org="Example Hosting")),
        ("192.0.2.200", AddressPlace(country="DE")),
        ("2001:db8::7", AddressPlace(country="FR")),
        ("198.51.100.9", AddressPlace(country="NL", asn=64501, as_org="Example VPN")),
        ("203.0.113.1", AddressPlace(country="SE")),
        ("10.0.0.1", UNKNOWN_PLACE),
    ],
)
def test_an_address_has_its_country_and_its_network_whoever_made_the_file(
    databases, address, place
):
    assert place == databases(MAXMIND, ASN, IPINFO).find_place(ip_address(address))


def test_a_replaced_file_is_taken_over_and_a_broken_one_leaves_the_one_before(databases, tmp_path):
    opened = databases(MAXMIND)
    path, address = tmp_path / "0.mmdb", ip_address("192.0.2.7")
    found = [opened.find_place(address).country]

    path.write_bytes(build_database({"192.0.2.0/24": {"country": {"iso_code": "AT"}}}))
    opened.reopen_changed()
    found.append(opened.find_place(address).country)
    path.write_bytes(b"half of a file")
    with capture_logs() as logs:
        opened.reopen_changed()
        opened.reopen_changed()
    found.append(opened.find_place(address).country)
    path.unlink()
    opened.reopen_changed()
    found.append(opened.find_place(address).country)

    assert ["DE", "AT", "AT", "AT"] == found
    assert ["geoip_file_refused"] == [each["event"] for each in logs]


def test_a_file_that_comes_later_is_taken_over(tmp_path):
    opened = PlaceDatabases([tmp_path / "0.mmdb"])
    opened.reopen_changed()
    before = opened.find_place(ip_address("192.0.2.7"))
    (tmp_path / "0.mmdb").write_bytes(build_database(MAXMIND))
    opened.reopen_changed()

    assert (None, "DE") == (before.country, opened.find_place(ip_address("192.0.2.7")).country)


def test_a_file_says_what_it_is(tmp_path):
    path = tmp_path / "country.mmdb"
    path.write_bytes(build_database(MAXMIND, kind="GeoLite2-Country"))

    facts = geoip.examine_file(path)

    assert ("GeoLite2-Country", "2026-11-01") == (facts.kind, f"{facts.built:%Y-%m-%d}")


@pytest.mark.parametrize("kept", [0, 10, 200, -200, -60])
def test_a_damaged_file_is_said_to_be_damaged(kept, tmp_path):
    path = tmp_path / "country.mmdb"
    path.write_bytes(build_database(MAXMIND)[:kept])

    with pytest.raises(GeoIpFileError, match="is damaged; fetch it again"):
        geoip.examine_file(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(GeoIpFileError, match="cannot be read: No such file"):
        geoip.examine_file(tmp_path / "country.mmdb")


def test_damage_inside_a_file_costs_what_is_there_and_no_more(tmp_path):
    whole = build_database({**MAXMIND, **IPINFO})
    path = tmp_path / "country.mmdb"
    for place in range(0, len(whole) - 300, 7):
        path.write_bytes(whole[:place] + b"\xff" * 5 + whole[place + 5 :])
        opened = PlaceDatabases([path])
        opened.reopen_changed()

        places = [opened.find_place(ip_address(each)) for each in ("192.0.2.7", "2001:db8::7")]

        assert all(each.country is None or len(each.country) == 2 for each in places)
