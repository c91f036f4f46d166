"""Requests that a browser sends to a server on this machine: which of them come from the server's own pages.

Other web sites can make a browser send requests to a port of this machine. They can't choose three headers: Host has
the name in the address, which is theirs if it resolves to 127.0.0.1 (DNS rebinding); Origin has their site; and
Sec-Fetch-Site says that another site has sent the request. Programs, which don't send the last two, need a secret.
"""

from starlette.datastructures import Headers

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""Headers for all responses: no other page may show ours in a frame, or load parts of them."""


def only_host(headers: Headers) -> str | None:
    """Return the Host header of a request; None if there isn't exactly one."""
    hosts = headers.getlist("host")
    return hosts[0] if len(hosts) == 1 else None


def has_own_origin(headers: Headers) -> bool:
    """Whether a request says that a page of the server that it goes to has sent it; programs say nothing."""
    return headers.getlist("origin") == [f"http://{only_host(headers)}"]
