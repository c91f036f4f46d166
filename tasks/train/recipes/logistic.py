"""Logistic regression on the encoder's features."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import TrainConfig
from tasks.inference import logistic
from tasks.train import class_balance
from tasks.train.recipes import with_method
from tasks.train.training_set import TrainingSet
from tasks.train.trial import Trial

if TYPE_CHECKING:
    import keras

_USUAL_C = 10.0
"""Where nothing validates: the C that suits most photos."""


class LogisticRecipe:
    """Logistic regression on the encoder's features."""

    name = "logistic"
    is_frozen = True

    def __init__(self, config: TrainConfig, data: TrainingSet) -> None:
        """Take settings, of which the imbalance method must not be auto, and a training set with features."""
        self._config, self._data = config, data
        self.takes_codes = data.kind == "autoencoder"

    def try_out(self, name: str) -> Trial:
        """Learn from the train photos, with the regularisation and the features that have the lowest validation loss.

        The features are all, or those of an encoder's last map alone.
        """
        began = time.monotonic()
        data = self._data
        x, y, weights = self._learned_from(data)
        val = data.vectors_of(data.val) if len(data.val) else np.empty((0, x.shape[1]), np.float32)
        path = logistic.PATH if len(val) else (_USUAL_C,)
        inverse, used, linear, lowest = path[0], x.shape[1], None, math.inf
        for count in self._feature_counts(x.shape[1]):
            least = math.inf
            for each, fitted in logistic.fit_path(x[:, :count], y, len(data.labels), weights=weights, path=path):
                loss = float(logistic.log_losses(fitted(val[:, :count]), data.val.targets).mean()) if len(val) else 0.0
                if loss > least:  # it has one minimum, and the last fits take longest
                    break
                least = loss
                if loss < lowest:
                    inverse, used, linear, lowest = each, count, fitted, loss
        assert linear is not None
        linear = linear.widened(x.shape[1])
        logits = linear(val)
        details = {"c": inverse, "features": used, "method": self._config.imbalance.method}
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
        used = x[:, : trial.details["features"]]
        [(_, linear)] = logistic.fit_path(used, y, len(data.labels), weights=weights, path=(trial.details["c"],))
        adjusted = self._adjusted(linear.widened(x.shape[1]), data)
        return [adjusted.kernel, adjusted.bias]

    def classifier(self, arrays: Sequence[NDArray[Any]]) -> "keras.Model":
        """Build the classifier from the arrays of a trial."""
        from tasks.networks.classifier import linear_classifier
        from tasks.networks.keras_io import load_artifact

        data = self._data
        inputs = load_artifact(data.encoder_file) if data.kind == "network" else data.shape
        return linear_classifier(inputs, *arrays)

    def _feature_counts(self, every: int) -> tuple[int, ...]:
        """Return how many of the first features to try, with validation photos; else all of them."""
        of_last_map: int = self._data.info.get("of_last_map", every)
        return (every, of_last_map) if of_last_map < every and len(self._data.val) else (every,)

    def _learned_from(
        self, data: TrainingSet
    ) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32] | None]:
        """Return vectors, targets and weights of the photos and of their augmented copies."""
        x, y = data.vectors_of(data.train), data.train.targets
        copies, positions = data.copies_of(data.train)
        if len(copies):
            x, y = np.concatenate([x, copies]), np.concatenate([y, y[positions]])
        method = self._config.imbalance.method
        if method not in class_balance.WEIGHTED:
            return x, y, None
        imbalance = with_method(self._config, "weights" if method == "retrain_head" else method).imbalance
        return x, y, class_balance.class_weights(data.counts, imbalance)[y]

    def _adjusted(self, linear: logistic.Linear, data: TrainingSet) -> logistic.Linear:
        """Treat all classes as equally common, if the method says so; for a linear classifier both methods do that."""
        imbalance = self._config.imbalance
        if imbalance.method not in class_balance.ADJUSTED:
            return linear
        strength = imbalance.strength if imbalance.method == "logit_adjustment" else 1.0
        return linear.minus(strength * class_balance.log_priors(data.counts))
