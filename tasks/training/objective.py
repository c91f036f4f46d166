"""What a network is trained for: how a batch becomes the loss of each of its rows."""

from typing import Any, ClassVar

import keras

Batch = dict[str, Any]
"""`rows`, `(n, ...)`, in the dtype in which they are stored; and what else `Examples.labels` has, each `(n, ...)`."""
Values = dict[str, Any]
"""One value for each row, float32 `(n,)`, by the names in `Objective.measured`."""


class Objective(keras.Model):
    """A network with its loss, and with what changes its inputs in training. Only the network is kept.

    A subclass defines `call(batch, training)`, which returns `Values`. XLA must be able to compile it. What is random
    in it draws from a `keras.random.SeedGenerator` that is an attribute of it or of one of its layers, so that a
    resumed training draws the same numbers.
    """

    measured: ClassVar[tuple[str, ...]] = ("loss",)
    """The names of the values; the first is `loss`, with the weight of the row in it."""

    def __init__(self, network: keras.Model, name: str) -> None:
        """Wrap a network, whose weights are changed in place."""
        super().__init__(name=name, dtype="float32")  # 16 bits would round targets, weights and losses
        self.network = network
        self.built = True  # it has no variables of its own that the first call would create
