"""Whoever hangs or drips is waited for until the stop or the deadline, wherever we stand."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing, contextmanager

import httpx
import pytest

from collector import http as web
from collector.errors import StoppedError, UnreachableError
from collector.salesforce.client import SalesforceClient
from collector.salesforce.token_store import DiskTokenStore
from fakes.dripping import DrippingServer
from fakes.salesforce import FakeSalesforce, HttpReply, build_jwt_org

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LONG = b"x" * 10_000
LOG_PATH = "/services/data/v67.0/sobjects/EventLogFile/0AT000000000001AAA/LogFile"
DRIPS = {
    "nothing": {"first": b""},
    "status line": {"first": b"HTTP/1.1 2", "rest": b"00 OK" + b" " * 10_000},
    "header": {"first": HEAD + b"X-Long: ", "rest": LONG},
    "body": {"first": HEAD + b"Content-Length: 10000\r\n\r\n", "rest": LONG},
    "chunk": {"first": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;", "rest": LONG},
    "body to the end": {"first": HEAD + b"\r\n", "rest": LONG},
}


@contextmanager
def set_later(event, trigger):
    """Set an event soon after another one was."""

    def wait_and_set():
        trigger.wait(10)
        time.sleep(0.3)
        event.set()

    thread = threading.Thread(target=wait_and_set)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.fixture
def stop():
    return threading.Event()


@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS)
def test_the_stop_ends_the_wait_for_an_answer(stop, drip):
    with (
        DrippingServer(**drip) as server,
        web.build_client(stop_event=stop) as client,
        set_later(stop, server.asked),
        pytest.raises(StoppedError),
        client.stream("GET", server.url) as answer,
    ):
        web.read_body(answer)


@pytest.mark.slow
@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS)
def test_the_deadline_ends_it_too_though_every_byte_comes_in_time(drip):
    with (
        DrippingServer(**drip) as server,
        web.build_client() as client,
        pytest.raises(httpx.ReadTimeout, match="took too long"),
        web.limit_time(1.0),
        client.stream("GET", server.url) as answer,
    ):
        web.read_body(answer)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["body", "chunk", "body to the end"])
def test_a_body_has_a_deadline_of_its_own(name):
    with (
        DrippingServer(**DRIPS[name]) as server,
        web.build_client() as client,
        client.stream("GET", server.url) as answer,
        pytest.raises(httpx.ReadTimeout, match="took too long"),
    ):
        web.read_body(answer, seconds=1.0)


def test_the_stop_ends_a_wait_for_a_connection(stop):
    """A listener whose queue is full takes no further connection and refuses none."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        stop.set()
        with (
            web.build_client(stop_event=stop) as client,
            pytest.raises(StoppedError),
        ):
            client.get(f"http://127.0.0.1:{address[1]}")
        for each in waiting:
            each.close()


@pytest.mark.slow
@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS)
def test_the_stop_ends_a_login_after_five_seconds_that_it_has_to_finish(stop, drip):
    with FakeSalesforce() as fake, DrippingServer(**drip) as server:
        org = build_jwt_org(fake, login_url=server.url)
        with (
            closing(SalesforceClient(org, stop_event=stop)) as client,
            set_later(stop, server.asked),
        ):
            began = time.monotonic()
            with pytest.raises(StoppedError):
                client.get_limits()

    assert 5 <= time.monotonic() - began


@pytest.mark.slow
def test_a_login_that_has_begun_is_finished_after_the_stop(stop, tmp_path):
    """Its answer may hold the only copy of a refresh token."""
    with FakeSalesforce() as fake:
        token = b'{"access_token": "00D!x", "instance_url": "%b"}' % fake.url.encode()
        head = HEAD + b"Content-Length: %d\r\n\r\n" % len(token)
        with DrippingServer(first=head + token[:-10], rest=token[-10:]) as server:
            org = build_jwt_org(fake, login_url=server.url)
            with (
                closing(
                    SalesforceClient(
                        org, stop_event=stop, token_store=DiskTokenStore(tmp_path / "tokens")
                    )
                ) as client,
                set_later(stop, server.asked),
                pytest.raises(StoppedError, match="stopped"),
            ):
                client.get_limits()

    assert (tmp_path / "tokens" / "acme.failures").read_bytes() == b"[]", "it has succeeded"


def test_the_stop_ends_the_wait_for_another_login(stop, tmp_path):
    store = DiskTokenStore(tmp_path / "tokens", stop_event=stop)
    stop.set()
    with (
        DiskTokenStore(tmp_path / "tokens").lock_org("acme"),
        pytest.raises(StoppedError),
        store.lock_org("acme"),
    ):
        pass


@pytest.mark.slow
def test_a_tls_handshake_that_hangs_is_an_outage(fake):
    """The server takes the connection and says nothing."""
    with DrippingServer() as server:
        org = build_jwt_org(fake, login_url=server.url.replace("http:", "https:"))
        with (
            closing(SalesforceClient(org, retry_pause=(0, 0))) as client,
            pytest.raises(UnreachableError, match="no answer in time"),
        ):
            client.get_limits()


def test_a_dripping_download_is_ended_by_the_stop(stop, fake, tmp_path):
    with DrippingServer(**DRIPS["body"]) as server:
        fake.instance_url = server.url
        org = build_jwt_org(fake, api_version="67.0")
        with (
            closing(SalesforceClient(org, stop_event=stop)) as client,
            set_later(stop, server.asked),
            pytest.raises(StoppedError),
        ):
            client.download_log(LOG_PATH, tmp_path, "a", expected_length=None)

    assert [] == list(tmp_path.iterdir())


def test_answers_that_come_are_taken_as_before(fake, client):
    fake.set_reply("/x", HttpReply(body=b"1" * 3_000_000, framing="chunked"))
    with web.build_client(stop_event=threading.Event()) as http:
        assert http.get(f"{fake.url}/x").content == b"1" * 3_000_000
