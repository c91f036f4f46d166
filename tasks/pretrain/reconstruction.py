"""The objective of an autoencoder: to give back its input."""

import keras
from keras import ops

from configs.schema import PretrainConfig
from tasks.networks import hardware
from tasks.networks.augment import Augment
from tasks.networks.scaling import BRIGHTEST
from tasks.pretrain.corruption import Corrupt
from tasks.training.objective import Batch, Objective, Values


class Reconstruction(Objective):
    """Trains an autoencoder on tiles, uint8 `(n, h, w, c)`, that are its targets, too.

    In training, tiles are augmented, and the result is both input and target; then the input alone gets noise, and
    parts of it are hidden. In validation, tiles are unchanged. The loss of a tile is its mean squared error in units of
    full brightness, 0..1.
    """

    def __init__(self, autoencoder: keras.Model, config: PretrainConfig) -> None:
        """Wrap an autoencoder, whose weights are changed in place."""
        super().__init__(autoencoder, name="reconstruction")
        self.augment = Augment(config.augment, config.seed, compiled=hardware.uses_xla(config))
        self.corrupt = Corrupt(config)

    def call(self, batch: Batch, training: bool = False) -> Values:
        """Compute the loss of each tile."""
        targets = batch["rows"]
        if training:
            targets = self.augment(targets)
        inputs = self.corrupt(targets) if training else targets
        copies = ops.cast(self.network(inputs, training=training), "float32")
        errors = ops.square((copies - ops.cast(targets, "float32")) / BRIGHTEST)
        return {"loss": ops.mean(errors, axis=(1, 2, 3))}
