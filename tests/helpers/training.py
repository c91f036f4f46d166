"""Settings of small trainings, and the accuracy of a trained classifier."""

import json

import keras
import numpy as np

from configs.schema import PretrainConfig, TrainConfig
from tasks import tables
from tasks.store.lazy_rows import LazyRows

CONFIG = TrainConfig(recipe="network", filters=(4, 8), epochs=8, batch_size=8, learning_rate=0.02, dropout=0)
NO_ENCODER = PretrainConfig(encoder="none")
AUTOENCODER = PretrainConfig(
    encoder="autoencoder", filters=(4, 8), code_channels=4, epochs=2, batch_size=8, learning_rate=3e-3
)


def classifier_of(folders, outcome) -> keras.Model:
    return keras.models.load_model(tables.train.CLASSIFIER.path(folders.folder(outcome)), compile=False)


def rows_of(folders, parents, split: str, inputs: str = "tiles"):
    """Return the photos of a split, as rows of kept.parquet, and their tiles or features."""
    photos = tables.filter.KEPT.read(folders.store.folder(parents["kept"])).query("split == @split")
    index = tables.shared.INDEX.read(folders.store.folder(parents[inputs])).set_index("photo", drop=False)
    return photos, LazyRows(index.loc[photos["photo"]], folders.store.root)[:]


def accuracy(folders, outcome, parents, inputs: str = "tiles") -> float:
    """Compute the share of test photos whose largest logit is that of their class."""
    labels = np.array(json.loads(tables.train.LABELS.path(folders.folder(outcome)).read_text()))
    photos, rows = rows_of(folders, parents, "test", inputs)
    logits = classifier_of(folders, outcome).predict(rows, verbose=0)
    return float(np.mean(labels[logits.argmax(1)] == photos["label"].to_numpy()))
