"""This machine is what no name server and no route can make another one."""

from __future__ import annotations

import pytest

from collector import escaping, http
from collector.errors import CollectorError
from collector.loopback import is_loopback


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_is_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", "localhost.", "localhost.example.com", "127.0.0.1.example.com", "127.1", "0.0.0.0"),
        *("10.0.0.1", "::", "::2", "::ffff:10.0.0.1", "[::1]", "2130706433", "127.0.0.1 "),
    ],
)
def test_anything_else_is_another_machine(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["localhost", "127.9.9.9", "[::1]"])
def test_links_and_clients_go_by_it(host: str) -> None:
    url = f"http://{host}:8642/x"

    assert escaping.check_link_target(url) == url
    assert http.check_url(url, what="it") == url


def test_links_and_clients_refuse_plain_text_to_others() -> None:
    url = "http://localhost.example.com/x"

    assert escaping.check_link_target(url) is None
    with pytest.raises(CollectorError):
        http.check_url(url, what="it")
