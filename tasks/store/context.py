"""The context that a stage's build function gets besides its config and the folders of its parents."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from configs.redact import redact
from tasks.store.manifest import Artifact
from tasks.store.progress import Progress, silent
from tasks.store.work import Threads, Workers

Item = TypeVar("Item")
Output = TypeVar("Output")

logger = logging.getLogger("fluke.stage")


@dataclass(frozen=True)
class StageContext:
    """Folders to read and write, worker threads, and options of the run."""

    root: Path
    """The data folder; paths in tables are relative to it."""
    out: Path
    """The folder to write the artifact to; it is published when the build function returns."""
    pools: Path
    """The folder of this stage's pools, see `tasks.store.shards`."""
    photos: Path
    """The folder of all photos, stored by their SHA-256."""
    source: str = ""
    """Digest of the stage's code; it is stored with every shard."""
    fresh: bool = False
    """Whether to compute everything again, including rows that a pool already contains."""
    verify: bool = False
    """Whether to compare a shard with its SHA-256 before it is reused."""
    progress: Progress = silent
    executor: Executor = field(default_factory=lambda: ThreadPoolExecutor(2))
    """The threads of this process."""
    workers: Workers | None = None
    """Who computes shards; None: the threads of this process."""
    notes: list[str] = field(default_factory=list)
    """What `warn` has said so far; for a view, what the run has said about its settings."""
    champion: Artifact | None = None
    """The evaluation of the model that is used now, see `Run.champion`."""
    findings: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """For a view: what the checks of the run have found, by the keys of `tasks.evaluate.findings`."""

    def warn(self, message: str) -> None:
        """Say that something which the user gave is not used as given.

        The message has one line: what is not used, how many, which (the first few), why, and what to do. It is logged
        as a warning and stored in the manifest, so that the report and later runs, which find the artifact in the
        store, say it too.
        """
        message = redact(message.encode("utf-8", "backslashreplace").decode())
        logger.warning("%s", message)
        self.notes.append(message)

    def map(self, function: Callable[[Item], Output], items: Iterable[Item]) -> Iterator[Output]:
        """Yield the results of a function for each item, in order, computed on the threads of this process.

        If one call fails or the user interrupts, the calls that have not started yet are cancelled.
        """
        return Threads(self.executor).map(function, items, "")

    def spread(self, function: Callable[[Item], Output], items: Iterable[Item], label: str) -> Iterator[Output]:
        """Yield the results of a function for each item, in order, computed by the workers; see `Workers.map`."""
        return (self.workers or Threads(self.executor)).map(function, items, label)


@contextmanager
def executor(threads: int) -> Iterator[Executor]:
    """Yield an executor with so many threads (0: one per core).

    Threads are enough: OpenCV, numpy and Keras release the interpreter's lock while they compute.
    """
    import os

    with ThreadPoolExecutor(threads or os.cpu_count(), thread_name_prefix="fluke") as pool:
        yield pool
