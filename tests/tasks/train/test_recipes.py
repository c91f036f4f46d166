"""What each recipe learns, from tiny vectors or a small network."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from configs.schema import ImbalanceConfig, TrainConfig
from tasks import tables
from tasks.inference import logistic
from tasks.store import hashing
from tasks.store.atomic import write_json
from tasks.store.progress import silent
from tasks.store.store import Store
from tasks.train.recipes.logistic import LogisticRecipe
from tasks.train.recipes.network import NetworkRecipe
from tasks.train.training_set import Part, TrainingSet
from tests.helpers.training import CONFIG

PLAIN = TrainConfig(imbalance=ImbalanceConfig(method="none"))


def training_set(
    root: Path, targets: list[int], vectors: np.ndarray, *, validated: int, copies: int = 0, of_last_map: int = 0
) -> TrainingSet:
    """Make a training set whose last photos validate; its copies are the train photos' vectors plus 1, 2 ...

    All features are those of the last map, or the first `of_last_map`.
    """
    names = [hashing.of_value(i) for i in range(len(targets))]
    cut = len(targets) - validated

    def indexed(name: str, rows: np.ndarray, photos: list[str]) -> pd.DataFrame:
        np.save(root / f"{name}.npy", rows.astype(np.float16))
        return pd.DataFrame({"photo": photos, "shard": f"{name}.npy", "row": range(len(rows)), "digest": "0" * 24})

    tables.shared.INDEX.write(indexed("features", vectors, names), root)
    more = np.concatenate([vectors[:cut] + copy for copy in range(1, copies + 1)] or [vectors[:0]])
    numbers = np.repeat(np.arange(1, copies + 1), cut)
    tables.extract.COPIES_INDEX.write(indexed("copies", more, names[:cut] * copies).assign(copy=numbers), root)
    rows = pd.DataFrame({"photo": names, "label": [f"c{target}" for target in targets], "group": names})
    numbered = np.array(targets, np.int32)
    train = Part(rows[:cut].reset_index(drop=True), numbered[:cut])
    val = Part(rows[cut:].reset_index(drop=True), numbered[cut:])
    labels = sorted({f"c{target}" for target in targets})
    write_json(
        tables.pretrain.ENCODER_INFO.path(root), {"kind": "network", "of_last_map": of_last_map or vectors.shape[1]}
    )
    return TrainingSet(labels, train, val, "network", root, root, root, root)


def around_axes(targets: list[int], noise: float = 0.5, seed: int = 0) -> np.ndarray:
    return np.eye(6)[targets] + np.random.default_rng(seed).normal(0, noise, (len(targets), 6))


TARGETS = [0, 1, 2] * 20


def test_validation_chooses_the_regularisation(tmp_path: Path) -> None:
    strengths = {}
    for noise in (0.05, 1.5):
        folder = tmp_path / str(noise)
        folder.mkdir()
        data = training_set(folder, TARGETS, around_axes(TARGETS, noise), validated=15)
        trial = LogisticRecipe(PLAIN, data).try_out("logistic regression")
        x, val = data.vectors_of(data.train), data.vectors_of(data.val)
        losses = {
            inverse: logistic.log_losses(linear(val), data.val.targets).mean()
            for inverse, linear in logistic.fit_path(x, data.train.targets, 3)
        }
        assert trial.details["c"] == min(losses, key=losses.__getitem__)
        np.testing.assert_allclose(trial.logits, logistic.Linear(*trial.arrays)(val), rtol=1e-5, atol=1e-5)
        strengths[noise] = trial.details["c"]
    assert strengths[0.05] > strengths[1.5]


def test_statistics_of_texture_are_used_where_they_lower_the_validation_loss(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 0.5, (60, 6))
    useful, useless = around_axes(TARGETS), noise
    for name, last, more, used in (("texture", useless, useful, 12), ("last", useful, 3 * useless, 6)):
        folder = tmp_path / name
        folder.mkdir()
        vectors = np.concatenate([last, more], axis=1)
        data = training_set(folder, TARGETS, vectors, validated=15, of_last_map=6)
        recipe = LogisticRecipe(PLAIN, data)
        trial = recipe.try_out("logistic regression")
        assert trial.details["features"] == used
        for kernel, _ in (trial.arrays, recipe.again(trial, data.together())):
            assert kernel.shape == (12, 3)
            assert np.abs(kernel).any(axis=1).tolist() == [True] * used + [False] * (12 - used)
        val = data.vectors_of(data.val)
        np.testing.assert_allclose(trial.logits, logistic.Linear(*trial.arrays)(val), rtol=1e-5, atol=1e-5)


def test_learning_again_uses_the_photos_of_validation_and_the_same_regularisation(tmp_path: Path) -> None:
    vectors = around_axes(TARGETS)
    data = training_set(tmp_path, TARGETS, vectors, validated=15)
    recipe = LogisticRecipe(PLAIN, data)
    trial = recipe.try_out("logistic regression")
    kernel, bias = recipe.again(trial, data.together())
    inverse = trial.details["c"]
    rows = data.vectors_of(data.together().train)
    [(_, expected)] = logistic.fit_path(rows, data.together().train.targets, 3, path=(inverse,))
    np.testing.assert_allclose(kernel, expected.kernel, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(bias, expected.bias, rtol=1e-4, atol=1e-4)
    assert not np.allclose(kernel, trial.arrays[0], atol=1e-3)


def test_copies_are_learned_from(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    vectors = around_axes(TARGETS)
    plain = training_set(tmp_path / "plain", TARGETS, vectors, validated=15)
    copied = training_set(tmp_path, TARGETS, vectors, validated=15, copies=2)
    x, y, weights = LogisticRecipe(PLAIN, copied)._learned_from(copied)
    assert x.shape == (3 * 45, 6)
    assert y.tolist() == TARGETS[:45] * 3
    assert weights is None
    kernels = [LogisticRecipe(PLAIN, data).try_out("a").arrays[0] for data in (plain, copied)]
    assert not np.allclose(*kernels)


UNEVEN = [0] * 40 + [1] * 10


@pytest.mark.parametrize(
    ("imbalance", "raised"),
    [
        (ImbalanceConfig(method="logit_adjustment", strength=0.5), 0.5 * np.log(4)),
        (ImbalanceConfig(method="logit_adjustment"), np.log(4)),
        (ImbalanceConfig(method="balanced_softmax"), np.log(4)),
        (ImbalanceConfig(method="focal"), 0),  # it means nothing for logistic regression
    ],
)
def test_the_logit_of_a_rare_class_is_raised(tmp_path: Path, imbalance: ImbalanceConfig, raised: float) -> None:
    data = training_set(tmp_path, UNEVEN, around_axes(UNEVEN), validated=0)
    plain = LogisticRecipe(PLAIN, data).try_out("plain")
    trial = LogisticRecipe(PLAIN.model_copy(update={"imbalance": imbalance}), data).try_out("adjusted")
    np.testing.assert_array_equal(trial.arrays[0], plain.arrays[0])
    change = trial.arrays[1] - plain.arrays[1]
    assert change[1] - change[0] == pytest.approx(raised, abs=1e-5)


@pytest.mark.parametrize("method", ["weights", "effective", "retrain_head"])
def test_weights_balance_the_classes(tmp_path: Path, method: str) -> None:
    data = training_set(tmp_path, UNEVEN, np.zeros((50, 6)), validated=0)  # nothing but the share of a class is known
    config = TrainConfig(imbalance=ImbalanceConfig(method=method, cap=100))
    answers = logistic.Linear(*LogisticRecipe(config, data).try_out("weighted").arrays)(np.zeros((1, 6)))
    assert answers[0, 0] == pytest.approx(answers[0, 1], abs=0.05)
    plain = logistic.Linear(*LogisticRecipe(PLAIN, data).try_out("plain").arrays)(np.zeros((1, 6)))
    assert plain[0, 0] - plain[0, 1] == pytest.approx(np.log(4), abs=0.05)


@pytest.fixture
def frozen_set(made_once) -> TrainingSet:
    folders = {name: Store(made_once.root).folder(parent) for name, parent in made_once.frozen.items()}
    return TrainingSet.read(**folders, root=made_once.root)


def test_the_classifier_answers_tiles_as_the_linear_layer_answers_features(frozen_set) -> None:
    recipe = LogisticRecipe(PLAIN, frozen_set)
    trial = recipe.try_out("logistic regression")
    model = recipe.classifier(trial.arrays)
    logits = model.predict_on_batch(frozen_set.rows_of(frozen_set.val)[:])
    np.testing.assert_allclose(logits, trial.logits, rtol=0.01, atol=0.05)
    assert {"features", "pooled", "logits"} <= {layer.name for layer in model.layers}


@pytest.mark.slow
def test_a_network_learns_again_for_as_many_epochs_as_were_best(frozen_set, tmp_path, monkeypatch) -> None:
    phases: dict[str, list[int]] = {}

    class Recorder:
        def __call__(self, label, total):
            phases.setdefault(label, []).append(total)
            return silent(label, total)

    config = CONFIG.model_copy(update={"epochs": 6, "head_epochs": 5, "imbalance": ImbalanceConfig(method="none")})
    recipe = NetworkRecipe(config, frozen_set, unfreeze=("conv3",), folder=tmp_path, progress=Recorder())
    trial = recipe.try_out("the network from conv3")
    best = trial.details["best_epochs"]
    assert set(best) == {"training the head", "training from conv3"}
    assert len(trial.details["history"]["val_loss"]) >= max(best.values())
    trial = replace(trial, details=trial.details | {"best_epochs": {"training the head": 3, "training from conv3": 0}})
    phases.clear()
    arrays = recipe.again(trial, frozen_set.together())
    assert phases == {"training the head": [3]}  # the other phase was undone
    logits = recipe.classifier(arrays).predict_on_batch(frozen_set.rows_of(frozen_set.val)[:])
    assert (logits.argmax(axis=1) == frozen_set.val.targets).mean() >= 0.8


def test_a_network_says_how_strongly_its_logits_were_adjusted(monkeypatch, tmp_path) -> None:
    nothing = Part(pd.DataFrame({"photo": [], "group": []}), np.empty(0, np.int32))
    data = TrainingSet(["a", "b"], nothing, nothing, "network", tmp_path, tmp_path, tmp_path, tmp_path)
    config = TrainConfig(imbalance=ImbalanceConfig(method="logit_adjustment", strength=0.5))
    recipe = NetworkRecipe(config, data, unfreeze=(), folder=tmp_path, progress=silent)
    trained = SimpleNamespace(get_weights=list), SimpleNamespace(best_epochs={}, best_epoch=1, history={})
    monkeypatch.setattr(NetworkRecipe, "_train", lambda *_: trained)
    details = recipe.try_out("head").details
    assert (details["method"], details["adjustment"]) == ("logit_adjustment", 0.5)  # auto takes both over
