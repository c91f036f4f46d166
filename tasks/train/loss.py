"""The training loss: cross entropy with label smoothing, and its variants for uneven classes and for ArcFace."""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from configs.schema import TrainConfig

LARGEST_MARGIN = 1.2
"""The largest margin that a rare class grows to, in radians: with more, its photos would have to be beyond their own
direction."""
_EPSILON = 1e-6
"""Keeps gradients finite where a probability is 1 or a cosine is -1 or 1."""


class TrainingLoss(keras.losses.Loss):
    """Cross entropy of logits with soft targets, and its variants.

    - Label smoothing (Szegedy et al., arXiv:1512.00567, section 7).
    - focal: each class's term times (1 - probability)^gamma (Lin et al., arXiv:1708.02002).
    - balanced_softmax: log priors are added to the logits (Ren et al., arXiv:2007.10740).
    - arcface: the angle to the true class is enlarged by the margin (Deng et al., arXiv:1801.07698, eq. 3). Beyond 180
      degrees the logit continues to fall linearly. With a soft target the change is multiplied by the target. With
      `margin_growth`, rare classes have larger margins (Ha et al., arXiv:2010.05350, section 3.2), see `margins`.
    """

    def __init__(self, config: TrainConfig, log_priors: NDArray[np.float32]) -> None:
        """Configure the loss.

        Args:
            config: the settings `imbalance`, `head`, `scale`, `margin`, `margin_growth` and `label_smoothing` are used.
            log_priors: logarithm of each class's share of the train photos, `(classes,)`.
        """
        super().__init__(name="training_loss", reduction=None)
        self._config = config
        self._log_priors = log_priors
        self._margins = margins(config, log_priors)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Compute the loss of each photo.

        Args:
            y_true: soft targets, float `(n, classes)`; each row sums to 1.
            y_pred: logits, float `(n, classes)`.

        Returns:
            Losses, float `(n,)`.
        """
        config, scores, targets = self._config, y_pred, y_true
        if config.head == "arcface":
            scores = scores + targets * self._margin_penalty(scores / config.scale)
        scores = self.add_log_priors(scores)
        if config.label_smoothing:
            targets = (1 - config.label_smoothing) * targets + config.label_smoothing / len(self._log_priors)
        logs = ops.log_softmax(scores, axis=-1)
        terms = -targets * logs
        if config.imbalance.method == "focal":
            # without the lower limit, a power below 1 has an infinite gradient at 0
            terms = terms * ops.maximum(1 - ops.exp(logs), _EPSILON) ** config.imbalance.gamma
        return ops.sum(terms, axis=-1)

    def add_log_priors(self, scores: Any) -> Any:
        """Add the log priors to logits `(n, classes)` if the method is balanced_softmax; else return them unchanged."""
        if self._config.imbalance.method != "balanced_softmax":
            return scores
        return scores + ops.convert_to_tensor(self._log_priors)

    def _margin_penalty(self, cosines: Any) -> Any:
        """Return what the margin adds to the logits, 0 or less."""
        cos_margin, sin_margin = np.cos(self._margins), np.sin(self._margins)
        cosines = ops.clip(cosines, -1 + _EPSILON, 1 - _EPSILON)
        sines = ops.sqrt(1 - ops.square(cosines))
        enlarged = cosines * cos_margin - sines * sin_margin
        beyond = cosines - self._margins * sin_margin
        return self._config.scale * (ops.where(cosines > -cos_margin, enlarged, beyond) - cosines)


def margins(config: TrainConfig, log_priors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the margin of each class, in radians, float32 `(classes,)`.

    That of the largest class is `config.margin`. That of a class with a share of 1/r of its photos is
    r^margin_growth times as large, at most `LARGEST_MARGIN`.

    Args:
        config: margin and growth.
        log_priors: logarithm of each class's share of the train photos, `(classes,)`.
    """
    grown = config.margin * np.exp(config.margin_growth * (log_priors.max() - log_priors))
    margins: NDArray[np.float32] = np.minimum(grown, max(config.margin, LARGEST_MARGIN)).astype(np.float32)
    return margins
