"""The embedded org as a real HTTP server on loopback, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from collector.clock import now
from collector.demo.api_errors import ApiError, build_not_found
from collector.demo.faults import InjectedFault
from collector.demo.json_responses import build_json_response
from collector.demo.middleware import MAX_ADDRESS_BYTES, ConnectionCutError, wrap_application
from collector.demo.oauth import ORGANIZATION_ID, ConnectedApp, OAuthError
from collector.demo.org_backend import LoggedRequest, OrgBackend, OrgBehaviour
from collector.demo.org_store import OrgStore
from collector.demo.rest_resources import build_routes


class EmbeddedOrg:
    """A Salesforce org on 127.0.0.1.

    Use it as a context manager, or `start` and `stop` it. `store` may be added to while it runs;
    rows become visible when `clock` reaches their time.
    """

    def __init__(
        self,
        store: OrgStore,
        *,
        application: ConnectedApp | None = None,
        behaviour: OrgBehaviour | None = None,
        clock: Callable[[], datetime] = now,
        port: int = 0,
    ) -> None:
        self.store = store
        self.application = application or ConnectedApp()
        self._backend = OrgBackend(
            store,
            application=self.application,
            behaviour=behaviour or OrgBehaviour(),
            clock=clock,
        )
        self._port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> str:
        """Serve, and return the base URL. Raises OSError where the port is taken."""
        listener = _open_listener(self._port)
        port = listener.getsockname()[1]
        self._backend.base_url = f"http://127.0.0.1:{port}"
        logging.getLogger("uvicorn.error").addFilter(_is_unexpected_error)
        self._server = uvicorn.Server(
            uvicorn.Config(
                _build_application(self._backend),
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=1,
                h11_max_incomplete_event_size=8 * MAX_ADDRESS_BYTES,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name=f"embedded-org-{port}", daemon=True
        )
        self._thread.start()
        return self._backend.base_url

    def stop(self) -> None:
        """Close every connection and end the thread. Stopping twice is harmless."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def base_url(self) -> str:
        """Where it serves: `http://127.0.0.1:PORT`."""
        return self._backend.base_url

    @property
    def request_log(self) -> tuple[LoggedRequest, ...]:
        """Every request so far, in the order they were answered."""
        return self._backend.request_log

    @property
    def api_calls(self) -> int:
        """The calls that count against the day's limit."""
        return self._backend.api_calls

    def spend_calls(self, count: int) -> None:
        """Count that many calls of other clients."""
        self._backend.spend_calls(count)

    def inject_faults(self, *faults: InjectedFault) -> None:
        """Inject faults, in this order where several match a request."""
        for fault in faults:
            self._backend.fault_queue.add_fault(fault)

    def clear_faults(self) -> None:
        """Remove every pending fault."""
        self._backend.fault_queue.clear_faults()

    def expire_tokens(self) -> None:
        """Expire every access token: the next call with one answers 401."""
        self._backend.access_tokens.expire_tokens()

    def revoke_approval(self) -> None:
        """Revoke the app's approval: every token expires, and no login succeeds."""
        self._backend.token_endpoint.revoke_approval()

    def restore_approval(self) -> None:
        """Approve the app again."""
        self._backend.token_endpoint.restore_approval()

    @property
    def wrong_password_count(self) -> int:
        """Wrong passwords in a row; `ConnectedApp.lock_after` of them lock the user."""
        return self._backend.token_endpoint.password_grant.wrong_count

    def expire_locators(self) -> None:
        """Expire the locator of every query."""
        self._backend.query_pager.expire_locators()


def _open_listener(port: int) -> socket.socket:
    """A listening socket that says TCP by name: only then does asyncio send without delay."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def _is_unexpected_error(record: logging.LogRecord) -> bool:
    """Whether uvicorn's log record is not of a connection that the org broke on purpose."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or not issubclass(kind, ConnectionCutError | asyncio.CancelledError)


# ---- the application


def _build_application(org: OrgBackend) -> ASGIApp:
    async def answer_token(request: Request) -> Response:
        return await _issue_token(org, request)

    async def answer_identity(request: Request) -> Response:
        return _render_identity(org, request)

    async def answer_error(request: Request, error: Exception) -> Response:
        body, status = _render_error(error)
        response = build_json_response(request, body, status=status)
        if response.status_code != 401:
            response.headers["Sforce-Limit-Info"] = org.render_limit_info()
        return response

    application = Starlette(
        routes=[
            Route("/services/oauth2/token", answer_token, methods=["GET", "POST"]),
            Route("/services/oauth2/userinfo", answer_identity),
            Route("/id/{organization}/{user}", answer_identity),
            *build_routes(org),
        ],
        exception_handlers={
            ApiError: answer_error,
            OAuthError: answer_error,
            HTTPException: answer_error,
        },
    )
    return wrap_application(org, application)


async def _issue_token(org: OrgBackend, request: Request) -> Response:
    if request.method != "POST":
        raise OAuthError("invalid_request", "must use HTTP POST")
    if "application/x-www-form-urlencoded" not in request.headers.get("content-type", ""):
        raise OAuthError("unsupported_grant_type", "grant type not supported")
    form = dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))
    authorization = request.headers.get("authorization", "")
    return build_json_response(
        request, org.token_endpoint.issue_token(form, authorization, org.base_url, org.clock())
    )


def _render_identity(org: OrgBackend, request: Request) -> Response:
    _, _, token = request.headers.get("authorization", "").partition(" ")
    if not org.access_tokens.spend_token(token):
        return Response("Bad_OAuth_Token", status_code=403, media_type="text/html")
    application = org.application
    identity = {
        "user_id": application.user_id,
        "organization_id": ORGANIZATION_ID,
        "username": application.username,
        "preferred_username": application.username,
    }
    return build_json_response(request, identity)


def _render_error(error: Exception) -> tuple[Any, int]:
    """The body and status of an error: an object from the token endpoint, an array elsewhere."""
    if isinstance(error, OAuthError):
        return error.body, error.status
    if isinstance(error, ApiError):
        return error.render_body(), error.status
    if isinstance(error, HTTPException) and error.status_code == 405:
        method_error = ApiError("METHOD_NOT_ALLOWED", "HTTP Method not allowed.", status=405)
        return method_error.render_body(), method_error.status
    return build_not_found().render_body(), 404
