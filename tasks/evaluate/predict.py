"""Step 1 of an evaluation: run the network once on all kept photos, and write its output."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tasks import tables
from tasks.evaluate.eval_set import EvalSet
from tasks.inference import knn
from tasks.store.progress import Progress
from tasks.store.shards import LazyRows

BATCH_PHOTOS = 256


@dataclass(frozen=True)
class NetworkOutput:
    """The output of the classifier for the n kept photos, and a description of its input."""

    logits: NDArray[np.float32]
    """(validation and test photos, classes). Train photos are left out, because there may be thousands of classes."""
    features: NDArray[np.float32]
    """(n, d), the input of the classifier's last layer."""
    descriptors: NDArray[np.float32]
    """(n, d'), the classifier's input averaged over 16 x 16 cells, see `knn.descriptors`."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Map the files of `predict` into memory."""
        files = (tables.LOGITS, tables.FEATURES, tables.DESCRIPTORS)
        return cls(*(np.load(file.path(folder), mmap_mode="r") for file in files))


def predict(classifier: Path, rows: LazyRows, eval_set: EvalSet, out: Path, progress: Progress) -> None:
    """Write the logits, the features and the descriptors of the photos.

    Args:
        classifier: The folder of the train stage.
        rows: The classifier's input for each photo, in the order of `eval_set.rows`.
        eval_set: The evaluation set.
        out: The folder to write to.
        progress: Reports the number of finished photos.

    Raises:
        UserError: The classifier returns NaN or infinity.
    """
    from tasks.inference.network import TrainedClassifier  # imports Keras

    network = TrainedClassifier(tables.CLASSIFIER.path(classifier))
    logits, features, descriptors = [], [], []
    with progress("photos", total=len(rows)) as advance:
        for start in range(0, len(rows), BATCH_PHOTOS):
            part = slice(start, start + BATCH_PHOTOS)
            batch = rows[part]
            batch_logits, batch_features = network(batch)
            logits.append(batch_logits[eval_set.is_held_out[part]])
            features.append(batch_features)
            descriptors.append(knn.descriptors(batch))
            advance(len(batch))
    for file, parts in ((tables.LOGITS, logits), (tables.FEATURES, features), (tables.DESCRIPTORS, descriptors)):
        np.save(file.path(out), np.concatenate(parts))
