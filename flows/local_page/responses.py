"""What the pages' servers have in common: posted objects, responses, errors as messages, and photos."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from flows.file_problems import problem
from flows.local_page.images import SIDES_PX, ImageCache
from tasks.store.errors import UserError
from tasks.store.file_errors import DISK_FULL

_MAX_BODY_BYTES = 16 << 10


def posted(
    respond: Callable[[Request, dict[str, Any]], Response], max_bytes: int = _MAX_BODY_BYTES
) -> Callable[[Request], Awaitable[Response]]:
    """Make an endpoint that parses the posted JSON object and passes it to `respond`; it rejects anything else.

    Args:
        respond: Answers the request; its ValueError becomes an answer with status 400.
        max_bytes: A longer body is rejected.
    """

    async def endpoint(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return json_response({"error": "the content type must be application/json"}, 415)
        data = bytearray()
        async for piece in request.stream():
            data += piece
            if len(data) > max_bytes:
                return json_response({"error": f"the body is longer than {max_bytes:,} bytes"}, 413)
        try:
            body = json.loads(data)
            if not isinstance(body, dict):
                raise ValueError("the body is not a JSON object")
            return await run_in_threadpool(respond, request, body)
        except (ValueError, RecursionError) as error:
            return json_response({"error": str(error)}, 400)

    return endpoint


def json_response(value: Any, status: int = 200) -> Response:
    """Return a value as JSON."""
    # json escapes to ASCII: the name of a class need not be valid Unicode
    return Response(json.dumps(value, allow_nan=False), status, media_type="application/json")


def answer(call: Callable[[], dict[str, Any]], path: Path, root: Path) -> Response:
    """Return the result of a call as JSON, or its error: 400 for an invalid request, 409 for other errors.

    Args:
        call: Its other exceptions are passed on.
        path: The file that it reads and writes, for messages.
        root: The data folder.
    """
    try:
        return json_response(call())
    except ValueError as error:
        return json_response({"error": str(error)}, 400)
    except UserError as error:  # a damaged file: the page shows the message
        return json_response({"error": str(error)}, 409)
    except OSError as error:
        return _cannot_write(error, path, root)


def picture(images: ImageCache, request: Request) -> Response:
    """Return the photo that a path `/picture/{photo}/{size}` names."""
    size = request.path_params["size"]
    encoded = images.get(request.path_params["photo"], size) if size in SIDES_PX else None
    if encoded is None:
        return Response("this photo can't be shown", 404, media_type="text/plain")
    return Response(encoded[1], media_type=encoded[0], headers={"Cache-Control": "private, max-age=600"})


def _cannot_write(error: OSError, path: Path, root: Path) -> Response:
    """Say why a file can't be read or written: a full disk, or a folder that became read-only.

    Args:
        error: What happened.
        path: The file, if the error doesn't name one.
        root: The data folder.
    """
    where = OSError(error.errno, error.strerror, str(error.filename or path))
    if error.errno in DISK_FULL:
        return json_response(
            {"error": f"{where.filename}: no space left on the disk; free some space, then decide again"}, 409
        )
    return json_response({"error": problem(where, root) or str(where)}, 409)


def text_of(body: dict[str, Any], name: str, default: str | None = None) -> str:
    """Return a text in a posted object; raises ValueError if it is missing or isn't text."""
    value = body.get(name, default)
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text")
    return value
