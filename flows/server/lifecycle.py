"""Start, find and stop a data folder's Prefect server: on loopback, in the background.

Prefect's own `prefect server start --background` refuses to start after a power cut, because of its old PID file.
"""

import errno
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import flows
from flows.processes import look_up
from flows.server import database, key, process
from flows.server.process import HOST, PROCESS_PAGE, Choice, Running
from flows.server.proxies import LOOPBACK
from tasks.store.errors import UserError
from tasks.store.file_errors import is_nearly_full
from tasks.store.paths import open_log, remove
from tasks.store.permissions import create, file_lock, make_private_folder

DEFAULT_PORT = 4200
_START_TIMEOUT_S = 300  # on a machine that is busy training; one that fails is noticed at once
_STOP_TIMEOUT_S = 15
_ANSWER_TIMEOUT_S = 60
_HEALTH_TIMEOUT_S = 5

_CODE = Path(flows.__file__).resolve().parents[flows.__name__.count(".") + 1]
"""The folder of our top-level packages, which the server imports from its own current folder."""

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks our own server, never through a proxy."""


def url(root: Path) -> str | None:
    """Return the API address of this data folder's server if it is running and answers, else None."""
    running = process.find(root)
    return _api(running.port) if running and _is_healthy(running) else None


def process_id(root: Path) -> int | None:
    """Return the process of this data folder's server if it lives, even if it doesn't answer, else None."""
    running = process.find(root)
    return running.process.pid if running else None


def is_protected(root: Path) -> bool:
    """Whether the living server checks who asks; one that an earlier version has started doesn't."""
    running = process.find(root)
    return running is not None and running.is_protected


def is_own(root: Path, address: str) -> bool:
    """Whether an API address is that of this data folder's server, as users may spell it.

    If the server isn't running: that of the last time, unless another program is there now.
    """
    try:
        parts = urlsplit(address)
        asked = (parts.scheme, parts.hostname in LOOPBACK, parts.port, parts.path.rstrip("/"))
    except ValueError:
        return False
    if running := process.find(root):
        port: int | None = running.port
    else:
        port = process.read_choice(root).port
        port = port if port and _is_free(port) else None
    return port is not None and asked == ("http", True, port, "/api")


def login(root: Path) -> str | None:
    """Return what Prefect's client must send to this data folder's server; None if the server asks for nothing.

    Raises:
        UserError: This user may not read the key.
    """
    return key.read(root) if process.read_choice(root).key and is_protected(root) else None


def up(root: Path, port: int | None = None, *, with_key: bool | None = None) -> str:
    """Start this data folder's server unless it is running, and return its API address.

    A server whose process lives but which doesn't answer is waited for: a second one would share its database.

    Args:
        root: The data folder.
        port: The port to listen on; None: that of the last time, at first 4200, or any free port if it is in use.
        with_key: Whether the server asks for the key; None: as the last time, at first it does.

    Raises:
        UserError: The given port is in use, or the server doesn't start, or a running one doesn't answer or is another
            one than asked for.
    """
    home = root / "server"
    make_private_folder(home, top=home)
    with file_lock(home / "up.lock"):
        chosen = process.read_choice(root)
        if running := process.find(root):
            _check_same(running, chosen, port, with_key)
            process.write(root, running)
            _wait_for_answer(running)
            return _api(running.port)
        if port is not None and not _is_free(port):
            raise UserError(f"port {port} is in use by another program; choose another: fluke up --port {port + 1}")
        _check_unused(home)
        usual = port or chosen.port or DEFAULT_PORT
        with_key = chosen.key if with_key is None else with_key
        key.close(home)
        auth = key.prepare(root) if with_key else None
        used = usual if _is_free(usual) else free_port()
        try:
            _start_and_wait(root, used, auth)
        except UserError:
            if port is not None or _is_free(used):
                raise
            used = free_port()  # another program, such as another folder's server, took the port in the meantime
            _start_and_wait(root, used, auth)
        process.write_choice(root, Choice(port=usual if chosen.port else used, key=with_key))
    return _api(used)


def _start_and_wait(root: Path, port: int, auth: str | None) -> None:
    started = _start(root / "server", port, auth)
    if found := look_up(started.pid):
        process.write(root, Running(found, port))
    _wait_for(started, port, root / "server" / "server.log")


