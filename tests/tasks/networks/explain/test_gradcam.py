from collections.abc import Callable

import keras
import numpy as np
import pytest

from configs.schema import TrainConfig
from tasks.networks import backbones
from tasks.networks.classifier import feature_classifier, tile_classifier
from tasks.networks.explain.gradcam import Explainer
from tasks.networks.explain.layers import representative_layers, side

TILES = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3)).astype(np.uint8)
CLASSES = np.array([0, 2, 1])


def classifier(**settings) -> keras.Model:
    keras.utils.set_random_seed(0)
    return tile_classifier((48, 48, 3), 3, TrainConfig(filters=(4, 6), **settings))


def test_with_average_pooling_and_a_dense_head_the_map_equals_cam() -> None:
    model = classifier()
    trunk = keras.Model(model.input, [model.get_layer("features").output, model.output])
    feature_map, logits = trunk.predict_on_batch(TILES)
    kernel, bias = model.get_layer("logits").get_weights()
    terms = np.einsum("nhwd,dn->nhw", feature_map, kernel[:, CLASSES]) / np.prod(feature_map.shape[1:3])
    without_bias = logits[np.arange(3), CLASSES] - bias[CLASSES]
    np.testing.assert_allclose(terms.sum((1, 2)), without_bias, rtol=1e-4, atol=1e-5)  # CAM sums to the logit
    maps = Explainer(model)(TILES, CLASSES)
    np.testing.assert_allclose(maps, np.maximum(terms, 0), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("settings", [{"hidden": 5}, {"head": "arcface"}, {"network": "small_convnet"}])
def test_other_heads_and_networks_without_pooling_have_maps(settings) -> None:
    maps = Explainer(classifier(**settings))(TILES, CLASSES)
    assert maps.shape[0] == 3
    assert maps.min() >= 0
    assert np.isfinite(maps).all()
    assert maps.max() > 0


def test_the_map_is_bright_at_the_evidence_for_the_class() -> None:
    model = classifier()
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):  # every channel is the brightness
            layer.set_weights([np.full(layer.kernel.shape, 0.1, np.float32)])
    model.get_layer("logits").set_weights([np.array([[1, -1, 0]] * 6, np.float32), np.zeros(3, np.float32)])
    tile = np.zeros((1, 48, 48, 3), np.uint8)
    tile[0, 24:, :24] = 255
    bright = Explainer(model)(tile, np.array([0]))[0]
    half = bright.shape[0] // 2
    assert bright[half:, :half].sum() > 0.8 * bright.sum()
    assert Explainer(model)(tile, np.array([1])).max() < bright.max()  # no evidence for the other class


def test_maps_of_a_code_classifier_have_the_size_of_the_codes() -> None:
    moments = (np.zeros(2, np.float32), np.ones(2, np.float32))
    model = feature_classifier((6, 6, 2), 3, TrainConfig(filters=(4,)), moments)
    codes = np.random.default_rng(0).normal(size=(2, 6, 6, 2)).astype(np.float32)
    assert Explainer(model)(codes, np.array([0, 1])).shape == (2, 6, 6)


def check(build: Callable[[], keras.Model], rows: np.ndarray) -> None:
    """Check that the maps of all classes are finite and not all empty.

    An untrained network may give no evidence for any class. Other seeds are tried then: a seed doesn't always give the
    same network, because threads of other tests draw random numbers, too.
    """
    for seed in range(4):
        keras.utils.set_random_seed(seed)
        model = build()
        explain = Explainer(model)
        maps = np.concatenate([explain(rows, np.full(len(rows), chosen)) for chosen in range(3)])
        if maps.max() > 0:
            break
    assert maps.max() > 0
    assert maps.min() >= 0
    assert np.isfinite(maps).all()
    shown = representative_layers(model)
    assert maps.shape[1:] == tuple(shown[-1].output.shape[1:3])
    sides = [side(layer) for layer in shown]
    assert sides == sorted(set(sides), reverse=True)


ALIKE = {"resnet34", "resnet101", "resnet152", "vgg19", "xception", "inception_v3", "efficientnet_v2"}
"""Networks whose last map is made like that of one which is tested."""
WITH_CODES = {"convnet", "small_convnet", "resnet18", "mobilenet_v3", "vgg16"}
"""The networks that are also tested on codes: below the first layer there is no difference."""


@pytest.mark.slow
@pytest.mark.parametrize("network", sorted({*backbones.names()} - ALIKE))
def test_every_backbone_has_maps_of_tiles_and_of_codes(network: str) -> None:
    settings = TrainConfig(network=network)
    check(lambda: tile_classifier((48, 48, 1), 3, settings), TILES[..., :1])
    if network not in WITH_CODES:
        return
    codes = np.random.default_rng(0).normal(size=(2, 12, 12, 4)).astype(np.float32)
    moments = (codes.mean((0, 1, 2)), codes.var((0, 1, 2)))
    check(lambda: feature_classifier((12, 12, 4), 3, TrainConfig(network=network), moments), codes)
