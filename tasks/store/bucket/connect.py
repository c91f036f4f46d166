"""Open a bucket by its URL: `s3://bucket/prefix`, `gs://`, `az://`, or `memory://name` for tests."""

import re
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from configs.redact import redact
from tasks.store.bucket.objects import Objects
from tasks.store.bucket.problems import BucketError, bucket_error, endpoint
from tasks.store.bucket.retries import Retries

if TYPE_CHECKING:
    from obstore.store import ClientConfig, MemoryStore, RetryConfig

SCHEMES = ("s3", "gs", "az", "memory")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://|(s3|gs|az|file):", re.IGNORECASE)
_NONE: "RetryConfig" = {"max_retries": 0}
_CONNECT_S, _SILENT_S, _WHOLE_S = 5, 60, 900


def is_url(text: str) -> bool:
    """Return whether a text is a URL rather than the path of a folder; `gs:/x` is one with a slash missing."""
    return bool(_URL.match(text))


def connect(url: str, *, retries: Retries | None = None, silent_s: float = _SILENT_S) -> Objects:
    """Open the objects below a URL; nothing is read yet.

    Credentials come from the environment, as obstore reads it (`AWS_ACCESS_KEY_ID` and so on), or from the role of the
    machine.

    Args:
        url: Such as `s3://bucket/prefix`.
        retries: How often a call is tried; None: the usual number.
        silent_s: A call fails and is tried again if the server sends nothing for so long, in seconds.

    Raises:
        BucketError: The URL has another scheme or no bucket, or the package obstore is missing.
    """
    parts = urlsplit(url)
    if "://" not in url:
        rest = url.partition(":")[2].strip("/")
        meant = f"file:///{rest}" if parts.scheme == "file" else f"{parts.scheme}://{rest or 'BUCKET/PREFIX'}"
        raise BucketError(f"{redact(url)}: a slash is missing (did you mean {redact(meant)}?)")
    if parts.scheme not in SCHEMES:
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        raise BucketError(
            f"{shown}: neither a bucket nor a folder; give s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, "
            "az://CONTAINER/PREFIX, file:///PATH or a path"
        )
    if not parts.netloc or parts.query or parts.fragment or "@" in parts.netloc:
        raise BucketError(
            f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}: give {parts.scheme}://BUCKET/PREFIX, "
            "without login, ? and #"
        )
    try:
        from obstore.store import from_url
    except ModuleNotFoundError as error:
        raise BucketError(f"{url}: buckets need the package obstore; install fluke with the extra `bucket`") from error
    if parts.scheme == "memory":
        return Objects(_memory(url.rstrip("/")), url, retries)
    _check_endpoint(parts.scheme)
    options: ClientConfig = {
        "connect_timeout": timedelta(seconds=_CONNECT_S),
        "read_timeout": timedelta(seconds=silent_s),
        "timeout": timedelta(seconds=_WHOLE_S),
        "allow_http": _is_plain_http(parts.scheme),
    }
    try:
        store = from_url(url, config=None, client_options=options, retry_config=_NONE)  # `Objects` tries again
    except Exception as error:
        raise bucket_error(url, error) from error
    return Objects(store, url, retries)


def require_lasting(url: str) -> str:
    """Return a URL where data outlives this process.

    Raises:
        BucketError: It is `memory://...`, which is for tests.
    """
    if url.startswith("memory://"):
        raise BucketError(f"{url}: lasts only as long as this process; give s3://BUCKET/PREFIX or a folder")
    return url


def _is_plain_http(scheme: str) -> bool:
    """Return whether the user has named an endpoint without TLS, such as a server on the same machine."""
    return scheme == "s3" and endpoint()[1].lower().startswith("http://")


def _check_endpoint(scheme: str) -> None:
    """Raise BucketError for an endpoint with which obstore panics, such as one without `http://`."""
    name, address = endpoint()
    if scheme == "s3" and address and not _is_http(address):
        raise BucketError(f"{name}={redact(address)}: not a server's URL; give http://HOST:PORT or https://HOST:PORT")


def _is_http(address: str) -> bool:
    try:
        parts = urlsplit(address)
        is_valid = parts.port != 0 and bool(parts.hostname) and not re.search(r"\s", address)
    except ValueError:  # the port is no number
        return False
    return is_valid and parts.scheme in ("http", "https")


@cache
def _memory(url: str) -> "MemoryStore":
    """Return the memory of this process with this URL."""
    from obstore.store import MemoryStore

    return MemoryStore()
