"""One phase of a training: its passes, when it stops, what it keeps, and how it goes on after it was killed."""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from configs.schema import TrainConfig
from tasks.networks import hardware
from tasks.networks.batches import LabelledBatches
from tasks.networks.head import TrainingLoss
from tasks.networks.keras_io import warm_cosine
from tasks.store.errors import UserError
from tasks.store.progress import Advance
from tasks.store.shards import LazyRows
from tasks.train import checkpoint
from tasks.train.augment import Augment, Mix
from tasks.train.checkpoint import Checkpoint, Progress
from tasks.train.training_model import Trainee

_LOOK_EVERY_BATCHES = 20
_WRITING_SHARE = 0.01
"""Share of the time that writing checkpoints may take."""

logger = logging.getLogger("fluke.train")
epochs_logger = logging.getLogger("fluke.epochs")


class DivergedError(UserError):
    """The loss is infinite or no number any more."""

    def __init__(self, message: str, *, kept: bool) -> None:
        """Take what to tell, and whether there was a better pass before, whose weights the classifier now has."""
        super().__init__(message)
        self.kept = kept


@dataclass(frozen=True)
class Labelled:
    """Photos to train on or to validate on: rows `(n, ...)`, class numbers int32 `(n,)`, weights float32 `(n,)`."""

    rows: LazyRows | NDArray[Any]
    targets: NDArray[np.int32]
    weights: NDArray[np.float32]
    names: Sequence[str] = ()
    """What a pool of something computed from the rows calls them."""


@dataclass(frozen=True)
class Phase:
    """What is done to which photos, how fast, and for how long at most."""

    name: str
    train: Labelled
    val: Labelled | None
    peak: float
    """The learning rate's peak."""
    epochs: int
    log_shares: NDArray[np.float32]
    """Of the classes: see `TrainingLoss`."""
    to_beat: float = math.inf
    """A validation loss that the classifier has already; without a lower one, it is left as it is."""
    evenly: bool = False
    """Whether classes are drawn as often as each other."""
    augmented: bool = True


def fit(
    classifier: keras.Model,
    phase: Phase,
    config: TrainConfig,
    *,
    kept: Checkpoint,
    advance: Advance,
    watchers: Sequence[keras.callbacks.Callback] = (),
) -> Progress:
    """Train a classifier's trainable weights in place, until the validation loss has stopped falling; keep the best.

    Without photos to validate on, the training loss decides. A checkpoint that is there is gone on from. Where memory
    is too little for a batch, the phase begins again with batches cut in two, and gradients added up.

    Raises DivergedError if the loss is no number any more; the classifier then has the best weights before that, which
    are those that it came with if no pass was better.
    Raises UserError if memory is too little for a single photo.
    """
    beginning = [keras.ops.convert_to_numpy(variable) for variable in classifier.variables]
    found = kept.read()
    split = found[0].split if found else 1
    while True:
        try:
            return _Fit(classifier, phase, config, kept, split).run(found, advance, watchers)
        except Exception as error:
            if isinstance(error, DivergedError) and not error.kept:
                _assign(classifier, beginning)
            if not hardware.is_out_of_memory(error):
                raise
            if split >= config.batch_size:
                raise UserError(
                    f"train: memory is too little for a single photo of {phase.train.rows[:1].shape[1:]} with "
                    f"network={config.network}; use a smaller network, or preprocess.side_px"
                ) from error
            split *= 2
            logger.warning(
                "memory is too little for batches of %d: they are cut into %d, and gradients added up",
                config.batch_size,
                split,
            )
            found = None
            _assign(classifier, beginning)  # JAX leaves none after an error


def _assign(classifier: keras.Model, values: checkpoint.Arrays) -> None:
    for variable, value in zip(classifier.variables, values, strict=True):
        variable.assign(value)


