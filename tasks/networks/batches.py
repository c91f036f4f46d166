"""Batches of stored rows, as Keras trains on them with any backend."""

import math
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.networks import sampling
from tasks.store.shards import LazyRows

MEMORY_BYTES = 2 << 30


class Batches(keras.utils.PyDataset):
    """Batches `(rows, targets, weights)`; rows have the dtype in which they are stored.

    The order of an epoch depends only on the seed and the number of the epoch. Pass `shuffle=False` to `fit`, because
    this class shuffles.
    """

    def __init__(
        self,
        rows: LazyRows | NDArray[Any],
        targets: NDArray[Any] | None = None,
        weights: NDArray[np.float32] | None = None,
        *,
        batch_size: int,
        seed: int | None = None,
        epoch: int = 0,
    ) -> None:
        """Combine n rows with their targets and weights.

        Args:
            rows: `(n, ...)`.
            targets: `(n, ...)`; None: the rows themselves, for an autoencoder.
            weights: float32 `(n,)`; None: batches without weights.
            batch_size: rows per batch; the last batch may be smaller.
            seed: seed of the order; None: the order of the rows.
            epoch: number of the first epoch, for a training that continues.
        """
        super().__init__()
        self._rows = rows
        self._targets = targets
        self._weights = weights
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = epoch
        self._order = self._make_order()

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._batch_size)

    def __getitem__(self, batch: int) -> tuple[NDArray[Any], ...]:
        chosen = self._order[batch * self._batch_size : (batch + 1) * self._batch_size]
        rows = self._rows[chosen]
        targets = rows if self._targets is None else self._targets[chosen]
        return (rows, targets) if self._weights is None else (rows, targets, self._weights[chosen])

    def on_epoch_end(self) -> None:
        """Make the order of the next epoch now, because Keras may read batches before it announces the epoch."""
        self._epoch += 1
        self._order = self._make_order()

    def _make_order(self) -> NDArray[np.int64]:
        if self._seed is None:
            return np.arange(len(self._rows))
        return np.random.default_rng((self._seed, self._epoch)).permutation(len(self._rows))


class LabelledBatches(Batches):
    """Batches `({rows, targets, weights}, targets, weights)`, the input of `TrainingModel`."""

    def __init__(
        self,
        rows: LazyRows | NDArray[Any],
        targets: NDArray[np.int32],
        weights: NDArray[np.float32],
        *,
        batch_size: int,
        seed: int | None = None,
        epoch: int = 0,
        class_balanced: bool = False,
        devices: int = 1,
    ) -> None:
        """Combine n rows with their class numbers and weights; see `Batches`.

        Args:
            rows: `(n, ...)`.
            targets: class numbers, int32 `(n,)`.
            weights: float32 `(n,)`.
            batch_size: rows per batch, rounded up to a multiple of `devices`.
            seed: see `Batches`.
            epoch: see `Batches`.
            class_balanced: draw each epoch's rows such that every class is equally likely.
            devices: number of devices that get equal parts of a batch. The last batch is filled up with the first rows
                of the epoch, because every device needs at least one row.
        """
        self._class_balanced, self._devices = class_balanced, devices
        super().__init__(rows, targets, weights, batch_size=_round_up(batch_size, devices), seed=seed, epoch=epoch)

    def __getitem__(self, batch: int) -> tuple[Any, ...]:
        rows, targets, weights = super().__getitem__(batch)
        return {"rows": rows, "targets": targets, "weights": weights}, targets, weights

    def _make_order(self) -> NDArray[np.int64]:
        if self._class_balanced and self._targets is not None:
            order = sampling.class_balanced(self._targets, np.random.default_rng((self._seed or 0, self._epoch)))
        else:
            order = super()._make_order()
        return np.resize(order, _round_up(len(order), self._devices))


def _round_up(count: int, multiple: int) -> int:
    return math.ceil(count / multiple) * multiple


def load_if_fits(rows: LazyRows, memory_bytes: int = MEMORY_BYTES) -> LazyRows | NDArray[Any]:
    """Load rows into memory if they need at most `memory_bytes`; else return them unchanged."""
    size = len(rows) * math.prod(rows.shape) * rows.dtype.itemsize
    return rows[:] if size <= memory_bytes else rows
