"""Read response bodies up to a size limit, and turn network errors into `FetchError`."""

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

_CHUNK_BYTES = 1 << 17  # measured: smaller chunks cost more calls, larger ones cost page faults
_DISCARD_BYTES = 1 << 16

NETWORK_ERRORS = (HTTPError, http.client.HTTPException, OSError, ValueError)
"""What urllib3 raises if the network or the server fails (ValueError: the connection closed within the response)."""


def read(response: BaseHTTPResponse, max_bytes: int, *, truncate: bool = False) -> bytes:
    """Read and decompress the body.

    Args:
        response: A response whose body is not read yet.
        max_bytes: Largest allowed size after decompression.
        truncate: Return the first `max_bytes` of a larger body instead of raising an error.

    Raises:
        FetchError: The body is larger than `max_bytes`. One of NETWORK_ERRORS if reading fails.
    """
    if (response.length_remaining or 0) > max_bytes and not truncate:
        raise FetchError("too large")
    chunks, size = [], 0
    while chunk := response.read1(_CHUNK_BYTES, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            if truncate:
                break
            raise FetchError("too large")
    return b"".join(chunks)[:max_bytes]


def discard(response: BaseHTTPResponse) -> None:
    """Read a small body without using it, so that its connection can be reused."""
    if response.length_remaining is not None and response.length_remaining <= _DISCARD_BYTES:
        response.read1(_DISCARD_BYTES, decode_content=False)


def to_fetch_error(error: Exception) -> FetchError:
    """Convert one of NETWORK_ERRORS to a FetchError with a short reason."""
    if isinstance(error, ProxyError):
        error = error.original_error
    cause = error.args[-1] if error.args else None
    if isinstance(error, DecodeError):
        return FetchError("bad encoding")
    if isinstance(error.__cause__, TooSlowError):
        reason = "too slow"
    elif isinstance(error, NewConnectionError):  # unknown host name, or connection refused
        reason = "no connection"
    elif isinstance(error, ReadTimeoutError | ConnectTimeoutError):
        reason = "no answer in time"
    elif isinstance(error, InvalidHeader) or isinstance(cause, IncompleteRead):
        reason = "wrong length"
    elif isinstance(error, SSLError) and isinstance(cause, ssl.SSLCertVerificationError):
        reason = "bad certificate"
    else:
        reason = "broken off"
    return FetchError(reason, transient=True)
