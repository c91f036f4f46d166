import logging
import math

import keras
import numpy as np
import pytest

from configs.schema import AugmentConfig, ImbalanceConfig, TrainConfig
from tasks.networks import hardware
from tasks.networks.keras_io import weights_digest
from tasks.store.errors import UserError
from tasks.train import fit
from tasks.training import bookkeeping, plan, resumed
from tasks.training import fit as loop
from tasks.training.attempt import Attempt
from tasks.training.checkpoint import Checkpoint
from tasks.training.errors import DivergedError

PLAIN = TrainConfig(filters=(4, 8), epochs=4, batch_size=8, learning_rate=0.02)
RICH = PLAIN.model_copy(
    update={"augment": AugmentConfig(mixup=0.2, cutmix=0.5), "ema": 0.9, "optimizer": "rmsprop", "label_smoothing": 0.1}
)


@pytest.mark.slow
@pytest.mark.parametrize("config", [PLAIN, RICH])
def test_a_resumed_training_ends_with_the_same_weights(small, kill, killed, config) -> None:
    uninterrupted = small.trained(config)
    (small.folder / "training.npz").unlink()
    with pytest.raises(killed):
        small.fit(small.classifier(config), config, callbacks=(kill(3),))
    stored = Checkpoint(small.folder / "training.npz").read()
    assert stored is not None
    assert stored[0].epochs in (1, 2)  # writing may take 1 % of the time, so a checkpoint may have been skipped
    model = small.classifier(config)
    state = small.fit(model, config)
    assert weights_digest(model) == uninterrupted
    assert len(state.history["loss"]) == 4


@pytest.mark.slow
def test_a_finished_training_is_not_repeated(small) -> None:
    once = small.trained()
    again = small.classifier()
    with resumed.counted() as earlier_s:
        state = small.fit(again, callbacks=(_Never(),))
    assert state.ended
    assert earlier_s == [state.seconds]
    assert state.seconds > 0
    assert weights_digest(again) == once


