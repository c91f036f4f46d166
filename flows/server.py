"""A local Prefect server for the dashboard and for schedules: on loopback, with SQLite, in the background.

Prefect's own `prefect server start --background` refuses to start after a power cut, because of its old PID file.
"""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from urllib.request import getproxies_environment

from tasks.store.atomic import atomic_write
from tasks.store.errors import UserError
from tasks.store.permissions import create, file_lock

DEFAULT_PORT = 4200
_HOST = "127.0.0.1"
_LOOPBACK = (_HOST, "localhost", "::1")
_START_TIMEOUT_S = 120
_STOP_TIMEOUT_S = 15
_ANSWER_TIMEOUT_S = 60
_HEALTH_TIMEOUT_S = 5

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks our own server, never through a proxy."""

logger = logging.getLogger("fluke.server")


def url(root: Path) -> str | None:
    """Return the API address of this data folder's server if it is running and answers, else None."""
    state = _read_state(root)
    if state is None or not _is_server(state) or not _is_healthy(_api(state["port"])):
        return None
    return _api(state["port"])


def process_id(root: Path) -> int | None:
    """Return the process of this data folder's server if it lives, even if it doesn't answer, else None."""
    state = _read_state(root)
    return state["pid"] if state and _is_server(state) else None


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
        os.environ["no_proxy"] = ",".join(filter(None, [excepted, *_LOOPBACK]))


def configured_url() -> str | None:
    """Return the API address of the active profile in the user's own Prefect settings, if there is one.

    Reads the file directly, because importing Prefect takes seconds, and it reads the address on import.
    """
    home = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
    path = Path(os.environ.get("PREFECT_PROFILES_PATH", home / "profiles.toml")).expanduser()
    try:
        profiles = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError):
        return None
    active = os.environ.get("PREFECT_PROFILE", profiles.get("active"))
    address = profiles.get("profiles", {}).get(active, {}).get("PREFECT_API_URL")
    return str(address) if address else None


def up(root: Path, port: int | None = None) -> str:
    """Start this data folder's server unless it is running, and return its API address.

    A server whose process lives but which doesn't answer is waited for: a second one would share its database.

    Args:
        root: The data folder.
        port: The port to listen on; None: 4200, or any free port if that is in use.

    Raises:
        UserError: The given port is in use, or the server doesn't start, or a running one doesn't answer.
    """
    home = root / "server"
    with file_lock(home / "up.lock"):
        running = _read_state(root)
        if running and _is_server(running):
            _wait_for_answer(running)
            return _api(running["port"])
        if port is None:
            port = DEFAULT_PORT if _is_free(DEFAULT_PORT) else free_port()
        elif not _is_free(port):
            raise UserError(f"port {port} is in use by another program; choose another: fluke up --port {port + 1}")
        process = _start(home, port)
        atomic_write(_state_file(root), json.dumps({"pid": process.pid, "port": port}).encode())
        _wait_for(process, _api(port), home / "server.log")
    return _api(port)


def down(root: Path) -> bool:
    """Stop this data folder's server, and return whether it was running."""
    state = _read_state(root)
    if state is None:
        return False
    pid = state["pid"]
    running = _is_server(state)
    if running:
        try:
            os.killpg(pid, signal.SIGTERM)
        except PermissionError as error:
            raise UserError(f"the Prefect server (process {pid}) belongs to another user; they can stop it") from error
        deadline = time.monotonic() + _STOP_TIMEOUT_S
        while _is_server(state) and time.monotonic() < deadline:
            time.sleep(0.1)
        if _is_server(state):
            os.killpg(pid, signal.SIGKILL)
    _state_file(root).unlink(missing_ok=True)
    return running


