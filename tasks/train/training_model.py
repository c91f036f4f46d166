"""A classifier in training: with augmentation before it and the training loss after it. Neither is saved."""

from typing import Any

import keras
from keras import ops

from tasks.networks.augment import Augment, Mix
from tasks.train.loss import TrainingLoss

Data = dict[str, Any]
"""rows `(n, ...)`, targets int `(n,)`, weights float32 `(n,)`: the weight of each photo in the loss."""


class TrainingModel(keras.Model):
    """Trains a classifier on `Data`; compile it without a loss.

    In training, rows are augmented and mixed, and the training loss is minimised. In validation, rows are unchanged,
    and the loss is the weighted cross entropy; with balanced_softmax, log priors are added to the logits.
    """

    def __init__(
        self, classifier: keras.Model, loss: TrainingLoss, *, augment: Augment | None = None, mix: Mix | None = None
    ) -> None:
        """Wrap a classifier, whose weights are changed in place."""
        super().__init__(name="training_model", dtype="float32")  # 16 bits would round weights and targets
        self.classifier = classifier
        self.augment = augment
        self.mix = mix
        self._training_loss = loss
        self._validation_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def call(self, data: Data, training: bool = False) -> Any:
        """Compute logits; in training, return them with the targets and weights of the mixed rows."""
        rows = data["rows"]
        if not training:
            return self.classifier(rows, training=False)
        if self.augment is not None:
            rows = self.augment(rows)
        targets, weights = ops.one_hot(data["targets"], self.classifier.output_shape[-1]), data["weights"]
        if self.mix is not None:
            rows, targets, weights = self.mix(rows, targets, weights)
        return {"logits": self.classifier(rows, training=True), "targets": targets, "weights": weights}

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Compute the training loss or, for plain logits, the validation loss."""
        if isinstance(y_pred, dict):
            return self._training_loss(y_pred["targets"], y_pred["logits"], sample_weight=y_pred["weights"])
        return self._validation_loss(y, self._training_loss.add_log_priors(y_pred), sample_weight=sample_weight)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Compute the metrics for the rows' own labels, not for the mixed ones."""
        return super().compute_metrics(x, y, y_pred["logits"] if isinstance(y_pred, dict) else y_pred, sample_weight)