class _Never(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        raise AssertionError("trained again")


@pytest.mark.slow
def test_a_damaged_checkpoint_is_ignored(small) -> None:
    once = small.trained()
    path = small.folder / "training.npz"
    path.write_bytes(path.read_bytes()[:-100])
    assert small.trained() == once


@pytest.mark.slow
def test_a_phase_that_does_not_lower_the_loss_is_undone(small) -> None:
    model = small.classifier()
    before = weights_digest(model)
    state = small.fit(model, best_loss=0.0)
    assert state.best_epoch == 0
    assert weights_digest(model) == before


@pytest.mark.slow
def test_averaged_weights_are_validated_and_kept(small) -> None:
    config = PLAIN.model_copy(update={"ema": 0.5})
    model = small.classifier(config)
    state = small.fit(model, config)
    logits = model.predict(small.val.rows, verbose=0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(small.val.targets, logits)
    assert float(loss) == pytest.approx(min(state.history["val_loss"]), rel=1e-3)


@pytest.mark.slow
def test_a_training_killed_after_its_last_epoch_is_not_continued(small, killed, monkeypatch) -> None:
    config = PLAIN.model_copy(update={"epochs": 30, "patience": 1})
    monkeypatch.setattr(bookkeeping, "WRITING_SHARE", math.inf)  # write after every epoch
    ended = small.fit(small.classifier(config), config).epochs
    (small.folder / "training.npz").unlink()
    write = Checkpoint.write

    def kill_at_the_end(self, state, variables) -> None:
        if not variables:
            raise killed
        write(self, state, variables)

    model = small.classifier(config)
    monkeypatch.setattr(Checkpoint, "write", kill_at_the_end)
    with pytest.raises(killed):
        small.fit(model, config)
    monkeypatch.setattr(Checkpoint, "write", write)
    assert small.fit(small.classifier(config), config).epochs == ended < 30


@pytest.mark.slow
def test_balanced_softmax_is_validated_with_the_log_priors(small) -> None:
    config = PLAIN.model_copy(update={"imbalance": ImbalanceConfig(method="balanced_softmax"), "epochs": 1})
    model, priors = small.classifier(config), np.log(np.array([0.9, 0.1], np.float32))
    state = small.fit(model, config, log_priors=priors)
    logits = model.predict(small.val.rows, verbose=0) + priors
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(small.val.targets, logits)
    assert float(loss) == pytest.approx(state.history["val_loss"][0], rel=1e-3)


@pytest.mark.parametrize(("batch_size", "tried"), [(1, [1]), (6, [1, 2, 4, 8])])
def test_batches_are_split_down_to_single_photos(small, monkeypatch, batch_size, tried) -> None:
    seen: list[int] = []

    def attempt(objective, plan, checkpoint, split) -> None:
        seen.append(split)
        raise MemoryError

    monkeypatch.setattr(loop, "Attempt", attempt)
    with pytest.raises(UserError, match="single photo"):
        small.fit(small.classifier(), PLAIN.model_copy(update={"batch_size": batch_size}))
    assert seen == tried


@pytest.mark.slow
def test_after_running_out_of_memory_batches_are_split(small, caplog, monkeypatch) -> None:
    make = Attempt.__init__

    def attempt(self, objective, plan, checkpoint, split) -> None:
        make(self, objective, plan, checkpoint, split)
        if split < 4:
            monkeypatch.setattr(self._steps, "train", _too_large)

    monkeypatch.setattr(Attempt, "__init__", attempt)
    model = small.classifier()
    with caplog.at_level(logging.WARNING, "fluke.train"):
        state = small.fit(model, PLAIN.model_copy(update={"epochs": 1}))
    assert state.split == 4
    assert state.epochs == 1
    assert "batches of 8: each batch is split into 4" in caplog.text


def _too_large(*_) -> None:
    raise MemoryError


@pytest.mark.slow
def test_accumulated_gradients_equal_those_of_the_whole_batch(small, monkeypatch) -> None:
    monkeypatch.setattr(plan, "warmup_cosine", lambda learning_rate, steps: learning_rate)
    config = PLAIN.model_copy(
        update={"epochs": 1, "augment": AugmentConfig(flip="none", rotate_deg=0, shift=0, zoom=0), "dropout": 0}
    )
    digests = []
    for split in (1, 4):
        model = _without_batch_norm(small)
        phase = _phase(small)
        objective = phase.objective(config)(model)
        attempt = Attempt(objective, phase.plan(config), Checkpoint(small.folder / f"{split}.npz"), split)
        attempt.run(None, lambda n: None, ())
        digests.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    np.testing.assert_allclose(digests[0], digests[1], atol=1e-6)


def _without_batch_norm(small) -> keras.Model:
    keras.utils.set_random_seed(0)
    tiles = keras.Input(small.train.rows.shape[1:], dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(tiles))
    return keras.Model(tiles, keras.layers.Dense(2)(x))


def _phase(small) -> fit.Phase:
    priors = np.log(np.array([0.5, 0.5], np.float32))
    return fit.Phase("training", small.train, None, learning_rate=0.01, epochs=1, log_priors=priors)


def test_out_of_memory_for_a_single_photo_is_a_user_error(small, monkeypatch) -> None:
    def attempt(*_) -> None:
        raise MemoryError

    monkeypatch.setattr(loop, "Attempt", attempt)
    with pytest.raises(UserError, match=r"single photo of \(16, 16, 1\).*preprocess\.side_px"):
        small.fit(small.classifier())


def test_out_of_memory_is_distinguished_from_other_errors() -> None:
    assert hardware.is_out_of_memory(MemoryError())
    assert hardware.is_out_of_memory(RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate"))
    assert not hardware.is_out_of_memory(ValueError("shape mismatch"))


@pytest.mark.slow
def test_a_diverged_training_names_the_learning_rate_and_keeps_the_best_weights(small) -> None:
    class SetNan(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            if epoch == 2:
                self.model.network.get_layer("logits").bias.assign([np.nan, 0])

    model = small.classifier()
    with pytest.raises(DivergedError, match=r"at 0\.02 the loss became nan in step 1 of epoch 3; try 0\.002") as caught:
        small.fit(model, callbacks=(SetNan(),))
    assert caught.value.kept
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


@pytest.mark.slow
def test_a_training_that_diverges_at_once_keeps_the_initial_weights(small) -> None:
    class SetNan(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            self.model.network.get_layer("logits").bias.assign([np.nan, 0])

    model = small.classifier()
    before = weights_digest(model)
    with pytest.raises(DivergedError) as caught:
        small.fit(model, callbacks=(SetNan(),))
    assert not caught.value.kept
    assert weights_digest(model) == before


@pytest.mark.slow
def test_a_network_with_an_operation_that_xla_lacks_is_trained_all_the_same(small) -> None:
    """Without a GPU, XLA has no gradient of max-pooling, see `hardware.xla_lacks_an_operation`."""
    config = RICH.model_copy(update={"epochs": 1, "xla": "on"})
    assert np.isfinite(small.fit(small.classifier(config), config).history["val_loss"]).all()


@pytest.mark.slow
def test_training_in_16_bits_keeps_weights_of_32_bits(small) -> None:
    with hardware.dtype_policy("bfloat16"):
        model = small.classifier()
        state = small.fit(model)
    assert state.history["val_accuracy"][-1] >= 0.9
    assert {str(weights.dtype) for weights in model.get_weights()} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_codes_are_augmented_like_tiles_and_features_are_not(small) -> None:
    def augments(rows: np.ndarray, **settings) -> bool:
        data = fit.LabelledData(rows, small.train.targets, small.train.weights)
        phase = fit.Phase("training", data, None, 0.01, 1, np.zeros(2, np.float32), **settings)
        model = keras.Sequential([keras.Input(rows.shape[1:]), keras.layers.Flatten(), keras.layers.Dense(2)])
        return phase.objective(PLAIN)(model).augment is not None

    count = len(small.train.targets)
    assert augments(np.zeros((count, 4, 4, 3), np.float16))
    assert augments(np.zeros((count, 4, 4, 3), np.uint8))
    assert not augments(np.zeros((count, 4, 4, 3), np.float16), augmented=False)
    assert not augments(np.zeros((count, 4), np.float32))