def _check_same(running: Running, chosen: Choice, port: int | None, with_key: bool | None) -> None:
    """Raise UserError if the running server is another one than asked for."""
    if port not in (None, running.port):
        raise UserError(
            f"the Prefect server of this data folder is up already, on port {running.port}; to move it: fluke down, "
            f"then fluke up --port {port}"
        )
    has_key = chosen.key and running.is_protected
    if with_key not in (None, has_key):
        raise UserError(
            f"the Prefect server of this data folder is up already, {'with' if has_key else 'without'} a key; to "
            f"change that: fluke down, then fluke up --{'key' if with_key else 'no-key'}"
        )


def _check_unused(home: Path) -> None:
    """Raise UserError if a server that this user can't see uses the database."""
    if (held := process.lock(home)) is None:
        raise UserError(
            f"{home}: a Prefect server uses this database, but is not among the processes here; it may run in a "
            "container: stop it there"
        )
    held.release()


def down(root: Path) -> bool:
    """Stop this data folder's server, and return whether it was running.

    Raises:
        UserError: It belongs to another user.
    """
    running = process.find(root)
    if running:
        try:
            _stop(running)
        except PermissionError as error:
            raise UserError(
                f"the Prefect server of {root} (process {running.process.pid}) belongs to another user; only they can "
                "stop it"
            ) from error
    remove(root, process.state_file(root))
    return running is not None


def _stop(running: Running) -> None:
    """End a server: a signal to end, and kill -9 if that doesn't, such as for one that was stopped with SIGSTOP."""
    running.process.signal(signal.SIGTERM)
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    while running.is_alive() and time.monotonic() < deadline:
        time.sleep(0.1)
    if running.is_alive():
        running.process.signal(signal.SIGKILL)


def _start(home: Path, port: int, auth: str | None) -> "subprocess.Popen[bytes]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment |= {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_UI_API_URL": "/api",  # else the dashboard works on port 4200 only
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # Else a power cut leaves the scheduled run's concurrency slot occupied, and every later run is cancelled.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # The default, *, tells browsers that any web page may read the answers.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://{HOST}:{port},http://localhost:{port}",
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(_CODE), environment.get("PYTHONPATH")])),
    }
    if auth:
        environment["PREFECT_SERVER_API_AUTH_STRING"] = auth
    if address := database.address(home):
        environment[database.VARIABLE] = address
    _share(home)
    with open_log(home / "server.log") as log:
        # A new session, so that Ctrl-C in the terminal doesn't stop the server.
        return subprocess.Popen(
            [sys.executable, *process.arguments(port)],
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
        create(home / "prefect.db", private=True)  # SQLite would create it with mode 644 at most
    for path in (home / "memo_store.toml", *(home / "concurrency_leases").glob("*.json")):
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):  # of another user, whose server has ended
            path.unlink()


def _wait_for(started: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    try:
        while not _answers(port, started.pid):
            if started.poll() is not None and is_nearly_full(log):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(log.parent))
            if started.poll() is not None:
                raise UserError(f"the Prefect server did not start; its log says why: {log}")
            if time.monotonic() > deadline:
                raise UserError(
                    f"the Prefect server did not answer for {_START_TIMEOUT_S:,} s and was stopped; if this machine is "
                    f"busy, run the same command again later; else see its log: {log}"
                )
            time.sleep(0.2)
    except BaseException:  # also Ctrl-C: end a server that is still starting, whatever it does
        if started.poll() is None and (found := look_up(started.pid)):
            _stop(Running(found, port))
        raise


def _wait_for_answer(running: Running) -> None:
    deadline = time.monotonic() + _ANSWER_TIMEOUT_S
    while not _is_healthy(running):
        if not running.is_alive():
            raise UserError("the Prefect server ended while it was waited for; run the same command again")
        if time.monotonic() > deadline:
            raise UserError(
                f"the Prefect server (process {running.process.pid}, port {running.port}) is running, but does not "
                "answer; `fluke down` stops it, and the same command then starts another"
            )
        time.sleep(0.2)


def _is_healthy(running: Running) -> bool:
    """Whether a server answers. One of ours says its process: another program could answer on its port."""
    if running.is_protected:
        return _answers(running.port, running.process.pid)
    return _get(f"{_api(running.port)}/health") is not None


def _answers(port: int, pid: int) -> bool:
    return _get(f"http://{HOST}:{port}{PROCESS_PAGE}") == str(pid).encode()


def _get(address: str) -> bytes | None:
    """Return the start of a page of this machine; None if there is none."""
    try:
        with _direct.open(address, timeout=_HEALTH_TIMEOUT_S) as response:
            return bytes(response.read(100)) if response.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None


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
