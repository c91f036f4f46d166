"""The table of cats and dogs is made from what runs write today."""

import json
from pathlib import Path

from benchmarks.cats_dogs import row
from tasks import tables


def test_a_row_has_the_epochs_the_seconds_and_both_accuracies(tmp_path: Path) -> None:
    train, evaluate = (tmp_path / "artifacts" / stage / "a" for stage in ("train", "evaluate"))
    train.mkdir(parents=True)
    evaluate.mkdir(parents=True)
    (train / "manifest.json").write_text(json.dumps({"seconds": 76.4, "counts": {"photos": 2000}}))
    tables.shared.HISTORY.path(train).write_text(json.dumps({"loss": [0.5, 0.3, 0.2], "val_loss": [0.4, 0.2, 0.3]}))
    scores = {"accuracy": {"value": 0.987, "low": 0.98, "high": 0.993}}
    metrics = {"val": {"accuracy": 0.986}, "test": {"scores": scores}}
    tables.evaluate.METRICS.path(evaluate).write_text(json.dumps(metrics))
    assert row(tmp_path) == "3, 2 | 76 | 0.986 | 0.987 (0.980-0.993)"
