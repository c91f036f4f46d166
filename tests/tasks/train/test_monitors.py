import json
import os
import sys
import types
from pathlib import Path

import keras
import numpy as np
import pytest

from tasks import tables
from tasks.store.errors import UserError
from tasks.train import stage as train
from tasks.training import monitors
from tests.helpers.training import CONFIG


@pytest.mark.slow
def test_a_diverged_training_keeps_its_best_weights(folders, two_classes, monkeypatch) -> None:

    class SetNan(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            self.model.network.get_layer("logits").bias.assign([np.nan, 0])

    monkeypatch.setattr(monitors, "monitoring_callbacks", lambda logs, phase: [SetNan()])
    with pytest.raises(UserError, match=r"try 0\.002; the best weights before that are in (.*\.keras)") as caught:
        folders.get_or_build(train.STAGE, CONFIG, **two_classes)
    model = keras.models.load_model(str(caught.value).rpartition(" in ")[2])
    assert all(np.isfinite(values).all() for values in model.get_weights())


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow writes them")
def test_curves_are_written_for_tensorboard(folders, two_classes) -> None:
    import tensorflow

    outcome = folders.get_or_build(train.STAGE, CONFIG.model_copy(update={"epochs": 2}), **two_classes)
    (log,) = (folders.folder(outcome) / "tensorboard" / "training" / "training").iterdir()
    events = list(tensorflow.compat.v1.train.summary_iterator(str(log)))
    values = [(event.step, value) for event in events for value in event.summary.value]
    assert {value.tag for _, value in values} >= {"loss", "accuracy", "val_loss", "val_accuracy"}
    history = json.loads(tables.shared.HISTORY.path(folders.folder(outcome)).read_text())
    losses = [tensorflow.make_ndarray(value.tensor) for step, value in values if value.tag == "val_loss"]
    np.testing.assert_allclose(losses, history["val_loss"], rtol=1e-6)
    assert {value.metadata.plugin_data.plugin_name for _, value in values} == {"scalars"}


@pytest.mark.slow
def test_epochs_are_logged_to_mlflow_if_its_variable_is_set(folders, two_classes, monkeypatch, caplog) -> None:
    logged: list[tuple[str, object]] = []
    fake = types.SimpleNamespace(
        start_run=lambda run_name: logged.append(("start", run_name)),
        log_param=lambda name, value: logged.append((name, value)),
        log_metrics=lambda values, step: logged.append((f"epoch {step}", sorted(values))),
        end_run=lambda: logged.append(("end", None)),
    )
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:///nowhere")
    folders.get_or_build(train.STAGE, CONFIG.model_copy(update={"epochs": 1}), **two_classes)
    assert [name for name, _ in logged] == ["end", "start", "parameters", "epoch 1", "end"]
    assert "val_loss" in logged[3][1]

    def refuse(run_name: str) -> None:
        raise ConnectionError("refused")

    fake.start_run = refuse
    folders.get_or_build(train.STAGE, CONFIG.model_copy(update={"epochs": 1, "seed": 1}), **two_classes)
    assert "is disabled for this run: refused" in caplog.text
    assert len(logged) == 6
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UserError, match="MLflow is not installed"):
        folders.get_or_build(train.STAGE, CONFIG.model_copy(update={"epochs": 2}), **two_classes)


def test_the_folders_of_curves_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o002)
    try:
        monitors.TensorBoard(tmp_path / "under-way" / "training")
    finally:
        os.umask(before)
    made = (tmp_path / "under-way", tmp_path / "under-way" / "training")
    assert [path.stat().st_mode & 0o777 for path in made] == [0o775, 0o775]
