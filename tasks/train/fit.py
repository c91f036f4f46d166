"""One phase of a classifier's training."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from configs.schema import TrainConfig
from tasks.networks import hardware
from tasks.networks.augment import Augment, Mix
from tasks.store.lazy_rows import LazyRows
from tasks.store.progress import Advance
from tasks.train.classification import WEIGHTS, Classification
from tasks.train.loss import TrainingLoss
from tasks.training import fit as loop
from tasks.training.checkpoint import Checkpoint, TrainingState
from tasks.training.plan import TARGETS, Examples, Plan


@dataclass(frozen=True)
class LabelledData:
    """Photos for training or validation."""

    rows: LazyRows | NDArray[Any]
    """`(n, ...)`."""
    targets: NDArray[np.int32]
    """Class numbers, `(n,)`."""
    weights: NDArray[np.float32]
    """Weight of each photo in the loss, `(n,)`."""

    @property
    def examples(self) -> Examples:
        """What the training loop takes."""
        return Examples(self.rows, {TARGETS: self.targets, WEIGHTS: self.weights})


@dataclass(frozen=True)
class Phase:
    """What is trained on, how fast and for how long."""

    name: str
    train: LabelledData
    val: LabelledData | None
    learning_rate: float
    """The peak."""
    epochs: int
    """The largest number of epochs."""
    log_priors: NDArray[np.float32]
    """Logarithm of each class's share of the train photos, `(classes,)`."""
    best_loss: float = math.inf
    """The classifier's present validation loss; without a lower one, the phase does not change it."""
    class_balanced: bool = False
    """Whether every class is drawn equally often."""
    augmented: bool = True
    stop_after: int | None = None
    """Epochs after which to stop and keep the last weights; None: the loss decides."""
    rows_at_once: int | None = None
    """Most rows that are computed together; None: as many as fit."""

    def plan(self, config: TrainConfig) -> Plan:
        """Return what the training loop takes."""
        return Plan(
            name=self.name,
            section="train",
            train=self.train.examples,
            val=self.val.examples if self.val else None,
            learning_rate=self.learning_rate,
            epochs=self.epochs,
            batch_size=config.batch_size,
            patience=config.patience,
            seed=config.seed,
            xla=config.xla,
            optimizer=config.optimizer,
            weight_decay=config.weight_decay,
            ema=config.ema,
            best_loss=self.best_loss,
            class_balanced=self.class_balanced,
            stop_after=self.stop_after,
            rows_at_once=self.rows_at_once,
            if_too_large="use a smaller network (pretrain.encoder, or train.network without a pretrained one) or "
            "preprocess.side_px",
        )

    def objective(self, config: TrainConfig) -> Callable[[keras.Model], Classification]:
        """Return what makes a classifier's objective."""

        def make(classifier: keras.Model) -> Classification:
            augment = config.augment
            mixes = self.augmented and (augment.mixup or augment.cutmix)
            are_maps = self.augmented and len(self.train.examples.row_shape) == 3  # tiles or codes, not features
            return Classification(
                classifier,
                TrainingLoss(config, self.log_priors),
                augment=Augment(augment, config.seed, compiled=hardware.uses_xla(config)) if are_maps else None,
                mix=Mix(augment.mixup, augment.cutmix, config.seed) if mixes else None,
            )

        return make


def fit(
    classifier: keras.Model,
    phase: Phase,
    config: TrainConfig,
    *,
    checkpoint: Checkpoint,
    advance: Advance,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> TrainingState:
    """Train a classifier's trainable weights in place; see `tasks.training.fit.fit`."""
    return loop.fit(
        classifier,
        phase.objective(config),
        phase.plan(config),
        checkpoint=checkpoint,
        advance=advance,
        callbacks=callbacks,
    )


def step_seconds(classifier: keras.Model, phase: Phase, config: TrainConfig) -> float:
    """Measure the time of one optimizer step; see `tasks.training.fit.step_seconds`."""
    return loop.step_seconds(classifier, phase.objective(config), phase.plan(config))
