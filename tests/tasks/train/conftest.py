"""A training that is small enough for tests: horizontal and vertical stripes, and a convnet."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest

from configs.schema import TrainConfig
from tasks.networks.classifier import tile_classifier
from tasks.networks.keras_io import seed_everything, weights_digest
from tasks.store.manifest import Artifact
from tasks.train.fit import LabelledData, Phase, fit
from tasks.training.checkpoint import Checkpoint, TrainingState
from tests.helpers.training import NO_ENCODER

SMALL = TrainConfig(filters=(4, 8), epochs=4, batch_size=8, learning_rate=0.02)


@dataclass
class Small:
    """Train and validation photos, and a folder for checkpoints."""

    train: LabelledData
    val: LabelledData
    folder: Path

    def classifier(self, config: TrainConfig = SMALL) -> keras.Model:
        seed_everything(config.seed)
        return tile_classifier(self.train.rows.shape[1:], 2, config)

    def fit(
        self,
        model: keras.Model,
        config: TrainConfig = SMALL,
        callbacks: tuple[keras.callbacks.Callback, ...] = (),
        **settings,
    ) -> TrainingState:
        priors = np.log(np.array([0.5, 0.5], np.float32))
        settings = {"learning_rate": config.learning_rate, "epochs": config.epochs, "log_priors": priors} | settings
        phase = Phase("training", self.train, settings.pop("val", self.val), **settings)
        return fit(
            model,
            phase,
            config,
            checkpoint=Checkpoint(self.folder / "training.npz"),
            advance=lambda n: None,
            callbacks=callbacks,
        )

    def trained(self, config: TrainConfig = SMALL, **settings) -> str:
        """Train, and return the digest of the weights."""
        model = self.classifier(config)
        self.fit(model, config, **settings)
        return weights_digest(model)


@pytest.fixture
def small(tmp_path: Path, stripes: Callable[..., np.ndarray]) -> Small:
    def photos(seed: int, count: int) -> LabelledData:
        rows = np.concatenate([stripes(0, count, seed=seed), stripes(1, count, seed=seed)])
        targets = np.repeat(np.array([0, 1], np.int32), count)
        return LabelledData(rows, targets, np.ones(2 * count, np.float32))

    return Small(photos(0, 16), photos(1, 6), tmp_path)


class Kill(keras.callbacks.Callback):
    """Ends a training in the middle of an epoch, like kill -9: nothing is cleaned up or written afterwards."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self._epoch, self._current = epoch, 0

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self._current = epoch + 1

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        if (self._current, batch) == (self._epoch, 1):
            raise KilledError


class KilledError(BaseException):
    """Not caught by any code."""


@pytest.fixture
def kill() -> Callable[[int], Kill]:
    return Kill


@pytest.fixture
def killed() -> type[BaseException]:
    return KilledError


@dataclass(frozen=True)
class TwoClasses:
    """A data folder with 40 photos to train on, 10 to validate on, 10 to test on, and what train needs of them."""

    root: Path
    scratch: dict[str, Artifact]
    """The artifacts without an encoder."""
    frozen: dict[str, Artifact]
    """Those with a pretrained network."""


@pytest.fixture(scope="session")
def made_once(tmp_path_factory, folders_in, stripes, small_network) -> TwoClasses:
    """What `two_classes` and `frozen` are copies of; nothing may be changed in it."""
    folders = folders_in(tmp_path_factory.mktemp("two-classes") / "data")
    pictures = np.concatenate([stripes(0, 30), stripes(1, 30)])
    splits = (["train"] * 20 + ["val"] * 5 + ["test"] * 5) * 2
    kept, photos = folders.kept(["lying"] * 30 + ["upright"] * 30, splits)
    tiles = folders.tiles(kept, dict(zip(photos, pictures, strict=True)))
    scratch, frozen = (folders.features(kept, tiles, config) for config in (NO_ENCODER, small_network))
    return TwoClasses(folders.store.root, scratch, frozen)


@pytest.fixture
def two_classes(folders, made_once) -> dict[str, Artifact]:
    """Photos of horizontal and of vertical stripes, without an encoder, in the test's own data folder."""
    shutil.copytree(made_once.root, folders.store.root, dirs_exist_ok=True)
    return made_once.scratch


@pytest.fixture
def frozen(two_classes, made_once) -> dict[str, Artifact]:
    """The same photos with the features of a pretrained network."""
    return made_once.frozen
