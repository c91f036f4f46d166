"""The local Prefect server: it starts once, is found again, and stops."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer

import httpx
import pytest

from flows import processes, server, server_process
from tasks.store.errors import UserError
from tasks.store.paths import open_log


class StandIn:
    """A process that looks and answers like a data folder's Prefect server: with its command, in its folder."""

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

    def __init__(self, root: Path, *more: str, cwd: Path | None = None, session: bool = False) -> None:
        self.home = root / "server"
        modules = root.parent / f"{root.name}-modules"
        for folder in (self.home, modules / "prefect"):
            folder.mkdir(exist_ok=True, parents=True)
        (modules / "prefect" / "__init__.py").touch()
        (modules / "prefect" / "__main__.py").write_text(self._CODE, encoding="utf-8")
        self.port = server.free_port()
        self.process = subprocess.Popen(
            [sys.executable, *(more or server_process.arguments(self.port)), *([str(self.port)] if more else [])],
            cwd=cwd or self.home,
            env=os.environ | {"PYTHONPATH": str(modules)},
            start_new_session=session,
        )
        found = processes.look_up(self.process.pid)
        assert found
        self.state = {"pid": self.process.pid, "port": self.port, "started": found.started}
        self.file = self.home / "server.json"
        self.write(**self.state)
        deadline = time.monotonic() + 20
        while socket.socket().connect_ex(("127.0.0.1", self.port)):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def write(self, **state: object) -> None:
        self.file.write_text(json.dumps(state), encoding="utf-8")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    made = StandIn(tmp_path)
    yield made
    made.end()


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


@pytest.fixture
def other_program(tmp_path: Path) -> Iterator[Callable[..., StandIn]]:
    """Start a program that is not this data folder's server, but whose number server.json has."""
    started = []

    def start(*command: str, cwd: Path | None = None) -> StandIn:
        started.append(StandIn(tmp_path, *command, cwd=cwd, session=True))
        return started[-1]

    yield start
    for program in started:
        program.end()


@pytest.mark.parametrize("with_start", [True, False], ids=["with start", "of an earlier version"])
@pytest.mark.parametrize(
    "command",
    [
        ("-c", StandIn._CODE, "prefect"),
        ("-c", StandIn._CODE, "prefect", "server", "start", "--host", "127.0.0.1", "--port"),
        ("-c", StandIn._CODE, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port"),
        ("-u", "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port"),
        ("-m", "prefect", "server", "start", "--host", "0.0.0.0", "--port"),
        ("-m", "prefect", "worker", "start", "--port"),
    ],
)
def test_another_program_with_the_servers_number_gets_no_signal(
    tmp_path: Path, other_program: Callable[..., StandIn], command: tuple[str, ...], with_start: bool
) -> None:
    program = other_program(*command)
    if not with_start:
        program.write(pid=program.process.pid, port=program.port)
    assert server.process_id(tmp_path) is None
    assert server.url(tmp_path) is None
    assert server.down(tmp_path) is False
    assert program.process.poll() is None
    assert not program.file.exists()


def test_the_server_of_another_data_folder_gets_no_signal(
    tmp_path: Path, other_program: Callable[..., StandIn]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    program = other_program(cwd=tmp_path / "elsewhere")  # server.json was copied with its data folder
    assert server.down(tmp_path) is False
    assert program.process.poll() is None


def test_a_server_of_an_earlier_version_is_stopped(tmp_path: Path, stand_in: StandIn) -> None:
    stand_in.write(pid=stand_in.process.pid, port=stand_in.port)
    assert server.url(tmp_path) == f"http://127.0.0.1:{stand_in.port}/api"
    assert server.down(tmp_path) is True
    assert stand_in.process.wait(10) == -signal.SIGTERM


def test_a_process_that_started_at_another_time_is_not_the_server_that_was_started(
    tmp_path: Path, other_program: Callable[..., StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = other_program()
    program.write(**program.state | {"started": "earlier"})
    monkeypatch.setattr(server_process, "everyone", lambda: iter(()))
    assert server.process_id(tmp_path) is None
    assert server.down(tmp_path) is False
    assert program.process.poll() is None


@pytest.mark.parametrize(
    "state",
    [
        None,
        "",
        "[" * 100_000,
        '{"pid": 1, "port": PORT}',
        '{"pid": 0, "port": PORT}',
        '{"pid": -1, "port": PORT}',
        '{"pid": -PID, "port": PORT}',
        '{"pid": OWN, "port": PORT}',
        '{"pid": "PID", "port": "PORT"}',
        '{"pid": PID.5, "port": PORT}',
        '{"pid": 1e999, "port": PORT}',
        '{"pid": 99999999999999999999999999, "port": PORT}',
        '{"pid": PID, "port": 1}',
        '{"pid": PID, "port": 99999999}',
        '{"pid": PID, "port": PORT, "started": "earlier"}',
        '{"pid": PID, "port": PORT, "started": 3}',
        '{"pid": null, "port": null}',
        "[PID, PORT]",
    ],
)
def test_a_living_server_is_found_and_stopped_although_its_file_is_gone_or_wrong(
    tmp_path: Path, stand_in: StandIn, state: str | None
) -> None:
    stand_in.file.unlink()
    if state is not None:
        numbers = {"PID": stand_in.process.pid, "PORT": stand_in.port, "OWN": os.getpid()}
        for name, number in numbers.items():
            state = state.replace(name, str(number))
        stand_in.file.write_text(state)
    address = f"http://127.0.0.1:{stand_in.port}/api"
    assert server.url(tmp_path) == server.up(tmp_path) == address  # not a second one on the same database
    assert json.loads(stand_in.file.read_text()) == stand_in.state
    stand_in.file.unlink()
    assert server.down(tmp_path) is True
    assert stand_in.process.wait(10) == -signal.SIGTERM
    assert server.down(tmp_path) is False


def test_a_server_of_another_user_is_named(tmp_path: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "kill", refuse)
    with pytest.raises(UserError, match=f"process {stand_in.process.pid}.*another user"):
        server.down(tmp_path)
    assert stand_in.file.exists()


def test_a_link_in_place_of_the_servers_log_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "log").symlink_to(tmp_path / "mine")
    with open_log(tmp_path / "log") as log:
        log.write(b"theirs")
    with open_log(tmp_path / "log") as log:
        log.write(b", again")
    assert (tmp_path / "mine").read_text() == "mine"
    assert (tmp_path / "log").read_text() == "theirs, again"


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


def test_a_server_that_ends_on_a_full_disk_names_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    monkeypatch.setattr(server, "is_nearly_full", lambda path: True)
    with pytest.raises(OSError, match="No space left") as raised:
        server._wait_for(ended, server._api(server.free_port()), tmp_path / "server.log")
    assert raised.value.filename == str(tmp_path)


def test_what_only_another_user_may_read_is_replaced_before_the_server_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leases = tmp_path / "concurrency_leases"
    leases.mkdir()
    for path in (tmp_path / "memo_store.toml", leases / "theirs.json", leases / "ours.json"):
        path.touch()
    monkeypatch.setattr(server.os, "access", lambda path, mode: "ours" in Path(path).name)
    before = os.umask(0o002)
    try:
        server._share(tmp_path)
        server._share(tmp_path)
    finally:
        os.umask(before)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["concurrency_leases", "ours.json", "prefect.db"]
    assert (tmp_path / "prefect.db").stat().st_mode & 0o777 == 0o664
