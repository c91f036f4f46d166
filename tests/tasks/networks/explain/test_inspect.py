"""Layers are inspected in small networks with random weights."""

import keras
import numpy as np
import pytest

from configs.schema import PretrainConfig, TrainConfig
from tasks.networks import autoencoder
from tasks.networks.classifier import feature_classifier, tile_classifier
from tasks.networks.explain import activation_max
from tasks.networks.explain.inspect import inspect_layers
from tasks.networks.explain.layers import representative_layers

pytestmark = pytest.mark.slow  # each optimises images

SIDE_PX = 32
TILES = np.random.default_rng(0).integers(0, 256, (5, SIDE_PX, SIDE_PX, 3)).astype(np.uint8)


def classifier(depth: int = 3, **settings) -> keras.Model:
    keras.utils.set_random_seed(0)
    return tile_classifier((SIDE_PX, SIDE_PX, depth), 3, TrainConfig(filters=(4, 6, 8), **settings))


def small_encoder(depth: int = 3) -> keras.Model:
    keras.utils.set_random_seed(1)
    config = PretrainConfig(filters=(4, 6), code_channels=5)
    return autoencoder.encoder(autoencoder.autoencoder((SIDE_PX, SIDE_PX, depth), config))


def code_classifier() -> keras.Model:
    keras.utils.set_random_seed(2)
    moments = (np.zeros(5, np.float32), np.ones(5, np.float32))
    return feature_classifier((8, 8, 5), 3, TrainConfig(filters=(4, 6)), moments)


def mean_activations(network: activation_max.FromPixels, pictures: np.ndarray) -> np.ndarray:
    """Compute the mean activation of each channel, `(n, c)`."""
    return maps_of(network, pictures).mean((1, 2))


def maps_of(network: activation_max.FromPixels, pictures: np.ndarray) -> np.ndarray:
    """Compute the maps of a network's only layer."""
    [maps] = network(keras.ops.convert_to_tensor(pictures.astype(np.float32)))
    return np.asarray(maps)


def activation_above_noise(network: activation_max.FromPixels, channels: np.ndarray) -> np.ndarray:
    """Compute how far the maximised activation of each channel is above the highest one for noise, `(k,)`.

    There are 50 images of strong and 50 of weak noise, such as the ascent starts with; the unit is the standard
    deviation of their activations.
    """
    [pictures] = activation_max.maximise(network, [channels])
    random = np.random.default_rng(1)
    strong = random.normal(128, 50, (50, *pictures.shape[1:])).clip(0, 255)  # of a photo's contrast
    weak = random.normal(128, 8, strong.shape)
    maximised = mean_activations(network, pictures)[np.arange(len(channels)), channels]
    for_noise = [mean_activations(network, noise)[:, channels] for noise in (strong, weak)]
    return np.min([(maximised - each.max(0)) / each.std(0) for each in for_noise], axis=0)


def smooth(model: keras.Model) -> keras.Model:
    """Give a network smooth random kernels, which are more like trained ones, and are the same with each backend."""
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = random.normal(0, 1, layer.kernel.shape)
            kernel -= kernel.mean((0, 1, 2))
            for axis in (0, 1):
                kernel += 0.5 * (np.roll(kernel, 1, axis) + np.roll(kernel, -1, axis))
            layer.set_weights([0.2 * kernel])
    return model


@pytest.mark.parametrize("depth", [1, 3])
def test_images_activate_their_channels_more_than_noise(depth: int) -> None:
    model = smooth(classifier(depth))
    for name in ("relu1", "relu2", "relu3"):
        network = activation_max.FromPixels(model, [model.get_layer(name)])
        assert (activation_above_noise(network, np.arange(4)) > 3).all(), activation_above_noise(network, np.arange(4))


def test_a_channel_of_a_code_classifier_is_maximised_from_pixels() -> None:
    model = smooth(code_classifier())
    network = activation_max.FromPixels(model, [model.get_layer("relu2")], small_encoder())
    assert network.image_shape == (SIDE_PX, SIDE_PX, 3)
    assert (activation_above_noise(network, np.arange(4)) > 5).all()


