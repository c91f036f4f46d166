"""The process of a data folder's Prefect server: found by its file, or among all processes, and never mistaken."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from flows.processes import Process, everyone, look_up
from tasks.store.atomic import atomic_write
from tasks.store.manifest import read_regular

HOST = "127.0.0.1"
"""Where our servers listen."""


@dataclass(frozen=True)
class Running:
    """A living server of a data folder."""

    process: Process
    port: int

    def is_alive(self) -> bool:
        """Whether the process still lives, and its number doesn't belong to another one."""
        return look_up(self.process.pid) == self.process


def arguments(port: int) -> tuple[str, ...]:
    """The arguments of the Python interpreter that runs a server."""
    return ("-m", "prefect", "server", "start", "--host", HOST, "--port", str(port))


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
    return process.runs(*arguments(port))


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
