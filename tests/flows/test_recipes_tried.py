"""What a training has tried, as the terminal and the dashboard show it."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from flows import console
from flows.dashboard import artifacts, stages
from flows.recipes_tried import Tried, recipes_tried
from tasks import tables
from tasks.store.atomic import write_json
from tasks.text import SPACE

CANDIDATES = [
    {"name": "logistic regression", "score": 0.875, "seconds": 1.24, "chosen": True, "skipped": None},
    {"name": "head", "score": 0.9, "seconds": 12.0, "chosen": False, "skipped": None},
    {"name": "the whole network", "chosen": False, "skipped": "it needs about 9 min"},
]
TRIED = [
    Tried("logistic regression", f"balanced accuracy 87.5{SPACE}%", "1.2", "chosen"),
    Tried("head", f"balanced accuracy 90.0{SPACE}%", "12.0", ""),
    Tried("the whole network", "", "", "not tried: it needs about 9 min"),
]


def write_recipe(folder: Path) -> None:
    described = {"metric": "balanced_accuracy", "chosen": "logistic regression", "recipe": "logistic", "frozen": True}
    write_json(tables.train.RECIPE.path(folder), described | {"candidates": CANDIDATES})


def test_each_candidate_has_its_score_its_seconds_and_its_outcome(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    assert recipes_tried(tmp_path) == TRIED


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b'{"metric": "accuracy", "candidates": [{"score": 1}]}'])
def test_a_training_of_an_earlier_version_or_a_damaged_file_has_none(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        tables.train.RECIPE.path(tmp_path).write_bytes(content)
    assert recipes_tried(tmp_path) == []


def test_the_terminal_shows_a_row_for_each(tmp_path: Path) -> None:
    page = io.StringIO()
    Console(file=page, width=100).print(console.recipe_table([*TRIED, Tried("[red]x\x1b", "", "", "")]))
    lines = page.getvalue().splitlines()
    assert lines[1].split() == ["logistic", "regression", "balanced", "accuracy", "87.5", "%", "1.2", "chosen"]
    assert "not tried: it needs about 9 min" in lines[3]
    assert "[red]x\\x1b" in lines[4]


def test_the_dashboard_has_a_table_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, list[dict[str, str]]]] = []
    monkeypatch.setattr(artifacts, "table", lambda what, rows, _: shown.append((what, rows)))
    write_recipe(tmp_path)
    stages.show_recipes(tmp_path)
    (what, rows), *_ = shown
    assert what == "recipes"
    assert rows[0] == {
        "name": "logistic regression",
        "score": "balanced accuracy 87.5 %",
        "seconds": "1.2",
        "outcome": "chosen",
    }
    stages.show_recipes(tmp_path / "nothing")
    assert len(shown) == 1


def test_on_a_narrow_terminal_a_score_stays_on_one_line() -> None:
    page = io.StringIO()
    why = "not tried: it needs about 1.9 min, and 0.2 min of the budget are left; raise train.budget_min to try it"
    tried = [Tried("logistic regression, logit adjustment", f"balanced accuracy 89.7{SPACE}%", "0.0", "chosen")]
    Console(file=page, width=80).print(console.recipe_table([*tried, Tried("the whole network", "", "", why)]))
    assert "balanced accuracy 89.7 %" in page.getvalue().replace(SPACE, " ")
