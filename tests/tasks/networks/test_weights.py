import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from configs.schema import TrainConfig
from tasks.networks import backbones, weights
from tasks.networks.scaling import enlarge, scale_pixels
from tasks.store.errors import UserError

LITE0 = Path(__file__).parents[3] / "../shared/weights/efficientnet_lite0_imagenet.keras"
FAMILY = {"mobilenet_v3": "mobilenet_v3", "vgg16": "vgg16", "inception_v3": "inception_v3", "xception": "xception"}
FAMILY |= {"efficientnet_v2": "efficientnet_v2", "convnext_tiny": "convnext", "resnet50": "resnet50"}
SLOW = ["convnext_tiny", "vgg16", "resnet50"]  # one of each way in which Keras scales pixels

DEFAULT = TrainConfig()
layers = keras.layers
Untrained = Callable[[str], keras.Model]


def built(
    name: str,
    start: Path | Literal["auto", "imagenet"] | None,
    shape: tuple[int, int, int],
    config: TrainConfig = DEFAULT,
) -> keras.Model:
    backbone = backbones.load(name)
    inputs = keras.Input(shape, dtype="uint8")
    pixels = enlarge(scale_pixels(inputs, backbone.scale, colour=start is not None), backbone.min_side_px)
    outputs = backbone.build(pixels, config)
    if start is not None:
        weights.load(pixels, outputs, name, start)
    return keras.Model(inputs, outputs)


def with_head(model: keras.Model, path: Path) -> Path:
    pooled = layers.GlobalAveragePooling2D()(model.output)
    keras.Model(model.input, layers.Dense(5)(layers.BatchNormalization()(pooled))).save(path)
    return path


def tiles(side: int, channels: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (2, side, side, channels), np.uint8)


def randomise(model: keras.Model) -> None:
    """Change every weight, including those that start with the same value in every network."""
    random = np.random.default_rng(1)
    model.set_weights([value + 0.05 * random.random(value.shape, np.float32) for value in model.get_weights()])


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["convnet", *(pytest.param(name, marks=pytest.mark.slow) for name in ("efficientnet_lite0", "resnet18"))]
)
def test_a_model_file_gives_its_features_with_any_head(name: str, tmp_path: Path) -> None:
    original = built(name, None, (32, 32, 3))
    randomise(original)
    path = with_head(original, tmp_path / "model.keras")
    model = built(name, path, (32, 32, 3))
    expected = original.predict_on_batch(tiles(32))
    np.testing.assert_allclose(model.predict_on_batch(tiles(32)), expected, rtol=1e-4, atol=1e-4)
    assert np.abs(built(name, None, (32, 32, 3)).predict_on_batch(tiles(32)) - expected).max() > 0.01


@pytest.mark.slow
@pytest.mark.skipif(not LITE0.exists(), reason="needs the weights of Lite0")
def test_lite0_gives_the_features_of_its_file() -> None:
    original = keras.models.load_model(LITE0)
    trunk = keras.Model(original.input, original.get_layer("logits").input)
    model = built("efficientnet_lite0", LITE0, (224, 224, 3))
    found = model.predict_on_batch(tiles(224)).mean(axis=(1, 2))
    expected = trunk.predict_on_batch((tiles(224).astype(np.float32) - 127) / 128)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.slow
def test_pretrained_networks_take_grey_tiles(tmp_path: Path) -> None:
    original = built("convnet", None, (16, 16, 3))
    randomise(original)
    original.save(tmp_path / "model.keras")
    grey = built("convnet", tmp_path / "model.keras", (16, 16, 1))
    expected = original.predict_on_batch(np.repeat(tiles(16, 1), 3, axis=-1))
    np.testing.assert_allclose(grey.predict_on_batch(tiles(16, 1)), expected, rtol=1e-4, atol=1e-4)


