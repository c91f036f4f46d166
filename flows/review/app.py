"""The web application of the page: the page, its files, the images, and a JSON API of four routes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from flows.local_page.responses import answer, picture, posted, text_of
from flows.local_page.security import SecurityMiddleware, only_with_token
from flows.review.changes import Choice, ShownDecision, Withdrawal
from flows.review.current import HINTS
from flows.review.lists import ReviewLists
from flows.review.selection import ItemFilter, Order, State, View, parse_choice
from flows.review.session import ReviewSession
from tasks.filter import review_log
from tasks.filter.review_log import ReviewKey
from tasks.templates import template

HERE = Path(__file__).parent
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
MOST_CHANGES = 2000
"""So many photos are decided or undone at once; the page marks no more."""
_MAX_BODY_BYTES = 8 << 20
_FILES = {path.name: _TYPES[path.suffix] for path in sorted(HERE.iterdir()) if path.suffix in _TYPES}


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
            most_marked=MOST_CHANGES,
            has_photos=bool(shown.photos.photos),
            has_features=shown.photos.features is not None,
        )
        return HTMLResponse(page.encode(errors="replace"))

    def file(request: Request) -> Response:
        return FileResponse(HERE / Path(request.url.path).name, media_type=_FILES[Path(request.url.path).name])

    def image(request: Request) -> Response:
        return picture(lists.images, request)

    def session(request: Request) -> ReviewSession:
        return lists.get(request.query_params.get("list", "0")).session

    def rows(request: Request) -> Response:
        after = request.query_params.get("after", "-1")
        return _respond(root, lambda: session(request).rows(_item_filter(request), int(after)))

    def news(request: Request) -> Response:
        outdated = lists.is_outdated(request.query_params.get("list", "0"))
        return _respond(root, lambda: {**session(request).decisions(_item_filter(request)), "outdated": outdated})

    def decide(request: Request, body: dict[str, Any]) -> Response:
        choices = [_choice(change) for change in _changes(body)]
        return _respond(root, lambda: session(request).decide(choices, _item_filter(request)))

    def undo(request: Request, body: dict[str, Any]) -> Response:
        withdrawals = [_withdrawal(change) for change in _changes(body)]
        return _respond(root, lambda: session(request).undo(withdrawals, _item_filter(request)))

    routes = [
        Route("/", home),
        *(Route(f"/{name}", file) for name in _FILES),
        Route("/picture/{photo}/{size}", image),
        Route("/rows", rows),
        Route("/news", news),
        Route("/decide", posted(decide, _MAX_BODY_BYTES), methods=["POST"]),
        Route("/undo", posted(undo, _MAX_BODY_BYTES), methods=["POST"]),
    ]
    pages = Starlette(routes=[Mount(f"/{token}", routes=routes)])
    return SecurityMiddleware(pages, only_with_token(token, port, "fluke review"))


def _respond(root: Path, call: Callable[[], dict[str, Any]]) -> Response:
    """Return the result of a call as JSON, or its error: 400 for an invalid request, 409 for other errors."""
    return answer(call, root / review_log.NAME, root)


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


def _changes(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the changes of a request, each about another photo; raises ValueError if they are something else."""
    changes = body.get("changes")
    if not isinstance(changes, list) or not all(isinstance(change, dict) for change in changes):
        raise ValueError("changes must be a list of objects")
    if len(changes) > MOST_CHANGES:
        raise ValueError(f"{len(changes):,} changes; at most {MOST_CHANGES:,} are made at once")
    if len({_key(change) for change in changes}) < len(changes):
        raise ValueError("a photo is given twice")
    return changes


def _choice(change: dict[str, Any]) -> Choice:
    shown = _shown(change)
    seen = None if shown is None else ShownDecision(text_of(shown, "action"), text_of(shown, "to"))
    return Choice(_key(change), text_of(change, "action"), text_of(change, "to", ""), seen)


def _withdrawal(change: dict[str, Any]) -> Withdrawal:
    shown = _shown(change)
    if shown is None:
        raise ValueError("shown must be the decision to undo")
    return Withdrawal(_key(change), text_of(shown, "row"))


def _key(change: dict[str, Any]) -> ReviewKey:
    return ReviewKey(text_of(change, "photo"), text_of(change, "label"))


def _shown(change: dict[str, Any]) -> dict[str, Any] | None:
    """Return which decision the page showed; every change says it, so that nobody replaces one unseen."""
    shown = change.get("shown", "")
    if shown is not None and not isinstance(shown, dict):
        raise ValueError("shown must be the decision that the page showed, or null")
    return shown
