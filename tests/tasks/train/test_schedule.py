"""The phases of a training, with a small pretrained network."""

import keras
import numpy as np
import pytest

from configs.schema import ImbalanceConfig
from tasks import tables
from tasks.store.errors import UserError
from tasks.train import stage as train
from tests.helpers.training import CONFIG, accuracy, classifier_of

NETWORK = CONFIG.model_copy(update={"head_epochs": 5, "epochs": 3, "refit": False})


def changed_layers(folders, outcome, parents) -> set[str]:
    """Return the layers of the encoder whose weights a training has changed."""
    before = keras.models.load_model(tables.pretrain.ENCODER.path(folders.store.folder(parents["encoder"])))
    after = classifier_of(folders, outcome)
    return {
        layer.name
        for layer in before.layers
        if any(map(np.any, map(np.not_equal, layer.get_weights(), after.get_layer(layer.name).get_weights())))
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        ({"recipe": "head", "head_epochs": 30}, set()),
        ({"unfreeze": ("conv3",)}, {"conv3"}),
        ({"unfreeze": (1, "all"), "head_epochs": 1, "unfreeze_rate": 0.5}, {"conv1", "conv2", "conv3"}),
    ],
    ids=["frozen", "the last block", "step by step"],
)
def test_a_pretrained_network_is_frozen_then_unfrozen(folders, frozen, settings, changed) -> None:
    outcome = folders.get_or_build(train.STAGE, NETWORK.model_copy(update=settings), **frozen)
    found = changed_layers(folders, outcome, frozen)
    assert {name for name in found if name.startswith("conv")} == changed
    assert {name.replace("norm", "conv") for name in found} == changed  # their scales learn, their averages don't
    assert accuracy(folders, outcome, frozen) >= 0.7


@pytest.mark.slow
def test_a_frozen_head_is_trained_on_stored_features_alone(folders, frozen, monkeypatch) -> None:
    labels: list[str] = []
    monkeypatch.setattr("tasks.train.schedule.predict", lambda *_: labels.append("computed"))
    outcome = folders.get_or_build(train.STAGE, NETWORK.model_copy(update={"recipe": "head"}), **frozen)
    assert labels == []
    assert {label for label, _ in folders.progress} == {"training the head"}
    assert accuracy(folders, outcome, frozen) >= 0.7


@pytest.mark.slow
def test_retraining_the_head_leaves_the_network_unchanged(folders, two_classes) -> None:
    once, retrained = (
        folders.get_or_build(
            train.STAGE,
            CONFIG.model_copy(update={"head": "arcface", "imbalance": ImbalanceConfig(method=method)}),
            **two_classes,
        )
        for method in ("none", "retrain_head")
    )
    before, after = classifier_of(folders, once), classifier_of(folders, retrained)
    for layer in before.layers:
        same = all(map(np.array_equal, layer.get_weights(), after.get_layer(layer.name).get_weights()))
        assert same == (layer.name != "cosines")
    assert accuracy(folders, retrained, two_classes) >= 0.9


@pytest.mark.slow
def test_a_step_of_unfreeze_that_diverges_keeps_the_trained_head(folders, frozen) -> None:
    config = NETWORK.model_copy(
        update={"head_epochs": 3, "unfreeze": ("conv3",), "learning_rate": 1e-3, "unfreeze_rate": 1e38}
    )
    with pytest.raises(UserError, match=r"the best weights before that are in (.*\.keras)") as caught:
        folders.get_or_build(train.STAGE, config, **frozen)
    model = keras.models.load_model(str(caught.value).rpartition(" in ")[2])
    assert all(np.isfinite(values).all() for values in model.get_weights())


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_classifier_that_was_trained_in_16_bits_answers_in_32(folders, frozen, precision) -> None:
    config = NETWORK.model_copy(update={"precision": precision, "unfreeze": ("conv3",)})
    model = classifier_of(folders, folders.get_or_build(train.STAGE, config, **frozen))
    assert {str(weights.dtype) for weights in model.get_weights()} == {"float32"}
    assert {layer.compute_dtype for layer in model.layers if layer.weights} == {"float32"}
