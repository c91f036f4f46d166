"""A small untrained classifier in a file, and tiles for it."""

from pathlib import Path

import keras
import numpy as np

from configs.schema import TrainConfig
from tasks.networks.classifier import tile_classifier

TILES = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3)).astype(np.uint8)


def saved(folder: Path, **how: float) -> tuple[Path, keras.Model]:
    keras.utils.set_random_seed(0)
    model = tile_classifier((16, 16, 3), 4, TrainConfig(filters=(4, 6)))
    if "bias" in how:
        kernel, bias = model.get_layer("logits").get_weights()
        model.get_layer("logits").set_weights([kernel, bias + how["bias"]])
    model.save(folder / "network.keras")
    return folder / "network.keras", model
