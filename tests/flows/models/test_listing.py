"""The list of models: every model once with its last decision, or every decision about one name."""

from pathlib import Path

import pytest

from flows import model_names
from flows.models.decision import Decision
from flows.models.listing import Listed, list_models
from flows.models.person import promote, retire
from flows.models.registry import BEFORE_HISTORY, Registry
from tests.helpers.runs import Runs

BEFORE = f"promoted: {BEFORE_HISTORY}"


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def _rows(listed: list[Listed]) -> list[tuple[str, str, str]]:
    return [(each.decision.run, each.outcome, each.state) for each in listed]


def test_every_model_is_listed_once_with_its_last_decision_the_newest_first(runs: Runs) -> None:
    root = runs.store.root
    for run, outcome in (("001", "promoted"), ("002", "refused"), ("003", "promoted")):
        runs.run()
        Registry(root, "demo").append(Decision(run=run, outcome=outcome, by="gate"))  # type: ignore[arg-type]
    retire(root, "002")
    runs.delete("002")
    assert _rows(list(list_models(root))) == [
        ("002", "retired: by hand", "deleted"),
        ("003", "promoted", "champion"),
        ("001", "promoted", "next for rollback"),
    ]
    assert [row[1] for row in _rows(list(list_models(root, "demo")))] == [
        "retired: by hand",
        "promoted",
        "refused",
        "promoted",
    ]


def test_the_names_that_people_gave_are_listed(runs: Runs) -> None:
    runs.run()
    for name in ("멍냥", "pets"):
        model_names.add(runs.store.root, name, "001")
    [listed] = list_models(runs.store.root)
    assert listed.state == "champion, named pets, 멍냥"


def test_a_decision_about_a_run_whose_record_is_gone_is_listed(runs: Runs) -> None:
    runs.run()
    registry = Registry(runs.store.root, "demo")
    registry.append(Decision(run="lost", outcome="promoted", by="gate", photos=7))
    rows = list(list_models(runs.store.root))
    assert _rows(rows) == [("lost", "promoted", "champion, deleted"), ("001", BEFORE, "next for rollback")]
    assert rows[0].decision.photos == 7


def test_runs_before_decisions_were_recorded_are_listed(runs: Runs) -> None:
    for _ in range(2):
        runs.run()
    runs.run("failed")
    runs.run(preset="another")
    rows = list(list_models(runs.store.root))
    assert [row.name for row in rows] == ["another", "demo", "demo"]
    assert _rows(rows)[1:] == [("002", BEFORE, "champion"), ("001", "", "")]
    assert rows[1].decision.reason == BEFORE_HISTORY


def test_a_run_about_which_nothing_was_decided_is_between_the_decisions_of_its_time(runs: Runs) -> None:
    runs.run()
    registry = Registry(runs.store.root, "demo")
    registry.append(Decision(run="001", outcome="promoted", by="gate"))
    runs.run()
    runs.run()
    promote(runs.store.root, "003")
    assert _rows(list(list_models(runs.store.root))) == [
        ("003", "promoted: by hand", "champion"),
        ("002", "", ""),
        ("001", "promoted", "next for rollback"),
    ]


def test_all_models_of_a_name_that_were_retired_are_one_row(runs: Runs) -> None:
    runs.run()
    retire(runs.store.root, "demo")
    assert _rows(list(list_models(runs.store.root))) == [("", "retired: by hand", ""), ("001", BEFORE, "")]