@pytest.mark.parametrize("settings", [{}, {"network": "resnet18"}])
@pytest.mark.parametrize("depth", [1, 3])
def test_the_network_of_floats_equals_the_classifier(depth: int, settings: dict[str, str]) -> None:
    model = classifier(depth, **settings)
    layer = next(layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
    expected = keras.Model(model.input, layer.output).predict_on_batch(TILES[..., :depth])
    found = maps_of(activation_max.FromPixels(model, [layer]), TILES[..., :depth])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_the_network_of_floats_equals_encoder_and_classifier() -> None:
    model, encoder = code_classifier(), small_encoder()
    layer = model.get_layer("norm1")
    expected = keras.Model(model.input, layer.output).predict_on_batch(encoder.predict_on_batch(TILES))
    found = maps_of(activation_max.FromPixels(model, [layer], encoder), TILES)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_channel_without_a_gradient_is_activated_by_random_changes() -> None:
    inputs = keras.Input((SIDE_PX, SIDE_PX, 1))
    layer = keras.layers.Conv2D(1, 1, activation="relu")
    model = keras.Model(inputs, layer(keras.layers.Rescaling(1.0, name="scaled")(inputs)))
    network = activation_max.FromPixels(model, [layer])
    layer.set_weights([np.ones((1, 1, 1, 1), np.float32), np.array([-175], np.float32)])  # above all weak noise
    weak = np.random.default_rng(0).normal(128, 8, (1, SIDE_PX, SIDE_PX, 1))
    assert mean_activations(network, weak).max() == 0
    assert mean_activations(network, activation_max.maximise(network, [np.array([0])])[0]).max() > 10


def test_the_same_seed_gives_the_same_images() -> None:
    model = classifier()
    network = activation_max.FromPixels(model, [model.get_layer("relu2")])
    first, again, other = (
        activation_max.maximise(network, [np.array([0, 2])], steps=3, seed=seed)[0] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_last_layer_before_each_halving_is_chosen() -> None:
    assert [layer.name for layer in representative_layers(classifier())] == ["relu1", "relu2", "relu3"]
    book = tile_classifier((150, 150, 1), 2, TrainConfig(network="small_convnet"))
    # its convolutions are not padded, and its pooling layers have maps of other sizes
    assert [layer.name for layer in representative_layers(book)] == ["conv1", "conv2", "conv4", "pool4"]


def test_at_most_four_layers_are_chosen_from_the_first_to_the_last() -> None:
    keras.utils.set_random_seed(0)
    model = tile_classifier((64, 64, 3), 2, TrainConfig(filters=(2,) * 5))
    assert [layer.name for layer in representative_layers(model)] == ["relu1", "relu2", "relu4", "relu5"]


@pytest.mark.parametrize("depth", [1, 3])
def test_the_inspection_has_the_most_varied_channels_of_each_layer(depth: int) -> None:
    model = classifier(depth)
    norm = model.get_layer("norm2")
    gamma, beta, mean, variance = norm.get_weights()
    gamma[3], beta[3] = 0, 1  # constant
    gamma[1] = 50
    norm.set_weights([gamma, beta, mean, variance])
    inspection = inspect_layers(model, TILES[..., :depth], most=5)
    assert [layer.shape for layer in inspection.layers] == [(32, 32, 4), (16, 16, 6), (8, 8, 8)]
    np.testing.assert_array_equal(inspection.tile, TILES[0, ..., :depth])
    varied = inspection.layers[1]
    assert varied.channels[0] == varied.responsive[0] == 1
    assert 3 not in {*varied.channels, *varied.responsive}
    assert [len(layer.channels) for layer in inspection.layers] == [4, 5, 5]
    expected = keras.Model(model.input, model.get_layer("relu2").output).predict_on_batch(TILES[:1, ..., :depth])
    np.testing.assert_allclose(varied.maps, expected[0].transpose(2, 0, 1)[varied.channels], rtol=1e-4, atol=1e-4)
    assert varied.maps.dtype == np.float32
    assert varied.pictures.shape == (5, SIDE_PX, SIDE_PX, depth)
    assert varied.pictures.dtype == np.uint8


def test_images_for_a_code_classifier_are_pixels() -> None:
    inspection = inspect_layers(code_classifier(), TILES, small_encoder(), most=2)
    assert [layer.shape for layer in inspection.layers] == [(8, 8, 4), (4, 4, 6)]
    assert all(layer.pictures.shape == (2, SIDE_PX, SIDE_PX, 3) for layer in inspection.layers)


def test_a_network_of_one_layer_is_inspected() -> None:
    keras.utils.set_random_seed(0)
    model = tile_classifier((SIDE_PX, SIDE_PX, 3), 2, TrainConfig(filters=(4,)))
    for tiles in (TILES, TILES[:1]):
        [layer] = inspect_layers(model, tiles, most=2).layers
        assert (layer.name, layer.shape) == ("relu1", (32, 32, 4))
        assert layer.maps.shape == (2, 32, 32)


def test_images_for_large_tiles_are_small_and_activate_their_channels() -> None:
    """The coarsest of the maps has three cells or more, and the images are not as large as the tiles."""
    keras.utils.set_random_seed(0)
    model = smooth(tile_classifier((256, 256, 3), 2, TrainConfig(filters=(4, 6, 8, 8))))
    shown = representative_layers(model)
    network = activation_max.FromPixels(model, shown)
    assert network.image_shape == (96, 96, 3)
    images = activation_max.maximise(network, [np.array([0, 1]), np.array([2]), np.array([0]), np.array([5])], steps=2)
    assert [each.shape for each in images] == [(2, 96, 96, 3), *[(1, 96, 96, 3)] * 3]


def test_a_network_that_needs_its_tiles_side_gets_images_of_that_side() -> None:
    inputs = keras.Input((256, 256, 1))
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1.0, name="scaled")(inputs))
    layer = keras.layers.Reshape((64, 64, 16))
    network = activation_max.FromPixels(keras.Model(inputs, layer(flat)), [layer])
    assert network.image_shape == (256, 256, 1)


def test_inspection_does_not_change_the_classifier() -> None:
    model = classifier()
    config, weights = model.get_config(), model.get_weights()
    inspect_layers(model, TILES, most=1)
    assert model.get_config() == config
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert all(layer.output is not None for layer in model.layers)  # raises if a layer is in two graphs
