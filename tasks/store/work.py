"""Who does the work of a stage: the threads of this process, or the workers of a Dask cluster.

The unit of work is a shard. Whoever computes one writes it into the pool, and returns only what it contains: workers
must see the data folder anyway, to read the photos, so no array passes through the network or this process.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, TypeVar

from configs.schema import WorkersConfig

Item = TypeVar("Item")
Output = TypeVar("Output")
_MOST_KEPT = 4
_kept: dict[tuple[Any, ...], Any] = {}
_keeping = Lock()


class Workers(Protocol):
    """They map a function over items."""

    def map(self, function: Callable[[Item], Output], items: Iterable[Item], label: str) -> Iterator[Output]:
        """Yield the results of a function for each item, in order.

        If one call fails or the user interrupts, the calls that have not started yet are cancelled.

        Args:
            function: It may run in another process: a function of a module, a `partial` of one, or an object that can
                be pickled.
            items: What it is called with; they can be pickled, too.
            label: What the results are, in the plural, such as `tiles`; Dask's dashboard shows it.
        """
        ...


@dataclass(frozen=True)
class Threads:
    """The threads of this process. They are enough on one machine: OpenCV, numpy and Keras release Python's lock."""

    executor: Executor

    def map(self, function: Callable[[Item], Output], items: Iterable[Item], label: str) -> Iterator[Output]:
        """See `Workers.map`."""
        futures = [self.executor.submit(function, item) for item in items]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


@contextmanager
def workers_of(
    config: WorkersConfig, root: Path, threads: Executor, *, show: Callable[[str], None] | None = None
) -> Iterator[Workers]:
    """Yield the workers that the settings ask for.

    Args:
        config: The section of the settings.
        root: The data folder.
        threads: The threads of this process.
        show: Takes the URL of a cluster's own dashboard as soon as the cluster is used.

    Raises:
        UserError: The Dask cluster can't be used; the message says why.
    """
    if config.kind == "threads":
        yield Threads(threads)
        return
    from tasks.store import cluster

    with cluster.connected(config, root, show) as found:
        yield found


def once_per_process(make: Callable[..., Output], *args: Any) -> Output:
    """Return `make(*args)`, which this process calls only once for the same arguments; the last few are kept.

    An object whose `__reduce__` returns this function is made once by each worker, however many shards it computes:
    a network is loaded once.
    """
    key = (make, *args)
    with _keeping:
        if key not in _kept:
            while len(_kept) >= _MOST_KEPT:
                del _kept[next(iter(_kept))]
            _kept[key] = make(*args)
        found: Output = _kept[key]
        return found
