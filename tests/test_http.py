from __future__ import annotations

import gzip
import ssl
import threading
import tracemalloc
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from collector import __version__
from collector import http as web
from collector.errors import CollectorError
from collector.http.certificates import load_trust
from fakes.certificates import render_certificate, show_certificate
from fakes.proxy import FakeProxy
from fakes.salesforce import FakeSalesforce, HttpReply

GZIP = {"Content-Encoding": "gzip"}


@pytest.fixture(scope="module")
def server():
    with FakeSalesforce() as fake:
        yield fake


@pytest.fixture(scope="module")
def client():
    with web.build_client() as client:
        yield client


def fetched(client: httpx.Client, server: FakeSalesforce, answer: HttpReply, limit: int = 1 << 20):
    server.queue_replies("/x", answer)
    with client.stream("GET", f"{server.url}/x") as response:
        return web.read_body(response, limit=limit)


class TestClient:
    def test_it_waits_five_seconds_to_connect_and_sixty_for_a_byte(self, client):
        assert client.timeout == httpx.Timeout(60, connect=5)

    def test_it_says_who_it_is(self, client, server):
        fetched(client, server, HttpReply())

        assert server.request_log[-1].headers["user-agent"] == f"collector/{__version__}"

    def test_it_follows_nobody(self, client, server):
        server.queue_replies("/x", HttpReply(status=302, headers={"Location": f"{server.url}/y"}))

        assert client.get(f"{server.url}/x").status_code == 302
        assert server.list_requests("/y") == []

    def test_it_keeps_no_cookie(self, client, server):
        server.queue_replies("/x", HttpReply(headers={"Set-Cookie": "a=b; Path=/"}))
        client.get(f"{server.url}/x")
        fetched(client, server, HttpReply())

        assert "cookie" not in server.request_log[-1].headers

    def test_it_takes_nothing_from_the_environment(self, server, monkeypatch, tmp_path):
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login a password b\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        with web.build_client() as client, web.build_session(client) as session:
            assert fetched(client, server, HttpReply(body=b"x")) == b"x"
            server.queue_replies("/x", HttpReply(body=b"y"))
            assert session.get(f"{server.url}/x").content == b"y"

        assert "authorization" not in server.request_log[-1].headers
        assert "authorization" not in server.request_log[-2].headers

    def test_no_log_line_shows_a_url(self, server, caplog):
        caplog.set_level("DEBUG")
        with web.build_client() as client:
            fetched(client, server, HttpReply())

        assert "/x" not in caplog.text
        assert server.url not in caplog.text


class TestCertificates:
    def test_clients_share_what_takes_long_to_load(self, tmp_path):
        path = tmp_path / "ca.pem"
        path.write_bytes(render_certificate())

        assert load_trust(None) is load_trust(None)
        assert load_trust(path) is load_trust(path)
        assert load_trust(path) is not load_trust(None)

    def test_a_ca_file_is_trusted_and_needed(self, tmp_path):
        path = tmp_path / "ca.pem"
        path.write_bytes(render_certificate())
        with _TlsServer(path) as url:
            with web.build_client(ca_file=path) as client:
                assert client.get(url).status_code == 200
            with (
                web.build_client() as client,
                pytest.raises(httpx.ConnectError, match="CERTIFICATE"),
            ):
                client.get(url)

    @pytest.mark.parametrize("content", [None, b"", b"nonsense"])
    def test_a_ca_file_that_is_none_is_named(self, tmp_path, content):
        path = tmp_path / "ca.pem"
        if content is not None:
            path.write_bytes(content)

        with pytest.raises(CollectorError, match=r"ca\.pem"):
            web.build_client(ca_file=path)


