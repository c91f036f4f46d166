"""Reports on Prefect's server, at addresses that only those know who see the dashboard.

A browser sends no key when it follows a link, so each address has a token that is made with the key. The report gets an
origin of its own: it can't read what the dashboard keeps in the browser.
"""

import hashlib
import hmac
import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from flows.server import key
from tasks.store.errors import UserError
from tasks.tables.evaluate import REPORT

PAGE = "/fluke/reports"
_KEY_FORM = re.compile(r"[0-9a-f]{8,64}")
_POLICY = "sandbox allow-popups; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'"


def address(root: Path, evaluation: str) -> str:
    """Return the path and query of a report's address on the server of a data folder.

    Args:
        root: The data folder.
        evaluation: The key of the evaluation's artifact.
    """
    return f"{PAGE}/{evaluation}?token={_token(root, evaluation)}"


def report(request: Request) -> Response:
    """Answer with the report that the address names, if its token is right; the current folder is `DATA/server`."""
    root, evaluation = Path.cwd().parent, request.path_params["evaluation"]
    given = request.query_params.get("token", "")
    if not _KEY_FORM.fullmatch(evaluation) or not hmac.compare_digest(
        given.encode(), _token(root, evaluation).encode()
    ):
        return PlainTextResponse("this address is not valid; open the report from the dashboard", 403)
    path = REPORT.path(root / "artifacts" / "evaluate" / evaluation)
    if not path.is_file():
        return PlainTextResponse("this report has been deleted", 404)
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    return FileResponse(path, media_type="text/html", headers=headers)


def _token(root: Path, evaluation: str) -> str:
    try:
        secret = key.read(root)
    except UserError:  # the server asks for no key
        secret = ""
    return hmac.new(secret.encode(), f"report {evaluation}".encode(), hashlib.sha256).hexdigest()[:32]
