"""A training step is compiled, with everything that is in it, and only once."""

import keras
import numpy as np
import pytest

from configs.schema import AugmentConfig, TrainConfig
from tasks.networks import augment
from tasks.networks.classifier import tile_classifier
from tests.tasks.train.conftest import Small

ALL = AugmentConfig(rand_augment=2, magnitude=0.5, mixup=0.2, cutmix=1.0)


@pytest.mark.slow
def test_an_augmented_step_is_compiled_by_xla_and_traced_once(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are several epochs, and the photos of the last batch of each are fewer."""
    traced: list[int | None] = []
    call = augment.Augment.call

    def counted(layer, tiles, draws=None):
        traced.append(tiles.shape[0])
        return call(layer, tiles, draws)

    monkeypatch.setattr(augment.Augment, "call", counted)
    compiled: list[bool] = []
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        function = tensorflow.function

        def watched(*args, **options):
            compiled.append(options.get("jit_compile", False))
            return function(*args, **options)

        monkeypatch.setattr(tensorflow, "function", watched)
    config = TrainConfig(filters=(4,), epochs=3, batch_size=12, augment=ALL, xla="on")
    state = small.fit(tile_classifier(small.train.rows.shape[1:], 2, config), config)
    assert np.isfinite(state.history["loss"]).all()
    assert any(compiled) or keras.backend.backend() == "jax"  # there, everything is
    # Python computes the layer once to build it, and once for each shape that is compiled
    assert len(traced) <= 2, traced
