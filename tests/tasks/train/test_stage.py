"""Trainings from the artifacts of the stages before to that of the classifier."""

import json
import logging
import time

import keras
import numpy as np
import pytest

from configs.schema import AugmentConfig
from tasks import tables
from tasks.store.errors import UserError
from tasks.train import stage as train
from tests.helpers import stored_tables
from tests.helpers.training import AUTOENCODER, CONFIG, NO_ENCODER, accuracy, classifier_of, rows_of
from tests.helpers.warm_process import WarmProcess

AUTO = CONFIG.model_copy(update={"recipe": "auto", "budget_min": 0})
LOGISTIC = CONFIG.model_copy(update={"recipe": "logistic"})


def recipe_of(folders, outcome) -> dict:
    return json.loads(tables.train.RECIPE.path(folders.folder(outcome)).read_text())


def validation_of(folders, outcome) -> tuple[list[str], np.ndarray]:
    with np.load(tables.train.VALIDATION.path(folders.folder(outcome))) as found:
        return found["photos"].tolist(), found["logits"]


def trained_on(folders, outcome) -> set[str]:
    return set(tables.train.TRAINED_ON.read(folders.folder(outcome))["photo"])


@pytest.mark.slow
def test_a_frozen_network_is_trained_in_seconds_and_says_how_it_was_chosen(folders, frozen) -> None:
    outcome = folders.get_or_build(train.STAGE, AUTO, **frozen)
    assert accuracy(folders, outcome, frozen) == 1
    folder = folders.folder(outcome)
    written = {file.name for file in tables.files() if "train" in file.stages}
    assert {path.name for path in folder.iterdir()} == written | {"manifest.json"}
    found = recipe_of(folders, outcome)
    assert (found["metric"], found["chosen"], found["recipe"]) == ("accuracy", "logistic regression", "logistic")
    assert (found["frozen"], found["infer_from"], found["refitted"]) == (True, "network", True)
    tried = {each["name"]: each for each in found["candidates"]}
    assert list(tried)[:2] == ["logistic regression", "nearest photo"]
    assert [each["chosen"] for each in found["candidates"]].count(True) == 1
    assert tried["logistic regression"]["score"] == 1
    assert tried["head"] == {"name": "head", "chosen": False, "skipped": "the budget of 0 min is spent"}
    with np.load(tables.train.BASELINE.path(folder)) as baseline:
        assert baseline["kernel"].shape == (128, 2)
        assert baseline["bias"].shape == (2,)
    assert outcome.manifest.counts["accuracy on validation"] == 1
    again = folders.get_or_build(train.STAGE, AUTO, fresh=True, **frozen)
    assert again.artifact.digest == outcome.artifact.digest


@pytest.mark.slow
def test_the_result_is_another_one_if_the_same_classifier_was_chosen_otherwise(folders, frozen) -> None:
    """The evaluation shows how it was chosen, and its headline metric, so it must not keep those of another choice."""
    one, other = (
        folders.get_or_build(train.STAGE, LOGISTIC.model_copy(update={"metric": metric}), **frozen)
        for metric in ("accuracy", "macro_f1")
    )
    weights = [classifier_of(folders, outcome).get_weights() for outcome in (one, other)]
    assert all(np.array_equal(*pair) for pair in zip(*weights, strict=True))
    assert one.artifact.digest != other.artifact.digest


