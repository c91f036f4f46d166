"""Opening and shutting down connections."""

from typing import Any

import pytest
from urllib3.exceptions import NewConnectionError

from tasks.crawl.http import FetchError
from tasks.crawl.http.connections import Connections


def test_after_shut_down_no_connection_is_opened(site: Any) -> None:
    connections = Connections(timeout_s=1, may_be_private=lambda host, port: True)
    opened, refused = (connections.classes(to_proxy=False)["http"](*site.server_address) for _ in range(2))
    opened.connect()
    connections.shut_down()
    assert opened.sock.recv(1) == b""
    with pytest.raises(NewConnectionError):
        refused.connect()
    opened.close()


def test_a_proxy_may_be_private_but_a_site_may_not(site: Any) -> None:
    connections = Connections(timeout_s=1, may_be_private=lambda host, port: False)
    with pytest.raises(FetchError, match="private address"):
        connections.classes(to_proxy=False)["http"](*site.server_address).connect()
    proxy = connections.classes(to_proxy=True)["http"](*site.server_address)
    proxy.connect()
    proxy.close()
