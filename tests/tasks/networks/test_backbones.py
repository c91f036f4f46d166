import re
import subprocess
import sys
from typing import NamedTuple

import keras
import numpy as np
import pytest

from configs.schema import TrainConfig
from tasks.networks import backbones
from tasks.networks.scaling import enlarge, scale_pixels
from tasks.store.errors import UserError


class Published(NamedTuple):
    parameters: int
    """Without the head; for ResNet18 and 34, as published, also without moving averages."""
    length: int
    """Channels of the features."""
    large: bool = False


PUBLISHED = {
    "vgg16": Published(14_714_688, 512),
    "vgg19": Published(20_024_384, 512),
    "resnet18": Published(11_689_512 - 513_000, 512),
    "resnet34": Published(21_797_672 - 513_000, 512),
    "resnet50": Published(23_587_712, 2048, large=True),
    "resnet101": Published(42_658_176, 2048, large=True),
    "resnet152": Published(58_370_944, 2048, large=True),
    "xception": Published(20_861_480, 2048, large=True),
    "inception_v3": Published(21_802_784, 2048, large=True),
    "mobilenet_v3": Published(2_996_352, 960),
    "efficientnet_v2": Published(5_919_312, 1280, large=True),
    "convnext_tiny": Published(28_589_128 - 769_000, 768),
    "efficientnet_lite0": Published(4_694_024 - 1_281_000, 1280),
    "efficientnet_lite1": Published(5_470_344 - 1_281_000, 1280),
}
SMALL = [name for name, published in PUBLISHED.items() if not published.large]
OURS = ["convnet", "small_convnet"]
DEEP = ["resnet18", "convnext_tiny", "efficientnet_lite0"]


def built(name: str, shape: tuple[int, int, int], *, pixels: bool = True, dropout: float = 0.5) -> keras.Model:
    inputs = keras.Input(shape, dtype="uint8" if pixels else "float32")
    backbone = backbones.load(name)
    x = enlarge(scale_pixels(inputs, backbone.scale) if pixels else inputs, backbone.min_side_px)
    return keras.Model(inputs, backbone.build(x, TrainConfig(network=name, dropout=dropout)))


def test_every_backbone_is_tested_here() -> None:
    assert set(backbones.names()) == {*PUBLISHED, *OURS}


def test_a_backbone_has_its_own_module_or_shares_the_table_of_applications() -> None:
    assert backbones.module_of("resnet18") == "tasks.networks.backbones.resnet18"
    assert backbones.module_of("vgg16") == backbones.module_of("xception")


def test_an_unknown_backbone_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(
        UserError, match=r"no network 'vgg61' \(did you mean vgg19\?\); there are convnet, .*, xception$"
    ):
        backbones.check("vgg61")


def test_packaged_weights_are_those_of_the_lite_networks() -> None:
    packaged = {name: backbones.load(name).packaged for name in backbones.names()}
    assert {name for name, found in packaged.items() if found} == {"efficientnet_lite0", "efficientnet_lite1"}


@pytest.fixture(scope="module", params=PUBLISHED)
def network(request: pytest.FixtureRequest) -> tuple[str, keras.Model]:
    """A published network, which is built once for all tests of it."""
    return request.param, built(request.param, (128, 128, 3))


@pytest.mark.slow
def test_the_upper_part_has_most_of_the_weights(network: tuple[str, keras.Model]) -> None:
    name, model = network
    start = backbones.load(name).upper_part
    assert start is not None
    layers = model.layers
    prefix = re.compile(rf"{start}(?!\d)")
    first = next(i for i, layer in enumerate(layers) if prefix.match(layer.name))
    assert len(layers) / 5 < first < len(layers) - 1
    behind, whole = (sum(layer.count_params() for layer in part) for part in (layers[first:], layers))
    assert 0.2 < behind / whole < 0.99


def test_backbones_are_listed_without_keras() -> None:
    code = (
        "import sys; from tasks.networks import backbones; backbones.check('vgg16'); assert 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_a_network_has_the_published_parameters_and_is_flat(network: tuple[str, keras.Model]) -> None:
    name, model = network
    published = PUBLISHED[name]
    counted = model.trainable_weights if name in ("resnet18", "resnet34") else model.weights
    assert sum(int(np.prod(weight.shape)) for weight in counted) == published.parameters
    _, height, width, length = model.output_shape
    assert height == width
    assert 2 <= height <= 4
    assert length == published.length
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*OURS, *SMALL, "resnet50", "xception"])
def test_a_network_accepts_grey_tiles_and_small_codes(name: str) -> None:
    for model in (built(name, (20, 20, 1)), built(name, (8, 8, 16), pixels=False)):
        assert min(model.output_shape[1:]) >= 1
        assert name not in PUBLISHED or model.output_shape[-1] == PUBLISHED[name].length


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_network_can_be_rebuilt_from_its_saved_config(name: str) -> None:
    model = built(name, (64, 64, 1))
    again = keras.Model.from_config(model.get_config())
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert again.output_shape == model.output_shape


@pytest.mark.parametrize("name", [*OURS, *(pytest.param(name, marks=pytest.mark.slow) for name in DEEP)])
def test_our_networks_are_finite_and_all_their_weights_are_trained(name: str) -> None:
    model = built(name, (32, 32, 3))
    for layer in model.layers:
        if layer.name.endswith("layer_scale"):
            layer.kernel.assign(keras.ops.ones_like(layer.kernel))  # as after training; it starts with 1e-6
    tiles = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    model.compile(keras.optimizers.Adam(1e-3), "mean_squared_error", run_eagerly=True)  # a graph takes 20 s to build
    before = model.predict_on_batch(tiles)
    assert np.isfinite(before).all()
    assert before.std() > 0
    starts = [weight.numpy() for weight in model.trainable_weights]
    model.train_on_batch(tiles, np.ones_like(before))
    unchanged = [
        weight.path
        for start, weight in zip(starts, model.trainable_weights, strict=True)
        if np.array_equal(start, weight.numpy())
        and not re.fullmatch(r"b\d+_bn2/beta", weight.path)  # the batch normalisation behind it takes shifts out
    ]
    assert not unchanged


def test_the_small_convnet_has_the_parameters_of_the_book() -> None:
    for dropout in (0.0, 0.5):
        model = built("small_convnet", (150, 150, 3), dropout=dropout)
        logit = keras.layers.Dense(1)(model.output)
        assert keras.Model(model.input, logit).count_params() == 3_453_121
        assert sum(isinstance(layer, keras.layers.Dropout) for layer in model.layers) == bool(dropout)


@pytest.mark.slow
def test_names_of_layers_begin_with_the_name_of_their_part() -> None:
    for name, part in {"vgg16": "block5", "resnet18": "conv5", "efficientnet_lite0": "b15"}.items():
        assert any(layer.name.startswith(f"{part}_") for layer in built(name, (32, 32, 3)).layers)
    assert built("efficientnet_lite0", (32, 32, 3)).layers[-1].name == "head_act"