@pytest.mark.slow
def test_the_classifier_has_learned_from_validation_but_its_validation_logits_have_not(folders, frozen) -> None:
    train_photos, _ = rows_of(folders, frozen, "train")
    val_photos, val_tiles = rows_of(folders, frozen, "val")
    apart, together = (
        folders.get_or_build(train.STAGE, LOGISTIC.model_copy(update={"refit": refit}), **frozen)
        for refit in (False, True)
    )
    assert (recipe_of(folders, apart)["refitted"], recipe_of(folders, together)["refitted"]) == (False, True)
    assert trained_on(folders, apart) == set(train_photos["photo"])
    assert trained_on(folders, together) == {*train_photos["photo"], *val_photos["photo"]}
    photos, held_out = validation_of(folders, together)
    assert photos == val_photos["photo"].tolist()
    np.testing.assert_array_equal(held_out, validation_of(folders, apart)[1])
    answers = [classifier_of(folders, outcome).predict_on_batch(val_tiles) for outcome in (apart, together)]
    np.testing.assert_allclose(answers[0], held_out, rtol=0.02, atol=0.05)
    assert not np.allclose(answers[1], held_out, atol=0.05)
    assert apart.artifact.digest != together.artifact.digest


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["poisoned", pytest.param("missing", marks=pytest.mark.slow)])
def test_no_test_photo_is_ever_used(folders, frozen, kind) -> None:
    """The features of the photos of the test are replaced by NaN, which would spoil everything that uses them."""
    clean = folders.get_or_build(train.STAGE, AUTO, **frozen)
    test, _ = rows_of(folders, frozen, "test")
    for name in ("tiles", "features"):
        folder = folders.store.folder(frozen[name])
        index = tables.shared.INDEX.read(folder)
        is_test = index["photo"].isin(test["photo"])
        if kind == "missing":  # a reader of the photos of the test fails
            tables.shared.INDEX.write(index[~is_test], folder)
            continue
        values = np.load(folders.store.root / index["shard"][0])
        poisoned = np.full_like(values[:1], np.nan if values.dtype.kind == "f" else 255)
        np.save(folders.store.root / "poison.npy", poisoned)
        index.loc[is_test, ["shard", "row"]] = ["poison.npy", 0]
        tables.shared.INDEX.write(index, folder)
    poisoned = folders.get_or_build(train.STAGE, AUTO, fresh=True, **frozen)
    assert poisoned.artifact.digest == clean.artifact.digest
    for outcome in (clean, poisoned):
        assert not trained_on(folders, outcome) & set(test["photo"])
        assert not set(validation_of(folders, outcome)[0]) & set(test["photo"])
        listed = tables.train.LABEL_ISSUES.read(folders.folder(outcome))
        assert not set(listed["photo"]) & set(test["photo"])


@pytest.mark.slow
def test_another_budget_or_refit_uses_the_trials_that_are_stored(folders, frozen, monkeypatch) -> None:
    folders.get_or_build(train.STAGE, AUTO, **frozen)
    monkeypatch.setattr("tasks.train.recipes.logistic.LogisticRecipe.try_out", None)
    other = folders.get_or_build(train.STAGE, AUTO.model_copy(update={"refit": False}), **frozen)
    assert not other.cached
    assert recipe_of(folders, other)["candidates"][0]["score"] == 1


@pytest.mark.slow
def test_the_trials_of_an_earlier_finished_training_are_deleted(folders, frozen) -> None:
    under_way = folders.store.pools("train") / "under-way"
    folders.get_or_build(train.STAGE, LOGISTIC, **frozen)
    (first,) = under_way.iterdir()
    (under_way / "of a killed training").mkdir()
    folders.get_or_build(train.STAGE, LOGISTIC.model_copy(update={"seed": 1}), **frozen)
    assert not first.exists()
    assert len(list(under_way.iterdir())) == 2


@pytest.mark.parametrize(
    ("recipe", "encoder", "message"),
    [
        ("logistic", "none", r"train\.recipe: logistic needs features, and pretrain\.encoder is none; set an encoder"),
        ("head", "none", r"train\.recipe: head needs a pretrained network, and pretrain\.encoder is none; set a"),
        ("head", "autoencoder", r"train\.recipe: head needs .* and pretrain\.encoder is autoencoder; set a network"),
    ],
)
def test_a_recipe_that_does_not_suit_the_encoder_is_refused(folders, two_classes, recipe, encoder, message) -> None:
    folder = folders.store.folder(two_classes["encoder"])
    tables.pretrain.ENCODER_INFO.path(folder).write_text(json.dumps({"kind": encoder, "name": encoder}))
    with pytest.raises(UserError, match=message):
        folders.get_or_build(train.STAGE, CONFIG.model_copy(update={"recipe": recipe}), **two_classes)
    assert folders.store.manifests("train") == []


