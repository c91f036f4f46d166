"""Our own pages on Prefect's server: which process it is, one that logs a browser in, and reports.

The second puts the key where both of Prefect's user interfaces look for it. The key is in the address behind `#`, which
browsers send to no server, so it is in no log.
"""

import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from flows.server import key, report_page
from flows.server.process import PROCESS_PAGE

_HERE = Path(__file__).parent
_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"


def with_own_pages(app: ASGIApp) -> ASGIApp:
    """Return an application that has our own pages, too."""

    def page(_: Request) -> FileResponse:
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
        return FileResponse(_HERE / "login.html", media_type="text/html", headers=headers)

    def script(_: Request) -> FileResponse:
        headers = {"Cache-Control": "no-store"}
        return FileResponse(_HERE / "login.js", media_type="text/javascript", headers=headers)

    def process(_: Request) -> PlainTextResponse:
        return PlainTextResponse(str(os.getpid()))

    own = Starlette(
        routes=[
            Route(key.LOGIN_PAGE, page),
            Route(f"{key.LOGIN_PAGE}.js", script),
            Route(PROCESS_PAGE, process),
            Route(f"{report_page.PAGE}/{{evaluation}}", report_page.report),
        ]
    )

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        is_own = scope["type"] == "http" and scope["path"].startswith("/fluke/")
        await (own if is_own else app)(scope, receive, send)

    return choose
