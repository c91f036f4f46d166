"""Step 1 of an evaluation: run the network once on all kept photos, and write its output."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tasks import tables
from tasks.evaluate.eval_set import EvalSet
from tasks.evaluate.model import Model
from tasks.store.progress import Progress

BATCH_PHOTOS = 256


@dataclass(frozen=True)
class NetworkOutput:
    """The output of the classifier for the n kept photos, and a description of its input."""

    logits: NDArray[np.float32]
    """(validation and test photos, classes). Train photos are left out, because there may be thousands of classes."""
    features: NDArray[np.float32]
    """(n, d), the input of the classifier's last layer."""
    descriptors: NDArray[np.float32]
    """(n, d'), what describes the photos before any training on their classes, see `Model.vectors_of`."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Map the files of `predict` into memory."""
        files = (tables.LOGITS, tables.FEATURES, tables.DESCRIPTORS)
        return cls(*(np.load(file.path(folder), mmap_mode="r") for file in files))


def predict(model: Model, eval_set: EvalSet, out: Path, progress: Progress) -> None:
    """Write the logits, the features and the descriptors of the photos.

    The logits of validation photos are those of a classifier that has not learned from them. Where the pretrained
    network is unchanged, only the head runs, on the features of the extract stage.

    Args:
        model: The classifier and what it needs.
        eval_set: The evaluation set.
        out: The folder to write to.
        progress: Reports the number of finished photos.

    Raises:
        UserError: The classifier returns NaN or infinity.
    """
    from tasks.inference.network import TrainedClassifier  # imports Keras

    photos = eval_set.rows["photo"]
    vectors = model.vectors_of(photos)
    held_out = eval_set.is_held_out
    network = TrainedClassifier.shared(tables.CLASSIFIER.path(model.classifier), 0 if model.is_frozen else len(photos))
    if model.is_frozen:
        logits, features = network.head(vectors[held_out]), vectors
    else:
        rows = model.rows_of(photos)
        found, pooled = [], []
        with progress("photos", total=len(rows)) as advance:
            for start in range(0, len(rows), BATCH_PHOTOS):
                part = slice(start, start + BATCH_PHOTOS)
                batch_logits, batch_features = network(rows[part])
                found.append(batch_logits[held_out[part]])
                pooled.append(batch_features)
                advance(len(batch_logits))
        logits, features = np.concatenate(found), np.concatenate(pooled)
    validated = model.validation_logits()
    for row, (photo, split) in enumerate(zip(photos[held_out], eval_set.rows["split"][held_out], strict=True)):
        if split == "val" and photo in validated:
            logits[row] = validated[photo]
    for file, values in ((tables.LOGITS, logits), (tables.FEATURES, features), (tables.DESCRIPTORS, vectors)):
        np.save(file.path(out), values)
