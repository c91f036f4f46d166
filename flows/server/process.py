"""The process of a data folder's Prefect server: found by its file, or among all processes, and never mistaken."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field

from flows.processes import Process, everyone, look_up
from tasks.store.atomic import atomic_write
from tasks.store.manifest import read_regular
from tasks.store.permissions import file_lock

HOST = "127.0.0.1"
"""Where our servers listen."""
PROCESS_PAGE = "/fluke/process"
"""The path of the page with the number of the server's process."""
_LOCK = "running.lock"
_APP = "flows.server.app"
_OF_THE_WHEEL = "fluke."
"""What precedes the names of our modules in the wheel: `fluke` of a checkout and of a wheel share a server."""


@dataclass(frozen=True)
class Running:
    """A living server of a data folder."""

    process: Process
    port: int

    def is_alive(self) -> bool:
        """Whether the process still lives, and its number doesn't belong to another one."""
        return look_up(self.process.pid) == self.process

    @property
    def is_protected(self) -> bool:
        """Whether it checks who asks, which those of earlier versions don't."""
        return _is_ours(self.process, self.port)


def arguments(port: int) -> tuple[str, ...]:
    """The arguments of the Python interpreter that runs a server; -P: it imports nothing from the data folder."""
    return ("-P", "-m", _APP, "--port", str(port))


def old_arguments(port: int) -> tuple[str, ...]:
    """The arguments of a server that an earlier version has started, without a key and without checks."""
    return ("-m", "prefect", "server", "start", "--host", HOST, "--port", str(port))


def lock(folder: Path) -> FileLock | None:
    """Lock the database of a server's folder for this process; None if another process has done that.

    The kernel releases the lock when the process ends. A server keeps it while it runs, also one in a container, whose
    process can't be found here.
    """
    held = file_lock(folder / _LOCK)
    try:
        held.acquire(timeout=0)
    except Timeout:
        return None
    return held


def find(root: Path) -> Running | None:
    """Find the living server of a data folder: by its file, else among all processes, if the file is gone or wrong.

    The file is only a hint. It may be old, copied from another data folder, or written by anybody; the process that
    it names gets signals. So its start must be the same, and its command and its current folder must be the server's.
    """
    home = root / "server"
    state = _read_state(root)
    if state and (process := look_up(state.pid)) and state.started in ("", process.started):
        found = Running(process, state.port)
        if _is_server(process, state.port) and _runs_in(process, home, if_unknown=True):
            return found
    for process in everyone():
        port = process.command[-1].rpartition(" ")[2]
        if (
            port.isdecimal()
            and len(port) <= 5
            and _is_server(process, int(port))
            and _runs_in(process, home, if_unknown=False)
        ):
            return Running(process, int(port))
    return None


def _is_server(process: Process, port: int) -> bool:
    return _is_ours(process, port) or process.runs(*old_arguments(port))


def _is_ours(process: Process, port: int) -> bool:
    bare = _APP.removeprefix(_OF_THE_WHEEL)
    return any(process.runs("-P", "-m", app, "--port", str(port)) for app in (bare, _OF_THE_WHEEL + bare))


def _runs_in(process: Process, home: Path, *, if_unknown: bool) -> bool:
    """Whether a process runs in a folder; another user's process doesn't say."""
    folder = process.folder
    try:
        return if_unknown if folder is None else folder.samefile(home)
    except OSError:
        return False


def state_file(root: Path) -> Path:
    """The file that says which process is the server."""
    return root / "server" / "server.json"


class Choice(BaseModel):
    """What was chosen for a data folder's server, for the next time that it starts."""

    model_config = ConfigDict(frozen=True, strict=True)

    port: Annotated[int, Field(gt=0, lt=2**16)] | None = None
    key: bool = True
    """Whether the server asks for a key."""


def read_choice(root: Path) -> Choice:
    """Read what was chosen; the defaults if nothing was, or if the file is damaged."""
    try:
        return Choice.model_validate_json(read_regular(_choice_file(root)))
    except (OSError, ValueError):
        return Choice()


def write_choice(root: Path, choice: Choice) -> None:
    """Write what was chosen, unless it is what the file has."""
    if choice != read_choice(root):
        atomic_write(_choice_file(root), choice.model_dump_json().encode())


def _choice_file(root: Path) -> Path:
    return root / "server" / "choice.json"


class _State(BaseModel):
    """What server.json says of the server that was started last."""

    model_config = ConfigDict(frozen=True, strict=True)

    pid: Annotated[int, Field(gt=1, lt=2**31)]
    port: Annotated[int, Field(gt=0, lt=2**16)]
    started: str = ""
    """See `Process.started`; files of earlier versions don't have it."""


def _read_state(root: Path) -> _State | None:
    try:
        return _State.model_validate_json(read_regular(state_file(root)))
    except (OSError, ValueError):
        return None


def write(root: Path, running: Running) -> None:
    """Write which process is the server, for the next `find`."""
    state = _State(pid=running.process.pid, port=running.port, started=running.process.started)
    if state != _read_state(root):
        atomic_write(state_file(root), state.model_dump_json().encode())
