"""The page's web application: four addresses below a token, and three files."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from flows.review import session
from flows.review.images import SIDES_PX, Pictures
from flows.review.items import Sheet
from flows.review.security import Gate
from flows.review.session import Desk, Filters
from tasks.filter.review_log import Subject
from tasks.store.errors import UserError

HERE = Path(__file__).parent
_FILES = {"page.js": "text/javascript", "page.css": "text/css", "icon.svg": "image/svg+xml"}
_BODY_BYTES = 16 << 10


def build(root: Path, sheet: Sheet, at: Desk, *, title: str, token: str, port: int) -> ASGIApp:
    """The application, for one sheet; it answers only on this port and below this token."""
    pictures = Pictures(root, sheet.files)
    page = environment().get_template("page.html.jinja").render(title=title, classes=sheet.classes)

    def home(request: Request) -> Response:
        return HTMLResponse(page.encode(errors="replace"))

    def file(request: Request) -> Response:
        return FileResponse(HERE / Path(request.url.path).name, media_type=_FILES[Path(request.url.path).name])

    def picture(request: Request) -> Response:
        size = request.path_params["size"]
        made = pictures.get(request.path_params["photo"], size) if size in SIDES_PX else None
        if made is None:
            return Response("this photo can't be shown", 404, media_type="text/plain")
        return Response(made[1], media_type=made[0], headers={"Cache-Control": "private, max-age=600"})

    def rows(request: Request) -> Response:
        return _answer(lambda: at.rows(_filters(request), int(request.query_params.get("after", -1))))

    def decide(request: Request, body: dict[str, Any]) -> Response:
        subject = Subject(_text(body, "photo"), _text(body, "label"))
        return _answer(lambda: at.decide(subject, _text(body, "action"), _text(body, "to", ""), _filters(request)))

    def undo(request: Request, body: dict[str, Any]) -> Response:
        subject = Subject(_text(body, "photo"), _text(body, "label")) if body else None
        return _answer(lambda: at.undo(subject, _filters(request)))

    routes = [
        Route("/", home),
        *(Route(f"/{name}", file) for name in _FILES),
        Route("/picture/{photo}/{size}", picture),
        Route("/rows", rows),
        Route("/decide", _posted(decide), methods=["POST"]),
        Route("/undo", _posted(undo), methods=["POST"]),
    ]
    return Gate(Starlette(routes=[Mount(f"/{token}", routes=routes)]), token=token, port=port)


def environment() -> Environment:
    """Templates in which every text is escaped."""
    return Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _posted(respond: Callable[[Request, dict[str, Any]], Response]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that is given the JSON object that was posted; anything else is refused."""

    async def endpoint(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _json({"error": "only JSON is taken"}, 415)
        data = b""
        async for piece in request.stream():
            data += piece
            if len(data) > _BODY_BYTES:
                return _json({"error": "too long"}, 413)
        try:
            body = json.loads(data)
            if not isinstance(body, dict):
                raise ValueError("not a JSON object")
            return await run_in_threadpool(respond, request, body)
        except (ValueError, RecursionError) as error:
            return _json({"error": str(error)}, 400)

    return endpoint


def _answer(ask: Callable[[], dict[str, Any]]) -> Response:
    try:
        return _json(ask())
    except ValueError as error:
        return _json({"error": str(error)}, 400)
    except (UserError, OSError) as error:  # a damaged log, a full disk: said on the page
        return _json({"error": str(error)}, 409)


def _json(value: Any, status: int = 200) -> Response:
    # escaped to ASCII: a class's name need not be valid Unicode
    return Response(json.dumps(value, allow_nan=False), status, media_type="application/json")


def _filters(request: Request) -> Filters:
    asked = request.query_params
    return Filters(asked.get("reason"), asked.get("label"), session.state(asked.get("state", "open")))


def _text(body: dict[str, Any], name: str, default: str | None = None) -> str:
    value = body.get(name, default)
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text")
    return value
