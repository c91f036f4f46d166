"""What comes after a network: from its features to logits, and the loss in which the heads differ.

All layers are Keras's own, so that a saved classifier opens anywhere.
"""

import math
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from configs.schema import TrainConfig

LAYERS = ("hidden", "cosines", "logits")
"""The layers that have weights, as far as a head has them."""
_ROUNDING = 1e-6


def logits(pooled: keras.KerasTensor, classes: int, config: TrainConfig) -> keras.KerasTensor:
    """Logits float32 `(n, classes)` of a network's pooled features `(n, d)`; its layers are called as in `LAYERS`.

    softmax: a dense layer. cosine, arcface: `config.scale` times the cosines of the angles between the features and
    each class's direction (Deng et al., arXiv:1801.07698).
    """
    layers, x = keras.layers, pooled
    if config.hidden:
        x = layers.Dense(config.hidden, activation="relu", kernel_initializer="he_normal", name="hidden")(x)
    x = layers.Dropout(config.dropout, seed=config.seed, name="dropout")(x)
    if config.head == "softmax":
        return layers.Dense(classes, dtype="float32", name="logits")(x)
    x = layers.UnitNormalization(dtype="float32", name="direction")(x)
    x = layers.Dense(
        classes,
        use_bias=False,
        kernel_initializer=keras.initializers.RandomNormal(stddev=1 / math.sqrt(x.shape[-1]), seed=config.seed),
        kernel_constraint=keras.constraints.UnitNorm(axis=0),
        dtype="float32",
        name="cosines",
    )(x)
    return layers.Rescaling(config.scale, dtype="float32", name="logits")(x)


def head(features: int, classes: int, config: TrainConfig) -> keras.Model:
    """A head alone: pooled features float32 `(n, features)` to logits."""
    pooled = keras.Input((features,), dtype="float32", name="pooled")
    return keras.Model(pooled, logits(pooled, classes, config), name="head")


class TrainingLoss(keras.losses.Loss):
    """Cross entropy of logits with soft targets, float `(n, classes)` both, and its variants.

    - Label smoothing (Szegedy et al., arXiv:1512.00567, section 7).
    - focal: each class's term times (1 - probability)^gamma (Lin et al., arXiv:1708.02002).
    - balanced softmax: the logarithms of the classes' shares are added to the logits (Ren et al., arXiv:2007.10740).
    - arcface: the true class's angle counts as larger by the margin (Deng et al., arXiv:1801.07698, eq. 3), on a line
      that goes on falling beyond 180 degrees; a soft target has its share of that.
    """

    def __init__(self, config: TrainConfig, log_shares: NDArray[np.float32]) -> None:
        """Take what `config.loss`, `config.head` and `config.label_smoothing` ask for.

        log_shares: `(classes,)`, of the train photos.
        """
        super().__init__(name="training_loss")
        self._config = config
        self._log_shares = log_shares

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each photo, `(n,)`."""
        config, scores, targets = self._config, y_pred, y_true
        if config.head == "arcface":
            scores = scores + targets * self._penalty(scores / config.scale)
        scores = self.with_shares(scores)
        if config.label_smoothing:
            targets = (1 - config.label_smoothing) * targets + config.label_smoothing / len(self._log_shares)
        logs = ops.log_softmax(scores, axis=-1)
        terms = -targets * logs
        if config.loss == "focal":
            # from 0 up, a power below 1 is infinitely steep
            terms = terms * ops.maximum(1 - ops.exp(logs), _ROUNDING) ** config.focal_gamma
        return ops.sum(terms, axis=-1)

    def with_shares(self, scores: Any) -> Any:
        """Logits for photos whose classes are as common as in training, where the network learns them for even ones."""
        if self._config.loss != "balanced_softmax":
            return scores
        return scores + ops.convert_to_tensor(self._log_shares)

    def _penalty(self, cosines: Any) -> Any:
        """What the margin adds to logits: 0 or less."""
        margin = self._config.margin
        cosines = ops.clip(cosines, -1 + _ROUNDING, 1 - _ROUNDING)
        sines = ops.sqrt(1 - ops.square(cosines))
        further = cosines * math.cos(margin) - sines * math.sin(margin)
        beyond = cosines - margin * math.sin(margin)
        return self._config.scale * (ops.where(cosines > -math.cos(margin), further, beyond) - cosines)
