"""A small config of the train stage, and the accuracy of a trained classifier."""

import json

import keras
import numpy as np

from configs.schema import TrainConfig
from tasks import tables
from tasks.store.shards import LazyRows

CONFIG = TrainConfig(input="tiles", filters=(4, 8), epochs=8, batch_size=8, learning_rate=0.02, dropout=0)


def accuracy(folders, outcome, kept, inputs) -> float:
    """Compute the share of test photos whose largest logit is that of their class."""
    folder = folders.folder(outcome)
    labels = np.array(json.loads(tables.LABELS.path(folder).read_text()))
    photos = tables.KEPT.read(folders.store.folder(kept)).query("split == 'test'")
    index = tables.INDEX.read(folders.store.folder(inputs)).set_index("photo", drop=False)
    rows = LazyRows(index.loc[photos["photo"]], folders.store.root)[:]
    logits = keras.models.load_model(tables.CLASSIFIER.path(folder), compile=False).predict(rows, verbose=0)
    return float(np.mean(labels[logits.argmax(1)] == photos["label"].to_numpy()))
