"""One phase of a training: optimizer, epochs, early stopping, checkpoints, and retries with smaller batches."""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from configs.schema import TrainConfig
from tasks.networks import hardware
from tasks.networks.augment import Augment, Mix
from tasks.networks.batches import LabelledBatches
from tasks.networks.keras_io import warmup_cosine
from tasks.store.progress import Advance
from tasks.store.shards import LazyRows
from tasks.train.callbacks import BestWeightsCallback
from tasks.train.checkpoint import Arrays, Checkpoint, TrainingState, reset_random_numbers, restore_variables
from tasks.train.errors import DivergedError, TooLargeError
from tasks.train.loss import TrainingLoss
from tasks.train.training_model import TrainingModel

_TIMED_STEPS = 3

logger = logging.getLogger("fluke.train")


@dataclass(frozen=True)
class LabelledData:
    """Photos for training or validation."""

    rows: LazyRows | NDArray[Any]
    """`(n, ...)`."""
    targets: NDArray[np.int32]
    """Class numbers, `(n,)`."""
    weights: NDArray[np.float32]
    """Weight of each photo in the loss, `(n,)`."""


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


def fit(
    classifier: keras.Model,
    phase: Phase,
    config: TrainConfig,
    *,
    checkpoint: Checkpoint,
    advance: Advance,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> TrainingState:
    """Train a classifier's trainable weights in place until the validation loss stops falling; keep the best.

    Without validation photos the training loss decides. Resumes from an existing checkpoint. If memory is too small for
    a batch, the phase starts again with batches split in two and accumulated gradients.

    Args:
        classifier: the model to train.
        phase: data, learning rate and length.
        config: all other settings.
        checkpoint: the file for the training state.
        advance: called with the number of finished epochs.
        callbacks: further callbacks.

    Returns:
        The state at the end.

    Raises:
        DivergedError: the loss became infinite or NaN. The classifier then has the weights of the best epoch or, if
            there was none, its initial weights.
        TooLargeError: memory is too small for a single photo.
    """
    initial = [keras.ops.convert_to_numpy(variable) for variable in classifier.variables]
    stored = checkpoint.read()
    split = stored[0].split if stored else 1
    while True:
        try:
            return Attempt(classifier, phase, config, checkpoint, split).run(stored, advance, callbacks)
        except Exception as error:
            if isinstance(error, DivergedError) and not error.kept:
                _assign(classifier, initial)
            if not hardware.is_out_of_memory(error):
                raise
            if split >= config.batch_size:
                raise TooLargeError(
                    f"train: out of memory for a single photo of {phase.train.rows[:1].shape[1:]}; use a smaller "
                    "network (pretrain.encoder, or train.network without a pretrained one) or preprocess.side_px"
                ) from error
            split *= 2
            logger.warning(
                "out of memory for batches of %d: each batch is split into %d parts, and gradients are accumulated",
                config.batch_size,
                split,
            )
            stored = None
            _assign(classifier, initial)  # with JAX, variables have no values after an error


def _assign(classifier: keras.Model, values: Arrays) -> None:
    for variable, value in zip(classifier.variables, values, strict=True):
        variable.assign(value)


class Attempt:
    """One attempt at a phase, with each batch split into a number of parts."""

    def __init__(
        self, classifier: keras.Model, phase: Phase, config: TrainConfig, checkpoint: Checkpoint, split: int
    ) -> None:
        """Wrap the classifier for training; `split` is the number of parts of each batch."""
        self.split = split
        self._phase, self._config, self._checkpoint = phase, config, checkpoint
        reset_random_numbers(classifier)
        augment = config.augment
        mixes = phase.augmented and (augment.mixup or augment.cutmix)
        tiles = phase.augmented and phase.train.rows.dtype == np.uint8
        self._model = TrainingModel(
            classifier,
            TrainingLoss(config, phase.log_priors),
            augment=Augment(augment, config.seed, compiled=hardware.uses_xla(config)) if tiles else None,
            mix=Mix(augment.mixup, augment.cutmix, config.seed) if mixes else None,
        )

    def run(
        self,
        stored: tuple[TrainingState, Arrays] | None,
        advance: Advance,
        callbacks: Sequence[keras.callbacks.Callback],
    ) -> TrainingState:
        """Train, starting from a checkpoint's content if given; see `fit`."""
        phase, model = self._phase, self._model
        best_loss = phase.best_loss if phase.val else math.inf
        state = stored[0] if stored else TrainingState(best_loss=best_loss, split=self.split)
        before = model.classifier.get_weights()
        if not state.ended:
            train = self._batches(phase.train, self._config.seed, state.epochs)
            self._compile(len(train))
            if stored:
                restore_variables(model, stored[1])
                logger.info("%s: continues after epoch %d", phase.name, state.epochs)
                advance(state.epochs)
            keeper = BestWeightsCallback(
                state,
                self._checkpoint,
                name=phase.name,
                epochs=phase.epochs,
                learning_rate=phase.learning_rate,
                patience=self._config.patience,
                validated=phase.val is not None,
                stop_after=phase.stop_after,
                advance=advance,
            )
            averaging = [keras.callbacks.SwapEMAWeights()] if self._averages_weights else []
            model.fit(
                train,
                validation_data=self._batches(phase.val) if phase.val else None,
                initial_epoch=state.epochs,
                epochs=phase.epochs,
                shuffle=False,
                callbacks=[keeper, *averaging, *callbacks],  # the first one must see the averages before they are reset
                verbose=0,
            )
            state.ended = True
            self._checkpoint.write(state, [])
        model.classifier.set_weights(state.best or before)
        return state

    def step_seconds(self) -> float:
        """Measure the time of one optimizer step; see the function of this name."""
        batches = self._batches(self._phase.train, self._config.seed)
        self._compile(len(batches))
        self._model.train_on_batch(*batches[0])
        began = time.monotonic()
        for _ in range(_TIMED_STEPS):
            self._model.train_on_batch(*batches[0])
        return (time.monotonic() - began) / _TIMED_STEPS

    @property
    def _averages_weights(self) -> bool:
        return bool(self._config.ema and self._phase.val)

    def _batches(self, photos: LabelledData, seed: int | None = None, epoch: int = 0) -> LabelledBatches:
        return LabelledBatches(
            photos.rows,
            photos.targets,
            photos.weights,
            batch_size=math.ceil(self._config.batch_size / self.split),
            seed=seed,
            epoch=epoch,
            class_balanced=self._phase.class_balanced and seed is not None,
            devices=hardware.num_replicas(),
        )

    def _compile(self, steps: int) -> None:
        config = self._config
        kind = {"adamw": keras.optimizers.AdamW, "rmsprop": keras.optimizers.RMSprop}[config.optimizer]
        optimizer = kind(
            warmup_cosine(self._phase.learning_rate, self._phase.epochs * steps),
            weight_decay=config.weight_decay,
            use_ema=self._averages_weights,
            ema_momentum=(config.ema or 0.99) ** (1 / self.split),  # the average is updated after each part of a batch
            gradient_accumulation_steps=self.split if self.split > 1 else None,
        )
        # no decay of biases and scales: see Goyal et al., arXiv:1706.02677, section 5.3
        vectors = [weight for weight in self._model.trainable_variables if len(weight.shape) < 2]
        optimizer.exclude_from_weight_decay(var_list=vectors)
        if keras.config.dtype_policy().name == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        self._model.compile(
            optimizer,
            metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
            jit_compile=hardware.uses_xla(config),
        )


def step_seconds(classifier: keras.Model, phase: Phase, config: TrainConfig) -> float:
    """Measure the time of one optimizer step on this machine; the classifier keeps its weights.

    The first step, which compiles, is not counted. If memory is too small for a batch, it is split as in `fit`.

    Raises:
        MemoryError: memory is too small for a single photo, or the backend's own error.
    """
    initial = [keras.ops.convert_to_numpy(variable) for variable in classifier.variables]
    split = 1
    while True:
        try:
            return split * Attempt(classifier, phase, config, Checkpoint(Path()), split).step_seconds()
        except Exception as error:
            if not hardware.is_out_of_memory(error) or split >= config.batch_size:
                raise
            split *= 2
        finally:
            _assign(classifier, initial)
