"""The web application of the page: the page, its files, the images, and a JSON API of four routes."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from flows.file_problems import problem
from flows.local_page.images import SIDES_PX
from flows.local_page.security import SecurityMiddleware, only_with_token
from flows.review.current import HINTS
from flows.review.lists import ReviewLists
from flows.review.selection import ItemFilter, Order, State, View, parse_choice
from flows.review.session import ConflictError, ReviewSession, ShownDecision
from tasks.filter import review_log
from tasks.filter.review_log import ReviewKey
from tasks.store.errors import UserError
from tasks.store.file_errors import DISK_FULL
from tasks.templates import template

HERE = Path(__file__).parent
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_FILES = {path.name: _TYPES[path.suffix] for path in sorted(HERE.iterdir()) if path.suffix in _TYPES}
_MAX_BODY_BYTES = 16 << 10


def build(
    root: Path,
    lists: ReviewLists,
    *,
    title: str,
    token: str,
    port: int,
    where: str = "",
    opened: Callable[[], None] = lambda: None,
) -> ASGIApp:
    """Build the application.

    Args:
        root: The data folder, for error messages.
        lists: The photos to review; answers the requests for rows, decisions and undo.
        title: Title of the page.
        where: Where the photos and the data folder are; shown beside the title.
        token: First part of every path; requests without it are rejected.
        port: Port in the Host and Origin headers; requests with another one are rejected.
        opened: Called when a browser opens the page.
    """

    def home(request: Request) -> Response:
        opened()
        shown = lists.newest()
        page = template(HERE / "page.html.jinja").render(
            title=title,
            where=where or str(root),
            reviewer=lists.reviewer,
            classes=shown.photos.classes,
            list_name=shown.name,
            hints=HINTS,
            has_photos=bool(shown.photos.photos),
            has_features=shown.photos.features is not None,
        )
        return HTMLResponse(page.encode(errors="replace"))

    def file(request: Request) -> Response:
        return FileResponse(HERE / Path(request.url.path).name, media_type=_FILES[Path(request.url.path).name])

    def image(request: Request) -> Response:
        size = request.path_params["size"]
        encoded = lists.images.get(request.path_params["photo"], size) if size in SIDES_PX else None
        if encoded is None:
            return Response("this photo can't be shown", 404, media_type="text/plain")
        return Response(encoded[1], media_type=encoded[0], headers={"Cache-Control": "private, max-age=600"})

    def session(request: Request) -> ReviewSession:
        return lists.get(request.query_params.get("list", "0")).session

    def rows(request: Request) -> Response:
        after = request.query_params.get("after", "-1")
        return _respond(root, lambda: session(request).rows(_item_filter(request), int(after)))

    def news(request: Request) -> Response:
        outdated = lists.is_outdated(request.query_params.get("list", "0"))
        return _respond(root, lambda: {**session(request).decisions(_item_filter(request)), "outdated": outdated})

    def decide(request: Request, body: dict[str, Any]) -> Response:
        action, to = _text(body, "action"), _text(body, "to", "")
        shown = _shown(body)
        seen = None if shown is None else ShownDecision(_text(shown, "action"), _text(shown, "to"))
        return _respond(root, lambda: session(request).decide(_key(body), action, to, seen, _item_filter(request)))

    def undo(request: Request, body: dict[str, Any]) -> Response:
        shown = _shown(body)
        if shown is None:
            raise ValueError("shown must be the decision to undo")
        row = _text(shown, "row")
        return _respond(root, lambda: session(request).undo(_key(body), row, _item_filter(request)))

    routes = [
        Route("/", home),
        *(Route(f"/{name}", file) for name in _FILES),
        Route("/picture/{photo}/{size}", image),
        Route("/rows", rows),
        Route("/news", news),
        Route("/decide", _posted(decide), methods=["POST"]),
        Route("/undo", _posted(undo), methods=["POST"]),
    ]
    pages = Starlette(routes=[Mount(f"/{token}", routes=routes)])
    return SecurityMiddleware(pages, only_with_token(token, port, "fluke review"))


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


def _respond(root: Path, call: Callable[[], dict[str, Any]]) -> Response:
    """Return the result of a call as JSON, or its error: 400 for an invalid request, 409 for other errors."""
    try:
        return _json(call())
    except ConflictError as conflict:
        return _json({"error": str(conflict), **conflict.now}, 409)
    except ValueError as error:
        return _json({"error": str(error)}, 400)
    except UserError as error:  # a damaged log: the page shows the message
        return _json({"error": str(error)}, 409)
    except OSError as error:  # a full disk, or a folder that became read-only
        where = OSError(error.errno, error.strerror, str(error.filename or root / review_log.NAME))
        if error.errno in DISK_FULL:
            return _json(
                {"error": f"{where.filename}: no space left on the disk; free some space, then decide again"}, 409
            )
        return _json({"error": problem(where, root) or str(where)}, 409)


def _json(value: Any, status: int = 200) -> Response:
    # json escapes to ASCII: the name of a class need not be valid Unicode
    return Response(json.dumps(value, allow_nan=False), status, media_type="application/json")


def _item_filter(request: Request) -> ItemFilter:
    """Parse the filters of a request; raises ValueError if one is unknown."""
    query = request.query_params
    return ItemFilter(
        reason=query.get("reason"),
        label=query.get("label"),
        split=query.get("split"),
        answer=query.get("answer"),
        confidence=query.get("confidence"),
        text=query.get("text", ""),
        state=parse_choice("state", query.get("state", "open"), State),
        view=parse_choice("view", query.get("view", "doubts"), View),
        order=parse_choice("order", query.get("order", "class"), Order),
        like=query.get("like", ""),
    )


def _key(body: dict[str, Any]) -> ReviewKey:
    return ReviewKey(_text(body, "photo"), _text(body, "label"))


def _shown(body: dict[str, Any]) -> dict[str, Any] | None:
    """Return which decision the page showed; every change says it, so that nobody replaces one unseen."""
    shown = body.get("shown", "")
    if shown is not None and not isinstance(shown, dict):
        raise ValueError("shown must be the decision that the page showed, or null")
    return shown


def _text(body: dict[str, Any], name: str, default: str | None = None) -> str:
    value = body.get(name, default)
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text")
    return value
