"""A training step is compiled, with everything that is in it, and only once."""

from importlib import import_module

import keras
import numpy as np
import pytest

from configs.schema import AugmentConfig, TrainConfig
from tasks.networks import augment
from tasks.networks.classifier import tile_classifier
from tasks.train.training_model import TrainingModel
from tests.tasks.train.conftest import Small

ALL = AugmentConfig(rand_augment=2, magnitude=0.5, mixup=0.2, cutmix=1.0)


def test_an_augmented_step_is_compiled_by_xla_and_traced_once(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last batch is smaller, and there are several epochs."""
    calls: list[int] = []
    compiled: list[bool] = []
    call, compile_ = augment.Augment.call, TrainingModel.compile

    def counted(layer, tiles, draws=None):
        calls.append(tiles.shape[0])
        return call(layer, tiles, draws)

    def watched(model, *args, **kwargs):
        compile_(model, *args, **kwargs)
        compiled.append(model.jit_compile)

    monkeypatch.setattr(augment.Augment, "call", counted)
    monkeypatch.setattr(TrainingModel, "compile", watched)
    if keras.backend.backend() == "tensorflow":  # other tests have asked for deterministic kernels, which XLA lacks
        monkeypatch.setattr(import_module("tensorflow.python.framework.config"), "is_op_determinism_enabled", bool)
    config = TrainConfig(filters=(4,), epochs=3, batch_size=12, augment=ALL, xla="on")
    state = small.fit(tile_classifier(small.train.rows.shape[1:], 2, config), config)
    assert compiled == [True]
    assert np.isfinite(state.history["loss"]).all()
    # Python computes the layer once to build it, and once for each shape that is compiled
    assert len(calls) <= 3, calls
    assert keras.backend.backend() in ("jax", "tensorflow")
