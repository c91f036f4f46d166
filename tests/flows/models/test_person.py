"""What people decide: promote, roll back, retire; and the errors that say why it can't be done."""

from pathlib import Path

import pytest

from flows import model_names
from flows.models.person import promote, retire, roll_back
from flows.models.registry import Registry
from tasks.store.errors import UserError
from tests.helpers.runs import Runs


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """Three good runs of one preset, about which nothing was decided."""
    runs = Runs(tmp_path)
    for _ in range(3):
        runs.run()
    return runs


def _champion(runs: Runs, name: str = "demo") -> str | None:
    return Registry(runs.store.root, name).champion()


def test_a_promoted_model_is_used_until_it_is_rolled_back(runs: Runs) -> None:
    root = runs.store.root
    decision = promote(root, "001", "better on my own photos")
    assert (decision.name, decision.run, decision.by, decision.reason) == (
        "demo",
        "001",
        "person",
        "better on my own photos",
    )
    assert _champion(runs) == "001"
    decision = roll_back(root)
    assert (decision.run, decision.outcome, decision.to) == ("001", "rolled back", "003")
    assert _champion(runs) == "003"
    with pytest.raises(UserError, match="'demo' has no earlier model to roll back to; `fluke models demo` lists"):
        roll_back(root, "demo")
    assert [each.run for each in Registry(root, "demo").history()] == ["003", "001", "001"]


def test_a_rollback_passes_over_a_model_that_has_been_deleted(runs: Runs) -> None:
    root = runs.store.root
    promote(root, "001")
    promote(root, "002")
    runs.delete("001")
    assert roll_back(root).to == "003"
    assert Registry(root, "demo").champions() == ["003"]
    promote(root, "002")
    runs.delete("003")
    with pytest.raises(UserError, match="no earlier model to roll back to, and the model of run 003 has been deleted"):
        roll_back(root)


def test_a_retired_champion_gives_way_to_the_one_before(runs: Runs) -> None:
    root = runs.store.root
    promote(root, "001")
    promote(root, "002")
    runs.delete("001")
    assert retire(root, "002", "wrong labels").to == "003"
    assert _champion(runs) == "003"
    with pytest.raises(UserError, match=r"the model of run 002 \(demo\) is retired already"):
        retire(root, "002")
    retire(root, "003")
    assert _champion(runs) is None
    with pytest.raises(UserError, match="no model is used for 'demo', so there is nothing to roll back"):
        roll_back(root, "demo")
    promote(root, "002")  # not for ever
    assert _champion(runs) == "002"


def test_a_retired_model_is_never_gone_back_to(runs: Runs) -> None:
    root = runs.store.root
    promote(root, "001")
    promote(root, "002")
    retire(root, "001")
    assert _champion(runs) == "002"
    assert roll_back(root).to == "003"


def test_all_models_of_a_name_can_be_retired(runs: Runs) -> None:
    root = runs.store.root
    runs.run(preset="glass")
    assert retire(root, "demo").run == ""
    assert (_champion(runs), _champion(runs, "glass")) == (None, "004")
    with pytest.raises(UserError, match="no model is used for 'demo' as it is"):
        retire(root, "demo")
    promote(root, "002")
    assert Registry(root, "demo").champions() == ["002"]


def test_a_model_can_be_meant_by_a_name_that_a_person_gave(runs: Runs) -> None:
    model_names.add(runs.store.root, "veteran", "001")
    assert promote(runs.store.root, "veteran").run == "001"
    assert retire(runs.store.root, "veteran").run == "001"


def test_what_cannot_be_promoted_is_said_with_the_reason(runs: Runs) -> None:
    root = runs.store.root
    runs.run("failed", preset="glass")
    runs.run(until="train")
    runs.delete("001")
    for run, why in (
        ("003", "the model of run 003 is already the one that is used for 'demo'"),
        ("004", r"run 004 \(glass\) has no model: its state is 'failed'"),
        ("005", r"run 005 \(demo\) has no model: it only went up to train"),
        ("001", r"the model of run 001 \(demo\) has been deleted, by `fluke prune` or by hand; run demo again"),
        ("demo", "'demo' is a name of several models; give the ID of a run: `fluke models demo` lists them"),
        ("999", "there is no run '999'; `fluke models` lists the runs that have a model"),
    ):
        with pytest.raises(UserError, match=why):
            promote(root, run)
    assert Registry(root, "demo").history() == []


def test_what_cannot_be_rolled_back_or_retired_is_said_with_the_reason(runs: Runs) -> None:
    root = runs.store.root
    runs.run("failed")
    runs.run(preset="glass")
    for decide, name, why in (
        (roll_back, "cats", "there are no models of the name 'cats'; the names are demo, glass"),
        (roll_back, "001", "001 is a run, not a name of models; the names are demo, glass"),
        (roll_back, None, "has models of several names; give one of them: demo, glass"),
        (retire, "004", "run 004 has no model: its state is 'failed'"),
        (retire, "cats", "there are no models of the name 'cats'"),
    ):
        with pytest.raises(UserError, match=why):
            decide(root, name)  # type: ignore[operator]
