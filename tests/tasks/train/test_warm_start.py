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
from tests.helpers import stored_tables
from tests.helpers.training import CONFIG


@pytest.mark.slow
def test_logit_adjustment_raises_the_logit_of_a_rare_class(folders, stripes) -> None:
    pictures = np.concatenate([stripes(0, 60), stripes(1, 12)])
    kept, photos = folders.kept(["lying"] * 60 + ["upright"] * 12, (["train"] * 5 + ["val"]) * 12)
    tiles = folders.tiles(kept, dict(zip(photos, pictures, strict=True)))
    biases = []
    for strength in (0.0, 1.0):
        config = CONFIG.model_copy(
            update={"imbalance": ImbalanceConfig(method="logit_adjustment", strength=strength), "epochs": 2}
        )
        outcome = folders.get_or_build(train.STAGE, config, kept=kept, inputs=tiles)
        model = keras.models.load_model(tables.CLASSIFIER.path(folders.folder(outcome)), compile=False)
        biases.append(model.get_layer("logits").get_weights()[1])
    np.testing.assert_allclose(biases[1] - biases[0], [-np.log(50 / 60), -np.log(10 / 60)], rtol=1e-4)

    publish_evaluation(folders, outcome)
    next_run = config.model_copy(update={"warm_start": True, "learning_rate": 1e-9, "epochs": 1})
    outcome = folders.get_or_build(train.STAGE, next_run, kept=kept, inputs=tiles)
    model = keras.models.load_model(tables.CLASSIFIER.path(folders.folder(outcome)), compile=False)
    np.testing.assert_allclose(model.get_layer("logits").get_weights()[1], biases[1], atol=1e-5)


def publish_evaluation(folders, classifier) -> None:
    """Publish an evaluation of a classifier, which makes its run a successful one."""

    def build(config: EvaluateConfig, *, classifier: Path, context: StageContext) -> Result:
        return Result({}, digest="good")

    folders.get_or_build(Stage("evaluate", 1, build=build), EvaluateConfig(), classifier=classifier.artifact)


@pytest.mark.slow
def test_a_training_starts_from_the_last_successful_run_and_regularly_from_scratch(folders, stripes) -> None:
    warm = CONFIG.model_copy(update={"warm_start": True, "full_retrain_every": 2, "epochs": 6})

    def run(labels: list[str], count: int) -> tuple[Outcome, Artifact, Artifact]:
        pictures = np.concatenate([stripes(i % 2, count, seed=i) for i in range(len(labels))])
        kept, photos = folders.kept(
            [label for label in labels for _ in range(count)],
            (["train"] * 4 + ["val", "test"]) * (count // 6) * len(labels),
        )
        tiles = folders.tiles(kept, dict(zip(photos, pictures, strict=True)))
        outcome = folders.get_or_build(train.STAGE, warm, kept=kept, inputs=tiles)
        return outcome, kept, tiles

    def lineage(outcome: Outcome) -> dict[str, object]:
        text = json.loads(tables.LINEAGE.path(folders.folder(outcome)).read_text())
        return {name: text[name] for name in ("nights", "began_from")}

    first, kept, tiles = run(["lying", "upright"], 30)
    assert lineage(first) == {"nights": 1, "began_from": None}
    failed, *_ = run(["lying", "upright"], 36)
    assert lineage(failed)["began_from"] is None  # the first was not evaluated: its run failed
    publish_evaluation(folders, first)
    second, *_ = run(["lying", "upright", "new"], 30)
    assert lineage(second) == {"nights": 2, "began_from": first.artifact.digest}
    assert second.manifest.counts["classes"] == 3
    publish_evaluation(folders, second)
    third, *_ = run(["lying", "upright"], 42)
    assert lineage(third)["nights"] == 1  # the third training starts from scratch
    again = folders.get_or_build(train.STAGE, warm, kept=kept, inputs=tiles)
    assert again.cached


@pytest.mark.slow
def test_a_classifier_trained_on_a_photo_that_is_now_tested_is_not_used(folders, two_classes) -> None:
    kept, tiles = two_classes
    outcome = folders.get_or_build(train.STAGE, CONFIG, kept=kept, inputs=tiles)
    publish_evaluation(folders, outcome)
    inputs, labels = folders.store.folder(tiles), ["lying", "upright"]
    seen = tables.TRAINED_ON.read(folders.folder(outcome))["photo"]
    assert len(seen) == 40

    def find(
        config: TrainConfig = CONFIG,
        labels: list[str] = labels,
        excluded: frozenset[str] = frozenset(),
        memory: str | None = None,
        **external_inputs,
    ):
        return warm_start.find(
            folders.store,
            config,
            train.VERSION,
            inputs=inputs,
            labels=labels,
            excluded=excluded,
            memory=memory,
            external_inputs=external_inputs,
        )

    assert find() is not None
    assert find(CONFIG.model_copy(update={"learning_rate": 0.1})) is not None
    assert find(excluded=frozenset({seen[0]})) is None
    assert find(CONFIG.model_copy(update={"filters": (8, 8)})) is None
    assert find(labels=["cat", "dog"]) is None
    assert find(weights="those of another file") is None
    assert find(memory="another preset, seed 0") is None


@pytest.mark.slow
def test_a_classifier_trained_on_a_duplicate_of_a_tested_photo_is_not_used(folders, two_classes, tmp_path) -> None:
    kept, tiles = two_classes
    publish_evaluation(folders, folders.get_or_build(train.STAGE, CONFIG, kept=kept, inputs=tiles))
    photos = tables.KEPT.read(folders.store.folder(kept))
    duplicate, others = photos[:1].assign(split="test"), photos[1:]  # the first was trained on
    stored_tables.write(tables.KEPT, others, tmp_path)
    inputs, warm = folders.store.folder(tiles), CONFIG.model_copy(update={"warm_start": True})
    context = StageContext(root=folders.store.root, out=tmp_path, pools=folders.store.pools("train"), photos=tmp_path)
    nothing = duplicate[:0]
    for rejected, absent, suits in (
        (nothing, nothing, True),
        (duplicate, nothing, False),
        (nothing, duplicate, False),
    ):
        stored_tables.write(tables.REJECTED, rejected, tmp_path)
        stored_tables.write(tables.ABSENT, absent, tmp_path)
        base = train.find_base(warm, tmp_path, ["lying", "upright"], inputs, context)
        assert (base is not None) == suits
