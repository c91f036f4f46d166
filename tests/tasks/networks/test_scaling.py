from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.networks import backbones
from tasks.networks.scaling import Scale, enlarge, scale_pixels

applications = keras.applications
FAMILIES = {
    "vgg16": applications.vgg16,
    "vgg19": applications.vgg19,
    "resnet50": applications.resnet50,
    "resnet101": applications.resnet,
    "resnet152": applications.resnet,
    "xception": applications.xception,
    "inception_v3": applications.inception_v3,
}
"""Networks for which keras.applications has a function that scales pixels."""


SIDE = 64


def tiles(channels: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, channels), np.uint8)


def of_graph(scale: Scale, channels: int, folder: Path, dtype: str = "uint8") -> NDArray[np.float32]:
    """Scale the tiles with a graph that was saved and loaded."""
    inputs = keras.Input((SIDE, SIDE, channels), dtype=dtype)
    model = keras.Model(inputs, scale_pixels(inputs, scale, colour=True))
    model.save(folder / "scaled.keras")
    loaded = keras.models.load_model(folder / "scaled.keras")
    values = loaded.predict_on_batch(tiles(channels))
    np.testing.assert_array_equal(values, model.predict_on_batch(tiles(channels)))
    assert values.dtype == np.float32
    return np.asarray(values)


def rgb(channels: int) -> NDArray[np.float32]:
    return np.broadcast_to(tiles(channels), (2, SIDE, SIDE, 3)).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", FAMILIES)
def test_pixels_are_scaled_as_in_keras_applications(name: str, channels: int, tmp_path: Path) -> None:
    scale = backbones.load(name).scale
    expected = FAMILIES[name].preprocess_input(rgb(channels))
    np.testing.assert_allclose(of_graph(scale, channels, tmp_path), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("name", "first"),
    [("mobilenet_v3", "conv"), ("efficientnet_v2", "stem_conv"), ("convnext_tiny", "convnext_tiny_stem")],
)
def test_pixels_are_scaled_as_in_the_first_layers_of_the_network(
    name: str, first: str, channels: int, tmp_path: Path, untrained: Callable[[str], keras.Model]
) -> None:
    """The functions of these families return pixels unchanged; the first layers of their networks scale them."""
    whole = untrained(name)
    scaling_layers = keras.Model(whole.input, whole.get_layer(first).input)
    scale = backbones.load(name).scale
    expected = scaling_layers.predict_on_batch(rgb(channels))
    assert expected.min() < -1 + 1e-3
    np.testing.assert_allclose(of_graph(scale, channels, tmp_path), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("efficientnet_lite0", lambda x: (x - 127) / 128),
        ("resnet18", lambda x: (x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]),
        ("resnet34", lambda x: (x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]),
        ("convnet", lambda x: x / 127.5 - 1),
        ("small_convnet", lambda x: x / 127.5 - 1),
    ],
)
def test_pixels_are_scaled_as_published(name: str, expected: Callable[[Any], Any], tmp_path: Path) -> None:
    scale = backbones.load(name).scale
    for dtype in ("uint8", "float32"):
        np.testing.assert_allclose(of_graph(scale, 3, tmp_path, dtype), expected(rgb(3)), rtol=1e-5, atol=1e-5)


def test_grey_stays_one_channel_if_the_scale_is_the_same_for_all_channels() -> None:
    grey = keras.Input((8, 8, 1), dtype="uint8")
    lengths = {scale: scale_pixels(grey, scale).shape[-1] for scale in ("tf", "torch", "caffe", (127, 128))}
    assert lengths == {"tf": 1, "torch": 3, "caffe": 3, (127, 128): 1}


def test_mixed_precision_does_not_round_pixels(tmp_path: Path) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        values = of_graph("caffe", 3, tmp_path)
    finally:
        keras.config.set_dtype_policy(before)
    expected = applications.vgg16.preprocess_input(rgb(3))
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("shape", "side"), [((8, 8, 3), 32), ((10, 40, 3), 40), ((32, 32, 3), 32), ((33, 33, 3), 33)])
def test_small_inputs_are_enlarged_by_an_integer(shape: tuple[int, int, int], side: int) -> None:
    inputs = keras.Input(shape)
    enlarged = enlarge(inputs, 32)
    factor = side // shape[0]
    assert enlarged.shape[1:3] == (shape[0] * factor, shape[1] * factor)
    assert min(enlarged.shape[1:3]) >= 32
    assert (enlarged is inputs) == (factor == 1)
