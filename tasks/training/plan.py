"""What a network is trained on, how fast and for how long."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from configs.schema import Xla
from tasks.networks import sampling
from tasks.networks.keras_io import warmup_cosine
from tasks.store.lazy_rows import LazyRows

TARGETS = "targets"
"""The name of class numbers among the labels of examples."""


@dataclass(frozen=True)
class Examples:
    """Rows to train or to validate on."""

    rows: LazyRows | NDArray[Any]
    """`(n, ...)`."""
    labels: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """What an objective needs besides the rows, by name, each `(n, ...)`; they are small, and always in memory."""

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one row."""
        return tuple(self.rows.shape) if isinstance(self.rows, LazyRows) else tuple(self.rows.shape[1:])

    @property
    def row_bytes(self) -> int:
        """The size of one row."""
        return math.prod(self.row_shape) * self.rows.dtype.itemsize


@dataclass(frozen=True)
class Plan:
    """What a network is trained on, how fast and for how long."""

    name: str
    """For messages, such as `training the head`."""
    section: str
    """The section of the settings that are named in messages: `train` or `pretrain`."""
    train: Examples
    val: Examples | None
    learning_rate: float
    """The peak."""
    epochs: int
    """The largest number of epochs."""
    batch_size: int
    """Rows per optimizer step."""
    patience: int
    """Epochs without a lower loss after which the training stops."""
    seed: int
    """Seed of the order of the rows."""
    xla: Xla = "auto"
    optimizer: Literal["adam", "adamw", "rmsprop"] = "adam"
    weight_decay: float = 0
    ema: float = 0
    """Momentum of an average of the weights, which is validated and kept; 0: there is none."""
    best_loss: float = math.inf
    """The network's present validation loss; without a lower one, the training does not change it."""
    class_balanced: bool = False
    """Whether every class is drawn equally often; the labels then have `targets`."""
    stop_after: int | None = None
    """Epochs after which to stop and keep the last weights; None: the loss decides."""
    rows_at_once: int | None = None
    """Most rows that are computed together; larger batches are split from the beginning. None: as many as fit."""
    if_too_large: str = ""
    """The remedy if memory is too small for a single row."""

    @property
    def averages_weights(self) -> bool:
        """Whether an average of the weights is validated and kept."""
        return bool(self.ema and self.val)

    @property
    def split(self) -> int:
        """Parts that each batch is split into from the beginning: a power of 2, as where memory turns out too small."""
        parts = 1
        while self.rows_at_once and parts < self.batch_size and math.ceil(self.batch_size / parts) > self.rows_at_once:
            parts *= 2
        return parts

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return the positions of the train rows in an epoch, `(n,)`; they depend only on the seed and the epoch."""
        random = np.random.default_rng((self.seed, epoch))
        if self.class_balanced:
            return sampling.class_balanced(self.train.labels[TARGETS], random)
        return random.permutation(len(self.train.rows))

    def make_optimizer(self, steps: int, split: int, variables: list[Any]) -> keras.optimizers.Optimizer:
        """Create the optimizer.

        Args:
            steps: steps per epoch.
            split: parts of a batch; their gradients are accumulated.
            variables: the trainable variables.
        """
        kinds = {
            "adam": keras.optimizers.Adam,
            "adamw": keras.optimizers.AdamW,
            "rmsprop": keras.optimizers.RMSprop,
        }
        optimizer = kinds[self.optimizer](
            warmup_cosine(self.learning_rate, self.epochs * steps),
            weight_decay=self.weight_decay,
            use_ema=self.averages_weights,
            ema_momentum=(self.ema or 0.99) ** (1 / split),  # the average is updated after each part of a batch
            gradient_accumulation_steps=split if split > 1 else None,
        )
        # no decay of biases and scales: see Goyal et al., arXiv:1706.02677, section 5.3
        optimizer.exclude_from_weight_decay(var_list=[each for each in variables if len(each.shape) < 2])
        if keras.config.dtype_policy().name == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(variables)
        return optimizer
