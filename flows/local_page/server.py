"""Serve a page on a port of this machine until Ctrl-C."""

import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp

from flows.local_page.handover import Handover
from tasks.store.errors import UserError

LOOPBACK = "127.0.0.1"
_TOKEN_BYTES = 24


@dataclass(frozen=True)
class Address:
    """Where a page is."""

    token: str
    """First part of every path."""
    port: int
    opened: Callable[[], None]
    """To be called when a browser opens the page."""


def serve(
    root: Path,
    build: Callable[[Address], ASGIApp],
    *,
    name: str,
    port: int,
    browser: bool,
    announce: Callable[[str], None],
    remind: Callable[[str], None],
) -> None:
    """Serve a page until Ctrl-C, or until the process is told to end.

    Args:
        root: The data folder.
        build: Makes the application.
        name: What the person sees while the browser opens the page.
        port: Port on 127.0.0.1; 0 takes a free one.
        browser: Whether to open the page in the browser.
        announce: Called with the address of the page, once the port is bound.
        remind: Called with a line for the person if the browser was started, but hasn't opened the page.

    Raises:
        UserError: The port can't be bound.
    """
    reminder = "the browser hasn't opened the page: open the address above in it"
    handover = Handover(root, lambda: remind(reminder), name=name)
    with listen(LOOPBACK, port) as listener:
        at = Address(secrets.token_urlsafe(_TOKEN_BYTES), listener.getsockname()[1], handover.done)
        app = build(at)
        address = f"http://{LOOPBACK}:{at.port}/{at.token}/"

        def begin() -> None:
            announce(address)
            if browser and _has_screen():
                handover.open(address)

        try:
            run(app, listener, begin)
        finally:
            handover.done()


def run(app: ASGIApp, listener: socket.socket, begin: Callable[[], None]) -> None:
    """Serve an application until Ctrl-C, or until the process is told to end; both end it in the same way.

    Args:
        app: The application.
        listener: The bound port.
        begin: Called before the first request is answered.
    """
    import uvicorn

    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_level="error",
        timeout_graceful_shutdown=2,
    )
    ending = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, so that files are deleted
    with suppress(KeyboardInterrupt):  # Ctrl-C is the normal end
        try:
            begin()
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            signal.signal(signal.SIGTERM, ending)


def listen(host: str, port: int) -> socket.socket:
    """Bind a port, 0 for a free one; raises UserError if that fails."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(socket.SOMAXCONN)  # from here a client waits for the server instead of failing to connect
    except OSError as error:
        listener.close()
        where = f"port {port}" if host == LOOPBACK else f"{host}, port {port}"
        raise UserError(f"cannot bind {where} ({error.strerror}); give another one with --port") from error
    return listener


def _has_screen() -> bool:
    """Return whether there is a screen; without one, a text browser could open in this terminal."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
