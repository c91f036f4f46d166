"""Classifiers: one flat graph of preprocessing, backbone and head, with layers `features`, `pooled` and `logits`."""

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from configs.schema import TrainConfig
from tasks.networks import backbones, head, weights
from tasks.networks.pooling import generalised_mean, root_mean
from tasks.networks.scaling import SCALED, SCALED_CODES, enlarge, photo_deviation, scale_pixels, scales_pixels
from tasks.store.errors import UserError

Moments = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Mean and variance of each channel, both float32 `(c,)`."""
COLOURS = 3
_CONSTANT = 1e-12
"""Variance of a channel below which it is taken as constant."""


def encoder_classifier(encoder: keras.Model, classes: int, config: TrainConfig) -> keras.Model:
    """Build a classifier of tiles from a pretrained encoder and an untrained head.

    Args:
        encoder: a model from tiles to vectors `(n, d)`, with the layers `features` and `pooled`.
        classes: number of classes.
        config: the head.

    Returns:
        A model from uint8 `(n, h, w, c)` to logits float32 `(n, classes)`.
    """
    encoder = _in_current_policy(encoder)
    if config.cam_filters:
        return _with_head(encoder.input, encoder.get_layer("features").input, classes, config)
    return keras.Model(encoder.input, head.logits(encoder.output, classes, config), name="classifier")


def tile_classifier(shape: tuple[int, int, int], classes: int, config: TrainConfig) -> keras.Model:
    """Build an untrained classifier of tiles that scales pixels itself.

    Args:
        shape: shape of a tile, `(h, w, 1 or 3)`.
        classes: number of classes.
        config: network and head.

    Returns:
        A model from uint8 `(n, h, w, c)` to logits float32 `(n, classes)`.

    Raises:
        UserError: there is no such network.
    """
    tiles = keras.Input(shape, dtype="uint8", name="tiles")
    backbone = backbones.load(config.network)
    x = enlarge(scale_pixels(tiles, backbone.scale), backbone.min_side_px)
    return _with_head(tiles, backbone.build(x, config), classes, config)


def feature_classifier(shape: tuple[int, int, int], classes: int, config: TrainConfig, moments: Moments) -> keras.Model:
    """Build an untrained classifier of the autoencoder's codes.

    Args:
        shape: shape of one photo's code, `(h, w, c)`.
        classes: number of classes.
        config: network, its weights, and head. A network with pretrained weights gets codes with the contrast of
            photos; their three channels take the place of colours.
        moments: mean and variance of the train photos' codes; they become weights of the model. A constant channel
            is centred, but not scaled.

    Returns:
        A model from floats `(n, h, w, c)` to logits float32 `(n, classes)`.

    Raises:
        UserError: there is no such network; or it should have pretrained weights, but the codes don't have three
            channels, or the weights cannot be loaded.
    """
    codes = keras.Input(shape, dtype="float32", name="codes")
    scale = keras.layers.Normalization(name=SCALED)
    scale.build((None, *shape))
    scale.set_weights([moments[0], _variance(moments), np.zeros(())])
    scale.finalize_state()
    return _with_head(codes, _network_on_codes(scale(codes), config), classes, config)


def through_encoder_classifier(
    encoder: keras.Model, classes: int, config: TrainConfig, moments: Moments
) -> keras.Model:
    """Build a classifier of tiles: an autoencoder's encoder, and the classifier of `feature_classifier` behind it.

    Both are one flat graph, so that they can be trained together. The codes are not rounded to float16, as those are
    that the extract stage stores.

    Args:
        encoder: a model from tiles to codes, with the layers `scaled` and `code`.
        classes: number of classes.
        config: see `feature_classifier`.
        moments: mean and variance of the train photos' codes. The layer `scaled_codes` standardises these at first; it
            is a convolution of 1x1, so that it can learn. A constant channel is centred, but not scaled.

    Returns:
        A model from uint8 `(n, h, w, c)` to logits float32 `(n, classes)`.

    Raises:
        UserError: see `feature_classifier`.
    """
    encoder = _in_current_policy(encoder)
    mean, deviation = moments[0], np.sqrt(_variance(moments))
    scale = keras.layers.Conv2D(len(mean), 1, dtype="float32", name=SCALED_CODES)
    codes = scale(encoder.output)
    scale.set_weights([np.diag(1 / deviation)[None, None], -mean / deviation])
    return _with_head(encoder.input, _network_on_codes(codes, config), classes, config)


def behind_encoder(classifier: keras.Model) -> keras.Model:
    """Return the part of a classifier of `through_encoder_classifier` that takes codes; its layers are shared."""
    return keras.Model(classifier.get_layer("code").output, classifier.output, name="classifier_of_codes")


def _variance(moments: Moments) -> NDArray[np.float32]:
    """Return the variance of each channel, float32 `(c,)`; 1 for a constant channel."""
    return np.where(moments[1] > _CONSTANT, moments[1], np.float32(1))


def _network_on_codes(codes: keras.KerasTensor, config: TrainConfig) -> keras.KerasTensor:
    """Add the network, from standardised codes to its last map or vectors."""
    backbone, x, shape = backbones.load(config.network), codes, codes.shape
    if config.network_weights != "none":
        if shape[-1] != COLOURS:
            raise UserError(
                f"train.network_weights={config.network_weights}: pretrained weights take {COLOURS} channels, and the "
                f"codes have {shape[-1]}; set pretrain.code_channels={COLOURS}, or train.network_weights=none"
            )
        x = keras.layers.Rescaling(photo_deviation(backbone.scale), name="contrast")(x)
    x = enlarge(x, backbone.min_side_px)
    features = backbone.build(x, config)
    if config.network_weights != "none":
        weights.load(x, features, config.network, config.network_weights, weights.OF_NETWORK)
    return features


def linear_classifier(
    inputs: keras.Model | tuple[int, ...], kernel: NDArray[np.float32], bias: NDArray[np.float32]
) -> keras.Model:
    """Build a classifier with one linear layer.

    Args:
        inputs: the pretrained encoder, or the shape of an autoencoder's code, `(h, w, c)`.
        kernel: `(d, classes)`, for the encoder's vectors or for flattened codes.
        bias: `(classes,)`.

    Returns:
        A model from tiles or codes to logits float32 `(n, classes)`.
    """
    if isinstance(inputs, keras.Model):
        start, pooled = inputs.input, inputs.output
    else:
        start = keras.Input(inputs, dtype="float32", name="codes")
        x = keras.layers.Identity(name="features")(start)
        pooled = keras.layers.Flatten(name="pooled", dtype="float32")(x)
    last = keras.layers.Dense(len(bias), dtype="float32", name="logits")
    model = keras.Model(start, last(pooled), name="classifier")
    last.set_weights([kernel, bias])
    return model


def pool(
    features: keras.KerasTensor, how: str = "mean", textures: Sequence[keras.KerasTensor] = ()
) -> keras.KerasTensor:
    """Add the layers `features` and `pooled`, from feature maps `(n, h, w, d)` or vectors to float32 `(n, d)`.

    Args:
        features: the maps or vectors.
        how: `mean`; `gem`, see `generalised_mean`; `root`, see `root_mean`; or `flatten`, all values of the map, row by
            row. It doesn't concern vectors.
        textures: maps `(n, h, w, c)` that are appended to the channels of `features`; `how` doesn't concern them.
    """
    length = features.shape[-1]
    if textures:
        features = keras.layers.Concatenate(name="with_texture", dtype="float32")([features, *textures])
    x = keras.layers.Identity(name="features")(features)
    if len(x.shape) != 4:
        return keras.layers.Identity(name="pooled", dtype="float32")(x)
    if how == "mean":
        return keras.layers.GlobalAveragePooling2D(name="pooled", dtype="float32")(x)
    if how == "flatten":
        pooled = keras.layers.Flatten(name="values_of_map", dtype="float32")(x[..., :length])
    else:
        pooled = (generalised_mean if how == "gem" else root_mean)(x[..., :length])
    if textures:
        means = keras.layers.GlobalAveragePooling2D(name="means_of_texture", dtype="float32")(x[..., length:])
        return keras.layers.Concatenate(name="pooled", dtype="float32")([pooled, means])
    return keras.layers.Identity(name="pooled", dtype="float32")(pooled)


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
    A layer `Normalization` stays: it has the moments of the new train photos.

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
            for mine, known in zip(own, values, strict=True):  # see `head.logits` for the order of sub-centres
                by_class = known.reshape(*known.shape[:-1], -1, len(base_labels))
                mine.reshape(*mine.shape[:-1], -1, len(labels))[..., kept] = by_class[..., theirs]
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
    features = head.convolution(features, config)
    return keras.Model(inputs, head.logits(pool(features), classes, config), name="classifier")


def _in_current_policy(network: keras.Model) -> keras.Model:
    """Copy a float32 network so that it computes in the current policy; scaling, codes and pooling stay float32."""
    policy = keras.config.dtype_policy().name
    if policy == "float32":
        return network

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        if scales_pixels(layer) or layer.name in ("code", "pooled") or not isinstance(layer, keras.layers.Layer):
            return layer
        return type(layer).from_config(layer.get_config() | {"dtype": policy})

    copy = keras.models.clone_model(network, clone_function=copied)
    copy.set_weights(network.get_weights())
    return copy
