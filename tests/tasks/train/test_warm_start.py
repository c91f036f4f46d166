import json
from pathlib import Path

import keras
import numpy as np
import pytest

from configs.schema import EvaluateConfig, ImbalanceConfig, TrainConfig
from tasks import tables
from tasks.store.context import StageContext
from tasks.store.manifest import Artifact, Result
from tasks.store.stage import Outcome, Stage
from tasks.train import stage as train
from tasks.train import warm_start
from tasks.train.training_set import TrainingSet
from tests.helpers import stored_tables
from tests.helpers.training import AUTOENCODER, CONFIG, NO_ENCODER, classifier_of


@pytest.mark.slow
def test_logit_adjustment_raises_the_logit_of_a_rare_class(folders, stripes) -> None:
    pictures = np.concatenate([stripes(0, 60), stripes(1, 12)])
    kept, photos = folders.kept(["lying"] * 60 + ["upright"] * 12, (["train"] * 5 + ["val"]) * 12)
    parents = folders.features(kept, folders.tiles(kept, dict(zip(photos, pictures, strict=True))), NO_ENCODER)
    biases = []
    for strength in (0.0, 1.0):
        config = CONFIG.model_copy(
            update={"imbalance": ImbalanceConfig(method="logit_adjustment", strength=strength), "epochs": 2}
        )
        outcome = folders.get_or_build(train.STAGE, config, **parents)
        model = keras.models.load_model(tables.train.CLASSIFIER.path(folders.folder(outcome)), compile=False)
        biases.append(model.get_layer("logits").get_weights()[1])
    np.testing.assert_allclose(biases[1] - biases[0], [-np.log(50 / 60), -np.log(10 / 60)], rtol=1e-4)

    publish_evaluation(folders, outcome)
    next_run = config.model_copy(update={"warm_start": True, "learning_rate": 1e-9, "epochs": 1})
    outcome = folders.get_or_build(train.STAGE, next_run, **parents)
    model = keras.models.load_model(tables.train.CLASSIFIER.path(folders.folder(outcome)), compile=False)
    np.testing.assert_allclose(model.get_layer("logits").get_weights()[1], biases[1], atol=1e-5)


def publish_evaluation(folders, classifier, *, refused: bool = False) -> None:
    """Publish an evaluation of a classifier, which is the champion from now on unless it is refused."""

    def build(config: EvaluateConfig, *, classifier: Path, context: StageContext) -> Result:
        return Result({}, digest="good")

    stage = Stage("evaluate", 1, build=build)
    evaluated = folders.get_or_build(stage, EvaluateConfig(), classifier=classifier.artifact).artifact
    folders.champion = folders.champion if refused else evaluated


