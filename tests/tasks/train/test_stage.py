import json
import logging
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from configs.schema import AugmentConfig, ExtractConfig, PretrainConfig
from tasks import tables
from tasks.extract import stage as extract
from tasks.pretrain import stage as pretrain
from tasks.store.errors import UserError
from tasks.store.shards import LazyRows
from tasks.train import stage as train
from tasks.train.stage import channel_moments
from tests.helpers.training import CONFIG, accuracy


def test_moments_are_those_of_all_rows() -> None:
    features = np.random.default_rng(0).normal(3, 2, (600, 2, 2, 3)).astype(np.float16)
    features[..., 2] = 5
    mean, variance = channel_moments(features)
    wide = features.astype(np.float64)
    np.testing.assert_allclose(mean, wide.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(variance, wide.var((0, 1, 2)), rtol=1e-5, atol=1e-12)


@pytest.mark.slow
def test_training_on_tiles_works_and_is_repeatable(folders, two_classes) -> None:
    kept, tiles = two_classes
    first = folders.get_or_build(train.STAGE, CONFIG, kept=kept, inputs=tiles)
    assert accuracy(folders, first, kept, tiles) == 1
    history = json.loads(tables.HISTORY.path(folders.folder(first)).read_text())
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"}
    assert {len(values) for values in history.values()} == {first.manifest.counts["epochs"]}
    again = folders.get_or_build(train.STAGE, CONFIG, fresh=True, kept=kept, inputs=tiles)
    assert again.artifact.digest == first.artifact.digest


@pytest.mark.slow
def test_training_on_features_works(folders, two_classes) -> None:
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

    model = keras.models.load_model(tables.CLASSIFIER.path(folders.folder(outcome)), compile=False)
    photos = tables.KEPT.read(folders.store.folder(kept)).query("split == 'val'")
    index = tables.INDEX.read(folders.store.folder(tiles)).set_index("photo", drop=False)
    logits = model.predict(LazyRows(index.loc[photos["photo"]], folders.store.root)[:], verbose=0)
    target = (photos["label"] == "upright").to_numpy().astype(int)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(target, logits)
    history = json.loads(tables.HISTORY.path(folders.folder(outcome)).read_text())
    assert float(loss) == pytest.approx(min(history["val_loss"]), rel=1e-3)


@pytest.mark.slow
def test_without_validation_photos_the_training_loss_decides_with_a_warning(folders, stripes, caplog) -> None:
    kept, photos = folders.kept(["a"] * 8 + ["b"] * 8, ["train"] * 16)
    pictures = np.concatenate([stripes(0, 8), stripes(1, 8)])
    tiles = folders.tiles(kept, dict(zip(photos, pictures, strict=True)))
    config = CONFIG.model_copy(update={"epochs": 2, "ema": 0.9, "augment": AugmentConfig(rand_augment=1)})
    with caplog.at_level(logging.WARNING, "fluke.train"):
        outcome = folders.get_or_build(train.STAGE, config, kept=kept, inputs=tiles)
    assert "no validation photos" in caplog.text
    assert "train.ema has no effect" in caplog.text
    assert "rand_augment has no effect" in caplog.text
    history = json.loads(tables.HISTORY.path(folders.folder(outcome)).read_text())
    assert set(history) == {"loss", "accuracy", "learning_rate"}


@pytest.mark.slow
def test_five_hundred_classes_of_one_photo_and_a_validation_photo_of_another_class(folders) -> None:
    labels = [f"whale {i:03}" for i in range(500)]
    kept, photos = folders.kept([*labels, "stranger"], ["train"] * 500 + ["val"])
    pictures = np.random.default_rng(0).integers(0, 256, (501, 8, 8, 1)).astype(np.uint8)
    tiles = folders.tiles(kept, dict(zip(photos, pictures, strict=True)))
    config = CONFIG.model_copy(update={"epochs": 1, "batch_size": 100})
    outcome = folders.get_or_build(train.STAGE, config, kept=kept, inputs=tiles)
    assert outcome.manifest.counts["classes"] == 500
    assert json.loads(tables.LABELS.path(folders.folder(outcome)).read_text()) == labels


@pytest.mark.parametrize(
    ("labels", "splits", "message"),
    [
        (["cat", "cat"], ["train", "val"], "only 'cat' has photos to train on"),
        (["cat", "dog"], ["val", "test"], "there is no photo to train on"),
    ],
)
def test_fewer_than_two_classes_are_a_user_error(folders, stripes, labels, splits, message) -> None:
    kept, photos = folders.kept(labels, splits)
    tiles = folders.tiles(kept, dict(zip(photos, stripes(0, 2), strict=True)))
    with pytest.raises(UserError, match=message):
        folders.get_or_build(train.STAGE, CONFIG, kept=kept, inputs=tiles)


@pytest.mark.slow
def test_a_training_that_diverges_names_the_learning_rate_and_publishes_nothing(folders, two_classes) -> None:
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
def test_a_training_killed_with_sigkill_resumes_and_gives_the_same_result(folders, two_classes) -> None:
    kept, tiles = two_classes
    config = CONFIG.model_copy(update={"epochs": 60, "patience": 60})
    arguments = [str(folders.store.root), *(each.model_dump_json() for each in (config, kept, tiles))]
    process = subprocess.Popen([sys.executable, "-c", UNTIL_KILLED, *arguments], stderr=subprocess.PIPE, text=True)
    under_way = folders.store.pools("train") / "under-way"
    while not list(under_way.glob("*/*.npz")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert folders.store.manifests("train") == []

    folders.progress.clear()
    resumed = folders.get_or_build(train.STAGE, config, kept=kept, inputs=tiles)
    assert 1 <= folders.progress[0][1] < 60  # epochs before the kill count as done
    assert not list(under_way.iterdir())
    fresh = folders.get_or_build(train.STAGE, config, fresh=True, kept=kept, inputs=tiles)
    assert resumed.artifact.digest == fresh.artifact.digest
    assert fresh.manifest.counts["epochs"] == 60


def test_a_missing_file_of_weights_is_a_user_error(folders, two_classes, tmp_path) -> None:
    kept, tiles = two_classes
    with pytest.raises(UserError, match=r"train\.weights: cannot read .*nowhere\.keras .*; set it to an existing file"):
        folders.get_or_build(
            train.STAGE, CONFIG.model_copy(update={"weights": tmp_path / "nowhere.keras"}), kept=kept, inputs=tiles
        )
