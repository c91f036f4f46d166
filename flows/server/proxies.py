"""Which proxies the environment names, and that none of them is asked for a server on this machine."""

import os
from urllib.request import getproxies_environment

from flows.server.process import HOST

LOOPBACK = (HOST, "localhost", "::1")
"""Names of this machine."""


def ask_loopback_directly() -> None:
    """Keep requests to this machine away from the proxies that the environment names; call it before Prefect's import.

    A proxy can't reach our server. Prefect's client asks it for everything unless `no_proxy` says otherwise. The
    client fails if `all_proxy` is a SOCKS proxy, as desktops and tunnels set it; nothing else in fluke reads that.
    """
    for name in ("all_proxy", "ALL_PROXY"):
        if "://" in (proxy := os.environ.get(name, "")) and not proxy.lower().startswith(("http://", "https://")):
            del os.environ[name]
    proxies = getproxies_environment()
    excepted = proxies.pop("no", "")
    if proxies and excepted.strip() != "*":
        os.environ["no_proxy"] = ",".join(filter(None, [excepted, *LOOPBACK]))
