"""Classifiers: one flat graph of preprocessing, backbone and head, with layers `features`, `pooled` and `logits`."""

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from configs.schema import TrainConfig
from tasks.networks import backbones, head, weights
from tasks.networks.scaling import enlarge, scale_pixels

Moments = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Mean and variance of each channel, both float32 `(c,)`."""


def tile_classifier(shape: tuple[int, int, int], classes: int, config: TrainConfig) -> keras.Model:
    """Build a classifier of tiles that scales pixels itself.

    Its head is untrained; its backbone has the weights given by `config.weights`.

    Args:
        shape: shape of a tile, `(h, w, 1 or 3)`.
        classes: number of classes.
        config: network, weights and head.

    Returns:
        A model from uint8 `(n, h, w, c)` to logits float32 `(n, classes)`.
    """
    tiles = keras.Input(shape, dtype="uint8", name="tiles")
    return _with_head(tiles, add_backbone(tiles, config, pixels=True), classes, config)


def feature_classifier(shape: tuple[int, int, int], classes: int, config: TrainConfig, moments: Moments) -> keras.Model:
    """Build an untrained classifier of the autoencoder's features.

    Args:
        shape: shape of one photo's features, `(h, w, c)`.
        classes: number of classes.
        config: network and head.
        moments: mean and variance of the train photos' features; they become weights of the model. A constant channel
            is centred, but not scaled.

    Returns:
        A model from floats `(n, h, w, c)` to logits float32 `(n, classes)`.
    """
    features = keras.Input(shape, dtype="float32", name="codes")
    scale = keras.layers.Normalization(name="scaled")
    scale.build((None, *shape))
    mean, variance = moments
    scale.set_weights([mean, np.where(variance > 1e-12, variance, 1), np.zeros(())])
    scale.finalize_state()
    return _with_head(features, add_backbone(scale(features), config, pixels=False), classes, config)


def add_backbone(inputs: keras.KerasTensor, config: TrainConfig, *, pixels: bool) -> keras.KerasTensor:
    """Add the layers of `config.network`, after its preprocessing, and load `config.weights` into them.

    Small inputs are enlarged. A pretrained network gets a grey tile as three equal channels.

    Args:
        inputs: with `pixels`, tiles `(n, h, w, 1 or 3)`, uint8 or floats 0..255. Otherwise codes `(n, h, w, c)`, floats
            with a mean of about 0 and a variance of about 1, for networks without pretrained weights.
        config: network and weights.
        pixels: whether `inputs` are pixels.

    Returns:
        A feature map `(n, h', w', c')` or vectors `(n, d)`, floats.

    Raises:
        UserError: there is no such network, or its weights cannot be loaded.
    """
    backbone = backbones.load(config.network)
    pretrained = config.weights is not None
    x = scale_pixels(inputs, backbone.scale, colour=pretrained) if pixels else inputs
    x = enlarge(x, backbone.min_side_px)
    outputs = backbone.build(x, config)
    if config.weights is not None:
        weights.load(x, outputs, config.network, config.weights)
    return outputs


def feature_extractor(classifier: keras.Model) -> keras.Model:
    """Return the part of a classifier below its head, which maps its inputs to pooled features `(n, d)`."""
    return keras.Model(classifier.input, classifier.get_layer("pooled").output, name="pooled")


def with_features(classifier: keras.Model) -> keras.Model:
    """Return a model with two outputs: a classifier's logits, and the pooled features `(n, d)` that they come from."""
    return keras.Model(classifier.input, [classifier.output, classifier.get_layer("pooled").output])


def copy_head(source: keras.Model, target: keras.Model) -> None:
    """Copy the weights of a model's head to another model with the same number of classes."""
    known = {layer.name for layer in source.layers}
    for name in head.WEIGHTED_LAYERS:
        if name in known:
            target.get_layer(name).set_weights(source.get_layer(name).get_weights())


def init_from(classifier: keras.Model, labels: Sequence[str], base: keras.Model, base_labels: Sequence[str]) -> int:
    """Initialise a classifier with the weights of an earlier one that has the same network and head.

    Classes of both keep their weights; new classes keep their random weights; classes that no longer exist are dropped.
    Features stay normalised by the moments of the new train photos.

    Args:
        classifier: the model to change.
        labels: its classes, in the order of its logits.
        base: the earlier model.
        base_labels: the earlier model's classes.

    Returns:
        The number of new classes.
    """
    place = {label: i for i, label in enumerate(base_labels)}
    kept = np.array([i for i, label in enumerate(labels) if label in place], dtype=np.int64)
    theirs = np.array([place[labels[i]] for i in kept], dtype=np.int64)
    last = "cosines" if any(layer.name == "cosines" for layer in classifier.layers) else "logits"
    for layer in classifier.layers:
        if isinstance(layer, keras.layers.Normalization):
            continue
        values = base.get_layer(layer.name).get_weights() if layer.weights else []
        if layer.name == last:
            own = layer.get_weights()
            for mine, known in zip(own, values, strict=True):
                mine[..., kept] = known[..., theirs]
            values = own
        layer.set_weights(values)
    return len(labels) - len(kept)


def subtract_from_logits(classifier: keras.Model, amounts: NDArray[np.float32]) -> None:
    """Subtract a constant from the logit of each class, permanently.

    With the log priors as amounts, the classifier treats all classes as equally common (Menon et al., arXiv:2007.07314,
    section 4.1). The last layer stores the amounts: in its bias, or in its offset if it scales cosines.

    Args:
        classifier: the model to change.
        amounts: one number for each class, `(classes,)`.
    """
    layer = classifier.get_layer("logits")
    if isinstance(layer, keras.layers.Rescaling):
        layer.offset = (np.asarray(layer.offset) - amounts).tolist()
    else:
        kernel, bias = layer.get_weights()
        layer.set_weights([kernel, bias - amounts])


def _with_head(
    inputs: keras.KerasTensor, features: keras.KerasTensor, classes: int, config: TrainConfig
) -> keras.Model:
    x = keras.layers.Identity(name="features")(features)
    pool = keras.layers.GlobalAveragePooling2D if len(x.shape) == 4 else keras.layers.Identity
    x = pool(name="pooled", dtype="float32")(x)
    return keras.Model(inputs, head.logits(x, classes, config), name="classifier")
