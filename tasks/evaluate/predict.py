"""Step 1 of an evaluation: run the network once over all kept photos, and write what it returns."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tasks import tables
from tasks.evaluate.eval_set import EvalSet
from tasks.inference import knn
from tasks.inference.network import TrainedClassifier
from tasks.store.progress import Progress
from tasks.store.shards import LazyRows

BATCH_PHOTOS = 256


@dataclass(frozen=True)
class NetworkOutput:
    """What the classifier returns for the n kept photos, and what it was given."""

    logits: NDArray[np.float32]
    """(photos of validation and test, classes); not of train photos, since there can be thousands of classes."""
    features: NDArray[np.float32]
    """(n, d), from just before its head."""
    descriptors: NDArray[np.float32]
    """(n, d'), its input in 16 x 16 cells: see `knn.descriptors`."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Map the files that `predict` wrote."""
        files = (tables.LOGITS, tables.FEATURES, tables.DESCRIPTORS)
        return cls(*(np.load(file.path(folder), mmap_mode="r") for file in files))


def predict(classifier: Path, rows: LazyRows, eval_set: EvalSet, out: Path, progress: Progress) -> None:
    """Write the logits, the features and the descriptors of the photos of an evaluation.

    Args:
        classifier: The folder of the train stage.
        rows: The classifier's input for each kept photo, in the order of `eval_set.rows`.
        exam: The evaluated photos.
        out: The folder to write to.
        progress: Reports how many photos are done.

    Raises:
        UserError: The classifier returns NaN or infinity.
    """
    network = TrainedClassifier(tables.CLASSIFIER.path(classifier))
    logits, features, descriptors = [], [], []
    with progress("photos", total=len(rows)) as advance:
        for start in range(0, len(rows), BATCH_PHOTOS):
            part = slice(start, start + BATCH_PHOTOS)
            batch = rows[part]
            scores, vectors = network(batch)
            logits.append(scores[eval_set.is_held_out[part]])
            features.append(vectors)
            descriptors.append(knn.descriptors(batch))
            advance(len(batch))
    for file, parts in ((tables.LOGITS, logits), (tables.FEATURES, features), (tables.DESCRIPTORS, descriptors)):
        np.save(file.path(out), np.concatenate(parts))
