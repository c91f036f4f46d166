"""Middleware that accepts only requests of our own page, in a browser on this machine.

Other web sites can make a browser send requests to a port of this machine. They are rejected, because they don't know
the token in the path; a host name of theirs that resolves to 127.0.0.1 (DNS rebinding) is in the Host header; and the
Origin header of a POST names their site.
"""

import secrets
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_READ_METHODS = ("GET", "HEAD")
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class SecurityMiddleware:
    """Reject requests without the token, for another host or from another origin; add HEADERS to all responses."""

    def __init__(self, app: ASGIApp, *, token: str, port: int) -> None:
        self._app = app
        self._token = token
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reject a request, or pass it to the application."""
        if scope["type"] != "http":
            return  # web sockets are not used

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        rejection = self._rejection(scope)
        app = PlainTextResponse(rejection[1], rejection[0]) if rejection else self._app
        await app(scope, receive, send_with_headers)

    def _rejection(self, scope: Scope) -> tuple[int, str] | None:
        """Return the HTTP status and the text to reject a request with, or None to accept it."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return 421, "this host name is not accepted"
        given = scope["path"].split("/")[1] if "/" in scope["path"] else ""
        if not secrets.compare_digest(given.encode(errors="replace"), self._token.encode()):
            return 404, "not found: open the address that fluke review printed"
        if scope["method"] not in _READ_METHODS and not _is_same_origin(headers.getlist("origin"), hosts[0]):
            return 403, "requests from this origin are not accepted"
        return None


def _is_same_origin(origins: Iterable[str], host: str) -> bool:
    return list(origins) == [f"http://{host}"]
