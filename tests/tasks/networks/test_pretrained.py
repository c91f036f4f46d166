"""Encoders from pretrained networks: names, several networks side by side."""

import numpy as np
import pytest

from configs.schema import PretrainConfig
from tasks.networks import backbones
from tasks.networks.pretrained import check, modules_of, pretrained_encoder, upper_part
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
    both, *each = (
        pretrained_encoder((64, 64, 3), PretrainConfig(encoder=name)).predict_on_batch(tiles)
        for name in ("+".join(names), *names)
    )
    np.testing.assert_allclose(both, np.concatenate(each, axis=1), rtol=1e-4, atol=1e-5)


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
