"""The page of `fluke open`: the API below a token, and what a browser needs besides it."""

from collections.abc import Callable

from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from flows.api import app
from flows.api.answering import Answering
from flows.api.app import HERE, REVIEW
from flows.local_page.images import SIDES_PX
from flows.local_page.security import SecurityMiddleware, only_with_token, page_headers
from tasks.templates import template

HEADERS = page_headers(img_src="'self' data:")
"""Photos and heat maps come as data URIs in the API's answers."""
_SCRIPTS = {"page.js": HERE, "dom.js": REVIEW}


def build(answering: Answering, *, token: str, port: int, opened: Callable[[], None] = lambda: None) -> ASGIApp:
    """Build the application.

    Args:
        answering: Answers the photos.
        token: First part of every path; requests without it are rejected.
        port: Port in the Host and Origin headers; requests with another one are rejected.
        opened: Called when a browser opens the page.
    """
    api = app.build(answering)

    @api.get("/", include_in_schema=False)
    def home() -> Response:
        opened()
        served, limits = answering.champion.current, answering.limits
        page = template(HERE / "page.html.jinja").render(name=served.run.model_name, run=served.run.id, limits=limits)
        return HTMLResponse(page.encode(errors="replace"))

    @api.get("/open.css", include_in_schema=False)
    def style() -> Response:
        return FileResponse(HERE / "open.css", media_type="text/css")

    @api.get("/{script}.js", include_in_schema=False)
    def script(script: str) -> Response:
        name = f"{script}.js"
        return FileResponse(_SCRIPTS[name] / name, media_type="text/javascript") if name in _SCRIPTS else _not_found()

    @api.get("/picture/{photo}/{size}", include_in_schema=False)
    def picture(photo: str, size: str) -> Response:
        found = answering.champion.current.images.get(photo, size) if size in SIDES_PX else None
        if found is None:
            return _not_found()
        return Response(found[1], media_type=found[0], headers={"Cache-Control": "private, max-age=600"})

    pages = Starlette(routes=[Mount(f"/{token}", app=api)])
    return SecurityMiddleware(pages, only_with_token(token, port, "fluke open"), headers=HEADERS)


def _not_found() -> Response:
    return app.problem("not found", 404)
