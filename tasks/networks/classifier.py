"""A classifier as one flat graph, network -> head, with layers named `features`, `pooled` and `logits`."""

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from configs.schema import TrainConfig
from tasks.networks import head
from tasks.networks.features import features as features_of

Moments = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Mean and variance of each channel, float32 `(c,)` both."""


def tile_classifier(shape: tuple[int, int, int], classes: int, config: TrainConfig) -> keras.Model:
    """A classifier of tiles, uint8 `(n, h, w, c)` to logits float32 `(n, classes)`; its scaling is baked in.

    Its head is untrained, and its network has the weights that `config.weights` says.
    """
    tiles = keras.Input(shape, dtype="uint8", name="tiles")
    return _with_head(tiles, features_of(tiles, config, pixels=True), classes, config)


def feature_classifier(shape: tuple[int, int, int], classes: int, config: TrainConfig, moments: Moments) -> keras.Model:
    """An untrained classifier of features: floats `(n, h, w, c)` to logits float32 `(n, classes)`.

    moments: of the features that it will be trained on; they become weights of the model. A channel that
    never varies is left at its scale.
    """
    features = keras.Input(shape, dtype="float32", name="codes")
    scale = keras.layers.Normalization(name="scaled")
    scale.build((None, *shape))
    mean, variance = moments
    scale.set_weights([mean, np.where(variance > 1e-12, variance, 1), np.zeros(())])
    scale.finalize_state()
    return _with_head(features, features_of(scale(features), config, pixels=False), classes, config)


def pooled(classifier: keras.Model) -> keras.Model:
    """A classifier up to its head: what it takes to pooled features `(n, d)`, as without training."""
    return keras.Model(classifier.input, classifier.get_layer("pooled").output, name="pooled")


def with_features(classifier: keras.Model) -> keras.Model:
    """A classifier that gives, besides its logits, the pooled features `(n, d)` that they are computed from."""
    return keras.Model(classifier.input, [classifier.output, classifier.get_layer("pooled").output])


def copy_head(source: keras.Model, target: keras.Model) -> None:
    """Give a model's head the weights of another's with as many classes."""
    known = {layer.name for layer in source.layers}
    for name in head.LAYERS:
        if name in known:
            target.get_layer(name).set_weights(source.get_layer(name).get_weights())


def begin_from(classifier: keras.Model, labels: Sequence[str], base: keras.Model, base_labels: Sequence[str]) -> int:
    """Give a classifier the weights of an earlier one of the same network and head; returns how many classes are new.

    A class that both have keeps what was learnt of it, a new one begins as an untrained one would, one that is gone is
    dropped. Features are scaled by tonight's moments, not by those that the earlier one was trained with.
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


def subtract_log_shares(classifier: keras.Model, log_shares: NDArray[np.float32], strength: float) -> None:
    """Subtract so many times each class's `(classes,)` log share from its logit, for good.

    Then all classes count as equally common if `strength` is 1 (Menon et al., arXiv:2007.07314, section 4.1).
    """
    layer = classifier.get_layer("logits")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias - strength * log_shares])


def _with_head(
    inputs: keras.KerasTensor, features: keras.KerasTensor, classes: int, config: TrainConfig
) -> keras.Model:
    x = keras.layers.Identity(name="features")(features)
    pool = keras.layers.GlobalAveragePooling2D if len(x.shape) == 4 else keras.layers.Identity
    x = pool(name="pooled", dtype="float32")(x)
    return keras.Model(inputs, head.logits(x, classes, config), name="classifier")
