"""Processes of the operating system: which one has a number now, when it started, and what it runs.

A number alone identifies no process: when a process has ended, another one gets its number.
"""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_PS_TIMEOUT_S = 10
_EXEC_S = 0.5
_KERNEL_THREAD = 0x200000
"""PF_KTHREAD of Linux: such a process never has a command."""


@dataclass(frozen=True)
class Process:
    """A living process."""

    pid: int
    started: str
    """When it started, in the notation of this system; another process with the same number has another value."""
    command: tuple[str, ...]
    """The program and its arguments; one text with spaces on systems without /proc."""

    @property
    def folder(self) -> Path | None:
        """The current folder of the process; None if it can't be read, such as that of another user's process."""
        try:
            if _has_proc():
                return (_PROC / str(self.pid) / "cwd").readlink()
            found = _output("lsof", "-a", "-p", str(self.pid), "-d", "cwd", "-Fn")
            names = [line[1:] for line in found.splitlines() if line.startswith("n/")]
            return Path(names[0]) if names else None
        except OSError:
            return None

    def runs(self, *arguments: str) -> bool:
        """Whether a Python interpreter runs with exactly these arguments."""
        if len(self.command) == 1 and not _has_proc():
            program, _, rest = self.command[0].partition(f" {arguments[0]} ")
            given: tuple[str, ...] = (arguments[0], *rest.split(" "))
        else:
            program, given = self.command[0], self.command[1:]
        return re.fullmatch(r"(?i)python[0-9.]*", Path(program).name) is not None and given == arguments

    def signal(self, number: int) -> None:
        """Send a signal to the process, and to those that it has started if it leads their group.

        Raises:
            PermissionError: It belongs to another user.
        """
        try:
            if os.getpgid(self.pid) == self.pid:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)
        except ProcessLookupError:
            pass  # it has just ended


def look_up(pid: int) -> Process | None:
    """Return the living process with a number; None if there is none, or only one that has ended (a zombie)."""
    if pid <= 1 or pid == os.getpid():
        return None
    if not _has_proc():
        return next(_from_ps("-p", str(pid)), None)
    deadline = time.monotonic() + _EXEC_S
    while True:
        try:
            command = (_PROC / str(pid) / "cmdline").read_bytes()
            # The name of the program, in parentheses, may contain spaces and parentheses itself.
            fields = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return None
        state, flags, started = fields[0], int(fields[6]), fields[19].decode()
        if command or state in (b"Z", b"X") or flags & _KERNEL_THREAD or time.monotonic() > deadline:
            break
        time.sleep(0.01)  # a process that is just starting its program has no command for a moment
    if not command or state in (b"Z", b"X"):
        return None
    arguments = command.removesuffix(b"\0").split(b"\0")
    return Process(pid, f"{_boot()}+{started}", tuple(os.fsdecode(argument) for argument in arguments))


def everyone() -> Iterator[Process]:
    """Iterate over the living processes, except this one."""
    if not _has_proc():
        yield from (process for process in _from_ps("-A") if process.pid not in (0, 1, os.getpid()))
        return
    for folder in _PROC.iterdir():
        if folder.name.isdecimal() and (process := look_up(int(folder.name))):
            yield process


def _has_proc() -> bool:
    return (_PROC / "self" / "stat").exists()


def _boot() -> str:
    """Identify the current boot of the machine: start times in /proc count from it."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _from_ps(*selection: str) -> Iterator[Process]:
    """Read processes from `ps`, as macOS has it: the start is five words, such as Thu Nov 26 18:19:45 2026."""
    for line in _output("ps", *selection, "-ww", "-o", "pid=,stat=,lstart=,command=").splitlines():
        if (found := re.match(r"\s*(\d+)\s+(\S+)\s+(\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+(\S.*)", line)) is None:
            continue
        pid, state, started, command = found.groups()
        if not state.startswith("Z"):
            yield Process(int(pid), " ".join(started.split()), (command,))


def _output(*command: str) -> str:
    """Run a command of the system and return what it prints; nothing if it fails."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=_PS_TIMEOUT_S,
            check=False,
            env=os.environ | {"LC_ALL": "C", "TZ": "UTC"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return os.fsdecode(done.stdout)
