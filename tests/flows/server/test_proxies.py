"""Servers of this machine are never asked through a proxy."""

import os
import urllib.error
import urllib.request
from pathlib import Path

import httpx
import pytest

from flows import server
from tests.helpers.server_stand_in import StandIn


def test_a_proxy_of_the_environment_is_not_asked_for_our_server(
    tmp_path: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    address = f"http://127.0.0.1:{stand_in.port}/api"
    assert server.url(tmp_path) == server.up(tmp_path) == address
    with pytest.raises(urllib.error.URLError):  # through the proxy, which isn't there
        urllib.request.build_opener().open(address, timeout=5)
    monkeypatch.setenv("no_proxy", "")  # so that the test's end restores it
    server.ask_loopback_directly()
    assert urllib.request.build_opener().open(address, timeout=5).status == 200  # as a configured server is asked
    assert httpx.get(f"{address}/health").status_code == 200  # as Prefect's client asks
    with pytest.raises(httpx.ConnectError):
        httpx.get("http://192.0.2.1/", timeout=5)  # through the proxy


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "socks5h://127.0.0.1:9", "SOCKS://127.0.0.1:9/"])
@pytest.mark.parametrize("name", ["all_proxy", "ALL_PROXY"])
def test_a_socks_proxy_for_everything_does_not_stop_the_client_of_prefect(
    name: str, proxy: str, stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in [other for other in os.environ if other.lower().endswith("_proxy")]:
        monkeypatch.delenv(other)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv(name, proxy)
    server.ask_loopback_directly()
    assert httpx.get(f"{server.up(tmp_path)}/health").status_code == 200


@pytest.mark.parametrize(
    ("environment", "no_proxy"),
    [
        ({}, None),
        ({"http_proxy": "http://proxy:3128"}, "127.0.0.1,localhost,::1"),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": ".corp"}, ".corp,127.0.0.1,localhost,::1"),
        ({"all_proxy": "socks5://proxy:1080", "no_proxy": "*"}, "*"),
        ({"no_proxy": ".corp"}, ".corp"),
        ({"all_proxy": "http://proxy:3128"}, "127.0.0.1,localhost,::1"),
    ],
)
def test_other_hosts_keep_their_proxy(
    environment: dict[str, str], no_proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.delenv("no_proxy")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    server.ask_loopback_directly()
    assert os.environ.get("no_proxy") == no_proxy
