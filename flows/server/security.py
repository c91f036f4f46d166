"""Middleware around Prefect's server: only programs of this machine and the server's own pages may use it.

Prefect's server believes any request that reaches it. Without this, any page that its owner visits can send it one
(see `flows.browser_requests`), and so start runs with settings of its choice. Who isn't a browser needs the key, which
Prefect itself asks for (`flows.server.key`).
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from flows import browser_requests

_NAMES = ("127.0.0.1", "localhost", "[::1]")
_READ_METHODS = ("GET", "HEAD", "OPTIONS")
_OWN_SITE = ("", "same-origin", "none")
"""Values of Sec-Fetch-Site: of a program, of our own pages, and of an address that a person has typed."""
_POLICY_VIOLATION = 1008
_HEADERS = browser_requests.HEADERS | {"Content-Security-Policy": "connect-src 'self'; frame-ancestors 'none'"}
"""Prefect's dashboard would tell Amplitude what its user does, although the server's statistics are switched off."""


class LocalOnlyMiddleware:
    """Reject requests and web sockets for another host, from another site, or with a body that isn't JSON."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reject a request, or pass it to the application."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        rejection = _rejection(scope)
        if rejection is None:
            await self._app(scope, receive, send_with_headers)
        elif scope["type"] == "websocket":
            await WebSocketClose(_POLICY_VIOLATION, rejection[1])(scope, receive, send)
        else:
            await PlainTextResponse(rejection[1], rejection[0])(scope, receive, send_with_headers)


def _rejection(scope: Scope) -> tuple[int, str] | None:
    """Return the HTTP status and the text to reject a request with, or None to accept it."""
    headers = Headers(scope=scope)
    if not _is_of_this_machine(browser_requests.only_host(headers)):
        return 421, "this host name is not accepted; use 127.0.0.1 or localhost"
    if headers.getlist("origin") and not browser_requests.has_own_origin(headers):
        return 403, "requests from this origin are not accepted"
    method = scope.get("method", "GET")
    if headers.get("sec-fetch-site", "") not in _OWN_SITE and not _is_link(headers, method):
        return 403, "requests from other sites are not accepted"
    if method not in _READ_METHODS and _has_body(headers) and not _is_json(headers):
        return 415, "the content type must be application/json"
    return None


def _is_of_this_machine(host: str | None) -> bool:
    """Whether a Host header is a name of this machine, which no other site can have.

    Any port is accepted: at the other end of an SSH tunnel, the port may be another one.
    """
    name, _, port = (host or "").rpartition(":")
    return host in _NAMES or (name in _NAMES and port.isdecimal())


def _is_link(headers: Headers, method: str) -> bool:
    """Whether a person has followed a link of another site to a page of ours, which changes nothing."""
    return method in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate"


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _is_json(headers: Headers) -> bool:
    """Whether the body is JSON; pages of other sites can't say so without the server's permission (CORS)."""
    kinds = headers.getlist("content-type")
    return len(kinds) == 1 and kinds[0].partition(";")[0].strip().lower() == "application/json"
