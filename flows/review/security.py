"""Middleware that accepts only requests of our own page, in a browser on this machine.

Other web sites are rejected, because they don't know the token in the path, and by the headers of
`flows.browser_requests`.
"""

import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows import browser_requests

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
HEADERS = browser_requests.HEADERS | {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
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
        if browser_requests.only_host(headers) not in self._hosts:
            return 421, "this host name is not accepted"
        given = scope["path"].split("/")[1] if "/" in scope["path"] else ""
        if not secrets.compare_digest(given.encode(errors="replace"), self._token.encode()):
            return 404, "not found: open the address that fluke review printed"
        if scope["method"] not in _READ_METHODS and not browser_requests.has_own_origin(headers):
            return 403, "requests from this origin are not accepted"
        return None
