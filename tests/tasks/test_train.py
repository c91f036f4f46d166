import json
import logging

import keras
import numpy as np
import pandas as pd
import pytest

from configs.schema import ExtractConfig, PretrainConfig, TrainConfig
from tasks import extract, pretrain, train
from tasks.support.errors import UserError
from tasks.support.pool import INDEX, Rows
from tasks.train import channel_moments

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
    rows = Rows(index.loc[photos["photo"]], folders.store.root)[:]
    logits = keras.models.load_model(folder / "classifier.keras", compile=False).predict(rows, verbose=0)
    return float(np.mean(labels[logits.argmax(1)] == photos["label"].to_numpy()))


@pytest.mark.slow
def test_a_classifier_of_tiles_learns_and_is_the_same_twice(folders, two_classes) -> None:
    kept, tiles = two_classes
    first = folders.obtain(train.STAGE, CONFIG, kept=kept, inputs=tiles)
    assert accuracy(folders, first, kept, tiles) == 1
    history = json.loads((folders.folder(first) / "history.json").read_text())
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"}
    assert {len(values) for values in history.values()} == {first.manifest.counts["epochs"]}
    again = folders.obtain(train.STAGE, CONFIG, fresh=True, kept=kept, inputs=tiles)
    assert again.artifact.digest == first.artifact.digest


def test_a_classifier_of_features_learns(folders, two_classes) -> None:
    kept, tiles = two_classes
    codes = PretrainConfig(filters=(4, 8), code_channels=4, epochs=5, batch_size=4, learning_rate=3e-3)
    trained = folders.obtain(pretrain.STAGE, codes, kept=kept, tiles=tiles).artifact
    features = folders.obtain(extract.STAGE, ExtractConfig(), tiles=tiles, encoder=trained).artifact
    config = CONFIG.model_copy(update={"input": "features", "epochs": 20})
    outcome = folders.obtain(train.STAGE, config, kept=kept, inputs=features)
    assert accuracy(folders, outcome, kept, features) >= 0.9


@pytest.mark.slow
def test_the_best_epoch_is_kept_and_patience_ends_the_training(folders, two_classes) -> None:
    kept, tiles = two_classes
    config = CONFIG.model_copy(update={"epochs": 60, "patience": 2})
    outcome = folders.obtain(train.STAGE, config, kept=kept, inputs=tiles)
    epochs, best = (outcome.manifest.counts[name] for name in ("epochs", "best epoch"))
    assert epochs == best + 2 < 60
    assert folders.progress.count(("training", 1)) == epochs

    model = keras.models.load_model(folders.folder(outcome) / "classifier.keras", compile=False)
    photos = pd.read_parquet(folders.store.folder(kept) / "kept.parquet").query("split == 'val'")
    index = pd.read_parquet(folders.store.folder(tiles) / INDEX).set_index("photo", drop=False)
    logits = model.predict(Rows(index.loc[photos["photo"]], folders.store.root)[:], verbose=0)
    target = (photos["label"] == "upright").to_numpy().astype(int)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(target, logits)
    history = json.loads((folders.folder(outcome) / "history.json").read_text())
    assert float(loss) == pytest.approx(min(history["val_loss"]), rel=1e-3)


def test_without_validation_the_training_loss_decides_and_the_log_says_so(folders, stripes, caplog) -> None:
    kept, photos = folders.kept(["a"] * 8 + ["b"] * 8, ["train"] * 16)
    pictures = np.concatenate([stripes(0, 8), stripes(1, 8)])
    tiles = folders.tiles(kept, dict(zip(photos, pictures, strict=True)))
    config = CONFIG.model_copy(update={"epochs": 2})
    with caplog.at_level(logging.WARNING, "fluke.train"):
        outcome = folders.obtain(train.STAGE, config, kept=kept, inputs=tiles)
    assert "no photo to validate on" in caplog.text
    history = json.loads((folders.folder(outcome) / "history.json").read_text())
    assert set(history) == {"loss", "accuracy", "learning_rate"}


def test_five_hundred_classes_of_one_photo_and_a_validation_photo_of_none_of_them(folders) -> None:
    labels = [f"whale {i:03}" for i in range(500)]
    kept, photos = folders.kept([*labels, "stranger"], ["train"] * 500 + ["val"])
    pictures = np.random.default_rng(0).integers(0, 256, (501, 8, 8, 1)).astype(np.uint8)
    tiles = folders.tiles(kept, dict(zip(photos, pictures, strict=True)))
    config = CONFIG.model_copy(update={"epochs": 1, "batch_size": 100})
    outcome = folders.obtain(train.STAGE, config, kept=kept, inputs=tiles)
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
        folders.obtain(train.STAGE, CONFIG, kept=kept, inputs=tiles)


def test_a_training_that_diverges_names_the_learning_rate_and_leaves_nothing(folders, two_classes) -> None:
    kept, tiles = two_classes
    config = CONFIG.model_copy(update={"learning_rate": 1e38})
    with pytest.raises(UserError, match=r"train\.learning_rate: at 1e\+38"):
        folders.obtain(train.STAGE, config, kept=kept, inputs=tiles)
    assert folders.store.manifests("train") == []
