"""The web application of the page: the page, its files, the images, and a JSON API of three routes."""

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
from flows.review.images import SIDES_PX, ImageCache
from flows.review.items import ReviewList
from flows.review.security import SecurityMiddleware
from flows.review.session import ItemFilter, ReviewSession
from tasks.filter.review_log import ReviewKey
from tasks.store.errors import UserError

HERE = Path(__file__).parent
_FILES = {"page.js": "text/javascript", "page.css": "text/css", "icon.svg": "image/svg+xml"}
_MAX_BODY_BYTES = 16 << 10


def build(root: Path, review_list: ReviewList, review: ReviewSession, *, title: str, token: str, port: int) -> ASGIApp:
    """Build the application for one list of photos.

    Args:
        root: The data folder.
        review_list: The photos to review.
        review: Answers the requests for rows, decisions and undo.
        title: Title of the page.
        token: First part of every path; requests without it are rejected.
        port: Port in the Host and Origin headers; requests with another one are rejected.
    """
    images = ImageCache(root, review_list.files)
    page = environment().get_template("page.html.jinja").render(title=title, classes=review_list.classes)

    def home(request: Request) -> Response:
        return HTMLResponse(page.encode(errors="replace"))

    def file(request: Request) -> Response:
        return FileResponse(HERE / Path(request.url.path).name, media_type=_FILES[Path(request.url.path).name])

    def image(request: Request) -> Response:
        size = request.path_params["size"]
        encoded = images.get(request.path_params["photo"], size) if size in SIDES_PX else None
        if encoded is None:
            return Response("this photo can't be shown", 404, media_type="text/plain")
        return Response(encoded[1], media_type=encoded[0], headers={"Cache-Control": "private, max-age=600"})

    def rows(request: Request) -> Response:
        return _respond(lambda: review.rows(_item_filter(request), int(request.query_params.get("after", -1))))

    def decide(request: Request, body: dict[str, Any]) -> Response:
        key = ReviewKey(_text(body, "photo"), _text(body, "label"))
        return _respond(lambda: review.decide(key, _text(body, "action"), _text(body, "to", ""), _item_filter(request)))

    def undo(request: Request, body: dict[str, Any]) -> Response:
        key = ReviewKey(_text(body, "photo"), _text(body, "label")) if body else None
        return _respond(lambda: review.undo(key, _item_filter(request)))

    routes = [
        Route("/", home),
        *(Route(f"/{name}", file) for name in _FILES),
        Route("/picture/{photo}/{size}", image),
        Route("/rows", rows),
        Route("/decide", _posted(decide), methods=["POST"]),
        Route("/undo", _posted(undo), methods=["POST"]),
    ]
    return SecurityMiddleware(Starlette(routes=[Mount(f"/{token}", routes=routes)]), token=token, port=port)


def environment() -> Environment:
    """Return the template environment; it escapes every text."""
    return Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _posted(respond: Callable[[Request, dict[str, Any]], Response]) -> Callable[[Request], Awaitable[Response]]:
    """Make an endpoint that parses the posted JSON object and passes it to `respond`; it rejects anything else."""

    async def endpoint(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _json({"error": "the content type must be application/json"}, 415)
        data = b""
        async for piece in request.stream():
            data += piece
            if len(data) > _MAX_BODY_BYTES:
                return _json({"error": f"the body is longer than {_MAX_BODY_BYTES:,} bytes"}, 413)
        try:
            body = json.loads(data)
            if not isinstance(body, dict):
                raise ValueError("the body is not a JSON object")
            return await run_in_threadpool(respond, request, body)
        except (ValueError, RecursionError) as error:
            return _json({"error": str(error)}, 400)

    return endpoint


def _respond(call: Callable[[], dict[str, Any]]) -> Response:
    """Return the result of a call as JSON, or its error: 400 for an invalid request, 409 for other errors."""
    try:
        return _json(call())
    except ValueError as error:
        return _json({"error": str(error)}, 400)
    except (UserError, OSError) as error:  # a damaged log or a full disk: the page shows the message
        return _json({"error": str(error)}, 409)


def _json(value: Any, status: int = 200) -> Response:
    # json escapes to ASCII: the name of a class need not be valid Unicode
    return Response(json.dumps(value, allow_nan=False), status, media_type="application/json")


def _item_filter(request: Request) -> ItemFilter:
    query = request.query_params
    return ItemFilter(query.get("reason"), query.get("label"), session.parse_state(query.get("state", "open")))


def _text(body: dict[str, Any], name: str, default: str | None = None) -> str:
    value = body.get(name, default)
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text")
    return value
