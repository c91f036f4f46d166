"""A small config of the train stage, and the accuracy of a trained classifier."""

import json

import keras
import numpy as np
import pandas as pd

from configs.schema import TrainConfig
from tasks.store.shards import LazyRows
from tasks.tables import INDEX

CONFIG = TrainConfig(input="tiles", filters=(4, 8), epochs=8, batch_size=8, learning_rate=0.02, dropout=0)


def accuracy(folders, outcome, kept, inputs) -> float:
    """Compute the share of test photos whose largest logit is that of their class."""
    folder = folders.folder(outcome)
    labels = np.array(json.loads((folder / "labels.json").read_text()))
    photos = pd.read_parquet(folders.store.folder(kept) / "kept.parquet").query("split == 'test'")
    index = INDEX.read(folders.store.folder(inputs)).set_index("photo", drop=False)
    rows = LazyRows(index.loc[photos["photo"]], folders.store.root)[:]
    logits = keras.models.load_model(folder / "classifier.keras", compile=False).predict(rows, verbose=0)
    return float(np.mean(labels[logits.argmax(1)] == photos["label"].to_numpy()))
