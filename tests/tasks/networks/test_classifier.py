import keras
import numpy as np
import pytest

from configs.schema import PretrainConfig, TrainConfig
from tasks.networks import backbones, classifier
from tasks.networks.autoencoder import autoencoder, encoder
from tasks.networks.backbones.convnet import backbone
from tasks.networks.classifier import encoder_classifier, feature_classifier, pool, tile_classifier
from tasks.networks.explain.layers import feature_maps
from tasks.networks.scaling import photo_deviation
from tasks.store.errors import UserError
from tasks.train.finetune import freeze, unfreeze

CONFIG = TrainConfig(filters=(4, 6))


def test_the_graph_is_flat_and_its_feature_map_and_logits_are_found_by_name() -> None:
    model = tile_classifier((16, 16, 3), 5, CONFIG)
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    inner = keras.Model(model.input, [model.get_layer("features").output, model.get_layer("logits").output])
    feature_map, logits = inner.predict_on_batch(np.zeros((2, 16, 16, 3), np.uint8))
    assert feature_map.shape == (2, 8, 8, 6)
    assert logits.shape == (2, 5)
    assert logits.dtype == np.float32


def test_tiles_are_scaled_to_minus_one_and_one() -> None:
    model = tile_classifier((2, 2, 1), 2, CONFIG)
    scaled = keras.Model(model.input, model.get_layer("scaled").output)
    ends = np.array([0, 255, 0, 255], np.uint8).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(scaled.predict_on_batch(ends).ravel(), [-1, 1, -1, 1], atol=1e-6)


def test_features_are_normalised_by_the_moments_and_a_constant_channel_becomes_zero(tmp_path) -> None:
    moments = (np.array([10, 3], np.float32), np.array([4, 0], np.float32))
    model = feature_classifier((4, 4, 2), 2, CONFIG, moments)
    model.save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    scaled = keras.Model(model.input, model.get_layer("scaled").output)
    features = np.broadcast_to(np.array([14, 3], np.float16), (1, 4, 4, 2))
    np.testing.assert_allclose(scaled.predict_on_batch(features)[0, 0, 0], [2, 0], atol=1e-6)


@pytest.mark.parametrize("side", [1, 3])
def test_small_feature_maps_are_not_halved(side: int) -> None:
    inputs = keras.Input((side, side, 2))
    assert backbone(inputs, CONFIG).shape == (None, side, side, 6)


def labelled(classes: int, **settings) -> keras.Model:
    keras.utils.set_random_seed(classes)
    return tile_classifier((8, 8, 1), classes, CONFIG.model_copy(update=settings))


@pytest.mark.parametrize(("kind", "last"), [("softmax", "logits"), ("arcface", "cosines")])
def test_a_classifier_is_initialised_from_one_with_other_classes(kind, last) -> None:
    base, model = labelled(3, head=kind), labelled(4, head=kind)
    untrained = model.get_layer(last).get_weights()[0].copy()
    new = classifier.init_from(model, ["ape", "bear", "cat", "dog"], base, ["bear", "dog", "eel"])
    assert new == 2
    for layer in model.layers:
        if layer.weights and layer.name != last:
            for ours, theirs in zip(layer.get_weights(), base.get_layer(layer.name).get_weights(), strict=True):
                np.testing.assert_array_equal(ours, theirs)
    ours, theirs = model.get_layer(last).get_weights()[0], base.get_layer(last).get_weights()[0]
    np.testing.assert_array_equal(ours[:, [1, 3]], theirs[:, [0, 1]])
    np.testing.assert_array_equal(ours[:, [0, 2]], untrained[:, [0, 2]])


def test_all_directions_of_a_class_are_initialised() -> None:
    base, model = (labelled(classes, head="arcface", sub_centres=2) for classes in (3, 4))
    theirs = base.get_layer("cosines").get_weights()[0].reshape(-1, 2, 3)
    untrained = model.get_layer("cosines").get_weights()[0].reshape(-1, 2, 4)
    assert classifier.init_from(model, ["ape", "bear", "cat", "dog"], base, ["bear", "dog", "eel"]) == 2
    ours = model.get_layer("cosines").get_weights()[0].reshape(-1, 2, 4)
    np.testing.assert_array_equal(ours[..., [1, 3]], theirs[..., [0, 1]])
    np.testing.assert_array_equal(ours[..., [0, 2]], untrained[..., [0, 2]])


def test_a_head_with_several_directions_is_copied() -> None:
    source, target = labelled(3, head="cosine", sub_centres=2), labelled(3, head="cosine", sub_centres=2)
    kernel = source.get_layer("cosines").get_weights()[0]
    source.get_layer("cosines").set_weights([-kernel])
    classifier.copy_head(source, target)
    np.testing.assert_array_equal(target.get_layer("cosines").get_weights()[0], -kernel)


@pytest.mark.slow
def test_a_classifier_initialised_from_another_can_be_saved(tmp_path) -> None:
    base, model = (
        feature_classifier((4, 4, 2), 2, CONFIG, (np.full(2, mean, np.float32), np.ones(2, np.float32)))
        for mean in (0, 5)
    )
    classifier.init_from(model, ["a", "b"], base, ["a", "b"])
    features = np.random.default_rng(0).normal(5, 1, (3, 4, 4, 2)).astype(np.float32)
    model.save(tmp_path / "model.keras")
    saved = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(saved.predict_on_batch(features), model.predict_on_batch(features), atol=1e-6)


def test_a_head_is_copied_to_another_model() -> None:
    source, target = labelled(3, hidden=5), labelled(3, hidden=5)
    source.get_layer("hidden").bias.assign([1, 2, 3, 4, 5])
    classifier.copy_head(source, target)
    np.testing.assert_array_equal(target.get_layer("hidden").get_weights()[1], [1, 2, 3, 4, 5])


