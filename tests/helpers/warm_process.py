"""Start a Python program that has TensorFlow, Prefect and others imported, which takes 8 s of a core each time.

The program is forked from a process that has imported these libraries and nothing else (`preloaded.py`). It imports
all our modules itself, has its own environment and streams, and is interrupted or killed like any other. Prefect reads
its settings when the program imports it.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class WarmProcess:
    """`python -m MODULE ARGUMENTS` or `python -c CODE ARGUMENTS`, with methods of `subprocess.Popen`."""

    def __init__(
        self, *arguments: str, environment: Mapping[str, str] = os.environ, folder: Path | None = None
    ) -> None:
        self.arguments = arguments
        self.returncode: int | None = None
        request = {"arguments": arguments, "environment": dict(environment), "folder": str(folder or Path.cwd())}
        self._report, theirs = socket.socketpair()
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        self._streams = [os.fdopen(stream, encoding="utf-8") for stream in (out, err)]
        socket.send_fds(_preloaded(), [b"+"], [theirs.fileno(), out_end, err_end])
        theirs.close()
        os.close(out_end)
        os.close(err_end)
        self._report.sendall(json.dumps(request).encode() + b"\n")
        self.pid = int.from_bytes(self._received())

    @classmethod
    def run(cls, *arguments: str, code: int = 0, **where: Any) -> tuple[str, str]:
        """Run a program, expect its exit code, and return what it printed; the parameters are those of the class."""
        process = cls(*arguments, **where)
        out, err = process.communicate()
        assert process.returncode == code, out + err
        return out, err

    def poll(self) -> int | None:
        """Return the exit code, that of a signal as a negative number; None while the process runs."""
        if self.returncode is None and select.select([self._report], [], [], 0)[0]:
            self.returncode = int.from_bytes(self._received(), signed=True)
        return self.returncode

    def communicate(self, timeout: float = 280) -> tuple[str, str]:
        """Wait for the end, and return what was printed. A process that outlives `timeout` (s) is killed: an error."""
        timer = threading.Timer(timeout, self.kill)
        timer.start()
        with ThreadPoolExecutor(2) as threads:
            out, err = threads.map(lambda stream: stream.read(), self._streams)
        if self.returncode is None:
            self.returncode = int.from_bytes(self._received(), signed=True)
        in_time = timer.is_alive()
        timer.cancel()
        for stream in (*self._streams, self._report):
            stream.close()
        assert in_time, f"{self.arguments}: no end after {timeout} s\n{out}{err}"
        return out, err

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _received(self) -> bytes:
        received = self._report.recv(4)
        assert len(received) == 4, f"{self.arguments}: the process that should have started it has ended"
        return received


@cache
def _preloaded() -> socket.socket:
    """Start the process that imports the libraries; closing the socket ends it, as the end of this process does."""
    ours, theirs = socket.socketpair()
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.helpers.preloaded", str(theirs.fileno())]
    subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    theirs.close()
    return ours
