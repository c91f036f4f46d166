"""The process of a data folder's Prefect server: it starts once, is found again, and stops."""

import json
import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer

import pytest

from flows import server
from flows.server import lifecycle, process
from tasks.store.errors import UserError
from tasks.store.paths import open_log
from tests.helpers.prefect_api import post, wait_for
from tests.helpers.server_stand_in import StandIn


@pytest.mark.slow
def test_a_server_that_is_stopped_for_a_while_is_waited_for(
    tmp_path: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "_HEALTH_TIMEOUT_S", 0.2)
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
    monkeypatch.setattr(lifecycle, "_HEALTH_TIMEOUT_S", 0.1)
    monkeypatch.setattr(lifecycle, "_ANSWER_TIMEOUT_S", 0.3)
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
        ("-c", StandIn.CODE, "flows.server.app"),
        ("-c", StandIn.CODE, "-P", "-m", "flows.server.app", "--port"),
        ("-m", "flows.server.app", "--port"),
        ("-c", StandIn.CODE, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port"),
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


def test_a_server_of_an_earlier_version_is_used_stopped_and_known_to_be_unprotected(
    tmp_path: Path, other_program: Callable[..., StandIn]
) -> None:
    old = other_program("-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port")
    old.write(pid=old.process.pid, port=old.port)
    assert server.up(tmp_path) == server.url(tmp_path) == f"http://127.0.0.1:{old.port}/api"
    assert not server.is_protected(tmp_path)
    assert server.login(tmp_path) is None
    assert server.down(tmp_path) is True
    assert old.process.wait(10) == -signal.SIGTERM


@pytest.mark.slow
def test_another_program_that_answers_on_the_servers_port_is_not_taken_for_it(
    tmp_path: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    starting = subprocess.Popen(["sleep", "60"], start_new_session=True)
    monkeypatch.setattr(lifecycle, "_START_TIMEOUT_S", 0.3)
    with pytest.raises(UserError, match=r"did not answer for .* if this machine is busy"):
        lifecycle._wait_for(starting, stand_in.port, tmp_path / "server.log")
    assert starting.wait(10) == -signal.SIGTERM


def test_a_server_that_is_stopped_while_it_starts_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starting = subprocess.Popen(["sleep", "60"], start_new_session=True)
    os.kill(starting.pid, signal.SIGSTOP)
    monkeypatch.setattr(lifecycle, "_START_TIMEOUT_S", 0.1)
    monkeypatch.setattr(lifecycle, "_STOP_TIMEOUT_S", 0.1)
    with pytest.raises(UserError, match=r"did not answer for .* if this machine is busy"):
        lifecycle._wait_for(starting, server.free_port(), tmp_path / "server.log")
    assert starting.wait(10) == -signal.SIGKILL


def test_a_server_that_runs_elsewhere_or_with_a_key_is_named_when_another_is_asked_for(
    tmp_path: Path, stand_in: StandIn
) -> None:
    address = f"http://127.0.0.1:{stand_in.port}/api"
    assert server.up(tmp_path, stand_in.port, with_key=True) == address
    with pytest.raises(UserError, match=rf"up already, on port {stand_in.port}.*fluke up --port {stand_in.port + 1}"):
        server.up(tmp_path, stand_in.port + 1)
    with pytest.raises(UserError, match=r"up already, with a key.*fluke up --no-key"):
        server.up(tmp_path, with_key=False)
    process.write_choice(tmp_path, process.Choice(key=False))
    with pytest.raises(UserError, match=r"up already, without a key.*fluke up --key"):
        server.up(tmp_path, with_key=True)
    assert server.login(tmp_path) is None
    assert stand_in.process.poll() is None


def test_a_database_that_an_unseen_server_uses_gets_no_second_server(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    held = process.lock(tmp_path / "server")
    assert held
    with pytest.raises(UserError, match=r"uses this database.*container"):
        server.up(tmp_path, server.free_port())
    held.release()
    assert not (tmp_path / "server" / "server.json").exists()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[StandIn]]:
    """The servers that `up` starts, which are stand-ins here."""
    made: list[StandIn] = []

    def start(home: Path, port: int, auth: str | None) -> "subprocess.Popen[bytes]":
        made.append(StandIn(home.parent, port=port, auth=auth))
        return made[-1].process

    monkeypatch.setattr(lifecycle, "_start", start)
    yield made
    for program in made:
        program.end()


@pytest.mark.slow
def test_a_restart_keeps_the_port_the_key_and_the_choice_to_have_none(tmp_path: Path, started: list[StandIn]) -> None:
    port = server.free_port()
    assert server.up(tmp_path, port) == server.up(tmp_path)
    key = server.login(tmp_path)
    assert key
    assert started[-1].auth == key
    server.down(tmp_path)
    assert server.is_own(tmp_path, f"http://127.0.0.1:{port}/api")  # as in the environment of a shell
    assert server.up(tmp_path) == f"http://127.0.0.1:{port}/api"
    assert server.login(tmp_path) == key
    server.down(tmp_path)
    server.up(tmp_path, with_key=False)
    server.down(tmp_path)
    server.up(tmp_path)
    assert (started[-1].port, started[-1].auth, server.login(tmp_path)) == (port, None, None)
    assert len(started) == 4


@pytest.mark.slow
def test_the_usual_port_is_taken_again_after_another_program_has_used_it(
    tmp_path: Path, started: list[StandIn]
) -> None:
    port = server.free_port()
    server.up(tmp_path, port)
    server.down(tmp_path)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        assert not server.is_own(tmp_path, f"http://127.0.0.1:{port}/api")
        assert server.up(tmp_path) != f"http://127.0.0.1:{port}/api"
        server.down(tmp_path)
    assert server.up(tmp_path) == f"http://127.0.0.1:{port}/api"


def test_the_address_of_the_own_server_is_known_in_other_spellings(tmp_path: Path, stand_in: StandIn) -> None:
    for own in ("http://127.0.0.1:PORT/api", "http://localhost:PORT/api/"):
        assert server.is_own(tmp_path, own.replace("PORT", str(stand_in.port)))
    for other in ("http://127.0.0.1:PORT", "https://127.0.0.1:PORT/api", "http://host:PORT/api", "http://[/api"):
        assert not server.is_own(tmp_path, other.replace("PORT", str(stand_in.port)))
    assert not server.is_own(tmp_path, f"http://127.0.0.1:{stand_in.port + 1}/api")


def test_a_process_that_started_at_another_time_is_not_the_server_that_was_started(
    tmp_path: Path, other_program: Callable[..., StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = other_program()
    program.write(**program.state | {"started": "earlier"})
    monkeypatch.setattr(process, "everyone", lambda: iter(()))
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


@pytest.mark.slow
def test_a_port_that_is_taken_while_the_server_starts_is_given_up_for_another(
    tmp_path: Path, started: list[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    to_another_port, port = lifecycle._start, server.free_port()
    monkeypatch.setattr(lifecycle, "DEFAULT_PORT", port)
    with socket.socket() as other:

        def start(home: Path, asked: int, auth: str | None) -> "subprocess.Popen[bytes]":
            if asked != port:
                return to_another_port(home, asked, auth)
            other.bind(("127.0.0.1", port))
            other.listen()
            return subprocess.Popen(["false"])  # ends, as uvicorn does

        monkeypatch.setattr(lifecycle, "_start", start)
        assert server.up(tmp_path) == f"http://127.0.0.1:{started[0].port}/api"
        assert started[0].port != port


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


@pytest.mark.slow
def test_up_is_idempotent_and_serves_the_dashboard_from_its_own_port(api_url: str, server_root: Path) -> None:
    assert server.up(server_root) == api_url == server.url(server_root)
    page = api_url.removesuffix("/api")
    with urllib.request.urlopen(f"{page}/ui-settings") as response:
        assert json.load(response)["api_url"] == "/api"


@pytest.mark.slow
def test_the_server_looks_for_runs_whose_process_has_died_without_an_automation(api_url: str) -> None:
    old = {
        "name": "fluke: crash runs whose process has died",  # earlier versions made it
        "trigger": {"type": "event", "posture": "Reactive", "threshold": 1, "within": 0},
        "actions": [{"type": "do-nothing"}],
    }
    post(api_url, "automations/", old)
    wait_for("deletion by the service", lambda: post(api_url, "automations/filter") == [])


def test_a_server_that_ends_on_a_full_disk_names_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    monkeypatch.setattr(lifecycle, "is_nearly_full", lambda path: True)
    with pytest.raises(OSError, match="No space left") as raised:
        lifecycle._wait_for(ended, server.free_port(), tmp_path / "server.log")
    assert raised.value.filename == str(tmp_path)


def test_what_only_another_user_may_read_is_replaced_before_the_server_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leases = tmp_path / "concurrency_leases"
    leases.mkdir()
    for path in (tmp_path / "memo_store.toml", leases / "theirs.json", leases / "ours.json"):
        path.touch()
    monkeypatch.setattr(lifecycle.os, "access", lambda path, mode: "ours" in Path(path).name)
    before = os.umask(0o002)
    try:
        lifecycle._share(tmp_path)
        lifecycle._share(tmp_path)
    finally:
        os.umask(before)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["concurrency_leases", "ours.json", "prefect.db"]
    assert (tmp_path / "prefect.db").stat().st_mode & 0o777 == 0o660
