"""Batches as row numbers, and the chunks of batches that one call of a compiled function takes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Batch:
    """The rows of a step."""

    numbers: NDArray[np.int32]
    """Positions in the examples, `(b,)`."""
    shares: NDArray[np.float32]
    """Each row's share of the batch's mean, `(b,)`; 0 for a row that only fills the batch up."""


@dataclass(frozen=True)
class Chunk:
    """The batches of one call: arrays on the host, or on the device."""

    numbers: Any
    """`(k, b)`, see `Batch`."""
    shares: Any
    """`(k, b)`."""
    steps: int
    """How many of the k batches count; the others are empty."""
    rows: Any = None
    """The rows of the only batch, `(b, ...)`; None if the examples' rows are on the device."""


def make_batches(order: NDArray[np.int64], size: int, multiple: int) -> list[Batch]:
    """Divide an epoch into batches; the last one may be smaller.

    Args:
        order: positions of all rows, `(n,)`.
        size: rows of a batch.
        multiple: what the number of rows of every batch is a multiple of. The last batch is filled up with the first
            rows of the epoch, which don't count: each device needs a row, and a compiler compiles every size anew.
    """
    found = []
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        filled = math.ceil(len(chosen) / multiple) * multiple
        shares = np.zeros(filled, np.float32)
        shares[: len(chosen)] = 1 / len(chosen)
        numbers = np.concatenate([chosen, np.resize(order, filled - len(chosen))]).astype(np.int32)
        found.append(Batch(numbers, shares))
    return found


def make_chunks(batches: Sequence[Batch], steps: int) -> Iterator[Chunk]:
    """Join batches of the same size to chunks of at most so many; a smaller chunk is filled up with empty batches."""
    waiting: list[Batch] = []
    for batch, following in zip(batches, [*batches[1:], None], strict=True):
        waiting.append(batch)
        if len(waiting) == steps or following is None or len(following.numbers) != len(batch.numbers):
            empty = [np.zeros_like(batch.numbers)] * (steps - len(waiting))
            numbers = np.stack([each.numbers for each in waiting] + empty)
            none = [np.zeros_like(batch.shares)] * (steps - len(waiting))
            yield Chunk(numbers, np.stack([each.shares for each in waiting] + none), len(waiting))
            waiting = []