class TestProxy:
    def test_tls_goes_through_a_tunnel_and_ends_at_the_org(self, tmp_path):
        path = tmp_path / "ca.pem"
        path.write_bytes(render_certificate())
        with _TlsServer(path) as url, FakeProxy("u:canary@") as proxy:
            address = f"http://u:canary%40@{proxy.address}"
            with web.build_client(ca_file=path, proxy=address) as client:
                assert client.get(url).status_code == 200
            with (
                web.build_client(proxy=address) as client,
                pytest.raises(httpx.ConnectError, match="CERTIFICATE"),
            ):
                client.get(url)

            assert [method for method, _ in proxy.requests] == ["CONNECT", "CONNECT"]
            assert {target for _, target in proxy.requests} == {httpx.URL(url).netloc.decode()}

    def test_a_session_goes_through_it_as_well(self, server):
        server.queue_replies("/x", HttpReply(body=b"y"))
        with (
            FakeProxy() as proxy,
            web.build_client(proxy=f"http://{proxy.address}") as client,
            web.build_session(client) as session,
        ):
            assert session.get(f"{server.url}/x?q=1").content == b"y"
            assert proxy.requests == [("GET", f"{server.url}/x?q=1")]

    def test_a_proxy_of_tls_is_trusted_by_the_ca_file(self, tmp_path):
        path = tmp_path / "ca.pem"
        path.write_bytes(render_certificate())
        with (
            _TlsServer(path) as url,
            web.build_client(ca_file=path, proxy=url) as client,
            pytest.raises(httpx.ProxyError, match="501"),
        ):
            client.get("https://acme.my.salesforce.com")

    def test_what_it_refuses_is_an_error_without_the_password(self):
        with (
            FakeProxy("somebody:else") as proxy,
            web.build_client(proxy=f"http://u:canary@{proxy.address}") as client,
            pytest.raises(httpx.ProxyError, match="407") as raised,
        ):
            client.get("https://acme.my.salesforce.com")
        assert "canary" not in str(raised.value)


class TestBody:
    @pytest.mark.parametrize("framing", ["length", "chunked", "close"])
    def test_it_is_decoded(self, client, server, framing):
        body = bytes(range(256)) * 3_000
        assert fetched(client, server, HttpReply(body=body, framing=framing)) == body
        packed = HttpReply(body=gzip.compress(body), headers=GZIP, framing=framing)
        assert fetched(client, server, packed) == body

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (HttpReply(body=b"x" * 101), "longer than 100"),
            (HttpReply(body=gzip.compress(b"x" * 101), headers=GZIP), "longer than 100"),
            (HttpReply(body=b"not gzip", headers=GZIP), "broken"),
            (HttpReply(body=gzip.compress(b"x")[:-1], headers=GZIP), "before its end"),
            (HttpReply(body=b"", headers=GZIP), "before its end"),
            (HttpReply(body=gzip.compress(b"x") + b"y", headers=GZIP), "after its end"),
            (HttpReply(body=b"x", headers={"Content-Encoding": "gzip, gzip"}), "not asked for"),
            (HttpReply(body=b"x", headers={"Content-Encoding": "br"}), "not asked for"),
        ],
    )
    def test_what_cannot_be_believed_is_refused(self, client, server, answer, words):
        with pytest.raises(httpx.DecodingError, match=words):
            fetched(client, server, answer, limit=100)

    @pytest.mark.parametrize("framing", ["length", "chunked"])
    def test_a_broken_connection_is_no_end(self, client, server, framing):
        with pytest.raises(httpx.TransportError):
            fetched(client, server, HttpReply(body=b"abcdef", framing=framing, sent_bytes=3))

    def test_a_bomb_is_never_held_inflated(self, client, server):
        bomb = gzip.compress(b"0" * (64 << 20), 9)
        tracemalloc.start()
        try:
            with pytest.raises(httpx.DecodingError):
                fetched(client, server, HttpReply(body=bomb, headers=GZIP), limit=1 << 20)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert peak < 4 << 20

    def test_it_may_not_take_for_ever(self, client, server):
        server.queue_replies("/x", HttpReply(body=b"x"))
        with (
            client.stream("GET", f"{server.url}/x") as response,
            pytest.raises(httpx.ReadTimeout, match="took too long"),
        ):
            b"".join(web.read_pieces(response, limit=10, seconds=-1))

    @pytest.mark.parametrize(
        ("answer", "known"),
        [
            (HttpReply(body=b"x"), True),
            (HttpReply(body=b"x", framing="chunked"), True),
            (HttpReply(body=b"x", framing="close"), False),
            (HttpReply(body=gzip.compress(b"x"), headers=GZIP, framing="close"), True),
        ],
    )
    def test_whether_it_has_an_end_can_be_asked(self, client, server, answer, known):
        server.queue_replies("/x", answer)
        with client.stream("GET", f"{server.url}/x") as response:
            assert web.has_end(response) is known


