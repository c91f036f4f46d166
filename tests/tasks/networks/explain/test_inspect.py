"""Small networks with random weights; what is raised, and where, doesn't need learnt ones."""

import keras
import numpy as np
import pytest

from configs.schema import PretrainConfig, TrainConfig
from tasks.networks.classifier import feature_classifier, tile_classifier
from tasks.networks.explain import activation_max, inspect
from tasks.networks.explain.layers import representative_layers
from tasks.pretrain import autoencoder

SIDE_PX = 32
TILES = np.random.default_rng(0).integers(0, 256, (5, SIDE_PX, SIDE_PX, 3)).astype(np.uint8)


def classifier(depth: int = 3, **settings) -> keras.Model:
    keras.utils.set_random_seed(0)
    return tile_classifier((SIDE_PX, SIDE_PX, depth), 3, TrainConfig(input="tiles", filters=(4, 6, 8), **settings))


def coder(depth: int = 3) -> keras.Model:
    keras.utils.set_random_seed(1)
    config = PretrainConfig(filters=(4, 6), code_channels=5)
    return autoencoder.encoder(autoencoder.autoencoder((SIDE_PX, SIDE_PX, depth), config))


def of_codes() -> keras.Model:
    keras.utils.set_random_seed(2)
    moments = (np.zeros(5, np.float32), np.ones(5, np.float32))
    return feature_classifier((8, 8, 5), 3, TrainConfig(filters=(4, 6)), moments)


def answers(network: keras.Model, pictures: np.ndarray) -> np.ndarray:
    """Mean of each channel `(n, c)`."""
    return np.asarray(network.predict_on_batch(pictures.astype(np.float32))).mean((1, 2))


def raised(network: keras.Model, channels: np.ndarray) -> np.ndarray:
    """How far above the highest of 50 random pictures, or of as faint noise as it begins with, each channel is `(k,)`.

    In standard deviations of what those excite.
    """
    pictures = activation_max.maximise(network, channels)
    random = np.random.default_rng(1)
    strong = random.normal(128, 50, (50, *pictures.shape[1:])).clip(0, 255)  # of a photo's contrast
    faint = random.normal(128, 8, strong.shape)
    own = answers(network, pictures)[np.arange(len(channels)), channels]
    to_noise = [answers(network, noise)[:, channels] for noise in (strong, faint)]
    return np.min([(own - each.max(0)) / each.std(0) for each in to_noise], axis=0)


def smooth(model: keras.Model) -> keras.Model:
    """A network of random kernels that are smooth, as learnt ones rather are, and the same with each backend."""
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
def test_pictures_excite_their_channels_more_than_noise_does(depth: int) -> None:
    model = smooth(classifier(depth))
    for name in ("relu1", "relu2", "relu3"):
        network = activation_max.from_pixels(model, model.get_layer(name))
        assert (raised(network, np.arange(4)) > 3).all(), raised(network, np.arange(4))


def test_a_channel_is_raised_from_the_pixels_through_the_encoder() -> None:
    model = smooth(of_codes())
    network = activation_max.from_pixels(model, model.get_layer("relu2"), coder())
    assert network.input_shape == (None, SIDE_PX, SIDE_PX, 3)
    assert (raised(network, np.arange(4)) > 5).all()


