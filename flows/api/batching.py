"""Compute the tiles of many requests together: what comes in while a batch is computed is the next batch.

A single request never waits for others, and many at once share the cost of a batch.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue

import numpy as np
from numpy.typing import NDArray

Tile = NDArray[np.uint8]
Row = NDArray[np.float64]


class Batcher:
    """A thread that computes tiles in batches, in the order in which they came."""

    def __init__(self, compute: Callable[[Tile], Row], most: int) -> None:
        """Start the thread.

        Args:
            compute: Turns tiles `(n, side, side, c)` into rows `(n, ...)`; called by the thread only.
            most: Largest batch.
        """
        self._compute = compute
        self._most = most
        self._wait_s: float | None = None
        self._linger_s = 0.0
        self._waiting: SimpleQueue[tuple[Tile, Future[Row]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="fluke-batches", daemon=True)
        self._thread.start()

    def submit(self, tile: Tile) -> "Future[Row]":
        """Compute one tile with those of others; the future gets its row, or the error of its batch."""
        future: Future[Row] = Future()
        self._waiting.put((tile, future))
        return future

    def close(self, linger_s: float = 0) -> None:
        """End the thread after all tiles that were submitted before, and when none has come for `linger_s` seconds."""
        self._linger_s = linger_s
        self._waiting.put(None)

    def _work(self) -> None:
        while batch := self._next_batch():
            wanted = [(tile, future) for tile, future in batch if future.set_running_or_notify_cancel()]
            if not wanted:  # everybody has hung up
                continue
            try:
                rows = self._compute(np.stack([tile for tile, _ in wanted]))
            except BaseException as error:  # whoever waits gets it
                for _, future in wanted:
                    future.set_exception(error)
            else:
                for (_, future), row in zip(wanted, rows, strict=True):
                    future.set_result(row)

    def _next_batch(self) -> list[tuple[Tile, "Future[Row]"]]:
        """Wait for a tile, and return it with all others that are there; none if the thread is to end."""
        batch: list[tuple[Tile, Future[Row]]] = []
        while len(batch) < self._most:
            try:
                item = self._waiting.get(timeout=0 if batch else self._wait_s)
            except Empty:
                break
            if item is None:  # closed
                self._wait_s = self._linger_s
            else:
                batch.append(item)
        return batch