def test_weights_are_found_in_nested_models_and_under_other_layer_numbers(tmp_path: Path) -> None:
    def unnamed_layers(inputs: keras.KerasTensor) -> keras.KerasTensor:
        return layers.Conv2D(3, 1)(layers.Conv2D(3, 1)(layers.BatchNormalization()(inputs)))

    inputs = keras.Input((4, 4, 3))
    source = keras.Model(inputs, unnamed_layers(inputs))
    randomise(source)
    nested = keras.Sequential([keras.Input((4, 4, 3)), source, layers.Flatten(), layers.Dense(2)])
    outputs = unnamed_layers(inputs)
    weights.copy(nested, inputs, outputs)
    for found, expected in zip(keras.Model(inputs, outputs).get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_a_file_of_another_network_is_refused_and_nothing_is_copied(tmp_path: Path) -> None:
    vgg = tmp_path / "vgg.keras"
    inputs = keras.Input((8, 8, 3))
    outputs = layers.Conv2D(4, 3, name="block1_conv1")(inputs)
    keras.Model(inputs, outputs).save(vgg)
    with pytest.raises(
        UserError, match=r"vgg\.keras doesn't fit pretrain\.encoder=convnet: it contains another network, as none"
    ):
        built("convnet", vgg, (16, 16, 3))

    def fit(file: TrainConfig, wanted: TrainConfig) -> keras.Model:
        built("convnet", None, (16, 16, 3), file).save(tmp_path / "own.keras")
        return built("convnet", tmp_path / "own.keras", (16, 16, 3), wanted)

    short, long, wide = (TrainConfig(filters=filters) for filters in [(4, 6), (4, 6, 8), (4, 7)])
    with pytest.raises(
        UserError, match=r"pretrain\.weights: .*own\.keras doesn't fit .*: it has no layer conv3; give a"
    ):
        fit(short, long)
    with pytest.raises(UserError, match=r"its layer conv2 has weights of \(3, 3, 4, 6\), not \(3, 3, 4, 7\); give a"):
        fit(short, wide)

    source = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(4, 1, name="one"), layers.Conv2D(4, 1, name="two")]
    )
    target = layers.Conv2D(5, 1, name="two")(layers.Conv2D(4, 1, name="one")(inputs))
    model = keras.Model(inputs, target)
    before = model.get_weights()
    with pytest.raises(ValueError, match="its layer two"):
        weights.copy(source, inputs, target)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_file_that_is_not_a_model_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.keras", Path(__file__)):
        with pytest.raises(
            UserError, match=rf"pretrain\.weights: cannot read {path} as a Keras model: .*`model\.save`"
        ):
            built("convnet", path, (16, 16, 3))


@pytest.mark.slow
@pytest.mark.parametrize("start", ["auto", "imagenet"])
@pytest.mark.parametrize("name", ["convnet", "small_convnet", "resnet18", "resnet34"])
def test_networks_without_weights_are_refused_with_the_alternatives(
    name: str, start: Literal["auto", "imagenet"]
) -> None:
    with pytest.raises(
        UserError, match=rf"encoder={name}; give a model file .* convnext_tiny, efficientnet_lite0, .*, xception$"
    ):
        built(name, start, (64, 64, 3))


def test_imagenet_for_a_network_with_installed_weights_names_them() -> None:
    with pytest.raises(UserError, match=r"no ImageNet weights for .*lite0; set pretrain\.weights=auto, which takes"):
        built("efficientnet_lite0", "imagenet", (64, 64, 3))


@pytest.mark.slow
def test_a_failed_download_names_the_url_and_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str, origin: str, **rest: object) -> str:
        raise Exception(f"URL fetch failure on {origin}: None -- [Errno -2] Name or service not known")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", fail)
    with pytest.raises(
        UserError, match=r"for pretrain\.encoder=mobilenet_v3: URL fetch failure on https://.*mobilenet.*; try"
    ):
        built("mobilenet_v3", "imagenet", (64, 64, 3))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "start"), [("mobilenet_v3", "auto"), ("mobilenet_v3", "imagenet"), *((name, "imagenet") for name in SLOW)]
)
def test_downloaded_weights_give_the_same_features_as_keras(
    name: str, start: Literal["auto", "imagenet"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, untrained: Untrained
) -> None:
    original = untrained(name)
    randomise(original)
    original.save_weights(tmp_path / "notop.weights.h5")
    asked = []

    def get_file(file: str, origin: str, **rest: object) -> str:
        asked.append(origin)
        return os.fspath(tmp_path / "notop.weights.h5")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    side = original.input_shape[1]
    model = built(name, start, (side, side, 3))
    assert len(asked) == 1
    assert asked[0].startswith("https://")
    preprocess = getattr(keras.applications, FAMILY[name]).preprocess_input
    expected = original.predict_on_batch(preprocess(tiles(side).astype(np.float32)))
    found = model.predict_on_batch(tiles(side))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow
def test_convnext_is_read_from_a_file_with_the_head_of_keras(tmp_path: Path) -> None:
    whole = keras.applications.ConvNeXtTiny(weights=None)
    randomise(whole)
    whole.save(tmp_path / "whole.keras")
    model = built("convnext_tiny", tmp_path / "whole.keras", (64, 64, 3))
    norm = "convnext_tiny_head_layernorm"
    for found, expected in zip(model.get_layer(norm).weights, whole.get_layer(norm).weights, strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_every_network_with_imagenet_weights_names_its_function_of_keras() -> None:
    named = {name for name in backbones.names() if backbones.load(name).application}
    assert named == {*FAMILY, "vgg19", "resnet101", "resnet152"}
