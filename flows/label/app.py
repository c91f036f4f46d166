"""The web application of the page: the page, its files, the photos, and a JSON API of three routes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from flows import review
from flows.label.labels import MAX_NAME_LETTERS, NAME, Answer, ConflictError
from flows.label.session import LabelSession
from flows.local_page.images import ImageCache
from flows.local_page.responses import answer, json_response, picture, posted, text_of
from flows.local_page.security import SecurityMiddleware, only_with_token
from tasks.templates import template

HERE, REVIEW = Path(__file__).parent, Path(review.__file__).parent
_FILES = {
    "label.js": (HERE, "text/javascript"),
    "label.css": (HERE, "text/css"),
    **dict.fromkeys(("dom.js", "http.js", "keys.js", "picker.js"), (REVIEW, "text/javascript")),
    "page.css": (REVIEW, "text/css"),
    "icon.svg": (REVIEW, "image/svg+xml"),
}


def build(
    folder: Path,
    session: LabelSession,
    images: ImageCache,
    *,
    token: str,
    port: int,
    opened: Callable[[], None] = lambda: None,
) -> ASGIApp:
    """Build the application.

    Args:
        folder: The folder of the photos, for the title and for messages.
        session: The photos and the answers.
        images: Shows the photos.
        token: First part of every path; requests without it are rejected.
        port: Port in the Host and Origin headers; requests with another one are rejected.
        opened: Called when a browser opens the page.
    """

    def home(request: Request) -> Response:
        opened()
        page = template(HERE / "page.html.jinja").render(title=folder.name, max_letters=MAX_NAME_LETTERS)
        return HTMLResponse(page.encode(errors="replace"))

    def file(request: Request) -> Response:
        name = Path(request.url.path).name
        place, media_type = _FILES[name]
        return FileResponse(place / name, media_type=media_type)

    def image(request: Request) -> Response:
        return picture(images, request)

    def respond(call: Callable[[], dict[str, Any]]) -> Response:
        """Return the result of a call as JSON, or its error with the state as it is now."""
        try:
            return answer(call, folder / NAME, folder)
        except ConflictError as conflict:
            now = conflict.now
            found = (now.label or now.kind) if now else "no answer"
            return json_response({"error": f"{conflict}: {found}", "state": session.state()}, 409)

    def state(request: Request) -> Response:
        return respond(session.state)

    def label_photo(request: Request, body: dict[str, Any]) -> Response:
        digest, kind, label = text_of(body, "photo"), text_of(body, "kind"), text_of(body, "label", "")
        shown = _shown(body)
        return respond(lambda: session.answer(digest, kind, label, shown))

    def undo(request: Request, body: dict[str, Any]) -> Response:
        return respond(session.undo)

    routes = [
        Route("/", home),
        *(Route(f"/{name}", file) for name in _FILES),
        Route("/picture/{photo}/{size}", image),
        Route("/state", state),
        Route("/answer", posted(label_photo), methods=["POST"]),
        Route("/undo", posted(undo), methods=["POST"]),
    ]
    pages = Starlette(routes=[Mount(f"/{token}", routes=routes)])
    return SecurityMiddleware(pages, only_with_token(token, port, "fluke label"))


def _shown(body: dict[str, Any]) -> Answer | None:
    """Return which answer the page showed, so that nobody replaces one unseen."""
    shown = body.get("shown", "")
    if shown is None:
        return None
    if not isinstance(shown, dict):
        raise ValueError("shown must be the answer that the page showed, or null")
    return Answer(text_of(shown, "kind"), text_of(shown, "label"))  # type: ignore[arg-type]  # it checks the kind
