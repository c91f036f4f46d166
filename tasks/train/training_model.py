"""A classifier in training: with augmentation before it and the training loss behind it, none of which is saved."""

from typing import Any

import keras
from keras import ops

from tasks.networks.head import TrainingLoss
from tasks.train.augment import Augment, Mix

Data = dict[str, Any]
"""rows `(n, ...)`, targets int `(n,)`, weights float32 `(n,)`: what each photo's label counts."""


class Trainee(keras.Model):
    """Trains a classifier on `Data`; compile it without a loss.

    In training, rows are augmented and mixed, and the loss is the training loss. In validation they are left alone, and
    the loss is the weighted cross entropy, whatever was trained with; of balanced softmax, with the classes' shares.
    """

    def __init__(
        self, classifier: keras.Model, loss: TrainingLoss, *, augment: Augment | None = None, mix: Mix | None = None
    ) -> None:
        """Take the classifier to train; its weights are changed in place."""
        super().__init__(name="trainee", dtype="float32")  # weights and targets must not be rounded to 16 bits
        self.classifier = classifier
        self.augment = augment
        self.mix = mix
        self._training_loss = loss
        self._validation_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def call(self, data: Data, training: bool = False) -> Any:
        """Logits; in training, with the targets and weights that the mixed rows have."""
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
        """The loss to minimise, or that of the validation."""
        if isinstance(y_pred, dict):
            return self._training_loss(y_pred["targets"], y_pred["logits"], sample_weight=y_pred["weights"])
        return self._validation_loss(y, self._training_loss.with_shares(y_pred), sample_weight=sample_weight)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Metrics of the rows' own labels."""
        return super().compute_metrics(x, y, y_pred["logits"] if isinstance(y_pred, dict) else y_pred, sample_weight)
