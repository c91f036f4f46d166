import json
import logging
import subprocess
import sys
import time
import types
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from configs.schema import AugmentConfig, EvaluateConfig, ExtractConfig, ImbalanceConfig, PretrainConfig, TrainConfig
from tasks.extract import stage as extract
from tasks.networks.classifier import tile_classifier
from tasks.pretrain import stage as pretrain
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact, Result
from tasks.store.shards import INDEX, LazyRows
from tasks.store.stage import Outcome, Stage
from tasks.train import callbacks, warm_start
from tasks.train import stage as train
from tasks.train.stage import channel_moments

CONFIG = TrainConfig(input="tiles", filters=(4, 8), epochs=8, batch_size=8, learning_rate=0.02, dropout=0)


def test_moments_are_those_of_all_rows() -> None:
    features = np.random.default_rng(0).normal(3, 2, (600, 2, 2, 3)).astype(np.float16)
    features[..., 2] = 5
    mean, variance = channel_moments(features)
    wide = features.astype(np.float64)
    np.testing.assert_allclose(mean, wide.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(variance, wide.var((0, 1, 2)), rtol=1e-5, atol=1e-12)


@pytest.fixture
def two_classes(folders, stripes):
    """Kept photos of two classes and their tiles: 40 to train on, 10 to validate on, 10 to test on."""
    pictures = np.concatenate([stripes(0, 30), stripes(1, 30)])
    splits = (["train"] * 20 + ["val"] * 5 + ["test"] * 5) * 2
    kept, photos = folders.kept(["lying"] * 30 + ["upright"] * 30, splits)
    return kept, folders.tiles(kept, dict(zip(photos, pictures, strict=True)))


def accuracy(folders, outcome, kept, inputs) -> float:
    """Share of test photos whose largest logit is that of their class."""
    folder = folders.folder(outcome)
    labels = np.array(json.loads((folder / "labels.json").read_text()))
    photos = pd.read_parquet(folders.store.folder(kept) / "kept.parquet").query("split == 'test'")
    index = pd.read_parquet(folders.store.folder(inputs) / INDEX).set_index("photo", drop=False)
    rows = LazyRows(index.loc[photos["photo"]], folders.store.root)[:]
    logits = keras.models.load_model(folder / "classifier.keras", compile=False).predict(rows, verbose=0)
    return float(np.mean(labels[logits.argmax(1)] == photos["label"].to_numpy()))


@pytest.mark.slow
def test_a_classifier_of_tiles_learns_and_is_the_same_twice(folders, two_classes) -> None:
    kept, tiles = two_classes
    first = folders.get_or_build(train.STAGE, CONFIG, kept=kept, inputs=tiles)
    assert accuracy(folders, first, kept, tiles) == 1
    history = json.loads((folders.folder(first) / "history.json").read_text())
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"}
    assert {len(values) for values in history.values()} == {first.manifest.counts["epochs"]}
    again = folders.get_or_build(train.STAGE, CONFIG, fresh=True, kept=kept, inputs=tiles)
    assert again.artifact.digest == first.artifact.digest


@pytest.mark.slow
def test_a_classifier_of_features_learns(folders, two_classes) -> None:
    kept, tiles = two_classes
    codes = PretrainConfig(filters=(4, 8), code_channels=4, epochs=5, batch_size=4, learning_rate=3e-3)
    trained = folders.get_or_build(pretrain.STAGE, codes, kept=kept, tiles=tiles).artifact
    features = folders.get_or_build(extract.STAGE, ExtractConfig(), tiles=tiles, encoder=trained).artifact
    config = CONFIG.model_copy(update={"input": "features", "epochs": 20})
    outcome = folders.get_or_build(train.STAGE, config, kept=kept, inputs=features)
    assert accuracy(folders, outcome, kept, features) >= 0.9


@pytest.mark.slow
def test_the_best_epoch_is_kept_and_patience_ends_the_training(folders, two_classes) -> None:
    kept, tiles = two_classes
    config = CONFIG.model_copy(update={"epochs": 60, "patience": 2})
    outcome = folders.get_or_build(train.STAGE, config, kept=kept, inputs=tiles)
    epochs, best = (outcome.manifest.counts[name] for name in ("epochs", "best epoch"))
    assert epochs == best + 2 < 60
    assert folders.progress.count(("training", 1)) == epochs

    model = keras.models.load_model(folders.folder(outcome) / "classifier.keras", compile=False)
    photos = pd.read_parquet(folders.store.folder(kept) / "kept.parquet").query("split == 'val'")
    index = pd.read_parquet(folders.store.folder(tiles) / INDEX).set_index("photo", drop=False)
    logits = model.predict(LazyRows(index.loc[photos["photo"]], folders.store.root)[:], verbose=0)
    target = (photos["label"] == "upright").to_numpy().astype(int)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(target, logits)
    history = json.loads((folders.folder(outcome) / "history.json").read_text())
    assert float(loss) == pytest.approx(min(history["val_loss"]), rel=1e-3)


@pytest.mark.slow
def test_without_validation_the_training_loss_decides_and_the_log_says_so(folders, stripes, caplog) -> None:
    kept, photos = folders.kept(["a"] * 8 + ["b"] * 8, ["train"] * 16)
    pictures = np.concatenate([stripes(0, 8), stripes(1, 8)])
    tiles = folders.tiles(kept, dict(zip(photos, pictures, strict=True)))
    config = CONFIG.model_copy(update={"epochs": 2, "ema": 0.9, "augment": AugmentConfig(rand_augment=1)})
    with caplog.at_level(logging.WARNING, "fluke.train"):
        outcome = folders.get_or_build(train.STAGE, config, kept=kept, inputs=tiles)
    assert "no validation photos" in caplog.text
    assert "train.ema has no effect" in caplog.text
    assert "rand_augment has no effect" in caplog.text
    history = json.loads((folders.folder(outcome) / "history.json").read_text())
    assert set(history) == {"loss", "accuracy", "learning_rate"}


@pytest.mark.slow
def test_five_hundred_classes_of_one_photo_and_a_validation_photo_of_none_of_them(folders) -> None:
    labels = [f"whale {i:03}" for i in range(500)]
    kept, photos = folders.kept([*labels, "stranger"], ["train"] * 500 + ["val"])
    pictures = np.random.default_rng(0).integers(0, 256, (501, 8, 8, 1)).astype(np.uint8)
    tiles = folders.tiles(kept, dict(zip(photos, pictures, strict=True)))
    config = CONFIG.model_copy(update={"epochs": 1, "batch_size": 100})
    outcome = folders.get_or_build(train.STAGE, config, kept=kept, inputs=tiles)
    assert outcome.manifest.counts["classes"] == 500
    assert json.loads((folders.folder(outcome) / "labels.json").read_text()) == labels


@pytest.mark.parametrize(
    ("labels", "splits", "message"),
    [
        (["cat", "cat"], ["train", "val"], "only 'cat' has photos to train on"),
        (["cat", "dog"], ["val", "test"], "there is no photo to train on"),
    ],
)
def test_fewer_than_two_classes_are_the_users_to_mend(folders, stripes, labels, splits, message) -> None:
    kept, photos = folders.kept(labels, splits)
    tiles = folders.tiles(kept, dict(zip(photos, stripes(0, 2), strict=True)))
    with pytest.raises(UserError, match=message):
        folders.get_or_build(train.STAGE, CONFIG, kept=kept, inputs=tiles)


@pytest.mark.slow
def test_a_training_that_diverges_names_the_learning_rate_and_leaves_nothing(folders, two_classes) -> None:
    kept, tiles = two_classes
    config = CONFIG.model_copy(update={"learning_rate": 1e38})
    with pytest.raises(UserError, match=r"train\.learning_rate: at 1e\+38"):
        folders.get_or_build(train.STAGE, config, kept=kept, inputs=tiles)
    assert folders.store.manifests("train") == []


UNTIL_KILLED = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from configs.schema import TrainConfig
from tasks.store.manifest import Artifact
from tasks.store.stage import Run
from tasks.store.store import Store
from tasks.train import stage as train
root, config, kept, inputs = sys.argv[1:]
with ThreadPoolExecutor(2) as executor:
    parents = {name: Artifact.model_validate_json(text) for name, text in (("kept", kept), ("inputs", inputs))}
    Run(Store(Path(root)), executor).get_or_build(train.STAGE, TrainConfig.model_validate_json(config), **parents)
"""


@pytest.mark.slow
def test_killed_with_minus_nine_it_goes_on_and_ends_like_an_undisturbed_training(folders, two_classes) -> None:
    kept, tiles = two_classes
    config = CONFIG.model_copy(update={"epochs": 60, "patience": 60})
    asked = [str(folders.store.root), *(each.model_dump_json() for each in (config, kept, tiles))]
    process = subprocess.Popen([sys.executable, "-c", UNTIL_KILLED, *asked], stderr=subprocess.PIPE, text=True)
    under_way = folders.store.pools("train") / "under-way"
    deadline = time.monotonic() + 120
    while not list(under_way.glob("*/*.npz")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert folders.store.manifests("train") == []

    folders.progress.clear()
    resumed = folders.get_or_build(train.STAGE, config, kept=kept, inputs=tiles)
    assert 1 <= folders.progress[0][1] < 60  # what was done before counts as done
    assert not list(under_way.iterdir())
    fresh = folders.get_or_build(train.STAGE, config, fresh=True, kept=kept, inputs=tiles)
    assert resumed.artifact.digest == fresh.artifact.digest
    assert fresh.manifest.counts["epochs"] == 60


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A model file of the tests' convnet, as somebody else may have trained it."""
    keras.utils.set_random_seed(5)
    path = tmp_path_factory.mktemp("weights") / "convnet.keras"
    tile_classifier((16, 16, 3), 7, CONFIG).save(path)
    return path


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
def test_a_pretrained_network_is_frozen_then_unfrozen_as_asked(folders, two_classes, weights, settings, moved) -> None:
    kept, tiles = two_classes
    config = CONFIG.model_copy(update={"weights": weights, "head_epochs": 30, "batch_size": 8, **settings})
    outcome = folders.get_or_build(train.STAGE, config, kept=kept, inputs=tiles)
    model, before = (keras.models.load_model(path) for path in (folders.folder(outcome) / "classifier.keras", weights))
    changed = {
        layer.name
        for layer in before.layers
        if layer.weights and layer.name != "logits"
        if any(map(np.any, map(np.not_equal, layer.get_weights(), model.get_layer(layer.name).get_weights())))
    }
    assert changed == moved
    assert accuracy(folders, outcome, kept, tiles) >= 0.7


@pytest.mark.slow
def test_a_head_learnt_anew_leaves_the_network_as_it_is(folders, two_classes) -> None:
    kept, tiles = two_classes
    once, anew = (
        folders.get_or_build(
            train.STAGE,
            CONFIG.model_copy(update={"head": "arcface", "imbalance": ImbalanceConfig(method=method)}),
            kept=kept,
            inputs=tiles,
        )
        for method in ("none", "retrain_head")
    )
    before, after = (keras.models.load_model(folders.folder(each) / "classifier.keras") for each in (once, anew))
    for layer in before.layers:
        same = all(map(np.array_equal, layer.get_weights(), after.get_layer(layer.name).get_weights()))
        assert same == (layer.name != "cosines")
    assert accuracy(folders, anew, kept, tiles) >= 0.9


@pytest.mark.slow
def test_features_of_a_frozen_network_are_computed_once_per_photo(folders, two_classes, weights) -> None:
    kept, tiles = two_classes
    config = CONFIG.model_copy(update={"weights": weights, "head_epochs": 2})
    folders.get_or_build(train.STAGE, config, kept=kept, inputs=tiles)
    assert sum(count for label, count in folders.progress if label == "features") == 50
    folders.progress.clear()
    folders.get_or_build(train.STAGE, config.model_copy(update={"hidden": 4}), kept=kept, inputs=tiles)
    assert "features" not in dict(folders.progress)


def test_a_file_of_weights_that_is_not_there_is_the_users_to_mend(folders, two_classes, tmp_path) -> None:
    kept, tiles = two_classes
    with pytest.raises(UserError, match=r"train\.weights: cannot read .*nowhere\.keras"):
        folders.get_or_build(
            train.STAGE, CONFIG.model_copy(update={"weights": tmp_path / "nowhere.keras"}), kept=kept, inputs=tiles
        )


@pytest.mark.slow
def test_with_logit_adjustment_a_rare_class_is_named_more_often(folders, stripes) -> None:
    pictures = np.concatenate([stripes(0, 60), stripes(1, 12)])
    kept, photos = folders.kept(["lying"] * 60 + ["upright"] * 12, (["train"] * 5 + ["val"]) * 12)
    tiles = folders.tiles(kept, dict(zip(photos, pictures, strict=True)))
    biases = []
    for strength in (0.0, 1.0):
        config = CONFIG.model_copy(
            update={"imbalance": ImbalanceConfig(method="logit_adjustment", strength=strength), "epochs": 2}
        )
        outcome = folders.get_or_build(train.STAGE, config, kept=kept, inputs=tiles)
        model = keras.models.load_model(folders.folder(outcome) / "classifier.keras", compile=False)
        biases.append(model.get_layer("logits").get_weights()[1])
    np.testing.assert_allclose(biases[1] - biases[0], [-np.log(50 / 60), -np.log(10 / 60)], rtol=1e-4)

    finished(folders, outcome)
    next_night = config.model_copy(update={"warm_start": True, "learning_rate": 1e-9, "epochs": 1})
    outcome = folders.get_or_build(train.STAGE, next_night, kept=kept, inputs=tiles)
    model = keras.models.load_model(folders.folder(outcome) / "classifier.keras", compile=False)
    np.testing.assert_allclose(model.get_layer("logits").get_weights()[1], biases[1], atol=1e-5)


def finished(folders, classifier) -> None:
    """Note that a run that gave this classifier ended well: there is an evaluation of it."""

    def build(config: EvaluateConfig, *, classifier: Path, context: StageContext) -> Result:
        return Result({}, digest="good")

    folders.get_or_build(Stage("evaluate", 1, build=build), EvaluateConfig(), classifier=classifier.artifact)


@pytest.mark.slow
def test_a_night_begins_from_the_last_good_one_and_every_few_afresh(folders, stripes) -> None:
    warm = CONFIG.model_copy(update={"warm_start": True, "full_retrain_every": 2, "epochs": 6})

    def night(labels: list[str], count: int) -> tuple[Outcome, Artifact, Artifact]:
        pictures = np.concatenate([stripes(i % 2, count, seed=i) for i in range(len(labels))])
        kept, photos = folders.kept(
            [label for label in labels for _ in range(count)],
            (["train"] * 4 + ["val", "test"]) * (count // 6) * len(labels),
        )
        tiles = folders.tiles(kept, dict(zip(photos, pictures, strict=True)))
        outcome = folders.get_or_build(train.STAGE, warm, kept=kept, inputs=tiles)
        return outcome, kept, tiles

    def lineage(outcome: Outcome) -> dict[str, object]:
        text = json.loads((folders.folder(outcome) / "lineage.json").read_text())
        return {name: text[name] for name in ("nights", "began_from")}

    first, kept, tiles = night(["lying", "upright"], 30)
    assert lineage(first) == {"nights": 1, "began_from": None}
    failed, *_ = night(["lying", "upright"], 36)
    assert lineage(failed)["began_from"] is None  # the first was not evaluated: its run failed
    finished(folders, first)
    second, *_ = night(["lying", "upright", "new"], 30)
    assert lineage(second) == {"nights": 2, "began_from": first.artifact.digest}
    assert second.manifest.counts["classes"] == 3
    finished(folders, second)
    third, *_ = night(["lying", "upright"], 42)
    assert lineage(third)["nights"] == 1  # the third training begins afresh
    again = folders.get_or_build(train.STAGE, warm, kept=kept, inputs=tiles)
    assert again.cached


@pytest.mark.slow
def test_a_classifier_that_has_seen_what_is_tested_now_is_no_beginning(folders, two_classes) -> None:
    kept, tiles = two_classes
    outcome = folders.get_or_build(train.STAGE, CONFIG, kept=kept, inputs=tiles)
    finished(folders, outcome)
    inputs, labels = folders.store.folder(tiles), ["lying", "upright"]
    seen = pd.read_parquet(folders.folder(outcome) / warm_start.TRAINED_ON)["photo"]
    assert len(seen) == 40

    def find(
        config: TrainConfig = CONFIG,
        labels: list[str] = labels,
        excluded: frozenset[str] = frozenset(),
        **external_inputs,
    ):
        return warm_start.find(
            folders.store,
            config,
            train.VERSION,
            inputs=inputs,
            labels=labels,
            excluded=excluded,
            external_inputs=external_inputs,
        )

    assert find() is not None
    assert find(CONFIG.model_copy(update={"learning_rate": 0.1})) is not None
    assert find(excluded=frozenset({seen[0]})) is None
    assert find(CONFIG.model_copy(update={"filters": (8, 8)})) is None
    assert find(labels=["cat", "dog"]) is None
    assert find(weights="those of another file") is None


@pytest.mark.slow
def test_neither_is_one_that_has_seen_a_rejected_twin_of_what_is_tested_now(folders, two_classes, tmp_path) -> None:
    kept, tiles = two_classes
    finished(folders, folders.get_or_build(train.STAGE, CONFIG, kept=kept, inputs=tiles))
    photos = pd.read_parquet(folders.store.folder(kept) / "kept.parquet")
    twin, others = photos[:1].assign(split="test"), photos[1:]  # the first was trained on
    others.to_parquet(tmp_path / "kept.parquet")
    inputs, warm = folders.store.folder(tiles), CONFIG.model_copy(update={"warm_start": True})
    context = StageContext(root=folders.store.root, out=tmp_path, pools=folders.store.pools("train"), photos=tmp_path)
    for rejected, suits in ((twin[:0], True), (twin, False)):
        rejected.to_parquet(tmp_path / "rejected.parquet")
        base = train.find_base(warm, tmp_path, ["lying", "upright"], inputs, context)
        assert (base is not None) == suits


def test_a_step_of_unfreeze_that_is_not_there_is_told_of_before_anything_is_trained(
    folders, two_classes, weights
) -> None:
    kept, tiles = two_classes
    config = CONFIG.model_copy(update={"weights": weights, "unfreeze": ("conv2", "conv7")})
    with pytest.raises(UserError, match="the network has no layer 'conv7'"):
        folders.get_or_build(train.STAGE, config, kept=kept, inputs=tiles)
    assert not {"features", "training the head"} & {label for label, _ in folders.progress}


@pytest.mark.slow
def test_a_step_of_unfreeze_that_diverges_leaves_what_the_head_had_learnt(folders, two_classes, weights) -> None:
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


@pytest.mark.slow
def test_a_diverged_training_keeps_its_best_weights(folders, two_classes, monkeypatch) -> None:
    kept, tiles = two_classes

    class Spoil(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            self.model.classifier.get_layer("logits").bias.assign([np.nan, 0])

    monkeypatch.setattr(callbacks, "monitoring_callbacks", lambda logs, phase: [Spoil()])
    with pytest.raises(UserError, match=r"try 0\.002; the best weights before that are in (.*\.keras)") as caught:
        folders.get_or_build(train.STAGE, CONFIG, kept=kept, inputs=tiles)
    model = keras.models.load_model(str(caught.value).rpartition(" in ")[2])
    assert all(np.isfinite(values).all() for values in model.get_weights())


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow writes them")
def test_curves_are_where_tensorboard_reads_them(folders, two_classes) -> None:
    import tensorflow

    kept, tiles = two_classes
    outcome = folders.get_or_build(train.STAGE, CONFIG.model_copy(update={"epochs": 2}), kept=kept, inputs=tiles)
    (log,) = (folders.folder(outcome) / "tensorboard" / "training").iterdir()
    events = list(tensorflow.compat.v1.train.summary_iterator(str(log)))
    values = [(event.step, value) for event in events for value in event.summary.value]
    assert {value.tag for _, value in values} >= {"loss", "accuracy", "val_loss", "val_accuracy"}
    history = json.loads((folders.folder(outcome) / "history.json").read_text())
    losses = [tensorflow.make_ndarray(value.tensor) for step, value in values if value.tag == "val_loss"]
    np.testing.assert_allclose(losses, history["val_loss"], rtol=1e-6)
    assert {value.metadata.plugin_data.plugin_name for _, value in values} == {"scalars"}


@pytest.mark.slow
def test_an_mlflow_server_is_told_if_the_environment_names_one(folders, two_classes, monkeypatch, caplog) -> None:
    said: list[tuple[str, object]] = []
    fake = types.SimpleNamespace(
        start_run=lambda run_name: said.append(("start", run_name)),
        log_param=lambda name, value: said.append((name, value)),
        log_metrics=lambda values, step: said.append((f"epoch {step}", sorted(values))),
        end_run=lambda: said.append(("end", None)),
    )
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:///nowhere")
    kept, tiles = two_classes
    folders.get_or_build(train.STAGE, CONFIG.model_copy(update={"epochs": 1}), kept=kept, inputs=tiles)
    assert [name for name, _ in said] == ["end", "start", "parameters", "epoch 1", "end"]
    assert "val_loss" in said[3][1]

    def refuse(run_name: str) -> None:
        raise ConnectionError("refused")

    fake.start_run = refuse
    folders.get_or_build(train.STAGE, CONFIG.model_copy(update={"epochs": 1, "seed": 1}), kept=kept, inputs=tiles)
    assert "is disabled for this run: refused" in caplog.text
    assert len(said) == 6
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UserError, match="MLflow is not installed"):
        folders.get_or_build(train.STAGE, CONFIG.model_copy(update={"epochs": 2}), kept=kept, inputs=tiles)
