"""Serve the page on a port of this machine until Ctrl-C."""

import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from flows.review import app
from flows.review.handover import Handover
from flows.review.lists import ReviewLists
from tasks.store.errors import UserError

_TOKEN_BYTES = 24


def serve(
    root: Path,
    lists: ReviewLists,
    *,
    title: str,
    port: int,
    browser: bool,
    announce: Callable[[str], None],
    remind: Callable[[], None],
) -> None:
    """Serve the page until Ctrl-C, or until the process is told to end.

    Args:
        root: The data folder.
        lists: The photos to review.
        title: Title of the page.
        port: Port on 127.0.0.1; 0 takes a free one.
        browser: Whether to open the page in the browser.
        announce: Called with the address of the page, once the port is bound.
        remind: Called if the browser was started, but hasn't opened the page.

    Raises:
        UserError: The port can't be bound.
    """
    import uvicorn

    token = secrets.token_urlsafe(_TOKEN_BYTES)
    handover = Handover(root, remind)
    with _listen(port) as listener, suppress(KeyboardInterrupt):  # Ctrl-C is the normal end
        port = listener.getsockname()[1]
        address = f"http://127.0.0.1:{port}/{token}/"
        config = uvicorn.Config(
            app.build(root, lists, title=title, token=token, port=port, opened=handover.done),
            lifespan="off",
            ws="none",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_level="error",
            timeout_graceful_shutdown=2,
        )
        ending = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, so that the file is deleted
        try:
            announce(address)
            if browser and _has_screen():
                handover.open(address)
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            handover.done()
            signal.signal(signal.SIGTERM, ending)


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
