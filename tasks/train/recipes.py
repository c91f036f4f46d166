"""The recipes: ways in which a classifier learns from a training set. Each can be tried, built and learned again."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from configs.schema import ImbalanceMethod, TrainConfig
from tasks.store.progress import Progress
from tasks.train import class_balance, logistic
from tasks.train.training_set import Part, TrainingSet
from tasks.train.trial import Trial

if TYPE_CHECKING:
    import keras

    from tasks.networks.classifier import Moments
    from tasks.train.fit import LabelledData
    from tasks.train.schedule import Schedule
    from tasks.train.warm_start import Base

_CHUNK = 256
_USUAL_C = 10.0
"""Where nothing validates: the C that suits most photos."""


def with_method(config: TrainConfig, method: ImbalanceMethod, strength: float | None = None) -> TrainConfig:
    """Return settings with another method for uneven classes, and another strength of the logit adjustment if given."""
    changes = {"method": method} | ({"strength": strength} if strength is not None else {})
    return config.model_copy(update={"imbalance": config.imbalance.model_copy(update=changes)})


class Recipe(Protocol):
    """A way in which a classifier learns."""

    name: str
    """logistic or network."""
    is_frozen: bool
    """Whether it leaves a pretrained network unchanged."""

    def again(self, trial: Trial, data: TrainingSet) -> list[NDArray[Any]]:
        """Learn again, as in a trial, from a training set without validation; returns the arrays."""

    def classifier(self, arrays: Sequence[NDArray[Any]]) -> "keras.Model":
        """Build the classifier, from tiles or codes to logits, from the arrays of a trial."""


class LogisticRecipe:
    """Logistic regression on the encoder's features."""

    name = "logistic"
    is_frozen = True

    def __init__(self, config: TrainConfig, data: TrainingSet) -> None:
        """Take settings, of which the imbalance method must not be auto, and a training set with features."""
        self._config, self._data = config, data

    def try_out(self, name: str) -> Trial:
        """Learn from the train photos, with the regularisation that has the lowest loss on validation."""
        began = time.monotonic()
        data = self._data
        x, y, weights = self._learned_from(data)
        val = data.vectors_of(data.val) if len(data.val) else np.empty((0, x.shape[1]), np.float32)
        path = logistic.PATH if len(val) else (_USUAL_C,)
        inverse, linear, lowest = path[0], None, math.inf
        for each, fitted in logistic.fit_path(x, y, len(data.labels), weights=weights, path=path):
            loss = float(logistic.log_losses(fitted(val), data.val.targets).mean()) if len(val) else 0.0
            if loss > lowest:  # it has one minimum, and the last fits take longest
                break
            inverse, linear, lowest = each, fitted, loss
        assert linear is not None
        logits = linear(val)
        details = {"c": inverse, "method": self._config.imbalance.method}
        seconds = time.monotonic() - began
        trial = Trial(name, logits, logits, seconds, [linear.kernel, linear.bias], details=details)
        return self.adjusted(name, trial)

    def adjusted(self, name: str, plain: Trial) -> Trial:
        """Subtract log priors from the logits of a trial without them, if the method says so; nothing is learned."""
        linear = logistic.Linear(*plain.arrays)
        adjusted = self._adjusted(linear, self._data)
        logits = plain.logits - (linear.bias - adjusted.bias)
        imbalance = self._config.imbalance
        details = plain.details | {"method": imbalance.method, "adjustment": imbalance.strength}
        arrays = [adjusted.kernel, adjusted.bias]
        return replace(plain, name=name, scores=logits, logits=logits, arrays=arrays, details=details)

    def again(self, trial: Trial, data: TrainingSet) -> list[NDArray[Any]]:
        """Learn again from another training set, with the regularisation of a trial; returns the arrays."""
        x, y, weights = self._learned_from(data)
        [(_, linear)] = logistic.fit_path(x, y, len(data.labels), weights=weights, path=(trial.details["c"],))
        adjusted = self._adjusted(linear, data)
        return [adjusted.kernel, adjusted.bias]

    def classifier(self, arrays: Sequence[NDArray[Any]]) -> "keras.Model":
        """Build the classifier from the arrays of a trial."""
        from tasks.networks.classifier import linear_classifier
        from tasks.networks.keras_io import load_artifact

        data = self._data
        inputs = load_artifact(data.encoder_file) if data.kind == "network" else data.shape
        return linear_classifier(inputs, *arrays)

    def _learned_from(
        self, data: TrainingSet
    ) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32] | None]:
        """Return vectors, targets and weights of the photos and of their augmented copies."""
        x, y = data.vectors_of(data.train), data.train.targets
        copies, positions = data.copies_of(data.train)
        if len(copies):
            x, y = np.concatenate([x, copies]), np.concatenate([y, y[positions]])
        method = self._config.imbalance.method
        if method not in ("weights", "effective", "retrain_head"):
            return x, y, None
        imbalance = with_method(self._config, "weights" if method == "retrain_head" else method).imbalance
        return x, y, class_balance.class_weights(data.counts, imbalance)[y]

    def _adjusted(self, linear: logistic.Linear, data: TrainingSet) -> logistic.Linear:
        """Treat all classes as equally common, if the method says so; for a linear classifier both methods do that."""
        imbalance = self._config.imbalance
        if imbalance.method not in ("logit_adjustment", "balanced_softmax"):
            return linear
        strength = imbalance.strength if imbalance.method == "logit_adjustment" else 1.0
        return linear.minus(strength * class_balance.log_priors(data.counts))