class TestSession:
    @pytest.fixture
    def session(self, client):
        with web.build_session(client) as session:
            yield session

    def test_it_speaks_over_our_client(self, session, server):
        server.queue_replies(
            "/x", HttpReply(status=418, body=b'{"a": "\xc3\xa9"}', headers={"X-A": "b"})
        )
        answer = session.get(f"{server.url}/x", params={"q": "a b+c"}, headers={"X-B": "c"})

        assert answer.status_code == 418
        assert answer.json() == {"a": "é"}
        assert answer.headers["x-a"] == "b"
        assert server.request_log[-1].path == "/x?q=a+b%2Bc"
        assert server.request_log[-1].headers["x-b"] == "c"
        assert server.request_log[-1].headers["user-agent"] == f"collector/{__version__}"

    def test_it_unpacks(self, session, server):
        server.queue_replies("/x", HttpReply(body=gzip.compress(b"abc"), headers=GZIP))

        assert session.get(f"{server.url}/x").content == b"abc"

    def test_it_sends_bodies(self, session, server):
        server.queue_replies("/x", HttpReply())
        session.post(f"{server.url}/x", data={"a": "b"})

        assert server.request_log[-1].body == b"a=b"

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_it_follows_nobody(self, session, server, status):
        server.queue_replies(
            "/x", HttpReply(status=status, headers={"Location": f"{server.url}/y"})
        )

        assert session.get(f"{server.url}/x").status_code == status
        assert server.list_requests("/y") == []

    def test_it_raises_what_httpx_raises(self, session, server):
        server.queue_replies("/x", HttpReply(drops_connection=True))

        with pytest.raises(httpx.RemoteProtocolError):
            session.get(f"{server.url}/x")


class TestUrls:
    @pytest.mark.parametrize(
        "url",
        [
            "https://acme.my.salesforce.com",
            "https://hooks.example.com/services/T/B/x?y=z",
            "https://example.com:8443",
            "http://127.0.0.1:8080",
            "http://127.9.9.9",
            "http://localhost/x",
            "http://[::1]:80/",
        ],
    )
    def test_https_and_this_machine_may_be_called(self, url):
        assert web.check_url(url, what="it") == url

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "x",
            "canary.example.com",
            "http://canary.example.com",
            "http://10.0.0.1/canary",
            "http://127.0.0.1.example.com/canary",
            "http://localhost.example.com/canary",
            "http://[::2]/canary",
            "ftp://canary.example.com",
            "file:///etc/canary",
            "https:///canary",
            "https://user:canary@example.com",
            "https://canary@example.com",
            "https://example.com:99999/canary",
            "https://example.com:canary",
            "https://exa mple.com/canary",
            "https://example.com/\ncanary",
            "https://[canary",
        ],
    )
    def test_nothing_else_may_and_is_not_shown(self, url):
        with pytest.raises(CollectorError, match="webhook_url") as raised:
            web.check_url(url, what="webhook_url")
        assert "canary" not in str(raised.value)


class _TlsServer:
    """Answers 200 over TLS on loopback."""

    def __init__(self, certificate_file):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        show_certificate(context, certificate_file)
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    def __enter__(self) -> str:
        self._thread.start()
        return f"https://127.0.0.1:{self._server.server_port}/"

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
