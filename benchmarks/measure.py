"""Helpers of the benchmarks: run a command and measure its time and peak memory; generate any number of photos."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

_SAMPLE_EVERY_S = 0.1
FLUKE = str(Path(sys.executable).with_name("fluke"))


@dataclass(frozen=True)
class Cost:
    """Time and memory of one process and of the children that it waited for."""

    seconds: float
    cpu_s: float
    peak_mb: float


def run(command: Sequence[str], data: Path, **environment: str) -> Cost:
    """Run a command with FLUKE_DATA set; its output goes to stderr."""
    began = time.monotonic()
    pid = os.posix_spawn(
        command[0],
        list(command),
        os.environ | {"FLUKE_DATA": str(data)} | environment,
        file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)],
    )
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed with status {os.waitstatus_to_exitcode(status)}")
    return Cost(time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


@dataclass(frozen=True)
class TreeCost:
    """Time and memory of a process and all its descendants."""

    seconds: float
    cpu_s: float
    peak_mb: float
    """The largest sum of their resident sets in the samples; shared memory counts once per process."""
    status: int | None
    """Exit status of the process; None if it was stopped at the time limit."""


def run_tree(
    command: Sequence[str], log: Path, limit_s: float = float("inf"), environment: Mapping[str, str] | None = None
) -> TreeCost:
    """Run a command in a session of its own; at the time limit, all processes of the session are killed.

    Args:
        command: The program and its arguments.
        log: The file for its output.
        limit_s: The time limit, seconds.
        environment: Further environment variables.
    """
    began = time.monotonic()
    peak_bytes, status, before = 0, None, _children_cpu_s()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | dict(environment or {}),
        )
        try:
            while status is None and time.monotonic() - began < limit_s:
                peak_bytes = max(peak_bytes, _resident_bytes(process.pid))
                with suppress(subprocess.TimeoutExpired):
                    status = process.wait(_SAMPLE_EVERY_S)
        finally:
            with suppress(ProcessLookupError):  # all of them have ended
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return TreeCost(time.monotonic() - began, _children_cpu_s() - before, peak_bytes / 1e6, status)


def _children_cpu_s() -> float:
    """Return the CPU time of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _resident_bytes(session: int) -> int:
    """Return the sum of the resident sets of a session's processes."""
    total = 0
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            with suppress(OSError):  # it has just ended
                if os.getsid(int(entry.name)) == session:
                    total += int(Path(entry.path, "statm").read_text().split()[1]) * resource.getpagesize()
    return total


@contextmanager
def server(data: Path) -> Iterator[None]:
    """Run a Prefect server for a data folder, started before anything is timed."""
    run([FLUKE, "up"], data)
    try:
        yield
    finally:
        run([FLUKE, "down"], data)


@contextmanager
def scratch() -> Iterator[Path]:
    """Make a data folder, and delete it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="fluke-benchmark-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_photos(folder: Path, count: int, classes: int = 10, side_px: int = 64) -> None:
    """Write `count` different JPEGs, in a sub-folder per class; each class has its own brightness."""
    rng = np.random.default_rng(0)
    for number in range(count):
        label = number % classes
        home = folder / f"class {label}"
        home.mkdir(parents=True, exist_ok=True)
        rough = rng.integers(10 * label, 150 + 10 * label, (24, 24, 3), np.uint8)
        photo = cv2.resize(rough, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(home / f"{number:06d}.jpg"), photo)
