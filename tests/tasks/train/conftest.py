"""A training small enough for tests: stripes that lie or stand, and a convnet."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest

from configs.schema import TrainConfig
from tasks.networks.classifier import tile_classifier
from tasks.networks.keras_io import make_reproducible, weights_digest
from tasks.train.checkpoint import Checkpoint, Progress
from tasks.train.fit import Labelled, Phase, fit

SMALL = TrainConfig(input="tiles", filters=(4, 8), epochs=4, batch_size=8, learning_rate=0.02)


@dataclass
class Small:
    """Photos to train on and to validate on, and a folder for checkpoints."""

    train: Labelled
    val: Labelled
    home: Path

    def classifier(self, config: TrainConfig = SMALL) -> keras.Model:
        make_reproducible(config.seed)
        return tile_classifier(self.train.rows.shape[1:], 2, config)

    def fit(
        self,
        model: keras.Model,
        config: TrainConfig = SMALL,
        watchers: tuple[keras.callbacks.Callback, ...] = (),
        **settings,
    ) -> Progress:
        shares = np.log(np.array([0.5, 0.5], np.float32))
        settings = {"peak": config.learning_rate, "epochs": config.epochs, "log_shares": shares} | settings
        phase = Phase("training", self.train, settings.pop("val", self.val), **settings)
        return fit(
            model, phase, config, kept=Checkpoint(self.home / "training.npz"), advance=lambda n: None, watchers=watchers
        )

    def trained(self, config: TrainConfig = SMALL, **settings) -> str:
        """Digest of the weights of a training."""
        model = self.classifier(config)
        self.fit(model, config, **settings)
        return weights_digest(model)


@pytest.fixture
def small(tmp_path: Path, stripes: Callable[..., np.ndarray]) -> Small:
    def photos(seed: int, count: int) -> Labelled:
        rows = np.concatenate([stripes(0, count, seed=seed), stripes(1, count, seed=seed)])
        targets = np.repeat(np.array([0, 1], np.int32), count)
        return Labelled(rows, targets, np.ones(2 * count, np.float32))

    return Small(photos(0, 16), photos(1, 6), tmp_path)


class Kill(keras.callbacks.Callback):
    """Ends a training in the middle of an epoch, as kill -9 would: nothing is cleaned up or written any more."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self._epoch, self._now = epoch, 0

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self._now = epoch + 1

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        if (self._now, batch) == (self._epoch, 1):
            raise KilledError


class KilledError(BaseException):
    """Not caught by anything."""


@pytest.fixture
def kill() -> Callable[[int], Kill]:
    return Kill


@pytest.fixture
def killed() -> type[BaseException]:
    return KilledError
