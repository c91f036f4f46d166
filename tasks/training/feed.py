"""How rows come to the device: all of them once, or batch by batch, read by threads while a step runs."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Protocol

import keras
import numpy as np

from tasks.networks import hardware
from tasks.training.batches import Batch, Chunk, make_chunks
from tasks.training.plan import Examples

BATCHES_AHEAD = 3
"""Batches that are read, or being read, while a step runs."""
DEVICE_SHARE = 0.3
"""Largest share of an accelerator's memory that rows may fill; the rest is for the network."""
CPU_BYTES = 64 << 20
"""Most bytes of rows that are held in memory if the CPU trains. More would save nothing: reading costs less than a
hundredth of a step, and runs beside it. So the memory that a training needs doesn't grow with the photos."""
_UNKNOWN_BYTES = 2 << 30
_THREADS = 2


class Device(Protocol):
    """What a backend does with arrays of the host."""

    def put(self, array: Any) -> Any:
        """Copy an array to the device, or to all of them."""
        ...

    def put_chunk(self, chunk: Chunk) -> Chunk:
        """Copy a chunk to the device; if there are several, each gets an equal part of every batch."""
        ...


class Feed:
    """The examples of an epoch, as chunks on the device."""

    def __init__(self, examples: Examples, device: Device, *, resident: bool, steps_per_call: int) -> None:
        """Copy the labels to the device, and the rows, too, if they are resident.

        Args:
            examples: rows and labels.
            device: where to.
            resident: whether all rows are held on the device; see `fits`.
            steps_per_call: batches of a chunk; with rows that aren't resident it is 1.
        """
        self._examples, self._device = examples, device
        self.labels = {name: device.put(values) for name, values in examples.labels.items()}
        self.rows = device.put(examples.rows[:]) if resident else None
        """All rows, `(n, ...)`, on the device; None if each chunk brings its own."""
        self.steps_per_call = steps_per_call if resident else 1

    def __len__(self) -> int:
        return len(self._examples.rows)

    def chunks(self, batches: Sequence[Batch]) -> Iterator[Chunk]:
        """Yield the chunks of an epoch."""
        if self.rows is not None:
            yield from map(self._device.put_chunk, make_chunks(batches, self.steps_per_call))
            return
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="read") as threads:
            waiting: deque[Future[Chunk]] = deque()
            try:
                for chunk in make_chunks(batches, 1):
                    waiting.append(threads.submit(self._read, chunk))
                    if len(waiting) > BATCHES_AHEAD:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for each in waiting:
                    each.cancel()

    def _read(self, chunk: Chunk) -> Chunk:
        return self._device.put_chunk(replace(chunk, rows=np.asarray(self._examples.rows[chunk.numbers[0]])))


def fits(*parts: Examples) -> bool:
    """Return whether the rows of all parts may be held on the device."""
    needed = sum(len(part.rows) * part.row_bytes for part in parts)
    return hardware.num_replicas() == 1 and needed <= _bytes_for_rows()


def _bytes_for_rows() -> float:
    if not hardware.gpu_count():
        return CPU_BYTES
    if keras.backend.backend() == "jax":
        import jax

        limit = (jax.devices()[0].memory_stats() or {}).get("bytes_limit")
        return DEVICE_SHARE * limit if limit else _UNKNOWN_BYTES
    return _UNKNOWN_BYTES  # TensorFlow doesn't say how much memory a GPU has
