"""A process that has imported the heavy libraries, and forks for each program that `WarmProcess` starts."""

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import time

import cv2  # noqa: F401
import fastapi  # noqa: F401
import filelock  # noqa: F401
import httpx  # noqa: F401
import keras  # noqa: F401
import matplotlib.pyplot  # noqa: F401
import pandas  # noqa: F401
import prefect
import pyarrow.parquet  # noqa: F401
import pydantic.v1  # noqa: F401
import rich.console  # noqa: F401
import scipy.stats  # noqa: F401
import sklearn.linear_model  # noqa: F401
import sqlalchemy  # noqa: F401
import tensorflow  # noqa: F401
import typer  # noqa: F401

from tests.helpers.put_aside import PutAside

for _name in ("blocks.notifications", "blocks.system", "client.cloud", "flows", "runtime", "tasks", "variables"):
    importlib.import_module(f"prefect.{_name}")
assert "prefect.main" not in sys.modules, "it configures the logging, which only the program may do"


def wait_for_a_request(control: socket.socket) -> list[str]:
    """Serve requests; returns, in each forked process, the arguments of the program that it is to be."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes that report
    while True:
        _, fds, _, _ = socket.recv_fds(control, 1, 3)
        if not fds:  # the tests have ended
            os._exit(0)
        if os.fork() == 0:
            control.close()
            return be_forked(socket.socket(fileno=fds[0]), fds[1], fds[2])
        for fd in fds:
            os.close(fd)


def read_prefect_settings() -> None:
    """Let Prefect read its settings: twice, since the first time it looks for profiles in the folder of before."""
    for _ in range(2):
        prefect.context.refresh_global_settings_context()


def be_forked(report: socket.socket, out: int, err: int) -> list[str]:
    """Fork once more: this process reports the other's number and, at its end, its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with report.makefile() as lines:
        request = json.loads(lines.readline())
    if pid := os.fork():
        os.close(out)
        os.close(err)
        report.sendall(pid.to_bytes(4))
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        report.sendall(code.to_bytes(4, signed=True))
        os._exit(0)
    report.close()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, fd in ((1, out), (2, err)):
        os.dup2(fd, number)
        os.close(fd)
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)  # the old ones remember the kind of their files
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.chdir(request["folder"])
    PutAside("prefect", read_prefect_settings)
    return request["arguments"]


if __name__ == "__main__":
    gc.freeze()  # else each program looks through all libraries for garbage, which copies their memory: 2 s of a core
    kind, what, *sys.argv[1:] = wait_for_a_request(socket.socket(fileno=int(sys.argv[1])))
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        sys.argv[0] = kind
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
