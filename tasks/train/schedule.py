"""The phases of a training, one after the other, from initial weights to a trained classifier."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from configs.schema import ImbalanceConfig, TrainConfig
from tasks.networks import classifier as classifiers
from tasks.networks import head as heads
from tasks.networks.keras_io import predict
from tasks.store.errors import UserError
from tasks.store.progress import Progress
from tasks.store.shards import LazyRows
from tasks.train import callbacks, class_balance
from tasks.train.callbacks import DivergedError
from tasks.train.checkpoint import Checkpoint, TrainingState
from tasks.train.finetune import freeze, unfreeze
from tasks.train.fit import LabelledData, Phase, fit

Extract = Callable[[keras.Model, LabelledData], LazyRows | NDArray[np.floating[Any]]]
"""`extract(network, photos)` computes pooled features `(n, d)` with a network that ends with them."""
_BALANCED = ImbalanceConfig(method="weights", power=1, cap=math.inf)


class Schedule:
    """Trains a classifier in place.

    From scratch there is one phase. With a pretrained network, the head is trained first, on features of the frozen
    network that are computed once; then the network is unfrozen step by step, each step at a lower learning rate. A
    step that does not lower the validation loss is undone.
    """

    def __init__(
        self,
        model: keras.Model,
        config: TrainConfig,
        train: LabelledData,
        val: LabelledData | None,
        *,
        learning_rate: float,
        extract: Extract,
        folder: Path,
        progress: Progress,
    ) -> None:
        """Configure the training.

        Args:
            model: the classifier to train.
            config: the settings.
            train: photos to train on.
            val: photos to validate on, if any.
            learning_rate: peak of the first phase.
            extract: see `Extract`; used while the network has its initial weights.
            folder: for checkpoints and logs; a killed training continues from the files in it.
            progress: reports the epochs of each phase.
        """
        self.history: dict[str, list[float]] = {}
        """One value for each epoch of all phases, by metric."""
        self.best_epoch = 0
        """The epoch whose weights are kept, counted over the whole history from 1."""
        self._model, self._config, self._train, self._val = model, config, train, val
        self._learning_rate, self._extract, self._folder, self._progress = learning_rate, extract, folder, progress
        self._counts = np.bincount(train.targets, minlength=model.output_shape[-1])
        self._best_loss = math.inf

    def run(self) -> None:
        """Train; then the classifier has the best weights, and `history` is complete."""
        config = self._config
        if config.weights is None:
            self._record(self._fit_network("training", self._learning_rate))
        else:
            for start in config.unfreeze:
                unfreeze(self._model, start)  # reports an unknown layer now, not hours later
            freeze(self._model)
            if config.head_epochs:
                network = classifiers.feature_extractor(self._model)
                features = self._features(lambda photos: self._extract(network, photos), self._train, self._val)
                self._record(self._fit_head("training the head", config.head_epochs, *features))
            for step, start in enumerate(config.unfreeze, start=1):
                unfreeze(self._model, start)
                rate = self._learning_rate * config.unfreeze_rate**step
                self._record(self._fit_network(f"training from {start}", rate))
        if config.imbalance.method == "retrain_head":
            self._retrain_head()

    def _retrain_head(self) -> None:
        """Train a new head on the trained network's features, drawing every class equally often."""
        network = classifiers.feature_extractor(self._model)
        balanced = class_balance.class_weights(self._counts, _BALANCED)
        train = replace(self._train, weights=np.ones_like(balanced)[self._train.targets])
        val = self._val and replace(self._val, weights=balanced[self._val.targets])
        features = self._features(lambda photos: predict(network, photos.rows), train, val)
        self._best_loss = math.inf  # losses with other weights cannot be compared
        self._fit_head("retraining the head", self._config.imbalance.epochs, *features, retrain=True)

    def _features(
        self,
        extract: Callable[[LabelledData], LazyRows | NDArray[np.floating[Any]]],
        train: LabelledData,
        val: LabelledData | None,
    ) -> tuple[LabelledData, LabelledData | None]:
        """Replace the rows of photos by their features."""
        return replace(train, rows=extract(train)), val and replace(val, rows=extract(val))

    def _fit_head(
        self, name: str, epochs: int, train: LabelledData, val: LabelledData | None, *, retrain: bool = False
    ) -> TrainingState:
        """Train the head alone on fixed features; with `retrain`, class-balanced and from new weights."""
        head = heads.head(train.rows[:1].shape[-1], len(self._counts), self._config)
        if not retrain:
            classifiers.copy_head(self._model, head)
        phase = self._phase(name, train, val, learning_rate=self._learning_rate, epochs=epochs)
        state = self._fit(head, replace(phase, augmented=False, class_balanced=retrain))
        classifiers.copy_head(head, self._model)
        return state

    def _fit_network(self, name: str, learning_rate: float) -> TrainingState:
        """Train the trainable layers of the classifier."""
        phase = self._phase(name, self._train, self._val, learning_rate=learning_rate, epochs=self._config.epochs)
        return self._fit(self._model, phase)

    def _phase(
        self, name: str, train: LabelledData, val: LabelledData | None, *, learning_rate: float, epochs: int
    ) -> Phase:
        log_priors = class_balance.log_priors(self._counts)
        return Phase(name, train, val, learning_rate, epochs, log_priors, best_loss=self._best_loss)

    def _fit(self, model: keras.Model, phase: Phase) -> TrainingState:
        path = self._folder / re.sub(r"\W+", "-", phase.name)
        try:
            with self._progress(phase.name, total=phase.epochs) as advance:
                return fit(
                    model,
                    phase,
                    self._config,
                    checkpoint=Checkpoint(path.with_suffix(".npz")),
                    advance=advance,
                    callbacks=callbacks.monitoring_callbacks(self._folder / "tensorboard", path.name),
                )
        except DivergedError as error:
            if not (error.kept or self.best_epoch):
                raise
            if error.kept and model is not self._model:
                classifiers.copy_head(model, self._model)
            best = path.with_suffix(".keras")
            self._model.save(best)
            raise UserError(f"{error}; the best weights before that are in {best}") from error

    def _record(self, state: TrainingState) -> None:
        """Append a phase to the history."""
        done = len(self.history.get("loss", []))
        for name, values in state.history.items():
            self.history.setdefault(name, []).extend(values)
        if state.best_epoch:
            self.best_epoch, self._best_loss = done + state.best_epoch, state.best_loss
