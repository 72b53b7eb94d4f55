"""A small org on loopback: a real HTTP server with one journal, and faults on demand."""

from __future__ import annotations

import json
import threading
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from collector import clock
from collector.settings import (
    ClientCredentialsAuth,
    JwtAuth,
    OrgSettings,
    PasswordAuth,
    RefreshTokenAuth,
    Secret,
)

CLIENT_ID = "3MVG9consumer"
CLIENT_SECRET = "CanarySecret0123456789"
USERNAME = "collector@acme.com"
TOKEN_CANARY = "CanaryToken"
REFRESH_TOKEN = "5Aep861CanaryRefresh"
PASSWORD = "Canary Pässword+%1"
SECURITY_TOKEN = "CanarySecurityToken"
TOKEN_PATH = "/services/oauth2/token"
VERSIONS_PATH = "/services/data/"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """What reached the server. `path` has the query string, header names are lower-case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(self.body.decode()).items()}

    @property
    def soql(self) -> str:
        return parse_qs(urlsplit(self.path).query)["q"][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpReply:
    """What leaves the server.

    `framing` says how the end of the body is told. The connection breaks after `sent` bytes of the
    framed body; None sends all of it. `drop` breaks it before the first byte.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    framing: Literal["length", "chunked", "close"] = "length"
    sent_bytes: int | None = None
    drops_connection: bool = False

    @property
    def framed_body(self) -> bytes:
        if self.framing != "chunked":
            return self.body
        half = len(self.body) // 2
        chunks = [chunk for chunk in (self.body[:half], self.body[half:]) if chunk]
        return b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"


def build_json_reply(document: object, status: int = 200, **headers: str) -> HttpReply:
    """A reply in JSON."""
    return HttpReply(
        status=status,
        body=json.dumps(document).encode(),
        headers={"Content-Type": "application/json", **headers},
    )


def build_error_reply(status: int, code: str, message: str = "no") -> HttpReply:
    """A refusal as the REST API words it."""
    return build_json_reply([{"errorCode": code, "message": message}], status)


SESSION_EXPIRED = build_error_reply(401, "INVALID_SESSION_ID", "Session expired or invalid")
MAINTENANCE = HttpReply(status=503, body=b"<html>down for maintenance</html>")
HTML_PAGE = HttpReply(body=b"<!DOCTYPE html><html>Welcome to the hotel</html>")


