"""`fluke score`: the scores of a model on labelled photos, and what is written."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from flows.predict.model import find
from flows.run_records import read_records
from tasks import tables
from tasks.inference.limits import Limit, Limits
from tasks.store.store import Store
from tasks.text import SPACE
from tests.helpers.pipeline import Fluke, write_photos

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def new_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of the three classes that no model has seen; one class is written otherwise, one isn't known."""
    home = tmp_path_factory.mktemp("new")
    write_photos(home, 30, start=1000)
    (home / "black").rename(home / "Black")
    write_photos(home / "more", 1, start=2000)
    (home / "red").mkdir()
    next((home / "more").rglob("*.png")).rename(home / "red" / "1.png")
    shutil.rmtree(home / "more")
    return home


def test_new_photos_are_scored_and_the_results_written(copy: Fluke, new_photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores"
    used = find(Store(copy.data)).run  # other tests may have added runs
    [run] = (record for record in read_records(copy.data) if record.id == used)
    model = Store(copy.data).folder(run.stages[-1].artifact)
    Limits(Limit(0.95, 0.01), Limit(0.9, 0.2)).write(model)
    printed = copy("score", str(new_photos), "--out", str(out), "filter.duplicate_bits=null")
    assert "30 photos of 3 classes, answered by the model of run" in printed
    assert "macro F1" in printed
    assert "class 'Black' is taken for the model's 'black'" in printed
    assert "1 photo is left out, whose class the model doesn't know: class red" in printed
    metrics = json.loads(tables.evaluate.METRICS.path(out).read_text())
    answered = tables.evaluate.PREDICTIONS.read(out)
    right = (answered["predicted"] == answered["label"]).mean()
    accuracy = metrics["test"]["scores"]["accuracy"]
    assert "100.0 % of the answers are not unsure" in printed.replace(SPACE, " ")
    assert metrics["abstaining"]["reached"]["value"] == accuracy["value"]
    sets = tables.evaluate.PREDICTION_SETS.read(out)
    assert sets["has_true_class"].mean() == pytest.approx(metrics["sets"]["reached"]["value"], abs=1e-5)
    assert sets["size"].mean() == pytest.approx(metrics["sets"]["mean_size"], abs=1e-5)
    assert "of the sets of possible classes contain the true one" in tables.evaluate.REPORT.path(out).read_text()
    assert accuracy["value"] == pytest.approx(right, abs=1e-5)
    assert accuracy["low"] <= right <= accuracy["high"]
    matrix = pd.read_csv(out / "confusion.csv", index_col="true")
    assert matrix.loc["black", "black"] == ((answered["label"] == "black") & (answered["predicted"] == "black")).sum()
    assert matrix.to_numpy().sum() == 30
    assert {"confusion.png", "recall_per_class.png", "reliability.png", tables.evaluate.REPORT.name} <= {
        path.name for path in out.iterdir()
    }
    assert pd.read_csv(out / "left_out.csv")["name"].tolist() == ["red/1.png"]
    tables.evaluate.LIMITS.path(model).unlink()  # as in a model of an earlier version
    copy("score", str(new_photos), "--out", str(out), "filter.duplicate_bits=null")  # earlier scores are replaced
    assert not {"abstaining", "sets"} & json.loads(tables.evaluate.METRICS.path(out).read_text()).keys()
    assert not tables.evaluate.PREDICTION_SETS.path(out).exists()


def test_the_photos_of_a_run_give_the_scores_of_its_own_test(finished: Fluke) -> None:
    printed = finished("score", str(finished.photos), "--model", "default")
    assert "which the model was trained on, or chosen by" in printed
    assert "mAP@5" not in printed  # it says little of three classes
    [folder] = (finished.data / "scores").iterdir()
    ours = json.loads(tables.evaluate.METRICS.path(folder).read_text())
    run = next(run for run in read_records(finished.data) if run.id == ours["scored"]["run"])
    theirs = json.loads(tables.evaluate.METRICS.path(Store(finished.data).folder(run.stages[-1].artifact)).read_text())
    assert ours["photos"]["test"] == theirs["photos"]["test"]
    for name in ("accuracy", "macro_f1", "map_at_5"):
        assert ours["test"]["scores"][name]["value"] == pytest.approx(theirs["test"]["scores"][name]["value"], abs=1e-5)


@pytest.mark.slow
def test_what_can_not_be_scored_is_refused_in_one_line(finished: Fluke, new_photos: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").touch()
    for out, problem in (
        ("mine", "holds other files; name a new"),
        ("mine/letter.txt", "this is a file; name a folder"),
    ):
        assert problem in finished("score", str(new_photos), "--out", str(tmp_path / out), code=2)
    assert "no successful run, preset or model is called" in finished("score", str(new_photos), "--model=x", code=2)
    trained = tmp_path / "trained"
    run = read_records(finished.data)[-1]
    folders = {each.artifact.stage: Store(finished.data).folder(each.artifact) for each in run.stages}
    rows = tables.filter.KEPT.read(folders["filter"])
    for row in rows[rows["split"] == "train"].to_dict("records"):
        (trained / row["label"]).mkdir(parents=True, exist_ok=True)
        (trained / row["label"] / Path(row["name"]).name).write_bytes((finished.data / row["file"]).read_bytes())
    assert "none of its photos can be scored" in finished("score", str(trained), code=2)


def test_the_flow_returns_the_scores(finished: Fluke, new_photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.score.flow import score_folder

    monkeypatch.setenv("FLUKE_DATA", str(finished.data))
    scores = score_folder.fn(new_photos, model="default")
    assert 0 <= scores["macro_f1"] <= 1
