"""A Dask cluster on this machine, for as long as a run lasts."""

import logging
import os
import signal
from contextlib import suppress
from pathlib import Path

from distributed import LocalCluster, Worker, WorkerPlugin

from configs.schema import WorkersConfig

_CORES_OF_A_PROCESS = 4


def start(config: WorkersConfig) -> LocalCluster:
    """Start a cluster that only this user can reach: on loopback, with a certificate of its own.

    Processes have no limit of memory: what they compute is on disk, so that Dask has nothing to free by a restart.
    """
    processes = config.processes or gpus() or max(1, (os.cpu_count() or 1) // _CORES_OF_A_PROCESS)
    threads = config.threads or os.cpu_count() or 1
    return LocalCluster(
        n_workers=processes,
        threads_per_worker=-(-threads // processes),
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        security=True,
        memory_limit=0,
        silence_logs=logging.ERROR,
    )


def gpus() -> int:
    """Count the GPUs of NVIDIA on this machine, as far as its devices tell."""
    return sum(path.name.removeprefix("nvidia").isdigit() for path in Path("/dev").glob("nvidia*"))


class LocalProcess(WorkerPlugin):
    """Leaves Ctrl-C to the run, and gives each process of a local cluster its own GPU, before networks are loaded."""

    def __init__(self, count: int) -> None:
        """Set the number of GPUs."""
        self._count = count

    def setup(self, worker: Worker) -> None:
        """Choose the GPU by the number of the process, which a process that replaces it inherits."""
        with suppress(ValueError):  # outside the main thread, signals don't arrive
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        if self._count:
            os.environ["CUDA_VISIBLE_DEVICES"] = str(int(worker.name) % self._count)
