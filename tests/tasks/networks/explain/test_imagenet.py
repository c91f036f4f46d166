"""Names of a photo by a network's own ImageNet head."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tasks.networks.backbones import Backbone
from tasks.networks.explain import imagenet
from tasks.store.errors import UserError


def test_there_is_a_name_for_each_of_the_1000_outputs() -> None:
    names = imagenet._NAMES.read_text(encoding="utf-8").splitlines()
    assert len(names) == 1000
    assert (names[0], names[285], names[999]) == ("tench", "Egyptian cat", "toilet tissue")


def test_a_head_that_is_not_on_this_machine_is_answered_with_the_command_that_downloads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5").touch()
    with pytest.raises(UserError, match=r"vgg16's own head are not in .*keras\.applications\.VGG16\(\)"):
        imagenet.ImageNetNetwork("vgg16")
    with pytest.raises(UserError, match="resnet18 has no ImageNet weights"):
        imagenet.ImageNetNetwork("resnet18")


def test_a_downloaded_head_names_what_it_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def Tiny(weights: str) -> keras.Model:  # noqa: N802 - as in keras.applications
        inputs = keras.Input((8, 8, 3))
        pooled = keras.layers.GlobalAveragePooling2D()(inputs)
        model = keras.Model(inputs, keras.layers.Dense(1000, activation="softmax")(pooled))
        model.load_weights(weights)
        return model

    inputs = keras.Input((8, 8, 3))
    head = keras.layers.Dense(1000, activation="softmax")
    known = keras.Model(inputs, head(keras.layers.GlobalAveragePooling2D()(inputs)))
    kernel, bias = np.zeros((3, 1000)), np.zeros(1000)
    kernel[0, 1], kernel[2, 285] = 9, 5  # red is a goldfish, blue an Egyptian cat
    head.set_weights([kernel, bias])
    (tmp_path / "models").mkdir()
    known.save_weights(tmp_path / "models" / "tiny.weights.h5")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    backbone = Backbone(lambda inputs, config: inputs, "tf", 8, application=Tiny)
    monkeypatch.setattr(imagenet.backbones, "load", lambda name: backbone)
    network = imagenet.ImageNetNetwork("tiny")
    tile = np.zeros((8, 8, 3), np.uint8)
    tile[..., 0], tile[..., 2] = 255, 250
    assert network.side_px == 8
    assert [name for name, _ in network.top(tile, 2)] == ["goldfish", "Egyptian cat"]
