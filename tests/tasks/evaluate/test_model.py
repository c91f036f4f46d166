"""What an evaluation takes from the training: features, validation logits, the choice of neighbours, the baseline."""

from pathlib import Path

import numpy as np
import pytest

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate.predict import NetworkOutput
from tasks.inference import network
from tasks.inference.decision import DecisionRule
from tasks.inference.knn import References
from tests.helpers.evaluation import CONFIG, UNKNOWN, EvaluationWorld, read_metrics, unseen

pytestmark = pytest.mark.slow

FROZEN = {"recipe": "logistic", "frozen": True}


def forbid_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the network ran on tiles")

    monkeypatch.setattr(network.TrainedClassifier, "__call__", fail)


def test_a_frozen_network_is_not_run_on_tiles(pets: EvaluationWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    pets.kind, pets.recipe = "network", FROZEN
    forbid_tiles(monkeypatch)
    _, folder = pets.finish().evaluate(CONFIG.model_copy(update={"gallery": 0}))
    metrics = read_metrics(folder)
    assert metrics["test"]["scores"]["accuracy"]["value"] == 0.8
    assert metrics["nearest_by"] == "features"
    output = NetworkOutput.read(folder)
    assert output.logits.shape == (13, 3)
    np.testing.assert_array_equal(output.features, output.descriptors)


def test_a_network_that_was_trained_is_run_on_tiles(pets: EvaluationWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    pets.kind = "network"
    forbid_tiles(monkeypatch)
    with pytest.raises(AssertionError, match="ran on tiles"):
        pets.finish().evaluate()


@pytest.mark.parametrize("decides", ["network", "nearest"])
def test_a_trained_network_is_run_on_all_photos_only_if_their_similarity_decides(
    pets: EvaluationWorld, decides: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, run = network.TrainedClassifier.__call__, list[int]()

    def counted(self: network.TrainedClassifier, rows: np.ndarray) -> object:
        run.append(len(rows))
        return call(self, rows)

    monkeypatch.setattr(network.TrainedClassifier, "__call__", counted)
    pets.kind = "network"
    _, folder = pets.finish().evaluate(CONFIG.model_copy(update={"gallery": 0, "infer_from": decides}))
    output = NetworkOutput.read(folder)
    assert output.logits.shape == (13, 3)
    assert sum(run) == (10 if decides == "network" else 24)  # train has written the logits of validation photos
    assert (output.features is None) == (decides == "network")
    assert len(output.vectors) == 24
    assert read_metrics(folder)["test"]["scores"]["accuracy"]["value"] == 0.8


@pytest.mark.parametrize("kind", ["autoencoder", "network"])
def test_logistic_regression_on_features_is_a_baseline(pets: EvaluationWorld, kind: str) -> None:
    """It decides by the same colours as the classifier."""
    pets.kind = kind  # type: ignore[assignment]
    _, folder = pets.finish().evaluate(CONFIG.model_copy(update={"gallery": 0}))
    against = read_metrics(folder)["test"]["scores"]["accuracy"]["against"]
    assert set(against) == {"commonest", "nearest", "logistic"}
    assert (against["logistic"]["value"], against["logistic"]["difference"]["value"]) == (0.8, 0)


def test_without_an_encoder_there_is_no_logistic_regression(pets: EvaluationWorld) -> None:
    _, folder = pets.finish().evaluate(CONFIG.model_copy(update={"gallery": 0}))
    assert set(read_metrics(folder)["test"]["scores"]["accuracy"]["against"]) == {"commonest", "nearest"}


@pytest.mark.parametrize("recipe", [FROZEN | {"refitted": True}, {}])
def test_validation_photos_have_the_logits_of_a_classifier_that_did_not_learn_from_them(
    pets: EvaluationWorld, recipe: dict[str, object]
) -> None:
    pets.kind, pets.recipe = "network", recipe
    photos = [row["photo"] for row in pets.rows if row["split"] == "val"]
    pets.validated = {photo: [float(i), 1.0, -2.0] for i, photo in enumerate(photos)}
    _, folder = pets.finish().evaluate(CONFIG.model_copy(update={"gallery": 0}))
    held_out = [row for row in pets.rows if row["split"] != "train"]
    logits = NetworkOutput.read(folder).logits
    found = {row["photo"]: each.tolist() for row, each in zip(held_out, logits, strict=True) if row["split"] == "val"}
    assert found == pets.validated


@pytest.mark.parametrize("chosen", ["network", "nearest", "blend"])
@pytest.mark.parametrize("refitted", [False, True])
def test_validation_has_chosen_what_decides_unless_the_settings_say_it(
    pets: EvaluationWorld, chosen: str, refitted: bool
) -> None:
    pets.kind, pets.recipe = "network", FROZEN | {"infer_from": chosen, "refitted": refitted}
    quick = CONFIG.model_copy(update={"gallery": 0})
    _, folder = pets.finish().evaluate(quick)
    assert DecisionRule.read(folder).infer_from == chosen
    if chosen == "network":
        assert not tables.evaluate.REFERENCES.path(folder).exists()
        _, folder = pets.evaluate(quick.model_copy(update={"infer_from": "nearest"}))
        assert DecisionRule.read(folder).infer_from == "nearest"
    photos = set(References.read(tables.evaluate.REFERENCES.path(folder)).photos)
    used = {"train", "val"} if refitted else {"train"}
    assert photos == {row["photo"] for row in pets.rows if row["split"] in used}


@pytest.mark.parametrize(("frozen", "warned"), [(True, False), (False, True)])
def test_neighbours_by_features_that_have_learned_from_validation_photos_are_named(
    pets: EvaluationWorld, frozen: bool, warned: bool
) -> None:
    pets.kind, pets.recipe = "network", {"frozen": frozen, "refitted": True}
    config = EvaluateConfig(bootstrap=100, gallery=0, layer_images=0, infer_from="blend")
    outcome, _ = pets.finish().evaluate(config)
    assert any("evaluate.infer_from=blend" in note for note in outcome.manifest.notes) == warned


@pytest.mark.parametrize("infer_from", ["network", "nearest", "blend"])
def test_unknown_classes_are_recognised_by_a_classifier_that_learned_from_validation(
    tmp_path: Path, infer_from: str
) -> None:
    """The unknown photos of validation were not learned from: they have no stored logits, and none is a reference."""
    sea = unseen(tmp_path)
    sea.kind, sea.recipe = "network", FROZEN | {"refitted": True}
    _, folder = sea.finish().evaluate(UNKNOWN.model_copy(update={"infer_from": infer_from, "gallery": 0}))
    metrics = read_metrics(folder)
    assert metrics["unknown"]["recognised"]["value"] == 1
    assert metrics["unknown"]["false_alarms"]["value"] == 0
    if infer_from != "network":
        photos = set(References.read(tables.evaluate.REFERENCES.path(folder)).photos)
        assert not photos & {row["photo"] for row in sea.rows if row["label"] in ("elk", "fox")}