class FakeSalesforce:
    """An org that answers logins, queries and downloads, until it is told otherwise.

    Attributes:
        records: what every query finds, `page_size` at a time.
        files: the bodies of log files, by path.
        journal: every request, in order.
    """

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.page_size = 2
        self.files: dict[str, bytes] = {}
        self.objects: dict[str, list[dict[str, Any]]] = {}
        self.versions = ["31.0", "66.0", "67.0", "68.0"]
        self.request_log: list[HttpRequest] = []
        self.limit_info = "api-usage=18/5000"
        self.instance_url: str | None = None
        self._tokens: set[str] = set()
        self._queued_replies: defaultdict[str, deque[HttpReply]] = defaultdict(deque)
        self._fixed_replies: dict[str, HttpReply] = {}
        self._server = _SalesforceServer(("127.0.0.1", 0), _build_handler(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def login_count(self) -> int:
        return len(self.list_requests(TOKEN_PATH))

    def list_requests(self, prefix: str) -> list[HttpRequest]:
        """The requests whose path begins like that."""
        return [request for request in self.request_log if request.path.startswith(prefix)]

    def queue_replies(self, prefix: str, *replies: HttpReply) -> None:
        """The next requests to such paths get these replies, one each."""
        self._queued_replies[prefix].extend(replies)

    def set_reply(self, prefix: str, reply: HttpReply) -> None:
        """All requests to such paths get that reply, from now on."""
        self._fixed_replies[prefix] = reply

    def revoke_tokens(self) -> None:
        """Every token that was given out is dead."""
        self._tokens.clear()

    # ---- the org

    def answer_request(self, request: HttpRequest) -> HttpReply:
        self.request_log.append(request)
        for prefix, replies in self._queued_replies.items():
            if request.path.startswith(prefix) and replies:
                return replies.popleft()
        for prefix, always in self._fixed_replies.items():
            if request.path.startswith(prefix):
                return always
        return self._answer_normally(request)

    def _answer_normally(self, request: HttpRequest) -> HttpReply:
        path = urlsplit(request.path).path
        if path == TOKEN_PATH:
            return self._answer_login(request)
        if path == VERSIONS_PATH:
            return build_json_reply(
                [{"version": v, "url": f"/services/data/v{v}"} for v in self.versions]
            )
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            return SESSION_EXPIRED
        return self._answer_resource(request, path)

    def _answer_login(self, request: HttpRequest) -> HttpReply:
        form = request.form
        refused = (
            self._check_jwt(form)
            if form.get("grant_type") == JWT_GRANT
            else self._check_secrets(form)
        )
        if refused:
            return build_json_reply({"error": "invalid_grant", "error_description": refused}, 400)
        token = f"00Dxx0000001gPL!{TOKEN_CANARY}{self.login_count}"
        self._tokens.add(token)
        return build_json_reply(
            {
                "access_token": token,
                "instance_url": self.instance_url or self.url,
                "token_type": "Bearer",
            }
        )

    def _check_jwt(self, form: Mapping[str, str]) -> str:
        try:
            claims = jwt.decode(
                form["assertion"],
                create_private_key().public_key(),
                algorithms=["RS256"],
                audience=self.url,
                options={"require": ["iss", "sub", "aud", "exp"]},
            )
        except jwt.PyJWTError:
            return "invalid assertion"
        if int(claims["exp"]) > clock.now().timestamp() + 180:
            return "invalid assertion: expires too late"
        known = claims["iss"] == CLIENT_ID and claims["sub"] == USERNAME
        return "" if known else "user hasn't approved this consumer"

    def _check_secrets(self, form: Mapping[str, str]) -> str:
        proof = {
            "client_credentials": {},
            "refresh_token": {"refresh_token": REFRESH_TOKEN},
            "password": {"username": USERNAME, "password": PASSWORD + SECURITY_TOKEN},
        }[form["grant_type"]]
        expected = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **proof}
        known = form == {"grant_type": form["grant_type"], **expected}
        return "" if known else "authentication failure"

    def _answer_resource(self, request: HttpRequest, path: str) -> HttpReply:
        _, _, rest = path.removeprefix("/services/data/v").partition("/")
        if path in self.files:
            return self._add_limit_header(HttpReply(body=self.files[path]))
        if rest.startswith("query"):
            return self._add_limit_header(self._build_page(path, request))
        if rest.rstrip("/") == "limits":
            return self._add_limit_header(
                build_json_reply({"DailyApiRequests": {"Max": 5000, "Remaining": 4982}})
            )
        if rest == "sobjects":
            return self._add_limit_header(
                build_json_reply({"sobjects": [{"name": name} for name in self.objects]})
            )
        name = rest.removeprefix("sobjects/").removesuffix("/describe")
        if name in self.objects:
            return self._add_limit_header(
                build_json_reply({"name": name, "fields": self.objects[name]})
            )
        return self._add_limit_header(
            build_error_reply(404, "NOT_FOUND", "The requested resource does not exist")
        )

    def _add_limit_header(self, plain: HttpReply) -> HttpReply:
        return HttpReply(
            status=plain.status,
            body=plain.body,
            headers={**plain.headers, "Sforce-Limit-Info": self.limit_info},
        )

    def _build_page(self, path: str, request: HttpRequest) -> HttpReply:
        _, _, offset = path.rpartition("-")
        start = int(offset) if offset.isdecimal() else 0
        end = start + self.page_size
        page = {
            "totalSize": len(self.records),
            "done": end >= len(self.records),
            "records": self.records[start:end],
        }
        if not page["done"]:
            version = path.split("/")[3]
            page["nextRecordsUrl"] = f"/services/data/{version}/query/01gRM000004dkEYAQ-{end}"
        return build_json_reply(page)


def build_jwt_org(fake: FakeSalesforce, **changed: Any) -> OrgSettings:
    """That org as the settings name it, with a key."""
    auth = JwtAuth(client_id=CLIENT_ID, username=USERNAME, private_key=Secret(render_private_pem()))
    return OrgSettings(**{"name": "acme", "login_url": fake.url, "auth": auth, **changed})


def build_secret_org(fake: FakeSalesforce, **changed: Any) -> OrgSettings:
    """That org as the settings name it, with a client secret."""
    auth = ClientCredentialsAuth(client_id=CLIENT_ID, client_secret=Secret(CLIENT_SECRET))
    return OrgSettings(**{"name": "acme", "login_url": fake.url, "auth": auth, **changed})


def build_refresh_org(fake: FakeSalesforce, **changed: Any) -> OrgSettings:
    """That org as the settings name it, with a refresh token."""
    auth = RefreshTokenAuth(
        client_id=CLIENT_ID,
        client_secret=Secret(CLIENT_SECRET),
        refresh_token=Secret(REFRESH_TOKEN),
    )
    return OrgSettings(**{"name": "acme", "login_url": fake.url, "auth": auth, **changed})


def build_password_org(fake: FakeSalesforce, **changed: Any) -> OrgSettings:
    """That org as the settings name it, with a user's password."""
    auth = PasswordAuth(
        client_id=CLIENT_ID,
        client_secret=Secret(CLIENT_SECRET),
        username=USERNAME,
        password=Secret(PASSWORD),
        security_token=Secret(SECURITY_TOKEN),
    )
    return OrgSettings(**{"name": "acme", "login_url": fake.url, "auth": auth, **changed})


@cache
def create_private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def render_private_pem() -> str:
    return (
        create_private_key()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


class _SalesforceServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are what these tests are about."""


def _build_handler(fake: FakeSalesforce) -> type[BaseHTTPRequestHandler]:
    class SalesforceHandler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = 5

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            request = HttpRequest(
                method=self.command,
                path=self.path,
                headers={key.lower(): value for key, value in self.headers.items()},
                body=self.rfile.read(length),
            )
            self._send_reply(fake.answer_request(request))

        do_POST = do_GET  # noqa: N815 - http.server's name

        def _send_reply(self, answer: HttpReply) -> None:
            framed = answer.framed_body
            if answer.drops_connection:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.framing == "length":
                self.send_header("Content-Length", str(len(answer.body)))
            elif answer.framing == "chunked":
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(framed if answer.sent_bytes is None else framed[: answer.sent_bytes])
            if answer.framing == "close" or answer.sent_bytes is not None:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    return SalesforceHandler
