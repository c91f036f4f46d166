"""interim"""

import keras

from configs.schema import TrainConfig
from tasks.support import modules


def features(x, config: TrainConfig, *, pixels: bool):
    if pixels:
        x = keras.layers.Rescaling(2 / 255, offset=-1, name="scaled")(x)
    return modules.load("tasks.networks.backbones", config.network).backbone(x, config)
