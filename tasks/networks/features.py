"""From pixels or codes to a network's features: the part of a classifier below its head."""

import keras

from configs.schema import TrainConfig
from tasks.networks import BACKBONES, weights
from tasks.networks.scaling import fitted, scaled
from tasks.store import plugins


def features(inputs: keras.KerasTensor, config: TrainConfig, *, pixels: bool) -> keras.KerasTensor:
    """Add the layers of `config.network` to a graph, with its preprocessing before them and `config.weights` in them.

    inputs: with `pixels`, tiles `(n, h, w, 1 or 3)`, uint8 or floats 0..255, of any side; otherwise codes `(n, h, w,
    c)`, floats of about mean 0 and variance 1, of any shape, for networks from scratch. Small ones are enlarged; a
    pretrained network gets a grey tile as three equal channels.
    Returns a feature map `(n, h', w', c')` or vectors `(n, d)`, floats. The graph stays flat.
    Raises UserError where there is no such network, or its weights can't be had or don't fit.
    """
    network = plugins.load(BACKBONES, config.network)
    pretrained = config.weights is not None
    x = scaled(inputs, network.SCALE, colour=pretrained) if pixels else inputs
    x = fitted(x, network.MIN_SIDE_PX)
    outputs = network.backbone(x, config)
    if config.weights is not None:
        weights.load(x, outputs, config.network, config.weights)
    return outputs
