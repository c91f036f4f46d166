"""Which requests `fluke api` answers: those of programs on this machine or with the key, never those of other sites.

A program sends neither Origin nor Sec-Fetch-Site; a browser sends them with what a page of another site asks for, see
`flows.browser_requests`. A site whose name resolves to this machine is known by its Host header.
"""

import secrets
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import Scope

from flows import browser_requests
from flows.local_page.security import READ_METHODS, Rejection, hosts


def for_programs(port: int, key: str | None) -> Callable[[Scope], Rejection | None]:
    """Return a check for `SecurityMiddleware`.

    Args:
        port: Port in the Host header of requests without a key.
        key: What the header Authorization must contain, after "Bearer "; None: no key is needed, but the Host header
            must be one of this machine.
    """
    accepted = hosts(port)

    def check(scope: Scope) -> Rejection | None:
        headers = Headers(scope=scope)
        if key is None and browser_requests.only_host(headers) not in accepted:
            return 421, "this host name is not accepted"
        given = headers.get("authorization", "").encode(errors="replace")
        if key is not None and not secrets.compare_digest(given, f"Bearer {key}".encode()):
            return 401, "the header Authorization must be: Bearer KEY, with the key of FLUKE_API_KEY"
        if scope["method"] not in READ_METHODS and _is_of_another_site(headers):
            return 403, "requests from this origin are not accepted"
        return None

    return check


def _is_of_another_site(headers: Headers) -> bool:
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    return "origin" in headers and not browser_requests.has_own_origin(headers)
