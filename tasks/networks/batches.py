"""Batches of rows of a pool, as Keras (on any backend) trains on them."""

import math
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.networks import sampling
from tasks.store.shards import LazyRows

MEMORY_BYTES = 2 << 30


class Batches(keras.utils.PyDataset):
    """Batches `(rows, targets, weights)`, the rows as they are stored.

    The order of an epoch depends on the seed and on the epoch's number only. Pass `shuffle=False` to `fit`:
    the order is made here.
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
        """Take n rows and, for each, a target and a weight.

        targets: `(n, ...)`; None: the rows themselves, for an autoencoder.
        weights: float32 `(n,)`; None: 1 each.
        batch_size: rows per batch; the last batch has what is left.
        seed: of the order; None: always the order of the rows.
        epoch: the number of the first epoch, where a training goes on.
        """
        super().__init__()
        self._rows = rows
        self._targets = targets
        self._weights = weights
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = epoch
        self._order = self._shuffled()

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._batch_size)

    def __getitem__(self, batch: int) -> tuple[NDArray[Any], ...]:
        chosen = self._order[batch * self._batch_size : (batch + 1) * self._batch_size]
        rows = self._rows[chosen]
        targets = rows if self._targets is None else self._targets[chosen]
        return (rows, targets) if self._weights is None else (rows, targets, self._weights[chosen])

    def on_epoch_end(self) -> None:
        """Make the next epoch's order; now, as Keras may read ahead before it says that an epoch begins."""
        self._epoch += 1
        self._order = self._shuffled()

    def _shuffled(self) -> NDArray[np.int64]:
        if self._seed is None:
            return np.arange(len(self._rows))
        return np.random.default_rng((self._seed, self._epoch)).permutation(len(self._rows))


class LabelledBatches(Batches):
    """Batches `({rows, targets, weights}, targets, weights)`, as `train.training_model` takes them.

    With `evenly`, an epoch is a sample in which every class is as likely as any other. Of several devices, each gets as
    many rows of a batch: the last one is filled up with the epoch's first rows, since none may be left without any.
    """

    def __init__(
        self,
        rows: LazyRows | NDArray[Any],
        targets: NDArray[np.int32],
        weights: NDArray[np.float32],
        *,
        batch_size: int,
        seed: int | None = None,
        epoch: int = 0,
        evenly: bool = False,
        devices: int = 1,
    ) -> None:
        """Take what `Batches` takes; targets are class numbers."""
        self._evenly, self._devices = evenly, devices
        super().__init__(rows, targets, weights, batch_size=_multiple(batch_size, devices), seed=seed, epoch=epoch)

    def __getitem__(self, batch: int) -> tuple[Any, ...]:
        rows, targets, weights = super().__getitem__(batch)
        return {"rows": rows, "targets": targets, "weights": weights}, targets, weights

    def _shuffled(self) -> NDArray[np.int64]:
        if self._evenly and self._targets is not None:
            order = sampling.evenly(self._targets, np.random.default_rng((self._seed or 0, self._epoch)))
        else:
            order = super()._shuffled()
        return np.resize(order, _multiple(len(order), self._devices))


def _multiple(count: int, of: int) -> int:
    return math.ceil(count / of) * of


def load_if_fits(rows: LazyRows, memory_bytes: int = MEMORY_BYTES) -> LazyRows | NDArray[Any]:
    """The rows in memory if they need no more than so many bytes, else as they are: read when asked for."""
    size = len(rows) * math.prod(rows.shape) * rows.dtype.itemsize
    return rows[:] if size <= memory_bytes else rows