@pytest.mark.slow
def test_a_network_from_scratch_works_and_is_repeatable(folders, two_classes) -> None:
    first = folders.get_or_build(train.STAGE, CONFIG, **two_classes)
    assert accuracy(folders, first, two_classes) == 1
    history = json.loads(tables.shared.HISTORY.path(folders.folder(first)).read_text())
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"}
    assert len({len(values) for values in history.values()}) == 1
    found = recipe_of(folders, first)
    assert (found["recipe"], found["frozen"], found["refitted"]) == ("network", False, False)
    assert not tables.train.BASELINE.path(folders.folder(first)).exists()
    assert len(trained_on(folders, first)) == 40
    photos, logits = validation_of(folders, first)
    val, tiles = rows_of(folders, two_classes, "val")
    assert photos == val["photo"].tolist()
    np.testing.assert_allclose(classifier_of(folders, first).predict_on_batch(tiles), logits, rtol=1e-3, atol=1e-4)
    again = folders.get_or_build(train.STAGE, CONFIG, fresh=True, **two_classes)
    assert again.artifact.digest == first.artifact.digest


@pytest.mark.slow
def test_codes_of_an_autoencoder_are_learned_by_each_recipe(folders, two_classes) -> None:
    parents = folders.features(
        two_classes["kept"],
        two_classes["tiles"],
        AUTOENCODER.model_copy(update={"epochs": 5, "batch_size": 4}),
    )
    config = CONFIG.model_copy(update={"epochs": 20})
    outcome = folders.get_or_build(train.STAGE, config, **parents)
    assert accuracy(folders, outcome, parents, "features") >= 0.9
    auto = folders.get_or_build(train.STAGE, config.model_copy(update={"recipe": "auto", "budget_min": 60}), **parents)
    names = [each["name"] for each in recipe_of(folders, auto)["candidates"]]
    assert names[0] == "logistic regression"
    assert names[-1] == "convnet from scratch"
    assert accuracy(folders, auto, parents, "features") >= 0.9


@pytest.mark.slow
def test_the_best_epoch_is_kept_and_patience_ends_the_training(folders, two_classes) -> None:
    config = CONFIG.model_copy(update={"epochs": 60, "patience": 2})
    outcome = folders.get_or_build(train.STAGE, config, **two_classes)
    history = json.loads(tables.shared.HISTORY.path(folders.folder(outcome)).read_text())
    epochs, best = len(history["val_loss"]), int(np.argmin(history["val_loss"])) + 1
    assert epochs == best + 2 < 60
    assert folders.progress.count(("training", 1)) == epochs
    photos, tiles = rows_of(folders, two_classes, "val")
    logits = classifier_of(folders, outcome).predict(tiles, verbose=0)
    target = (photos["label"] == "upright").to_numpy().astype(int)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(target, logits)
    assert float(loss) == pytest.approx(min(history["val_loss"]), rel=1e-3)


@pytest.mark.slow
def test_without_validation_photos_the_training_loss_decides_with_a_warning(folders, stripes, caplog) -> None:
    kept, photos = folders.kept(["a"] * 8 + ["b"] * 8, ["train"] * 16)
    pictures = np.concatenate([stripes(0, 8), stripes(1, 8)])
    parents = folders.features(kept, folders.tiles(kept, dict(zip(photos, pictures, strict=True))), NO_ENCODER)
    config = CONFIG.model_copy(update={"epochs": 2, "ema": 0.9, "augment": AugmentConfig(rand_augment=1)})
    with caplog.at_level(logging.WARNING, "fluke.train"):
        outcome = folders.get_or_build(train.STAGE, config, **parents)
    notes = " ".join(outcome.manifest.notes)
    assert "no validation photos" in notes
    assert "train.ema has no effect" in notes
    assert "rand_augment has no effect" in notes
    history = json.loads(tables.shared.HISTORY.path(folders.folder(outcome)).read_text())
    assert set(history) == {"loss", "accuracy", "learning_rate"}
    assert validation_of(folders, outcome)[1].shape == (0, 2)


@pytest.mark.slow
def test_without_validation_photos_logistic_regression_is_chosen_and_not_refitted(folders, frozen) -> None:
    folder = folders.store.folder(frozen["kept"])
    kept = tables.filter.KEPT.read(folder)
    stored_tables.write(tables.filter.KEPT, kept[kept["split"] != "val"], folder)
    outcome = folders.get_or_build(train.STAGE, AUTO.model_copy(update={"budget_min": 60}), **frozen)
    found = recipe_of(folders, outcome)
    assert (found["chosen"], found["refitted"]) == ("logistic regression", False)
    assert [each["score"] for each in found["candidates"]] == [None]
    assert accuracy(folders, outcome, frozen) == 1


