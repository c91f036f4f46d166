"""The objective of an autoencoder: to give back its input."""

import keras
from keras import ops

from tasks.training.objective import Batch, Objective, Values

BRIGHTEST = 255


class Reconstruction(Objective):
    """Trains an autoencoder on tiles, uint8 `(n, h, w, c)`, that are its targets, too.

    The loss of a tile is its mean squared error in units of full brightness, 0..1.
    """

    def __init__(self, autoencoder: keras.Model) -> None:
        """Wrap an autoencoder, whose weights are changed in place."""
        super().__init__(autoencoder, name="reconstruction")

    def call(self, batch: Batch, training: bool = False) -> Values:
        """Compute the loss of each tile."""
        tiles = batch["rows"]
        copies = ops.cast(self.network(tiles, training=training), "float32")
        errors = ops.square((copies - ops.cast(tiles, "float32")) / BRIGHTEST)
        return {"loss": ops.mean(errors, axis=(1, 2, 3))}
