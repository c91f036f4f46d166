"""Serve the API on a port until Ctrl-C."""

import ipaddress
from collections.abc import Callable

from flows.api import app
from flows.api.answering import Answering
from flows.api.security import for_programs
from flows.local_page import server
from flows.local_page.security import SecurityMiddleware
from tasks.store.errors import UserError


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


def check_host(host: str, key: str | None) -> None:
    """Raise UserError if an address isn't one, or isn't of this machine only and there is no key."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise UserError(f"--host {host} is not an IP address; give one such as 127.0.0.1") from error
    if not address.is_loopback and not key:
        raise UserError(
            f"--host {host}: other machines could use the model: set FLUKE_API_KEY to a key that requests must contain "
            'as "Authorization: Bearer KEY", or leave --host out'
        )
