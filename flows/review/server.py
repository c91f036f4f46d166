"""Serve the page on a port of this machine until Ctrl-C."""

import os
import secrets
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from flows.review import app
from flows.review.items import ReviewList
from flows.review.session import ReviewSession
from tasks.store.errors import UserError

_TOKEN_BYTES = 24


def serve(
    root: Path, review_list: ReviewList, *, title: str, port: int, browser: bool, announce: Callable[[str, int], None]
) -> int:
    """Serve the page until Ctrl-C.

    Args:
        root: The data folder.
        review_list: The photos to review.
        title: Title of the page.
        port: Port on 127.0.0.1; 0 takes a free one.
        browser: Whether to open the page in the browser.
        announce: Called with the address of the page and the number of photos, once the port is bound.

    Returns:
        How many photos have another decision than before.

    Raises:
        UserError: The port can't be bound, or the log of decisions is damaged.
    """
    import uvicorn

    session = ReviewSession(root, review_list)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    with _listen(port) as listener:
        port = listener.getsockname()[1]
        address = f"http://127.0.0.1:{port}/{token}/"
        config = uvicorn.Config(
            app.build(root, review_list, session, title=title, token=token, port=port),
            lifespan="off",
            ws="none",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_level="error",
            timeout_graceful_shutdown=2,
        )
        announce(address, len(review_list.items))
        if browser and _has_screen():
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        with suppress(KeyboardInterrupt):  # Ctrl-C is the normal end
            uvicorn.Server(config).run(sockets=[listener])
    return session.changed()


def _listen(port: int) -> socket.socket:
    """Bind a port on 127.0.0.1, 0 for a free one; raises UserError if that fails."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()  # from here a browser waits for the server instead of failing to connect
    except OSError as error:
        listener.close()
        raise UserError(f"cannot bind port {port} ({error.strerror}); give another one with --port") from error
    return listener


def _has_screen() -> bool:
    """Return whether there is a screen; without one, a text browser could open in this terminal."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
