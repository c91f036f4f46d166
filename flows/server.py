"""A local Prefect server for the dashboard and for schedules: on loopback, with SQLite, in the background.

Prefect's own `prefect server start --background` refuses to start after a power cut, because of its old PID file.
"""

import errno
import http.client
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

from configs.redact import strip_login
from flows import server_process
from flows.processes import look_up
from flows.server_process import HOST, Running
from tasks.store.errors import UserError
from tasks.store.file_errors import is_nearly_full
from tasks.store.paths import open_log, remove
from tasks.store.permissions import create, file_lock

DEFAULT_PORT = 4200
_LOOPBACK = (HOST, "localhost", "::1")
_START_TIMEOUT_S = 120
_STOP_TIMEOUT_S = 15
_ANSWER_TIMEOUT_S = 60
_HEALTH_TIMEOUT_S = 5

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks our own server, never through a proxy."""

logger = logging.getLogger("fluke.server")


def url(root: Path) -> str | None:
    """Return the API address of this data folder's server if it is running and answers, else None."""
    running = server_process.find(root)
    return _api(running.port) if running and _is_healthy(_api(running.port)) else None


def process_id(root: Path) -> int | None:
    """Return the process of this data folder's server if it lives, even if it doesn't answer, else None."""
    running = server_process.find(root)
    return running.process.pid if running else None


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
        if running := server_process.find(root):
            server_process.write(root, running)
            _wait_for_answer(running)
            return _api(running.port)
        if port is None:
            port = DEFAULT_PORT if _is_free(DEFAULT_PORT) else free_port()
        elif not _is_free(port):
            raise UserError(f"port {port} is in use by another program; choose another: fluke up --port {port + 1}")
        process = _start(home, port)
        if found := look_up(process.pid):
            server_process.write(root, Running(found, port))
        _wait_for(process, _api(port), home / "server.log")
    return _api(port)


def down(root: Path) -> bool:
    """Stop this data folder's server, and return whether it was running.

    Raises:
        UserError: It belongs to another user.
    """
    running = server_process.find(root)
    if running:
        try:
            running.process.signal(signal.SIGTERM)
            deadline = time.monotonic() + _STOP_TIMEOUT_S
            while running.is_alive() and time.monotonic() < deadline:
                time.sleep(0.1)
            if running.is_alive():
                running.process.signal(signal.SIGKILL)
        except PermissionError as error:
            raise UserError(
                f"the Prefect server of {root} (process {running.process.pid}) belongs to another user; only they can "
                "stop it"
            ) from error
    remove(root, server_process.state_file(root))
    return running is not None


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
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_UI_API_URL": "/api",  # else the dashboard works on port 4200 only
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # Else a power cut leaves the scheduled run's concurrency slot occupied, and every later run is cancelled.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # The default, *, lets any web page that the user visits call the API, which has no password.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://{HOST}:{port},http://localhost:{port}",
    }
    _share(home)
    with open_log(home / "server.log") as log:
        # A new session, so that Ctrl-C in the terminal doesn't stop the server.
        return subprocess.Popen(
            [sys.executable, *server_process.arguments(port)],
            env=environment,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
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
            if process.poll() is not None and is_nearly_full(log):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(log.parent))
            if process.poll() is not None or time.monotonic() > deadline:
                raise UserError(f"the Prefect server did not start; its log says why: {log}")
            time.sleep(0.2)
    except BaseException:  # also Ctrl-C: stop a server that is still starting
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        raise


def _wait_for_answer(running: Running) -> None:
    deadline = time.monotonic() + _ANSWER_TIMEOUT_S
    while not _is_healthy(_api(running.port)):
        if not running.is_alive():
            raise UserError("the Prefect server ended while it was waited for; run the same command again")
        if time.monotonic() > deadline:
            raise UserError(
                f"the Prefect server (process {running.process.pid}, port {running.port}) is running, but does not "
                "answer; `fluke down` stops it, and the same command then starts another"
            )
        time.sleep(0.2)


def reachable(address: str) -> bool:
    """Return whether a server answers at an API address, even with an HTTP error."""
    try:
        # urllib takes a login for a part of the host; a server that wants one answers with an error, which is enough.
        urllib.request.build_opener().open(f"{strip_login(address)}/health", timeout=10).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError, http.client.HTTPException):  # also an address that is none
        return False
    return True


def _is_healthy(address: str) -> bool:
    try:
        with _direct.open(f"{address}/health", timeout=_HEALTH_TIMEOUT_S) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a free port on the loopback interface."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _api(port: int) -> str:
    return f"http://{HOST}:{port}/api"
