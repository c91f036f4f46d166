"""Step 1 of an evaluation: run the network once on each photo whose output is needed, and write the output."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate.eval_set import EvalSet
from tasks.evaluate.model import Model
from tasks.store.lazy_rows import LazyRows
from tasks.store.progress import Progress

if TYPE_CHECKING:
    from tasks.inference.network import TrainedClassifier

BATCH_PHOTOS = 256


@dataclass(frozen=True)
class NetworkOutput:
    """The output of the classifier for kept photos, and a description of the input of all n."""

    logits: NDArray[np.float32]
    """(validation and test photos, classes). Train photos are left out, because there may be thousands of classes."""
    features: NDArray[np.float32] | None
    """(n, d), the input of the classifier's last layer; None if nothing needs them, see `_needs_features`."""
    descriptors: NDArray[np.float32]
    """(n, d'), what describes the photos before any training on their classes, see `Model.vectors_of`."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Map the files of `predict` into memory."""
        features = tables.evaluate.FEATURES.path(folder)
        return cls(
            logits=np.load(tables.evaluate.LOGITS.path(folder), mmap_mode="r"),
            features=np.load(features, mmap_mode="r") if features.exists() else None,
            descriptors=np.load(tables.evaluate.DESCRIPTORS.path(folder), mmap_mode="r"),
        )

    @property
    def vectors(self) -> NDArray[np.float32]:
        """(n, d): what photos are compared by, the features or, without them, the descriptors."""
        return self.descriptors if self.features is None else self.features


def predict(config: EvaluateConfig, model: Model, eval_set: EvalSet, out: Path, progress: Progress) -> None:
    """Write the logits, the features and the descriptors of the photos.

    The logits of validation photos are those of a classifier that has not learned from them: train has stored them.
    Where the pretrained network is unchanged, only the head runs, on the features of the extract stage. A network that
    has learned runs only on the photos whose logits are not known, unless something needs the features of all.

    Args:
        config: The section of the evaluate stage.
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
    validated = model.validation_logits()
    is_known = np.array(photos.isin(validated.keys()) & (eval_set.rows["split"] == "val"))
    held_out = eval_set.is_held_out
    features: NDArray[np.float32] | None = vectors
    if model.is_frozen:
        network = TrainedClassifier.shared(tables.train.CLASSIFIER.path(model.classifier), 0)
        logits = network.head(vectors[held_out])
    else:
        is_run = np.full(len(photos), True) if _needs_features(config, model, eval_set) else held_out & ~is_known
        network = TrainedClassifier.shared(tables.train.CLASSIFIER.path(model.classifier), int(is_run.sum()))
        found, features = _run(network, model.rows_of(photos[is_run]), progress)
        logits = np.empty((int(held_out.sum()), found.shape[1]), np.float32)
        logits[is_run[held_out]] = found[held_out[is_run]]
        if not is_run.all():
            features = None
    for row in np.flatnonzero(is_known[held_out]):
        logits[row] = validated[photos[held_out].iloc[row]]
    np.save(tables.evaluate.LOGITS.path(out), logits)
    np.save(tables.evaluate.DESCRIPTORS.path(out), vectors)
    if features is not None:
        np.save(tables.evaluate.FEATURES.path(out), features)


def _needs_features(config: EvaluateConfig, model: Model, eval_set: EvalSet) -> bool:
    """Return whether the features of all photos are needed, so that the network must run on all.

    They are if photos are decided by their similarity to train photos, or if unknown ones are grouped. Otherwise only
    the report shows similar train photos; it takes the features of the pretrained network for that, if there is one.
    """
    return model.kind != "network" or model.infer_from(config) != "network" or eval_set.has_unknown


def _run(
    network: "TrainedClassifier", rows: LazyRows, progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compute the logits `(m, classes)` and the features `(m, d)` of m rows."""
    found, pooled = [], []
    with progress("photos", total=len(rows)) as advance:
        for start in range(0, len(rows), BATCH_PHOTOS):
            logits, features = network(rows[start : start + BATCH_PHOTOS])
            found.append(logits)
            pooled.append(features)
            advance(len(logits))
    return np.concatenate(found), np.concatenate(pooled)
