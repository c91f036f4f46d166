"""Predictions say which answers are unsure and which classes are possible, if the model has limits."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from configs.schema import PreprocessConfig
from flows.console import predictions_table
from flows.predict.model import Model
from flows.predict.predict import predict
from flows.predict.table_file import write_table
from tasks.inference.calibration import Calibration
from tasks.inference.decision import DecisionRule
from tasks.inference.limits import Limit, Limits
from tasks.store.progress import silent
from tests.helpers import classifiers
from tests.helpers.pipeline import write_photos

NAMES = ("a", "b", "c", "d")


def predicted(folder: Path, *, at: int) -> pd.DataFrame:
    """Predict nine photos and a torn one, with the probability of the photo in a place as the limit of unsure ones."""
    write_photos(folder / "photos", 9)
    (folder / "photos" / "torn.png").write_bytes(b"torn")
    listed = [(path.name, path) for path in sorted((folder / "photos").rglob("*.png"))]
    classifier, _ = classifiers.saved(folder)
    rule = DecisionRule("network", NAMES, Calibration(1.0), None, 1.0, None)

    def table(limits: Limits) -> pd.DataFrame:
        model = Model("run", classifier, PreprocessConfig(side_px=16), None, rule, None, limits)
        with ThreadPoolExecutor(2) as threads:
            return predict(model, listed, top_k=4, threads=threads, progress=silent)

    plain = table(Limits())
    assert not {"unsure", "possible_classes"} & set(plain.columns)
    least = float(plain["probability_1"].sort_values(ascending=False).iloc[at]) - 1e-5
    found = table(Limits(Limit(0.95, least), Limit(0.9, 0.2)))
    pd.testing.assert_frame_equal(found.drop(columns=["unsure", "possible_classes"]), plain)
    return found


def test_the_columns_agree_with_the_probabilities(tmp_path: Path) -> None:
    found = predicted(tmp_path, at=3)
    assert list(found.columns)[-3:] == ["unsure", "possible_classes", "error"]
    readable = found[found["error"] == ""]
    assert len(readable) == len(found) - 1
    assert (readable["unsure"] == False).sum() >= 4  # noqa: E712
    assert found.loc[found["error"] != "", ["unsure", "possible_classes"]].isna().all(axis=None)
    for row in readable.to_dict("records"):
        ranked = [(row[f"class_{i}"], row[f"probability_{i}"]) for i in range(1, 5)]
        assert row["possible_classes"] == [name for i, (name, p) in enumerate(ranked) if p >= 0.2 or i == 0]

    for ending in ("csv", "json", "parquet"):
        write_table(found, tmp_path / f"found.{ending}")
    assert [value for value in pd.read_parquet(tmp_path / "found.parquet")["unsure"] if value is not None] == [
        *readable["unsure"]
    ]
    text = pd.read_csv(tmp_path / "found.csv")["possible_classes"].dropna()
    lists = [row["possible_classes"] for row in json.loads((tmp_path / "found.json").read_text()) if not row["error"]]
    arrays = pd.read_parquet(tmp_path / "found.parquet")["possible_classes"].dropna()
    assert (
        [json.loads(each) for each in text]
        == lists
        == [list(each) for each in arrays]
        == [*readable["possible_classes"]]
    )


@pytest.mark.parametrize("possible", [["a"], ["a", "b", "c", "d"]])
def test_the_terminal_shows_both(possible: list[str]) -> None:
    row = {"image": "1.jpg", "class_1": "a", "probability_1": 0.4, "unsure": True, "possible_classes": possible}
    torn = {"image": "2.jpg", "class_1": None, "probability_1": None, "unsure": None, "possible_classes": None}
    console = Console(width=100)
    with console.capture() as shown:
        console.print(predictions_table(pd.DataFrame([row | {"error": ""}, torn | {"error": "no picture"}])))
    assert "unsure: a 40.0 %" in shown.get()
    assert ("a, b, c ..." in shown.get()) == (len(possible) == 4)
    assert "no picture" in shown.get()