class _Fit:
    """One attempt at a phase, with batches cut into so many parts."""

    def __init__(
        self, classifier: keras.Model, phase: Phase, config: TrainConfig, kept: Checkpoint, split: int
    ) -> None:
        self._phase, self._config, self._kept, self._split = phase, config, kept, split
        checkpoint.rewind(classifier)
        augment = config.augment
        mixes = phase.augmented and (augment.mixup or augment.cutmix)
        tiles = phase.augmented and phase.train.rows.dtype == np.uint8
        self._model = Trainee(
            classifier,
            TrainingLoss(config, phase.log_shares),
            augment=Augment(augment, config.seed) if tiles else None,
            mix=Mix(augment.mixup, augment.cutmix, config.seed) if mixes else None,
        )

    def run(
        self,
        found: tuple[Progress, checkpoint.Arrays] | None,
        advance: Advance,
        watchers: Sequence[keras.callbacks.Callback],
    ) -> Progress:
        """Train, from a checkpoint if one is given."""
        phase, model = self._phase, self._model
        to_beat = phase.to_beat if phase.val else math.inf
        progress = found[0] if found else Progress(best_loss=to_beat, split=self._split)
        before = model.classifier.get_weights()
        if not progress.ended:
            train = self._batches(phase.train, self._config.seed, progress.epochs)
            self._compile(len(train))
            if found:
                checkpoint.restore(model, found[1])
                logger.info("%s: goes on after epoch %d", phase.name, progress.epochs)
                advance(progress.epochs)
            keeper = _Keeper(self._phase, progress, self._kept, self._config.patience, advance)
            averaging = [keras.callbacks.SwapEMAWeights()] if self._averages else []
            model.fit(
                train,
                validation_data=self._batches(phase.val) if phase.val else None,
                initial_epoch=progress.epochs,
                epochs=phase.epochs,
                shuffle=False,
                callbacks=[keeper, *averaging, *watchers],  # the keeper looks at averages before they are put back
                verbose=0,
            )
            progress.ended = True
            self._kept.write(progress, [])
        model.classifier.set_weights(progress.best or before)
        return progress

    @property
    def _averages(self) -> bool:
        return bool(self._config.ema and self._phase.val)

    def _batches(self, photos: Labelled, seed: int | None = None, epoch: int = 0) -> LabelledBatches:
        return LabelledBatches(
            photos.rows,
            photos.targets,
            photos.weights,
            batch_size=math.ceil(self._config.batch_size / self._split),
            seed=seed,
            epoch=epoch,
            evenly=self._phase.evenly and seed is not None,
            devices=hardware.sharing(),
        )

    def _compile(self, steps: int) -> None:
        config = self._config
        kind = {"adamw": keras.optimizers.AdamW, "rmsprop": keras.optimizers.RMSprop}[config.optimizer]
        optimizer = kind(
            warm_cosine(self._phase.peak, self._phase.epochs * steps),
            weight_decay=config.weight_decay,
            use_ema=self._averages,
            ema_momentum=(config.ema or 0.99) ** (1 / self._split),  # it is averaged after each part of a batch
            gradient_accumulation_steps=self._split if self._split > 1 else None,
        )
        # biases and scales: see Goyal et al., arXiv:1706.02677, section 5.3
        vectors = [weight for weight in self._model.trainable_variables if len(weight.shape) < 2]
        optimizer.exclude_from_weight_decay(var_list=vectors)
        if keras.config.dtype_policy().name == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        changes = (self._model.augment, self._model.mix)
        self._model.compile(
            optimizer,
            metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
            jit_compile=hardware.compiled(config) and all(layer.supports_jit for layer in changes if layer),
        )


class _Keeper(keras.callbacks.Callback):
    """After each pass: notes it, keeps the best weights, writes a checkpoint, tells of it, and says when to stop."""

    def __init__(self, phase: Phase, progress: Progress, kept: Checkpoint, patience: int, advance: Advance) -> None:
        super().__init__()
        self._phase, self._progress, self._kept = phase, progress, kept
        self._patience, self._advance = patience, advance
        self._validated: checkpoint.Arrays | None = None
        self._written_at, self._writing_s = -math.inf, 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if batch % _LOOK_EVERY_BATCHES == 0:
            self._check(float((logs or {}).get("loss", 0)), f"step {batch + 1} of ")

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        self._validated = self.model.classifier.get_weights()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        values = {name: float(value) for name, value in (logs or {}).items()}
        self._check(values["loss"])
        values["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        progress, loss = self._progress, values["val_loss" if self._phase.val else "loss"]
        for name, value in values.items():
            progress.history.setdefault(name, []).append(value)
        progress.epochs = epoch + 1
        if loss < progress.best_loss:
            progress.best_loss, progress.best_epoch = loss, progress.epochs
            progress.best = self._validated or self.model.classifier.get_weights()
        self._tell(values)
        self._advance(1)
        progress.ended = progress.waited >= self._patience  # noted before it is written, so that a kill changes nothing
        self.model.stop_training = progress.ended
        self._write()

    def _check(self, loss: float, where: str = "") -> None:
        if math.isfinite(loss):
            return
        phase, progress = self._phase, self._progress
        if progress.best:
            self.model.classifier.set_weights(progress.best)
        raise DivergedError(
            f"train.learning_rate: at {phase.peak:g} the loss became {loss} in {where}epoch {progress.epochs + 1}; "
            f"try {phase.peak / 10:g}",
            kept=bool(progress.best),
        )

    def _write(self) -> None:
        """Write, unless that would take more than its share of the time."""
        began = time.monotonic()
        if began - self._written_at >= self._writing_s / _WRITING_SHARE:
            self._kept.write(self._progress, checkpoint.state(self.model))
            self._written_at = time.monotonic()
            self._writing_s = self._written_at - began

    def _tell(self, values: dict[str, float]) -> None:
        numbers = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in values.items())
        best = ", the best so far" if self._progress.best_epoch == self._progress.epochs else ""
        epochs_logger.info("%s %d/%d: %s%s", self._phase.name, self._progress.epochs, self._phase.epochs, numbers, best)