class NetworkRecipe:
    """Gradient descent: the head of a pretrained network, then parts of it; or a network from scratch."""

    name = "network"

    def __init__(
        self,
        config: TrainConfig,
        data: TrainingSet,
        *,
        unfreeze: Sequence[str | int],
        folder: Path,
        progress: Progress,
        head: tuple[LogisticRecipe, Trial] | None = None,
        base: "Base | None" = None,
    ) -> None:
        """Configure the recipe.

        Args:
            config: the settings; the imbalance method must not be auto.
            data: the training set.
            unfreeze: parts of a pretrained network to train after the head, one step each.
            folder: for checkpoints and logs.
            progress: reports the epochs.
            head: logistic regression whose solution the head of a pretrained network starts from, so that it needs no
                training (Kumar et al., arXiv:2202.10054); None: the head is trained first.
            base: an earlier classifier to start from, if any.
        """
        self._config, self._data, self._unfreeze = config, data, unfreeze
        self._folder, self._progress, self._head, self._base = folder, progress, head, base
        self.is_frozen = data.kind == "network" and not unfreeze

    def try_out(self, name: str, epochs: int | None = None) -> Trial:
        """Learn from the train photos, and validate.

        Args:
            name: of the trial.
            epochs: the largest number of epochs of each phase but the head's; None: as in the settings.
        """
        from tasks.networks.keras_io import predict

        began = time.monotonic()
        epochs = epochs or self._config.epochs
        linear = self._head[1].arrays if self._head else None
        model, schedule = self._train(self._data, self._folder, epochs, linear)
        arrays = model.get_weights()
        val = self._data.val
        logits = np.empty((0, len(self._data.labels)), np.float32)
        if len(val):
            logits = np.asarray(predict(self.classifier(arrays), self._data.rows_of(val)), np.float32)
        imbalance = self._config.imbalance
        details = {
            "method": imbalance.method,
            "adjustment": imbalance.strength,
            "epochs": epochs,
            "best_epochs": schedule.best_epochs,
            "best_epoch": schedule.best_epoch,
            "history": schedule.history,
        }
        return Trial(name, logits, logits, time.monotonic() - began, arrays, details=details)

    def again(self, trial: Trial, data: TrainingSet) -> list[NDArray[Any]]:
        """Learn again, as in a trial, from a training set without validation; returns the arrays."""
        linear = self._head[0].again(self._head[1], data) if self._head else None
        kept = trial.details["best_epochs"]
        model, _ = self._train(data, self._folder / "again", trial.details["epochs"], linear, stop_after=kept)
        found: list[NDArray[Any]] = model.get_weights()
        return found

    def classifier(self, arrays: Sequence[NDArray[Any]]) -> "keras.Model":
        """Build the classifier in float32 from the arrays of a trial; it gives the same answers on every machine."""
        from tasks.networks import hardware
        from tasks.networks.classifier import subtract_from_logits

        with hardware.dtype_policy("float32"):
            model = self._untrained(self._data)
        model.set_weights(arrays)
        if any(self.subtracted):
            subtract_from_logits(model, np.array(self.subtracted, np.float32))
        return model

    @property
    def subtracted(self) -> list[float]:
        """What is subtracted from each class's logit after the training."""
        imbalance = self._config.imbalance
        strength = imbalance.strength if imbalance.method == "logit_adjustment" else 0.0
        found: list[float] = (strength * class_balance.log_priors(self._data.counts)).tolist()
        return found

    def step_seconds(self) -> float:
        """Measure the time of an optimizer step of the last phase on this machine."""
        from tasks.networks import hardware
        from tasks.networks.keras_io import seed_everything
        from tasks.train.finetune import unfreeze
        from tasks.train.fit import Phase, step_seconds

        seed_everything(self._config.seed)
        with hardware.dtype_policy(self._config.precision), hardware.strategy_scope(self._config):
            model = self._untrained(self._data)
            for start in self._unfreeze:
                unfreeze(model, start)
            train = self._labelled(self._data, self._data.train)
            phase = Phase("timing", train, None, 1e-9, 1, class_balance.log_priors(self._data.counts))
            return step_seconds(model, phase, self._config)

    def _train(
        self,
        data: TrainingSet,
        folder: Path,
        epochs: int,
        linear: Sequence[NDArray[Any]] | None,
        stop_after: Mapping[str, int] | None = None,
    ) -> tuple["keras.Model", "Schedule"]:
        """Train; `linear` is the kernel and the bias that a pretrained network's head starts from."""
        from tasks.networks import hardware
        from tasks.networks.keras_io import seed_everything
        from tasks.train import warm_start
        from tasks.train.finetune import unfreeze
        from tasks.train.schedule import Schedule

        config = self._config.model_copy(update={"epochs": epochs})
        seed_everything(config.seed)
        with hardware.dtype_policy(config.precision), hardware.strategy_scope(config):
            model = self._untrained(data)
            for start in self._unfreeze:
                unfreeze(model, start)  # reports an unknown layer now, not after the head's training
            if self._base:
                warm_start.start_from(self._base, model, data.labels)
            schedule = Schedule(
                model,
                config,
                self._labelled(data, data.train),
                self._labelled(data, data.val) if len(data.val) else None,
                learning_rate=config.learning_rate * (warm_start.RATE if self._base else 1),
                folder=folder,
                progress=self._progress,
                stop_after=stop_after,
            )
            if data.kind != "network":
                schedule.train_network()
            elif self._base and self._unfreeze:
                pass  # its head stays: the stored features are not those of its network, which has been trained
            elif linear is None:
                val = self._pooled(data, data.val) if len(data.val) else None
                schedule.train_head(self._pooled(data, data.train), val)
            else:
                model.get_layer("logits").set_weights(linear)
            if self._unfreeze:
                schedule.unfreeze(*self._unfreeze)
            if config.imbalance.method == "retrain_head":
                schedule.retrain_head()
        return model, schedule

    def _untrained(self, data: TrainingSet) -> "keras.Model":
        """Build the classifier with an untrained head."""
        from tasks.networks import classifier
        from tasks.networks.keras_io import load_artifact

        classes = len(data.labels)
        if data.kind == "network":
            return classifier.encoder_classifier(load_artifact(data.encoder_file), classes, self._config)
        if data.kind == "autoencoder":
            moments = channel_moments(data.rows_of(data.train))
            return classifier.feature_classifier(data.shape, classes, self._config, moments)
        return classifier.tile_classifier(data.shape, classes, self._config)

    def _labelled(self, data: TrainingSet, part: Part) -> "LabelledData":
        return data.labelled(part, class_balance.class_weights(data.counts, self._config.imbalance))

    def _pooled(self, data: TrainingSet, part: Part) -> "LabelledData":
        """Return a part with its features as rows, and with the features of its augmented copies."""
        from tasks.train.fit import LabelledData

        weights = class_balance.class_weights(data.counts, self._config.imbalance)[part.targets]
        found = LabelledData(data.vectors_of(part), part.targets, weights)
        copies, positions = data.copies_of(part)
        if not len(copies):
            return found
        return replace(
            found,
            rows=np.concatenate([found.rows, copies]),
            targets=np.concatenate([found.targets, found.targets[positions]]),
            weights=np.concatenate([weights, weights[positions]]),
        )


def channel_moments(codes: Any) -> "Moments":
    """Compute the mean and variance of each channel, reading the codes in chunks.

    Args:
        codes: `(n, h, w, c)`.

    Returns:
        Mean and variance, both float32 `(c,)`.
    """
    total: NDArray[np.float64] | float = 0.0
    squares: NDArray[np.float64] | float = 0.0
    values = 0
    for start in range(0, len(codes), _CHUNK):
        chunk = codes[start : start + _CHUNK].astype(np.float64)
        flat = chunk.reshape(-1, chunk.shape[-1])
        total, squares, values = total + flat.sum(0), squares + np.square(flat).sum(0), values + len(flat)
    mean = np.asarray(total / values)
    variance = np.maximum(squares / values - np.square(mean), 0)
    return mean.astype(np.float32), variance.astype(np.float32)
