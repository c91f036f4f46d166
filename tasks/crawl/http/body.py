"""An answer's body, in a bounded size; and what went wrong, in words that can be counted."""

import http.client
import ssl

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    IncompleteRead,
    InvalidHeader,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from tasks.crawl.http.connections import TooSlowError
from tasks.crawl.http.errors import FetchError

_PIECE_BYTES = 1 << 17  # measured: fewer calls than with smaller ones, and larger ones cost page faults
_SMALL_BYTES = 1 << 16

ERRORS = (HTTPError, http.client.HTTPException, OSError, ValueError)
"""What urllib3 raises when the network or the server is at fault (ValueError: a connection closed in mid-answer)."""


def read(response: BaseHTTPResponse, most_bytes: int, *, cut: bool = False) -> bytes:
    """The body, unpacked. cut: of a larger one, its beginning. Raises FetchError if it is too large, or of ERRORS."""
    if (response.length_remaining or 0) > most_bytes and not cut:
        raise FetchError("too large")
    pieces, size = [], 0
    while piece := response.read1(_PIECE_BYTES, decode_content=True):
        pieces.append(piece)
        size += len(piece)
        if size > most_bytes:
            if cut:
                break
            raise FetchError("too large")
    return b"".join(pieces)[:most_bytes]


def skip(response: BaseHTTPResponse) -> None:
    """Read a small body that nobody needs, if it has come already, so that its connection can serve again."""
    if response.length_remaining is not None and response.length_remaining <= _SMALL_BYTES:
        response.read1(_SMALL_BYTES, decode_content=False)


def failure_of(error: Exception) -> FetchError:
    """One of ERRORS in words."""
    if isinstance(error, ProxyError):
        error = error.original_error
    cause = error.args[-1] if error.args else None
    if isinstance(error, DecodeError):
        return FetchError("bad encoding")
    if isinstance(error.__cause__, TooSlowError):
        reason = "too slow"
    elif isinstance(error, NewConnectionError):  # the name isn't known, or nobody listens
        reason = "no connection"
    elif isinstance(error, ReadTimeoutError | ConnectTimeoutError):
        reason = "no answer in time"
    elif isinstance(error, InvalidHeader) or isinstance(cause, IncompleteRead):
        reason = "wrong length"
    elif isinstance(error, SSLError) and isinstance(cause, ssl.SSLCertVerificationError):
        reason = "bad certificate"
    else:
        reason = "broken off"
    return FetchError(reason, passing=True)