def crash_zombies() -> None:
    """Make our server mark runs as crashed whose process has died, so that they don't block the next scheduled run.

    Idempotent. The automation applies to all flows, so don't use it on a server that others share. It is the one from
    Prefect's documentation, "How to detect and respond to zombie flows".
    """
    from prefect.automations import Automation
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import EventTrigger, Posture
    from prefect.events.schemas.events import ResourceSpecification

    name = "fluke: crash runs whose process has died"
    try:
        Automation.read(name=name)  # type: ignore[unused-coroutine]  # a coroutine only inside an event loop
        return
    except ValueError:
        pass  # it doesn't exist yet
    heartbeat = "prefect.flow-run.heartbeat"
    ends = {f"prefect.flow-run.{s}" for s in ("Completed", "Failed", "Cancelled", "Crashed", "Paused", "Suspended")}
    Automation(
        name=name,
        trigger=EventTrigger(
            after={heartbeat},
            expect={heartbeat, *ends},
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=120,
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="its process has died: no heartbeat for 120 s")],
    ).create()


def _start(home: Path, port: int) -> "subprocess.Popen[bytes]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment |= {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_HOST": _HOST,
        "PREFECT_SERVER_UI_API_URL": "/api",  # else the dashboard works on port 4200 only
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # Else a power cut leaves the scheduled run's concurrency slot occupied, and every later run is cancelled.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # The default, *, lets any web page that the user visits call the API, which has no password.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://{_HOST}:{port},http://localhost:{port}",
    }
    _share(home)
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", _HOST, "--port", str(port)]
    with (home / "server.log").open("ab") as log:
        # A new session, so that Ctrl-C in the terminal doesn't stop the server.
        return subprocess.Popen(
            command, env=environment, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def _share(home: Path) -> None:
    """Let others in a team start the server, too: Prefect's own files are for the user who has started it only."""
    with suppress(FileExistsError):
        create(home / "prefect.db")  # SQLite would create it with mode 644 at most
    for path in (home / "memo_store.toml", *(home / "concurrency_leases").glob("*.json")):
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):  # of another user, whose server has ended
            path.unlink()


def _wait_for(process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    try:
        while not _is_healthy(address):
            if process.poll() is not None or time.monotonic() > deadline:
                raise UserError(f"the Prefect server did not start; its log says why: {log}")
            time.sleep(0.2)
    except BaseException:  # also Ctrl-C: stop a server that is still starting
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        raise


def _wait_for_answer(state: dict[str, int]) -> None:
    deadline = time.monotonic() + _ANSWER_TIMEOUT_S
    while not _is_healthy(_api(state["port"])):
        if not _is_server(state):
            raise UserError("the Prefect server ended while it was waited for; run the same command again")
        if time.monotonic() > deadline:
            raise UserError(
                f"the Prefect server (process {state['pid']}, port {state['port']}) is running, but does not answer; "
                "`fluke down` stops it, and the same command then starts another"
            )
        time.sleep(0.2)


def reachable(address: str) -> bool:
    """Return whether a server answers at an API address, even with an HTTP error."""
    try:
        urllib.request.build_opener().open(f"{address}/health", timeout=10).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _is_healthy(address: str) -> bool:
    try:
        with _direct.open(f"{address}/health", timeout=_HEALTH_TIMEOUT_S) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _is_server(state: dict[str, int]) -> bool:
    """Return whether a process is the Prefect server on its port: the PID may have been reused since."""
    try:
        os.kill(state["pid"], 0)
        if os.waitpid(state["pid"], os.WNOHANG) != (0, 0):  # our own child process, which has ended
            return False
    except ProcessLookupError:
        return False
    except (ChildProcessError, PermissionError):
        pass
    command = Path(f"/proc/{state['pid']}/cmdline")
    if not command.parent.parent.exists():
        return True
    try:
        arguments = command.read_bytes().split(b"\0")
    except OSError:  # it has just ended
        return False
    return b"prefect" in arguments and str(state["port"]).encode() in arguments


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a free port on the loopback interface."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _api(port: int) -> str:
    return f"http://{_HOST}:{port}/api"


def _state_file(root: Path) -> Path:
    return root / "server" / "server.json"


def _read_state(root: Path) -> dict[str, int] | None:
    """Return the PID and port of the server that was started last, or None if they can't be read."""
    try:
        state = json.loads(_state_file(root).read_bytes())
        return {"pid": int(state["pid"]), "port": int(state["port"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None
