"""The table of recipes that training tried."""

from pathlib import Path
from typing import Any

import pytest

from tasks import tables
from tasks.evaluate.report import page
from tasks.evaluate.report.figures import figures
from tasks.evaluate.report.recipe import recipe_rows
from tasks.store.atomic import write_json
from tasks.text import SPACE
from tests.helpers.report import HOSTILE, report_files

RECIPE: dict[str, Any] = {
    "metric": "accuracy",
    "chosen": HOSTILE,
    "recipe": "network",
    "refitted": True,
    "candidates": [
        {
            "name": "logistic regression",
            "score": 0.9,
            "seconds": 1.25,
            "difference": None,
            "standard_error": None,
            "chosen": False,
            "skipped": None,
        },
        {
            "name": HOSTILE,
            "score": 0.93,
            "seconds": 75.0,
            "difference": 0.03,
            "standard_error": 0.012,
            "chosen": True,
            "skipped": None,
        },
        {"name": "the whole network", "chosen": False, "skipped": "it would take 5 min"},
    ],
}


def test_each_recipe_has_a_row_with_its_difference_and_its_time() -> None:
    first, second, third = recipe_rows({"recipe": RECIPE})
    assert (first["score"], first["difference"], first["took"]) == (f"90.0{SPACE}%", "", f"1.2{SPACE}s")
    assert (second["difference"], second["chosen"]) == ("+3.0 ± 1.2", True)
    assert (third["score"], third["took"], third["skipped"]) == ("–", "–", "it would take 5 min")
    by_rank = recipe_rows({"recipe": RECIPE | {"metric": "map_at_5"}})
    assert (by_rank[1]["score"], by_rank[1]["difference"]) == ("0.930", "+0.030 ± 0.012")


def test_without_a_choice_there_is_no_table() -> None:
    assert recipe_rows({}) == []
    assert recipe_rows({"recipe": RECIPE | {"candidates": RECIPE["candidates"][:1]}}) == []


@pytest.mark.slow
def test_the_page_and_the_summary_show_what_was_tried(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    text = page.html(files, figures(files))
    assert "What was tried" not in text
    write_json(tables.evaluate.METRICS.path(files.folder), dict(files.metrics) | {"recipe": RECIPE})
    del files.__dict__["metrics"]
    text = page.html(files, figures(files))
    table = text[text.index("What was tried") : text.index("From cheap to dear")]
    assert "accuracy on validation" in table
    assert '<span class="good">chosen</span>' in table
    assert "not tried: it would take 5 min" in table
    assert HOSTILE not in text  # it is escaped
    summary = page.dashboard_summary(files, figures(files))
    assert "| what was tried | accuracy on validation |" in summary
    assert "(chosen) | 93.0" in summary
    rows = [line for line in summary.splitlines() if line.startswith("| the whole network: it would take 5 min | – |")]
    assert len(rows) == 1
