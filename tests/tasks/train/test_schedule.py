from pathlib import Path

import keras
import numpy as np
import pytest

from configs.schema import ImbalanceConfig
from tasks import tables
from tasks.networks.classifier import tile_classifier
from tasks.store.errors import UserError
from tasks.train import stage as train
from tests.helpers.training import CONFIG, accuracy


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A model file of the tests' convnet, with other classes, as from another project."""
    keras.utils.set_random_seed(5)
    path = tmp_path_factory.mktemp("weights") / "convnet.keras"
    tile_classifier((16, 16, 3), 7, CONFIG).save(path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "moved"),
    [
        ({}, set()),
        pytest.param({"unfreeze": ("conv2",), "head_epochs": 5}, {"conv2"}, marks=pytest.mark.slow),
        pytest.param(
            {"unfreeze": (1, "all"), "head_epochs": 0, "learning_rate": 0.1, "unfreeze_rate": 0.5},
            {"conv1", "conv2"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_pretrained_network_is_frozen_then_unfrozen(folders, two_classes, weights, settings, moved) -> None:
    kept, tiles = two_classes
    config = CONFIG.model_copy(update={"weights": weights, "head_epochs": 30, "batch_size": 8, **settings})
    outcome = folders.get_or_build(train.STAGE, config, kept=kept, inputs=tiles)
    model, before = (
        keras.models.load_model(path) for path in (tables.CLASSIFIER.path(folders.folder(outcome)), weights)
    )
    changed = {
        layer.name
        for layer in before.layers
        if layer.weights and layer.name != "logits"
        if any(map(np.any, map(np.not_equal, layer.get_weights(), model.get_layer(layer.name).get_weights())))
    }
    assert changed == moved
    assert accuracy(folders, outcome, kept, tiles) >= 0.7


@pytest.mark.slow
def test_retraining_the_head_leaves_the_network_unchanged(folders, two_classes) -> None:
    kept, tiles = two_classes
    once, retrained = (
        folders.get_or_build(
            train.STAGE,
            CONFIG.model_copy(update={"head": "arcface", "imbalance": ImbalanceConfig(method=method)}),
            kept=kept,
            inputs=tiles,
        )
        for method in ("none", "retrain_head")
    )
    before, after = (
        keras.models.load_model(tables.CLASSIFIER.path(folders.folder(each))) for each in (once, retrained)
    )
    for layer in before.layers:
        same = all(map(np.array_equal, layer.get_weights(), after.get_layer(layer.name).get_weights()))
        assert same == (layer.name != "cosines")
    assert accuracy(folders, retrained, kept, tiles) >= 0.9


@pytest.mark.slow
def test_features_of_a_frozen_network_are_computed_once_per_photo(folders, two_classes, weights) -> None:
    kept, tiles = two_classes
    config = CONFIG.model_copy(update={"weights": weights, "head_epochs": 2})
    folders.get_or_build(train.STAGE, config, kept=kept, inputs=tiles)
    assert sum(count for label, count in folders.progress if label == "features") == 50
    folders.progress.clear()
    folders.get_or_build(train.STAGE, config.model_copy(update={"hidden": 4}), kept=kept, inputs=tiles)
    assert "features" not in dict(folders.progress)


def test_an_unknown_step_of_unfreeze_is_reported_before_anything_is_trained(folders, two_classes, weights) -> None:
    kept, tiles = two_classes
    config = CONFIG.model_copy(update={"weights": weights, "unfreeze": ("conv2", "conv7")})
    with pytest.raises(UserError, match="the network has no layer 'conv7'"):
        folders.get_or_build(train.STAGE, config, kept=kept, inputs=tiles)
    assert not {"features", "training the head"} & {label for label, _ in folders.progress}


@pytest.mark.slow
def test_a_step_of_unfreeze_that_diverges_keeps_the_trained_head(folders, two_classes, weights) -> None:
    kept, tiles = two_classes
    config = CONFIG.model_copy(
        update={
            "weights": weights,
            "head_epochs": 3,
            "unfreeze": ("conv2",),
            "learning_rate": 1e-3,
            "unfreeze_rate": 1e38,
        }
    )
    with pytest.raises(UserError, match=r"the best weights before that are in (.*\.keras)") as caught:
        folders.get_or_build(train.STAGE, config, kept=kept, inputs=tiles)
    model = keras.models.load_model(str(caught.value).rpartition(" in ")[2])
    assert all(np.isfinite(values).all() for values in model.get_weights())