@pytest.mark.slow
def test_five_hundred_classes_of_one_photo_and_a_validation_photo_of_another_class(folders) -> None:
    labels = [f"whale {i:03}" for i in range(500)]
    kept, photos = folders.kept([*labels, "stranger"], ["train"] * 500 + ["val"])
    pictures = np.random.default_rng(0).integers(0, 256, (501, 8, 8, 1)).astype(np.uint8)
    parents = folders.features(kept, folders.tiles(kept, dict(zip(photos, pictures, strict=True))), NO_ENCODER)
    config = CONFIG.model_copy(update={"epochs": 1, "batch_size": 100})
    outcome = folders.get_or_build(train.STAGE, config, **parents)
    assert outcome.manifest.counts["classes"] == 500
    assert json.loads(tables.train.LABELS.path(folders.folder(outcome)).read_text()) == labels


@pytest.mark.slow
def test_classes_of_one_photo_are_learned_from_features(folders, stripes, small_network) -> None:
    kept, photos = folders.kept([f"whale {i}" for i in range(6)], ["train"] * 6)
    tiles = folders.tiles(kept, dict(zip(photos, stripes(0, 6), strict=True)))
    outcome = folders.get_or_build(train.STAGE, AUTO, **folders.features(kept, tiles, small_network))
    assert outcome.manifest.counts["classes"] == 6
    assert tables.train.LABEL_ISSUES.read(folders.folder(outcome)).empty


@pytest.mark.slow
def test_a_training_that_diverges_names_the_learning_rate_and_publishes_nothing(folders, two_classes) -> None:
    config = CONFIG.model_copy(update={"learning_rate": 1e38})
    with pytest.raises(UserError, match=r"train\.learning_rate: at 1e\+38"):
        folders.get_or_build(train.STAGE, config, **two_classes)
    assert folders.store.manifests("train") == []


UNTIL_KILLED = """
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from configs.schema import TrainConfig
from tasks.store.manifest import Artifact
from tasks.store.stage import Run
from tasks.store.store import Store
from tasks.train import stage as train
root, config, parents = sys.argv[1:]
with ThreadPoolExecutor(2) as executor:
    parents = {name: Artifact.model_validate(parent) for name, parent in json.loads(parents).items()}
    Run(Store(Path(root)), executor).get_or_build(train.STAGE, TrainConfig.model_validate_json(config), **parents)
"""


def kill_while_training(folders, config, parents, pattern: str) -> None:
    """Start a training in another process and kill it with SIGKILL as soon as a checkpoint is there."""
    artifacts = json.dumps({name: parent.model_dump(mode="json") for name, parent in parents.items()})
    arguments = [str(folders.store.root), config.model_dump_json(), artifacts]
    process = WarmProcess("-c", UNTIL_KILLED, *arguments)
    under_way = folders.store.pools("train") / "under-way"
    while not list(under_way.glob(pattern)):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert folders.store.manifests("train") == []


@pytest.mark.slow
def test_a_training_killed_with_sigkill_resumes_and_gives_the_same_result(folders, two_classes) -> None:
    config = CONFIG.model_copy(update={"epochs": 60, "patience": 60})
    kill_while_training(folders, config, two_classes, "*/training/*.npz")
    folders.progress.clear()
    resumed = folders.get_or_build(train.STAGE, config, **two_classes)
    assert 1 <= folders.progress[0][1] < 60  # epochs before the kill count as done
    fresh = folders.get_or_build(train.STAGE, config, fresh=True, **two_classes)
    assert resumed.artifact.digest == fresh.artifact.digest
    history = json.loads(tables.shared.HISTORY.path(folders.folder(fresh)).read_text())
    assert len(history["loss"]) == 60


@pytest.mark.slow
def test_a_network_killed_while_it_learns_again_resumes_with_its_plan(folders, frozen) -> None:
    config = AUTO.model_copy(update={"budget_min": 30, "epochs": 8, "patience": 8, "head_epochs": 2})
    config = config.model_copy(update={"recipe": "network", "unfreeze": ("all",), "learning_rate": 1e-4})
    kill_while_training(folders, config, frozen, "*/all/again/training-*.npz")
    resumed = folders.get_or_build(train.STAGE, config, **frozen)
    fresh = folders.get_or_build(train.STAGE, config, fresh=True, **frozen)
    assert resumed.artifact.digest == fresh.artifact.digest
    assert recipe_of(folders, fresh)["refitted"]
