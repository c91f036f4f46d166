"""What a stage's folder function is given to work with, besides its config and its inputs."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tasks.store.progress import Progress, silent

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True)
class StageContext:
    """Where to write, who does the work, and whom to tell."""

    root: Path
    """The data folder; indexes hold paths below it."""
    out: Path
    """The folder to fill; it is published when the function returns."""
    pools: Path
    """The folder of this stage's pools."""
    photos: Path
    """The folder of the photos, by content."""
    source: str = ""
    """Digest of the stage's code, noted with the rows that it puts into a pool."""
    fresh: bool = False
    """Whether to make everything again, also what the pools hold."""
    verify: bool = False
    """Whether to read what the pools hold and compare it with its SHA-256 before it is reused."""
    progress: Progress = silent
    executor: Executor = field(default_factory=lambda: ThreadPoolExecutor(2))

    def map(self, function: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
        """Results of a function over items, in order, computed on the workers.

        If one fails or the user interrupts, those not yet begun are dropped.
        """
        futures = [self.executor.submit(function, item) for item in items]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


@contextmanager
def executor(threads: int) -> Iterator[Executor]:
    """A pool of worker threads (0: one per core); OpenCV, numpy and Keras compute outside the interpreter's lock."""
    import os

    with ThreadPoolExecutor(threads or os.cpu_count(), thread_name_prefix="fluke") as pool:
        yield pool
