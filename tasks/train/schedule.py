"""From first weights to a trained classifier: the phases of a training, one after the other."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from configs.schema import TrainConfig
from tasks.networks import classifier as classifiers
from tasks.networks import head as heads
from tasks.networks.keras_io import predict
from tasks.store.errors import UserError
from tasks.store.progress import Progress
from tasks.store.shards import LazyRows
from tasks.train import class_balance
from tasks.train.callbacks import watchers
from tasks.train.checkpoint import Checkpoint
from tasks.train.checkpoint import Progress as Done
from tasks.train.finetune import freeze, unfreeze
from tasks.train.fit import DivergedError, Labelled, Phase, fit

Pooled = Callable[[keras.Model, Labelled], LazyRows | NDArray[np.floating[Any]]]
"""`pooled(network, photos)` is what a network, up to its pooled features, gives for photos: `(n, d)`."""


class Recipe:
    """Trains a classifier in place.

    From scratch that is one phase. A pretrained network is frozen first and its head trained on features that are
    computed once; then it is unfrozen step by step, at a lower rate each time. A step that doesn't lower the validation
    loss is taken back.
    """

    def __init__(
        self,
        model: keras.Model,
        config: TrainConfig,
        train: Labelled,
        val: Labelled | None,
        *,
        peak: float,
        pooled: Pooled,
        home: Path,
        progress: Progress,
    ) -> None:
        """Take a classifier and what to train it on.

        peak: the first learning rate's peak. pooled: see `Pooled`; used while the network has its first weights.
        home: a folder for checkpoints and logs; a training that was killed goes on from what is there.
        """
        self.history: dict[str, list[float]] = {}
        self.best_epoch = 0
        """The pass whose weights are kept, of all in the history; the first is 1."""
        self._model, self._config, self._train, self._val = model, config, train, val
        self._peak, self._pooled, self._home, self._progress = peak, pooled, home, progress
        self._counts = np.bincount(train.targets, minlength=model.output_shape[-1])
        self._best_loss = math.inf

    def run(self) -> None:
        """Train; afterwards the classifier has the best weights, and `history` tells of every pass."""
        config = self._config
        if config.weights is None:
            self._note(self._fit_network("training", self._peak))
        else:
            for start in config.unfreeze:
                unfreeze(self._model, start)  # a name that isn't there is to be told of now, not hours later
            freeze(self._model)
            if config.head_epochs:
                network = classifiers.pooled(self._model)
                self._note(self._fit_head("training the head", config.head_epochs, lambda p: self._pooled(network, p)))
            for step, start in enumerate(config.unfreeze, start=1):
                unfreeze(self._model, start)
                peak = self._peak * config.unfreeze_rate**step
                self._note(self._fit_network(f"training from {start}", peak))
        if config.retrain_head:
            self._retrain_head()

    def _retrain_head(self) -> None:
        """Learn the head anew on what the trained network gives, from as many photos of each class."""
        network = classifiers.pooled(self._model)
        even = class_balance.class_weights(self._counts, "balanced", math.inf)
        train, val = (
            photos and Labelled(photos.rows, photos.targets, weights[photos.targets])
            for photos, weights in ((self._train, np.ones_like(even)), (self._val, even))
        )
        assert train is not None
        self._best_loss = math.inf  # of another loss
        self._fit_head(
            "learning the head anew", self._config.retrain_head, lambda p: predict(network, p.rows), train, val
        )

    def _fit_head(
        self,
        name: str,
        epochs: int,
        pooled: Callable[[Labelled], LazyRows | NDArray[np.floating[Any]]],
        train: Labelled | None = None,
        val: Labelled | None = None,
    ) -> Done:
        """Train the head alone, on features that don't change; with `train` given, evenly and from new weights."""
        parts = [train, val] if train else [self._train, self._val]
        features = [part and Labelled(pooled(part), part.targets, part.weights) for part in parts]
        assert features[0] is not None
        head = heads.head(features[0].rows[:1].shape[-1], len(self._counts), self._config)
        if train is None:
            classifiers.copy_head(self._model, head)
        phase = self._phase(name, features[0], features[1], peak=self._peak, epochs=epochs)
        outcome = self._fit(head, replace(phase, augmented=False, evenly=train is not None))
        classifiers.copy_head(head, self._model)
        return outcome

    def _fit_network(self, name: str, peak: float) -> Done:
        """Train what is trainable of the classifier."""
        phase = self._phase(name, self._train, self._val, peak=peak, epochs=self._config.epochs)
        return self._fit(self._model, phase)

    def _phase(self, name: str, train: Labelled, val: Labelled | None, *, peak: float, epochs: int) -> Phase:
        log_shares = class_balance.log_shares(self._counts)
        return Phase(name, train, val, peak=peak, epochs=epochs, log_shares=log_shares, to_beat=self._best_loss)

    def _fit(self, model: keras.Model, phase: Phase) -> Done:
        folder = self._home / re.sub(r"\W+", "-", phase.name)
        try:
            with self._progress(phase.name, total=phase.epochs) as advance:
                kept = Checkpoint(folder.with_suffix(".npz"))
                looking_on = watchers(self._home / "tensorboard", folder.name)
                config = self._config.model_copy(update={"loss": "cross_entropy"}) if phase.evenly else self._config
                return fit(model, phase, config, kept=kept, advance=advance, watchers=looking_on)
        except DivergedError as error:
            if not (error.kept or self.best_epoch):
                raise
            if error.kept and model is not self._model:
                classifiers.copy_head(model, self._model)
            best = folder.with_suffix(".keras")
            self._model.save(best)
            raise UserError(f"{error}; the best weights before that are in {best}") from error

    def _note(self, outcome: Done) -> None:
        """Add a phase to the history."""
        done = len(self.history.get("loss", []))
        for name, values in outcome.history.items():
            self.history.setdefault(name, []).extend(values)
        if outcome.best_epoch:
            self.best_epoch, self._best_loss = done + outcome.best_epoch, outcome.best_loss
