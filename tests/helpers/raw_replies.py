"""Broken, slow and endless responses for `site.on`, and the error that a request ends with."""

import itertools
import socket
import struct
import time
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from tasks.crawl.http import FetchError


def failure(call: Callable[[], Any]) -> FetchError:
    with pytest.raises(FetchError) as caught:
        call()
    return caught.value


def raw(head: bytes, *pieces: bytes, pause_s: float = 0, until: Event | None = None) -> Callable[[Any], None]:
    """A reply that writes the pieces unchanged, and repeats them until the event `until`, if given, is set."""

    def reply(handler: Any) -> None:
        handler.close_connection = True
        try:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
            for piece in pieces if until is None else itertools.cycle(pieces):
                handler.wfile.write(piece)
                handler.wfile.flush()
                if until and until.wait(pause_s):
                    break
                time.sleep(0 if until else pause_s)
        except OSError:
            pass

    return reply


def reset(handler: Any) -> None:
    """Reset the connection within the response."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome")
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()
