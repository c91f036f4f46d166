"""Serve the API on a port until Ctrl-C."""

from collections.abc import Callable

from flows.api import app
from flows.api.answering import Answering
from flows.api.security import for_programs
from flows.local_page import server
from flows.local_page.security import SecurityMiddleware


def serve(answering: Answering, *, host: str, port: int, key: str | None, announce: Callable[[str], None]) -> None:
    """Serve the API until Ctrl-C, or until the process is told to end.

    Args:
        answering: Answers the photos.
        host: Address of the network interface to listen on.
        port: Port; 0 takes a free one.
        key: What requests must contain, see `flows.api.security`; None: nothing.
        announce: Called with the address, once the port is bound.

    Raises:
        UserError: The port can't be bound.
    """
    with server.listen(host, port) as listener:
        port = listener.getsockname()[1]
        secured = SecurityMiddleware(app.build(answering), for_programs(port, key), respond=app.problem)
        shown = f"[{host}]" if ":" in host else host
        server.run(secured, listener, lambda: announce(f"http://{shown}:{port}"))
