"""The local Prefect server: it starts once, is found again, and stops."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import httpx
import pytest

from flows import server
from tasks.store.errors import UserError


class StandIn:
    """A process that looks and answers like this data folder's Prefect server."""

    _CODE = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
HTTPServer(("127.0.0.1", int(sys.argv[-1])), Handler).serve_forever()
"""

    def __init__(self, root: Path) -> None:
        self.port = server.free_port()
        self.process = subprocess.Popen([sys.executable, "-c", self._CODE, "prefect", "server", str(self.port)])
        self.state = {"pid": self.process.pid, "port": self.port}
        self.file = root / "server" / "server.json"
        self.file.parent.mkdir(exist_ok=True)
        self.file.write_text(json.dumps(self.state), encoding="utf-8")
        deadline = time.monotonic() + 20
        while server.url(root) is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    made = StandIn(tmp_path)
    yield made
    made.process.kill()
    made.process.wait()


def test_a_proxy_of_the_environment_is_not_asked_for_our_server(
    tmp_path: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    address = f"http://127.0.0.1:{stand_in.port}/api"
    assert server.url(tmp_path) == server.up(tmp_path) == address
    assert not server.reachable(address)
    monkeypatch.setenv("no_proxy", "")  # so that the test's end restores it
    server.ask_loopback_directly()
    assert server.reachable(address)
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


def test_a_server_that_is_stopped_for_a_while_is_waited_for(
    tmp_path: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_HEALTH_TIMEOUT_S", 0.2)
    os.kill(stand_in.process.pid, signal.SIGSTOP)
    assert server.url(tmp_path) is None
    assert server.process_id(tmp_path) == stand_in.process.pid
    timer = Timer(0.5, os.kill, (stand_in.process.pid, signal.SIGCONT))
    timer.start()
    assert server.up(tmp_path) == f"http://127.0.0.1:{stand_in.port}/api"
    timer.join()


def test_a_server_that_does_not_answer_gets_no_second_one_beside_it(
    tmp_path: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_HEALTH_TIMEOUT_S", 0.1)
    monkeypatch.setattr(server, "_ANSWER_TIMEOUT_S", 0.3)
    os.kill(stand_in.process.pid, signal.SIGSTOP)
    with pytest.raises(UserError, match=rf"process {stand_in.process.pid}, port {stand_in.port}\).*fluke down"):
        server.up(tmp_path)
    assert json.loads(stand_in.file.read_text()) == stand_in.state
    assert stand_in.process.poll() is None


def test_a_reused_process_number_is_no_server(tmp_path: Path, stand_in: StandIn) -> None:
    stand_in.file.write_text(json.dumps(stand_in.state | {"port": stand_in.port + 1}), encoding="utf-8")
    assert server.process_id(tmp_path) is None  # another Prefect server
    stand_in.file.write_text(json.dumps({"pid": os.getpid(), "port": stand_in.port}), encoding="utf-8")
    assert server.process_id(tmp_path) is None
    assert server.down(tmp_path) is False


def test_a_port_in_use_is_refused_with_another_to_choose(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} is in use.*--port {port + 1}"):
            server.up(tmp_path, port)
    assert not (tmp_path / "server" / "server.json").exists()


@pytest.mark.parametrize("state", [None, "", "{", '{"pid": 1}', '{"pid": 1, "port": 9}'])
def test_without_a_server_there_is_no_address_and_nothing_to_stop(tmp_path: Path, state: str | None) -> None:
    if state is not None:
        (tmp_path / "server").mkdir()
        (tmp_path / "server" / "server.json").write_text(state)
    assert server.url(tmp_path) is None
    assert server.down(tmp_path) is False
    os.kill(1, 0)  # process 1 is alive, and is not our server


def test_the_users_own_profile_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.delenv("PREFECT_PROFILE", raising=False)
    assert server.configured_url() is None
    profiles = 'active = "work"\n[profiles.work]\nPREFECT_API_URL = "http://host:4200/api"\n[profiles.local]\n'
    (tmp_path / "profiles.toml").write_text(profiles)
    assert server.configured_url() == "http://host:4200/api"
    monkeypatch.setenv("PREFECT_PROFILE", "local")
    assert server.configured_url() is None


@pytest.mark.slow
def test_up_is_idempotent_and_serves_the_dashboard_from_its_own_port(api_url: str, server_root: Path) -> None:
    assert server.up(server_root) == api_url == server.url(server_root)
    page = api_url.removesuffix("/api")
    with urllib.request.urlopen(f"{page}/ui-settings") as response:
        assert json.load(response)["api_url"] == "/api"


@pytest.mark.slow
def test_other_web_pages_may_not_call_the_api(api_url: str) -> None:
    for origin, allowed in ((api_url.removesuffix("/api"), True), ("https://example.org", False)):
        request = urllib.request.Request(f"{api_url}/health", headers={"Origin": origin})
        with urllib.request.urlopen(request) as response:
            assert (response.headers.get("Access-Control-Allow-Origin") == origin) is allowed


@pytest.mark.slow
def test_the_automation_against_zombie_runs_is_created_once(api_url: str) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: api_url}):
        server.crash_zombies()
        server.crash_zombies()
    request = urllib.request.Request(f"{api_url}/automations/filter", b"{}", {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        names = [automation["name"] for automation in json.load(response)]
    assert names.count("fluke: crash runs whose process has died") == 1