@pytest.mark.slow
def test_a_training_starts_from_the_champion_and_regularly_from_scratch(folders, stripes) -> None:
    warm = CONFIG.model_copy(update={"warm_start": True, "full_retrain_every": 2, "epochs": 6})

    def run(labels: list[str], count: int) -> tuple[Outcome, dict[str, Artifact]]:
        pictures = np.concatenate([stripes(i % 2, count, seed=i) for i in range(len(labels))])
        kept, photos = folders.kept(
            [label for label in labels for _ in range(count)],
            (["train"] * 4 + ["val", "test"]) * (count // 6) * len(labels),
        )
        parents = folders.features(kept, folders.tiles(kept, dict(zip(photos, pictures, strict=True))), NO_ENCODER)
        return folders.get_or_build(train.STAGE, warm, **parents), parents

    def lineage(outcome: Outcome) -> dict[str, object]:
        text = json.loads(tables.train.LINEAGE.path(folders.folder(outcome)).read_text())
        return {name: text[name] for name in ("nights", "began_from")}

    first, parents = run(["lying", "upright"], 30)
    assert lineage(first) == {"nights": 1, "began_from": None}
    refused, _ = run(["lying", "upright"], 36)
    assert lineage(refused)["began_from"] is None  # there is no champion yet
    publish_evaluation(folders, first)
    publish_evaluation(folders, refused, refused=True)
    second, _ = run(["lying", "upright", "new"], 30)
    assert lineage(second) == {"nights": 2, "began_from": first.artifact.digest}
    assert second.manifest.counts["classes"] == 3
    publish_evaluation(folders, second)
    third, _ = run(["lying", "upright"], 42)
    assert lineage(third)["nights"] == 1  # the third training starts from scratch
    again = folders.get_or_build(train.STAGE, warm, **parents)
    assert again.cached


@pytest.mark.slow
def test_a_classifier_trained_on_a_photo_that_is_now_tested_is_not_used(folders, two_classes, made_once) -> None:
    outcome = folders.get_or_build(train.STAGE, CONFIG, **two_classes)
    publish_evaluation(folders, outcome)
    tiles, encoder = (folders.store.folder(two_classes[name]) for name in ("tiles", "encoder"))
    labels = ["lying", "upright"]
    seen = tables.train.TRAINED_ON.read(folders.folder(outcome))["photo"]
    assert len(seen) == 40

    def find(
        config: TrainConfig = CONFIG,
        labels: list[str] = labels,
        excluded: frozenset[str] = frozenset(),
        memory: str | None = None,
        encoder: Path = encoder,
    ):
        return warm_start.find(
            folders.store,
            config,
            train.VERSION,
            folders.champion,
            tiles=tiles,
            encoder=encoder,
            labels=labels,
            excluded=excluded,
            memory=memory,
        )

    assert find() is not None
    assert find(CONFIG.model_copy(update={"learning_rate": 0.1})) is not None
    assert find(excluded=frozenset({seen[0]})) is None
    assert find(CONFIG.model_copy(update={"filters": (8, 8)})) is None
    assert find(labels=["cat", "dog"]) is None
    assert find(CONFIG.model_copy(update={"recipe": "auto"})) is None
    assert find(encoder=folders.store.folder(made_once.frozen["encoder"])) is None
    assert find(memory="another preset, seed 0") is None


@pytest.mark.slow
def test_a_classifier_trained_on_a_duplicate_of_a_tested_photo_is_not_used(folders, two_classes, tmp_path) -> None:
    publish_evaluation(folders, folders.get_or_build(train.STAGE, CONFIG, **two_classes))
    photos = tables.filter.KEPT.read(folders.store.folder(two_classes["kept"]))
    duplicate, others = photos[:1].assign(split="test"), photos[1:]  # the first was trained on
    stored_tables.write(tables.filter.KEPT, others, tmp_path)
    where = {name: folders.store.folder(parent) for name, parent in two_classes.items()}
    data, warm = TrainingSet.read(**where, root=folders.store.root), CONFIG.model_copy(update={"warm_start": True})
    context = StageContext(
        root=folders.store.root,
        out=tmp_path,
        pools=folders.store.pools("train"),
        photos=tmp_path,
        champion=folders.champion,
    )
    nothing = duplicate[:0]
    for rejected, absent, suits in (
        (nothing, nothing, True),
        (duplicate, nothing, False),
        (nothing, duplicate, False),
    ):
        stored_tables.write(tables.filter.REJECTED, rejected, tmp_path)
        stored_tables.write(tables.filter.ABSENT, absent, tmp_path)
        base = train._find_base(warm, data, tmp_path, context)
        assert (base is not None) == suits


@pytest.mark.slow
def test_logistic_regression_is_nothing_to_start_from(folders, two_classes) -> None:
    parents = folders.features(two_classes["kept"], two_classes["tiles"], AUTOENCODER)
    warm = CONFIG.model_copy(update={"recipe": "auto", "budget_min": 30, "epochs": 1, "warm_start": True})
    first = folders.get_or_build(train.STAGE, warm, **parents)
    tables.train.RECIPE.path(folders.folder(first)).write_text('{"recipe": "logistic"}')
    publish_evaluation(folders, first)
    again = folders.get_or_build(train.STAGE, warm.model_copy(update={"seed": 1}), **parents)
    assert json.loads(tables.train.LINEAGE.path(folders.folder(again)).read_text())["began_from"] is None


@pytest.mark.slow
def test_a_warm_start_keeps_the_unfrozen_network_and_its_head_and_is_never_refitted(folders, frozen) -> None:
    config = CONFIG.model_copy(update={"unfreeze": ("conv3",), "epochs": 4, "head_epochs": 10, "warm_start": True})
    first = folders.get_or_build(train.STAGE, config, **frozen)
    publish_evaluation(folders, first)
    folders.progress.clear()
    tiny = config.model_copy(update={"learning_rate": 1e-12, "epochs": 1})
    second = folders.get_or_build(train.STAGE, tiny, **frozen)
    assert (
        json.loads(tables.train.LINEAGE.path(folders.folder(second)).read_text())["began_from"] == first.artifact.digest
    )
    assert {label for label, _ in folders.progress} == {"training from conv3"}
    ours, theirs = (classifier_of(folders, outcome).get_weights() for outcome in (second, first))
    for mine, before in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, before, atol=1e-5)
    for outcome in (first, second):
        assert not json.loads(tables.train.RECIPE.path(folders.folder(outcome)).read_text())["refitted"]
        assert len(tables.train.TRAINED_ON.read(folders.folder(outcome))) == 40
