"""Encoders from pretrained networks: names, several networks side by side."""

import numpy as np
import pytest

from configs.schema import PretrainConfig
from tasks.networks import backbones
from tasks.networks.pretrained import check, modules_of, pretrained_encoder, upper_part
from tasks.networks.scaling import scales_pixels
from tasks.store.errors import UserError


def test_an_unknown_network_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match=r"pretrain.encoder: there is no network 'resnet5'.*resnet50"):
        check("efficientnet_lite0+resnet5")


def test_the_code_of_all_networks_counts() -> None:
    assert modules_of("efficientnet_lite0+efficientnet_lite1") == [
        backbones.module_of("efficientnet_lite0"),
        backbones.module_of("efficientnet_lite1"),
    ]
    assert upper_part("efficientnet_lite0+efficientnet_lite1") is None


@pytest.mark.slow
def test_several_networks_give_their_features_side_by_side() -> None:
    tiles = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    names = ["efficientnet_lite0", "efficientnet_lite1"]
    encoders = [pretrained_encoder((64, 64, 3), PretrainConfig(encoder=name)) for name in ("+".join(names), *names)]
    both, *each = (encoder.predict_on_batch(tiles) for encoder in encoders)
    assert {layer.name for layer in encoders[0].layers if scales_pixels(layer)} == {"scaled", f"{names[1]}_scaled"}
    assert both.shape == (2, 2 * (1280 + 2 * 80 + 2 * 112))
    maps, textures = zip(*(np.split(vectors, [1280], axis=1) for vectors in each), strict=True)
    np.testing.assert_allclose(both, np.concatenate([*maps, *textures], axis=1), rtol=1e-4, atol=1e-5)
    plain = pretrained_encoder((64, 64, 3), PretrainConfig(texture=False)).predict_on_batch(tiles)
    np.testing.assert_allclose(plain, maps[0], rtol=1e-4, atol=1e-5)
    lengths = [float(np.linalg.norm(part, axis=1).mean()) for part in (maps[0], textures[0])]
    assert lengths[1] < 0.1 * lengths[0]  # so that they don't decide which photos are similar


@pytest.mark.slow
def test_maps_of_different_sizes_are_refused(monkeypatch) -> None:
    monkeypatch.setattr("tasks.networks.weights.load", lambda *_: None)
    with pytest.raises(UserError, match="maps of different sizes"):
        pretrained_encoder((64, 64, 3), PretrainConfig(encoder="efficientnet_lite0+small_convnet"))


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        ("efficientnet_lite0+autoencoder", "no network 'autoencoder'"),
        ("none+none", "no network 'none'"),
        ("efficientnet_lite0+efficientnet_lite0", "named twice"),
    ],
)
def test_only_different_networks_can_be_joined(encoder: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check(encoder)
