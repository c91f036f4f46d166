"""Which layers of a classifier give feature maps."""

import keras
import numpy as np
import pytest

from tasks.networks.classifier import linear_classifier
from tasks.networks.explain.gradcam import Explainer
from tasks.networks.explain.inspect import inspect_layers
from tasks.networks.explain.layers import feature_maps, representative_layers


def of_codes(shape: tuple[int, int, int], classes: int = 3) -> keras.Model:
    kernel = np.random.default_rng(0).normal(size=(int(np.prod(shape)), classes)).astype(np.float32)
    return linear_classifier(shape, kernel, np.zeros(classes, np.float32))


def of_two_networks() -> keras.Model:
    """Build two networks side by side on the same tiles, with the names that a pretrained encoder gives them."""
    tiles = keras.Input((16, 16, 1), dtype="uint8", name="tiles")
    maps = []
    for prefix, depth in (("", 1), ("other_", 3)):
        x = keras.layers.Concatenate(name=f"{prefix}rgb")([tiles] * 3)
        x = keras.layers.Rescaling(1 / 255, name=f"{prefix}scaled")(x)
        for i in range(depth):
            x = keras.layers.Conv2D(2, 3, 1 if i else 2, "same", activation="tanh", name=f"{prefix}conv{i}")(x)
        maps.append(x)
    features = keras.layers.Identity(name="features")(keras.layers.Concatenate(name="maps")(maps))
    return keras.Model(tiles, keras.layers.GlobalAveragePooling2D(name="pooled")(features))


def test_layers_of_two_networks_on_the_same_tiles_can_be_inspected() -> None:
    model = of_two_networks()
    found = sorted(layer.name for layer in feature_maps(model))
    assert found == ["conv0", "maps", "other_conv0", "other_conv1", "other_conv2"]
    (layer,) = inspect_layers(model, np.zeros((2, 16, 16, 1), np.uint8), most=1).layers
    assert (layer.name, layer.pictures.shape) == ("maps", (1, 16, 16, 1))


def test_the_map_of_a_linear_classifier_of_codes_is_the_code() -> None:
    model = of_codes((4, 6, 2))
    assert [layer.name for layer in feature_maps(model)] == ["features"]
    assert [layer.name for layer in representative_layers(model)] == ["features"]
    codes = np.random.default_rng(1).normal(size=(5, 4, 6, 2)).astype(np.float32)
    maps = Explainer(model)(codes, np.array([0, 1, 2, 0, 1]))
    assert maps.shape == (5, 4, 6)
    assert maps.max() > 0


def test_the_layers_of_a_linear_classifier_of_codes_can_be_inspected() -> None:
    tiles = keras.Input((8, 8, 3), dtype="uint8")
    codes = keras.layers.Conv2D(2, 3, strides=2, padding="same")(keras.layers.Rescaling(1 / 255, name="scaled")(tiles))
    shown = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
    found = inspect_layers(of_codes((4, 4, 2)), shown, keras.Model(tiles, codes), most=2)
    (layer,) = found.layers
    assert layer.maps.shape == (2, 4, 4)
    assert layer.pictures.shape == (2, 8, 8, 3)


def test_a_classifier_of_vectors_alone_has_no_map() -> None:
    vectors = keras.Input((7,))
    pooled = keras.layers.Identity(name="features")(vectors)
    with pytest.raises(ValueError, match="no feature map"):
        feature_maps(keras.Model(vectors, keras.layers.Dense(2, name="logits")(pooled)))
