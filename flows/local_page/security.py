"""Middleware that accepts only requests of our own page, in a browser on this machine.

Other web sites are rejected, because they don't know the token in the path, and by the headers of
`flows.browser_requests`.
"""

import secrets
from collections.abc import Callable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows import browser_requests

READ_METHODS = ("GET", "HEAD")
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

Rejection = tuple[int, str]
"""The HTTP status and the text to reject a request with."""


def page_headers(**sources: str) -> dict[str, str]:
    """Return the headers of a page's responses, with other sources than the server in its policy, as img_src."""
    policy = _POLICY | {name.replace("_", "-"): source for name, source in sources.items()}
    return browser_requests.HEADERS | {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items())
    }


HEADERS = page_headers()


def hosts(port: int) -> set[str]:
    """Return the Host headers of requests to a port of this machine."""
    return {f"127.0.0.1:{port}", f"localhost:{port}"}


class SecurityMiddleware:
    """Reject the requests that a check doesn't accept; add headers to all responses."""

    def __init__(
        self,
        app: ASGIApp,
        check: Callable[[Scope], Rejection | None],
        *,
        headers: Mapping[str, str] = HEADERS,
        respond: Callable[[str, int], Response] = PlainTextResponse,
    ) -> None:
        """Wrap an application.

        Args:
            app: The application.
            check: Returns what to reject a request with, or None to accept it.
            headers: Headers of all responses.
            respond: Makes the response to a rejected request, of a text and a status.
        """
        self._app = app
        self._check = check
        self._headers = headers
        self._respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reject a request, or pass it to the application."""
        if scope["type"] != "http":
            return  # web sockets are not used

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        rejection = self._check(scope)
        app = self._respond(rejection[1], rejection[0]) if rejection else self._app
        await app(scope, receive, send_with_headers)


def only_with_token(token: str, port: int, command: str) -> Callable[[Scope], Rejection | None]:
    """Return a check that rejects requests without the token, for another host or from another origin.

    Args:
        token: First part of every path.
        port: Port in the Host and Origin headers.
        command: The command that printed the address, for the message.
    """
    accepted = hosts(port)

    def check(scope: Scope) -> Rejection | None:
        headers = Headers(scope=scope)
        if browser_requests.only_host(headers) not in accepted:
            return 421, "this host name is not accepted"
        given = scope["path"].split("/")[1] if "/" in scope["path"] else ""
        if not secrets.compare_digest(given.encode(errors="replace"), token.encode()):
            return 404, f"not found: open the address that {command} printed"
        if scope["method"] not in READ_METHODS and not browser_requests.has_own_origin(headers):
            return 403, "requests from this origin are not accepted"
        return None

    return check
