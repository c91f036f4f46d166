"""Map the work of a stage over the workers of a Dask cluster."""

import logging
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, suppress
from itertools import islice, takewhile
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from distributed import Client, Future, KilledWorker, Worker, get_worker, wait

from configs.schema import WorkersConfig
from tasks.store.cluster import local, same
from tasks.store.errors import UserError

Item = TypeVar("Item")
Output = TypeVar("Output")

_CONNECT_S = 8
_CLOSE_S = 5
_BATCH = 100
"""So many calls are sent, and so many results fetched at once, which costs less than one by one."""
_IN_FLIGHT = 1000
"""So many calls are with the scheduler at once: enough for hundreds of workers, and little for its memory."""

logger = logging.getLogger("fluke.workers")


class DaskWorkers:
    """Workers at an address, to which it connects at once, or a local cluster, which starts with the first call."""

    def __init__(self, config: WorkersConfig, root: Path, show: Callable[[str], None] | None = None) -> None:
        """Set the section of the settings, the data folder, and who takes the URL of the cluster's dashboard."""
        self._show = show
        self._config = config
        self._root = root.absolute()
        self._client: Client | None = None
        self._probe = Path()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if self._config.address:
            self._connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def map(self, function: Callable[[Item], Output], items: Iterable[Item], label: str) -> Iterator[Output]:
        """See `tasks.store.work.Workers.map`; a worker that joins meanwhile gets its share."""
        name = f"{label}-{secrets.token_hex(4)}"
        waiting: deque[Future] = deque()
        client, todo, number = self._client, iter(items), 0
        try:
            while batch := list(islice(todo, _BATCH)):
                client = client or self._connect()
                call = _Call(function, same.versions(), self._probe)
                keys = [(name, number + place) for place in range(len(batch))]
                waiting.extend(client.map(call, batch, key=keys, pure=False))
                number += len(batch)
                while len(waiting) > _IN_FLIGHT:
                    yield from self._finished(client, waiting)
            while client and waiting:
                yield from self._finished(client, waiting)
        finally:
            if client and waiting:
                with suppress(Exception):  # the scheduler may have gone
                    client.cancel(list(waiting), force=True)

    def _connect(self) -> Client:
        address = self._config.address
        cluster: Any = address or self._stack.enter_context(local.start(self._config))
        try:
            client = Client(cluster, timeout=_CONNECT_S, set_as_default=False, name="fluke")
        except (OSError, ValueError) as error:
            raise UserError(
                f"workers.address={address}: no Dask scheduler answers ({error}); start one (`dask scheduler`), "
                "correct the address, or set workers.kind=threads"
            ) from error
        self._stack.callback(_close, client)
        self._probe = self._stack.enter_context(same.probe(self._root))
        if not address:
            client.register_plugin(local.LocalProcess(local.gpus()))
        self._require_same(client)
        logger.info("Dask's dashboard: %s", client.dashboard_link)
        if self._show:
            self._show(client.dashboard_link)
        self._client = client
        return client

    def _require_same(self, client: Client) -> None:
        """Refuse the workers that are there now; `_Call` does it with those that join later."""
        found = client.run(_problem, same.versions(), self._probe, on_error="return")
        for address, problem in found.items():
            if isinstance(problem, BaseException):
                raise UserError(
                    f"the Dask worker {address} can't run fluke ({problem}); install fluke there, with the versions "
                    "that are here"
                ) from problem
            if problem:
                raise UserError(problem)
        if not found:
            logger.warning(
                "the Dask scheduler at %s has no workers yet; the run waits until one joins: `dask worker %s`",
                self._config.address,
                self._config.address,
            )

    def _finished(self, client: Client, waiting: deque[Future]) -> list[Any]:
        """Wait for the first call; return its result, and those of the next ones if they have come, too."""
        try:
            with client.as_current():
                wait(waiting[0])
            finished = list(takewhile(Future.done, islice(waiting, _BATCH)))
            results: list[Any] = client.gather(finished)
        except CancelledError as error:
            raise UserError(
                f"the Dask scheduler at {self._config.address or 'this machine'} has ended, or can't be reached any "
                "more; start it again and run the same command again: what the workers have finished is kept"
            ) from error
        except KilledWorker as error:
            raise UserError(
                f"{error.allowed_failures + 1} Dask workers in a row died at the same photos, the last one at "
                f"{error.last_worker.address}; its log says why (often too little memory: start the workers with fewer "
                "threads)"
            ) from error
        for _ in finished:
            waiting.popleft()
        return results


class _Call:
    """Calls a function on a worker that has the same versions and data folder."""

    def __init__(self, function: Callable[[Any], Any], versions: same.Versions, probe: Path) -> None:
        self._function = function
        self._versions = versions
        self._probe = probe

    def __call__(self, item: Any) -> Any:
        if problem := _problem(self._versions, self._probe, get_worker()):
            raise UserError(problem)
        return self._function(item)


def _problem(versions: same.Versions, probe: Path, dask_worker: Worker) -> str:
    return same.problem(versions, probe, dask_worker.address)


def _close(client: Client) -> None:
    with suppress(Exception):  # the scheduler may have gone
        client.close(timeout=_CLOSE_S)
