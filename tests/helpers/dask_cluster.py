"""A Dask scheduler and its workers as processes of their own, started as `docs/scaling.md` says."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_START_S = 120


class Scheduler:
    """A scheduler on loopback, and the workers that are started for it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        file = home / "scheduler.json"
        options = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
        self._process = _start(home, "scheduler", options, {})
        self._workers: list[subprocess.Popen[bytes]] = []
        end = time.monotonic() + _START_S
        while not file.exists() or not file.read_text():
            assert self._process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)
        self.address: str = json.loads(file.read_text())["address"]

    def start_workers(self, count: int, environment: Mapping[str, str] | None = None) -> None:
        """Start workers with one thread each, which a nanny starts again after their death."""
        options = (self.address, "--host", "127.0.0.1", "--nworkers", str(count), "--nthreads", "1", "--no-dashboard")
        self._workers.append(_start(self._home, "worker", options, environment or {}))

    def stop_workers(self) -> None:
        for process in self._workers:
            process.terminate()
        for process in self._workers:
            process.wait(60)
        self._workers.clear()

    def kill(self) -> None:
        """Kill the scheduler, as a power cut does."""
        self._process.kill()
        self._process.wait(60)


@contextmanager
def scheduler(home: Path) -> Iterator[Scheduler]:
    """Start a scheduler; it and its workers end with the context."""
    found = Scheduler(home)
    try:
        yield found
    finally:
        found.kill()
        found.stop_workers()


def _start(home: Path, what: str, options: tuple[str, ...], more: Mapping[str, str]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", **more}
    with (home / f"{what}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{what}", *options],
            env=environment, cwd=home, stdout=log, stderr=log,
        )  # fmt: skip


def die_once(marker: Path, function: Callable[[Any], Any], item: Any) -> Any:
    """Call a function; the first time, kill the worker that calls this."""
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return function(item)


def die(item: int) -> None:
    """Kill the worker that calls this."""
    os.kill(os.getpid(), signal.SIGKILL)


def wait(seconds: float) -> float:
    """Wait."""
    time.sleep(seconds)
    return seconds
