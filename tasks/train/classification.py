"""The objective of a classifier: augmentation before it and the training loss after it. Neither is saved."""

from typing import Any, ClassVar

import keras
from keras import ops

from tasks.networks.augment import Augment, Mix
from tasks.train.loss import TrainingLoss
from tasks.training.objective import Batch, Objective, Values
from tasks.training.plan import TARGETS

WEIGHTS = "weights"
"""The name of the weights of rows in the loss among the labels of examples, float32 `(n,)`."""


class Classification(Objective):
    """Trains a classifier on rows with the labels `targets`, int `(n,)`, and `weights`.

    In training, rows are augmented and mixed, and the training loss is minimised. In validation, rows are unchanged,
    and the loss is the weighted cross entropy; with balanced_softmax, log priors are added to the logits. The accuracy
    is that for the rows' own labels, not for the mixed ones.
    """

    measured: ClassVar[tuple[str, ...]] = ("loss", "accuracy")

    def __init__(
        self, classifier: keras.Model, loss: TrainingLoss, *, augment: Augment | None = None, mix: Mix | None = None
    ) -> None:
        """Wrap a classifier, whose weights are changed in place."""
        super().__init__(classifier, name="classification")
        self.augment = augment
        self.mix = mix
        self._training_loss = loss
        self._validation_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)

    def call(self, batch: Batch, training: bool = False) -> Values:
        """Compute the loss and the accuracy of each row."""
        targets = batch[TARGETS]
        logits, loss = self._train(batch) if training else self._validate(batch)
        right = ops.equal(ops.argmax(logits, axis=-1), ops.cast(targets, "int32"))
        return {"loss": loss, "accuracy": ops.cast(right, "float32")}

    def _train(self, batch: Batch) -> tuple[Any, Any]:
        rows, weights = batch["rows"], batch[WEIGHTS]
        targets = ops.one_hot(batch[TARGETS], self.network.output_shape[-1])
        if self.augment is not None:
            rows = self.augment(rows)
        if self.mix is not None:
            rows, targets, weights = self.mix(rows, targets, weights)
        logits = self.network(rows, training=True)
        return logits, self._training_loss(targets, logits) * weights

    def _validate(self, batch: Batch) -> tuple[Any, Any]:
        logits = self.network(batch["rows"], training=False)
        scores = self._training_loss.add_log_priors(logits)
        return logits, self._validation_loss(batch[TARGETS], scores) * batch[WEIGHTS]