@pytest.mark.parametrize("settings", [{}, {"network": "resnet18"}])
@pytest.mark.parametrize("depth", [1, 3])
def test_a_network_from_floats_answers_as_the_classifier_does(depth: int, settings: dict[str, str]) -> None:
    model = classifier(depth, **settings)
    layer = next(layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
    expected = keras.Model(model.input, layer.output).predict_on_batch(TILES[..., :depth])
    found = activation_max.from_pixels(model, layer).predict_on_batch(TILES[..., :depth].astype(np.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_through_the_encoder_it_answers_as_to_its_codes() -> None:
    model, encoder = of_codes(), coder()
    layer = model.get_layer("norm1")
    expected = keras.Model(model.input, layer.output).predict_on_batch(encoder.predict_on_batch(TILES))
    found = activation_max.from_pixels(model, layer, encoder).predict_on_batch(TILES.astype(np.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_channel_that_is_silent_at_first_is_woken_by_chance() -> None:
    inputs = keras.Input((SIDE_PX, SIDE_PX, 1))
    layer = keras.layers.Conv2D(1, 1, activation="relu")
    network = keras.Model(inputs, layer(inputs))
    layer.set_weights([np.ones((1, 1, 1, 1), np.float32), np.array([-175], np.float32)])  # over all faint noise
    faint = np.random.default_rng(0).normal(128, 8, (1, SIDE_PX, SIDE_PX, 1))
    assert answers(network, faint).max() == 0
    assert answers(network, activation_max.maximise(network, np.array([0]))).max() > 10


def test_a_seed_decides_on_the_pictures() -> None:
    model = classifier()
    network = activation_max.from_pixels(model, model.get_layer("relu2"))
    first, again, other = (activation_max.maximise(network, np.array([0, 2]), steps=3, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_last_layer_before_each_halving_is_shown() -> None:
    assert [layer.name for layer in representative_layers(classifier())] == ["relu1", "relu2", "relu3"]
    book = tile_classifier((150, 150, 1), 2, TrainConfig(input="tiles", network="small_convnet"))
    # its convolutions are not padded, and its pooling layers are maps of their own
    assert [layer.name for layer in representative_layers(book)] == ["conv1", "conv2", "conv4", "pool4"]


def test_at_most_four_layers_are_shown_from_the_first_to_the_last() -> None:
    keras.utils.set_random_seed(0)
    model = tile_classifier((64, 64, 3), 2, TrainConfig(input="tiles", filters=(2,) * 5))
    assert [layer.name for layer in representative_layers(model)] == ["relu1", "relu2", "relu4", "relu5"]


@pytest.mark.parametrize("depth", [1, 3])
def test_an_insight_has_the_liveliest_channels_of_each_layer(depth: int) -> None:
    model = classifier(depth)
    norm = model.get_layer("norm2")
    gamma, beta, mean, variance = norm.get_weights()
    gamma[3], beta[3] = 0, 1  # answers the same to anything
    gamma[1] = 50
    norm.set_weights([gamma, beta, mean, variance])
    seen = inspect.look_inside(model, TILES[..., :depth], most=5)
    assert [layer.shape for layer in seen.layers] == [(32, 32, 4), (16, 16, 6), (8, 8, 8)]
    np.testing.assert_array_equal(seen.tile, TILES[0, ..., :depth])
    lively = seen.layers[1]
    assert lively.channels[0] == lively.responsive[0] == 1
    assert 3 not in {*lively.channels, *lively.responsive}
    assert [len(layer.channels) for layer in seen.layers] == [4, 5, 5]
    expected = keras.Model(model.input, model.get_layer("relu2").output).predict_on_batch(TILES[:1, ..., :depth])
    np.testing.assert_allclose(lively.maps, expected[0].transpose(2, 0, 1)[lively.channels], rtol=1e-4, atol=1e-4)
    assert lively.maps.dtype == np.float32
    assert lively.pictures.shape == (5, SIDE_PX, SIDE_PX, depth)
    assert lively.pictures.dtype == np.uint8


def test_of_a_classifier_of_codes_pictures_are_in_pixels() -> None:
    seen = inspect.look_inside(of_codes(), TILES, coder(), most=2)
    assert [layer.shape for layer in seen.layers] == [(8, 8, 4), (4, 4, 6)]
    assert all(layer.pictures.shape == (2, SIDE_PX, SIDE_PX, 3) for layer in seen.layers)


def test_a_network_of_one_layer_is_shown_too() -> None:
    keras.utils.set_random_seed(0)
    model = tile_classifier((SIDE_PX, SIDE_PX, 3), 2, TrainConfig(input="tiles", filters=(4,)))
    for tiles in (TILES, TILES[:1]):
        [layer] = inspect.look_inside(model, tiles, most=2).layers
        assert (layer.name, layer.shape) == ("relu1", (32, 32, 4))
        assert layer.maps.shape == (2, 32, 32)


def test_looking_leaves_a_classifier_as_it_was() -> None:
    model = classifier()
    config, weights = model.get_config(), model.get_weights()
    inspect.look_inside(model, TILES, most=1)
    assert model.get_config() == config
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert all(layer.output is not None for layer in model.layers)  # raises if a layer is in two graphs
