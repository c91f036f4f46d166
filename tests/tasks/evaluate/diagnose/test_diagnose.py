"""The files of the diagnostics, and when they are made again."""

from pathlib import Path
from typing import Any

import pytest

from tasks import tables
from tasks.evaluate import present
from tasks.inference.limits import Limits
from tasks.store.json_file import read_json
from tests.helpers.evaluation import CONFIG, EvaluationWorld, world

pytestmark = pytest.mark.slow  # each evaluates, some seconds


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[EvaluationWorld, Path]:
    """Two classes, of which each tenth test photo is predicted wrongly, with enough photos for slices and sets."""
    pets = world(tmp_path_factory.mktemp("diagnosed"), ["cat", "dog"])
    pets.kind = "network"
    for i in range(130):
        split = "train" if i < 20 else "val" if i < 60 else "test"
        pets.photo("cat", split, answer="dog" if i % 10 == 0 else None)
        pets.photo("dog", split)
    _, folder = pets.finish().evaluate()
    return pets, folder


def diagnostics(folder: Path) -> Any:
    return read_json(tables.evaluate.DIAGNOSTICS.path(folder), dict[str, Any])


def test_all_parts_are_written(evaluated: tuple[EvaluationWorld, Path]) -> None:
    _, folder = evaluated
    found = diagnostics(folder)
    assert set(found) == {"slices", "abstaining", "sets", "learning_curve"}  # evaluate.robustness is 0
    assert found["abstaining"]["coverage"][-1] == 1
    assert found["abstaining"]["accuracy"][-1] == pytest.approx(0.95)
    assert found["sets"]["photos"] == 80
    assert "wanted" not in found["abstaining"]
    sets, places = tables.evaluate.PREDICTION_SETS.read(folder), tables.evaluate.FEATURE_MAP.read(folder)
    predictions = tables.evaluate.PREDICTIONS.read(folder).set_index("photo")
    assert len(sets) == len(places) == 140
    assert (sets["classes"].map(len) == sets["size"]).all()
    first = [predictions.at[row.photo, "predicted"] == row.classes[0] for row in sets.itertuples()]
    assert all(first)
    assert sets["has_true_class"].mean() == pytest.approx(found["sets"]["reached"]["value"])
    page = tables.evaluate.REPORT.path(folder).read_text()
    assert 'id="weak"' in page
    assert 'id="map"' in page
    limits = Limits.read(folder)
    assert limits.abstain is None  # nobody asks for it
    assert limits.sets is not None
    assert limits.sets.least_probability == pytest.approx(found["sets"]["least_probability"], abs=1e-6)


def test_other_settings_only_diagnose_again(evaluated: tuple[EvaluationWorld, Path]) -> None:
    pets, folder = evaluated
    metrics = tables.evaluate.METRICS.path(folder).stat().st_mtime_ns
    other = CONFIG.model_copy(update={"abstain": 0.99, "set_coverage": None, "robustness": 30})
    outcome, same = pets.evaluate(other)
    assert (outcome.cached, same) == (True, folder)
    assert tables.evaluate.METRICS.path(folder).stat().st_mtime_ns == metrics
    found = diagnostics(folder)
    assert found["abstaining"]["wanted"]["accuracy"] == 0.99
    assert "sets" not in found
    limits = Limits.read(folder)
    assert limits.sets is None
    assert limits.abstain is not None
    assert limits.abstain.wanted == 0.99
    assert not tables.evaluate.PREDICTION_SETS.path(folder).exists()
    assert found["robustness"]["photos"] == 30
    assert len(found["robustness"]["rows"]) == 8
    blurred = found["robustness"]["rows"][0]  # tiles of one colour don't change by it
    assert (blurred["name"], blurred["difference"]["value"]) == ("blur", 0)
    page = tables.evaluate.REPORT.path(folder).read_text()
    assert 'id="robustness"' in page
    assert "robustness: 30" in page  # among the settings to run it again with


def test_a_lost_file_is_made_again_and_others_are_left(
    evaluated: tuple[EvaluationWorld, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pets, folder = evaluated
    pets.evaluate()
    tables.evaluate.FEATURE_MAP.path(folder).unlink()
    pets.evaluate()
    assert tables.evaluate.FEATURE_MAP.path(folder).exists()
    made = tables.evaluate.DIAGNOSTICS.path(folder).stat().st_mtime_ns
    monkeypatch.setattr(present.ViewRecord, "of", None)  # nothing is made
    pets.evaluate()
    assert tables.evaluate.DIAGNOSTICS.path(folder).stat().st_mtime_ns == made
