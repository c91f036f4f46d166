"""The phases of a training by gradient descent, one after the other, from initial weights to a trained classifier."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from configs.schema import ImbalanceConfig, TrainConfig
from tasks.networks import classifier as classifiers
from tasks.networks import head as heads
from tasks.networks.keras_io import predict
from tasks.networks.scaling import SCALED_CODES
from tasks.store.progress import Progress
from tasks.train import class_balance
from tasks.train.finetune import freeze, unfreeze
from tasks.train.fit import LabelledData, Phase, fit
from tasks.training import monitors
from tasks.training.checkpoint import Checkpoint, TrainingState
from tasks.training.errors import DivergedError

_BALANCED = ImbalanceConfig(method="weights", power=1, cap=math.inf)


class Schedule:
    """Trains a classifier in place, in phases that the caller chooses.

    A phase that does not lower the validation loss is undone. A network that learns from scratch has one phase. A
    pretrained network has first its head trained, on features that the extract stage has computed; then it is unfrozen
    step by step, each step at a lower learning rate. A network behind an autoencoder's encoder learns first from the
    codes that the extract stage has computed, then from tiles together with the encoder, at a lower learning rate.
    """

    def __init__(
        self,
        model: keras.Model,
        config: TrainConfig,
        train: LabelledData,
        val: LabelledData | None,
        *,
        learning_rate: float,
        folder: Path,
        progress: Progress,
        stop_after: Mapping[str, int] | None = None,
    ) -> None:
        """Configure the training.

        Args:
            model: the classifier to train.
            config: the settings.
            train: photos to train on: the classifier's inputs.
            val: photos to validate on, if any.
            learning_rate: peak of the first phase.
            folder: for checkpoints and logs; a killed training continues from the files in it.
            progress: reports the epochs of each phase.
            stop_after: for a training without validation, which repeats one with it: epochs of each phase by name. The
                last weights are kept. Phases with 0 epochs are left out.
        """
        self.history: dict[str, list[float]] = {}
        """One value for each epoch of all phases, by metric."""
        self.best_epoch = 0
        """The epoch whose weights are kept, counted over the whole history from 1."""
        self.best_epochs: dict[str, int] = {}
        """The epochs of each phase, by name, up to the weights that are kept; 0: the phase was undone."""
        self._model, self._config, self._train, self._val = model, config, train, val
        self._learning_rate, self._folder, self._progress = learning_rate, folder, progress
        self._stop_after = stop_after
        self._counts = np.bincount(train.targets, minlength=model.output_shape[-1])
        self._best_loss = math.inf

    def train_network(self) -> None:
        """Train all weights, from scratch or from those of an earlier classifier."""
        self._fit_network("training", self._learning_rate)

    def train_on_codes(self, train: LabelledData, val: LabelledData | None) -> None:
        """Train what is behind an autoencoder's encoder; train and val have codes `(n, h, w, c)` as rows."""
        self._model.get_layer(SCALED_CODES).trainable = False
        phase = self._phase(
            "training on codes", train, val, learning_rate=self._learning_rate, epochs=self._config.epochs
        )
        self._fit(classifiers.behind_encoder(self._model), phase)

    def train_through_encoder(self, rows_at_once: int | None) -> None:
        """Train an autoencoder's encoder and what is behind it, together.

        Batch normalisation keeps its averages, see `unfreeze`.

        Args:
            rows_at_once: most tiles that are computed together; None: as many as fit.
        """
        unfreeze(self._model, "all")
        phase = self._phase(
            "training through the encoder",
            self._train,
            self._val,
            learning_rate=self._learning_rate * self._config.unfreeze_rate,
            epochs=self._config.epochs,
        )
        self._fit(self._model, replace(phase, rows_at_once=rows_at_once))

    def train_head(self, train: LabelledData, val: LabelledData | None) -> None:
        """Train the head alone; train and val have pooled features `(n, d)` as rows."""
        self._fit_head("training the head", self._config.head_epochs, train, val)

    def train_frozen(self) -> None:
        """Train the head of a pretrained network from tiles, which are augmented: a convolution needs the maps."""
        freeze(self._model)
        phase = self._phase(
            "training the head",
            self._train,
            self._val,
            learning_rate=self._learning_rate,
            epochs=self._config.head_epochs,
        )
        self._fit(self._model, phase)

    def unfreeze(self, *starts: str | int) -> None:
        """Train a pretrained network from each start to its end, one step after the other."""
        for start in starts:
            unfreeze(self._model, start)  # reports an unknown layer now, not hours later
        freeze(self._model)
        for step, start in enumerate(starts, start=1):
            unfreeze(self._model, start)
            self._fit_network(f"training from {start}", self._learning_rate * self._config.unfreeze_rate**step)

    def retrain_head(self) -> None:
        """Train a new head on the trained network's features, drawing every class equally often."""
        network = classifiers.feature_extractor(self._model)
        balanced = class_balance.class_weights(self._counts, _BALANCED)
        train = replace(self._train, weights=np.ones_like(balanced)[self._train.targets])
        val = self._val and replace(self._val, weights=balanced[self._val.targets])
        self._best_loss = math.inf  # losses with other weights cannot be compared
        train = replace(train, rows=predict(network, train.rows))
        val = val and replace(val, rows=predict(network, val.rows))
        self._fit_head("retraining the head", self._config.imbalance.epochs, train, val, retrain=True)

    def _fit_head(
        self, name: str, epochs: int, train: LabelledData, val: LabelledData | None, *, retrain: bool = False
    ) -> None:
        """Train the head alone on fixed features; with `retrain`, class-balanced and from new weights."""
        head = heads.head(train.rows[:1].shape[-1], len(self._counts), self._config)
        if not retrain:
            classifiers.copy_head(self._model, head)
        phase = self._phase(name, train, val, learning_rate=self._learning_rate, epochs=epochs)
        self._fit(head, replace(phase, augmented=False, class_balanced=retrain), recorded=not retrain)
        classifiers.copy_head(head, self._model)

    def _fit_network(self, name: str, learning_rate: float) -> None:
        """Train the trainable layers of the classifier."""
        phase = self._phase(name, self._train, self._val, learning_rate=learning_rate, epochs=self._config.epochs)
        self._fit(self._model, phase)

    def _phase(
        self, name: str, train: LabelledData, val: LabelledData | None, *, learning_rate: float, epochs: int
    ) -> Phase:
        log_priors = class_balance.log_priors(self._counts)
        stop_after = self._stop_after.get(name) if self._stop_after is not None else None
        return Phase(
            name, train, val, learning_rate, epochs, log_priors, best_loss=self._best_loss, stop_after=stop_after
        )

    def _fit(self, model: keras.Model, phase: Phase, *, recorded: bool = True) -> None:
        if phase.stop_after == 0:
            return
        path = self._folder / re.sub(r"\W+", "-", phase.name)
        try:
            with self._progress(phase.name, total=phase.stop_after or phase.epochs) as advance:
                state = fit(
                    model,
                    phase,
                    self._config,
                    checkpoint=Checkpoint(path.with_suffix(".npz")),
                    advance=advance,
                    callbacks=monitors.monitoring_callbacks(self._folder / monitors.FOLDER, path.name),
                )
        except DivergedError as error:
            if not (error.kept or self.best_epoch):
                raise
            if error.kept and model is not self._model:
                classifiers.copy_head(model, self._model)
            best = path.with_suffix(".keras")
            self._model.save(best)
            raise DivergedError(f"{error}; the best weights before that are in {best}", kept=True) from error
        self.best_epochs[phase.name] = state.best_epoch
        if recorded:
            self._record(state)

    def _record(self, state: TrainingState) -> None:
        """Append a phase to the history."""
        done = len(self.history.get("loss", []))
        for name, values in state.history.items():
            self.history.setdefault(name, []).extend(values)
        if state.best_epoch:
            self.best_epoch, self._best_loss = done + state.best_epoch, state.best_loss
