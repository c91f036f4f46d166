import json

import keras
import numpy as np
import pytest

from configs.schema import TrainConfig
from tasks.networks import hardware
from tests.helpers.warm_process import WarmProcess

TWO_DEVICES = """
import json, math, sys, tempfile
from pathlib import Path
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
from configs.schema import AugmentConfig, TrainConfig
from tasks.networks import hardware
from tasks.training.checkpoint import Checkpoint
from tasks.train.fit import LabelledData, Phase, fit
random = np.random.default_rng(0)
targets = (np.arange(48) % 3).astype(np.int32)
rows = (targets[:, None] + random.normal(0, 1, (48, 12))).astype(np.float32)
photos = LabelledData(rows, targets, random.uniform(0.5, 1.5, 48).astype(np.float32))
priors = np.log(np.full(3, 1 / 3, np.float32))
found = {}
for devices in (1, 2):
    config = TrainConfig(devices=devices, epochs=3, batch_size=16, learning_rate=0.01, dropout=0)
    keras.utils.set_random_seed(0)
    with hardware.strategy_scope(config):
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        inputs = keras.Input((12,))
        hidden = keras.layers.Dense(8, activation="relu")(inputs)
        model = keras.Model(inputs, keras.layers.Dense(3, name="logits")(hidden))
        phase = Phase("training", photos, photos, learning_rate=0.01, epochs=3, log_priors=priors)
        checkpoint = Checkpoint(Path(tempfile.mkdtemp()) / "training.npz")
        state = fit(model, phase, config, checkpoint=checkpoint, advance=lambda n: None)
    weights = np.concatenate([w.ravel() for w in model.get_weights()]).tolist()
    found[devices] = [replicas, state.history["loss"], state.history["val_loss"], weights]
with hardware.strategy_scope(TrainConfig(devices=2)):
    inputs = keras.Input((12,))
    normed = keras.layers.BatchNormalization()(keras.layers.Dropout(0.1)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3)(normed))
    few = LabelledData(rows[:17], targets[:17], photos.weights[:17])
    config = TrainConfig(devices=2, epochs=1, batch_size=16, ema=0.9)
    phase = Phase("training", few, few, learning_rate=0.01, epochs=1, log_priors=priors)
    fit(model, phase, config, checkpoint=Checkpoint(Path(tempfile.mkdtemp()) / "training.npz"), advance=lambda n: None)
    assert all(np.isfinite(weights).all() for weights in model.get_weights())
print("FOUND", json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="MirroredStrategy is TensorFlow's")
def test_two_devices_give_the_same_losses_as_one() -> None:
    out, _ = WarmProcess.run("-c", TWO_DEVICES)
    found = json.loads(out.partition("FOUND ")[2])
    assert (found["1"][0], found["2"][0]) == (1, 2)
    for one, two in zip(found["1"][1:], found["2"][1:], strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_without_gpus_networks_compute_in_32_bits_and_without_xla() -> None:
    if hardware.gpu_count():
        pytest.skip("there is a GPU")
    with hardware.dtype_policy("auto"):
        assert keras.config.dtype_policy().name == "float32"
    if keras.backend.backend() == "tensorflow":
        assert not hardware.uses_xla(TrainConfig())
        assert hardware.uses_xla(TrainConfig(xla="on"))


@pytest.mark.parametrize(
    ("compute_capability", "policy"), [((9, 0), "mixed_bfloat16"), ((7, 5), "mixed_float16"), ((6, 1), "float32")]
)
def test_gpus_use_their_fastest_precision(monkeypatch, compute_capability, policy) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    details = {"compute_capability": compute_capability}
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    monkeypatch.setattr(tensorflow.config, "list_physical_devices", lambda kind: ["gpu"])
    monkeypatch.setattr(tensorflow.config.experimental, "get_device_details", lambda gpu: details)
    with hardware.dtype_policy("auto"):
        assert keras.config.dtype_policy().name == policy
    assert keras.config.dtype_policy().name == "float32"