@pytest.mark.parametrize("kind", ["softmax", "arcface"])
def test_log_priors_are_subtracted_from_the_logits_also_after_saving(kind, tmp_path) -> None:
    model, tiles = labelled(2, head=kind), np.full((1, 8, 8, 1), 99, np.uint8)
    before = model.predict_on_batch(tiles)
    classifier.subtract_from_logits(model, np.log(np.array([0.8, 0.2], np.float32)))
    model.save(tmp_path / "model.keras")
    after = keras.models.load_model(tmp_path / "model.keras").predict_on_batch(tiles)
    np.testing.assert_allclose(after - before, [[-np.log(0.8), -np.log(0.2)]], rtol=1e-4)


def test_pretrained_weights_are_loaded_behind_codes_that_have_the_contrast_of_photos(tmp_path) -> None:
    moments = (np.full(3, 7, np.float32), np.full(3, 4, np.float32))
    plain = TrainConfig(network="convnet", filters=(4,))
    source = tile_classifier((8, 8, 3), 5, plain)
    source.save(tmp_path / "photos.keras")
    config = plain.model_copy(update={"network_weights": tmp_path / "photos.keras"})
    model = feature_classifier((8, 8, 3), 2, config, moments)
    for layer in source.layers:
        if layer.weights and layer.name != "logits":
            np.testing.assert_array_equal(model.get_layer(layer.name).get_weights()[0], layer.get_weights()[0])
    contrast = keras.Model(model.input, model.get_layer("contrast").output)
    codes = np.broadcast_to(np.array([9, 7, 5], np.float32), (1, 8, 8, 3))
    deviation = photo_deviation(backbones.load("convnet").scale)
    np.testing.assert_allclose(contrast(codes)[0, 0, 0], [deviation, 0, -deviation], atol=1e-5)


def test_pretrained_weights_need_codes_of_three_channels() -> None:
    config = TrainConfig(network="efficientnet_lite0", network_weights="auto")
    with pytest.raises(UserError, match=r"network_weights=auto: .* codes have 2; set pretrain.code_channels=3"):
        feature_classifier((8, 8, 2), 2, config, (np.zeros(2, np.float32), np.ones(2, np.float32)))


def test_the_contrast_of_photos_is_that_of_each_convention() -> None:
    assert photo_deviation("torch") == 1
    assert photo_deviation("caffe") == pytest.approx(57.7, abs=0.1)
    assert photo_deviation("tf") == photo_deviation((127.5, 127.5)) == pytest.approx(0.4527, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["strided", "pooled"])
def test_a_classifier_through_an_encoder_answers_tiles_as_one_of_codes_answers_their_codes(architecture) -> None:
    settings = PretrainConfig(encoder="autoencoder", architecture=architecture, filters=(4, 8), code_channels=3)
    before = encoder(autoencoder((16, 16, 3), settings))
    moments = (np.array([1, 2, 3], np.float32), np.array([4, 0.25, 0], np.float32))
    through = classifier.through_encoder_classifier(before, 2, CONFIG, moments)
    of_codes = feature_classifier(before.output_shape[1:], 2, CONFIG, moments)
    for layer in of_codes.layers:
        if layer.name != "scaled" and layer.weights:
            layer.set_weights(through.get_layer(layer.name).get_weights())
    tiles = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype(np.uint8)
    codes = before.predict_on_batch(tiles)
    expected = of_codes.predict_on_batch(codes)
    assert np.ptp(expected, axis=0).min() > 1e-3
    for answers in (through.predict_on_batch(tiles), classifier.behind_encoder(through).predict_on_batch(codes)):
        np.testing.assert_allclose(answers, expected, rtol=1e-4, atol=1e-5)
    assert {layer.name for layer in feature_maps(through)} == {layer.name for layer in feature_maps(of_codes)}
    assert not any(isinstance(layer, keras.Model) for layer in through.layers)


def pretrained() -> keras.Model:
    tiles = keras.Input((8, 8, 3), dtype="uint8")
    scaled = keras.layers.Rescaling(1 / 255, name="scaled")(tiles)
    return keras.Model(tiles, pool(keras.layers.Conv2D(4, 3, name="block1")(scaled), "root"), name="encoder")


def test_the_convolution_of_class_activation_maps_is_between_the_last_map_and_its_mean() -> None:
    encoder = pretrained()
    model = encoder_classifier(encoder, 2, TrainConfig(cam_filters=5))
    assert model.get_layer("cam").kernel.shape == (3, 3, 4, 5)
    assert feature_maps(model)[-1].name == "cam"
    tiles = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    maps, pooled = (
        keras.Model(model.input, model.get_layer(name).output).predict_on_batch(tiles) for name in ("cam", "pooled")
    )
    np.testing.assert_allclose(pooled, maps.mean((1, 2)), rtol=1e-5)
    freeze(model)
    assert {layer.name for layer in model.layers if layer.trainable_weights} == {"cam", "logits"}
    unfreeze(model, "all")
    assert model.get_layer("block1").trainable


def test_a_network_from_scratch_gets_the_convolution_unless_it_has_no_map() -> None:
    model = tile_classifier((16, 16, 3), 2, TrainConfig(filters=(4,), cam_filters=5))
    assert feature_maps(model)[-1].name == "cam"
    with pytest.raises(UserError, match="cam_filters=5: the network has no feature map"):
        tile_classifier((46, 46, 3), 2, TrainConfig(network="small_convnet", cam_filters=5))
