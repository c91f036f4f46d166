"""The page's server: a loopback port, until Ctrl-C."""

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
from flows.review.items import Sheet
from flows.review.session import Desk
from tasks.store.errors import UserError

_TOKEN_BYTES = 24


def serve(
    root: Path, sheet: Sheet, *, title: str, port: int, browser: bool, announce: Callable[[str, int], None]
) -> int:
    """Serve the page until Ctrl-C; returns how many photos are decided otherwise than before.

    port: 0 takes a free one. announce: told the page's address and the number of doubts once the port is ours.
    Raises UserError if the port is taken, or if the log of decisions is damaged.
    """
    import uvicorn

    desk = Desk(root, sheet)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    with _listen(port) as listener:
        port = listener.getsockname()[1]
        address = f"http://127.0.0.1:{port}/{token}/"
        config = uvicorn.Config(
            app.build(root, sheet, desk, title=title, token=token, port=port),
            lifespan="off",
            ws="none",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_level="error",
            timeout_graceful_shutdown=2,
        )
        announce(address, len(sheet.doubts))
        if browser and _has_screen():
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        with suppress(KeyboardInterrupt):  # how it ends
            uvicorn.Server(config).run(sockets=[listener])
    return desk.changed()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()  # from now on a browser waits, rather than being refused
    except OSError as error:
        listener.close()
        raise UserError(f"port {port} can't be had ({error.strerror}); give another with --port") from error
    return listener


def _has_screen() -> bool:
    """Whether a browser could show up: without a screen, one for terminals would take over ours."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
