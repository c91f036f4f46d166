"""Which run's model is meant by a name: the champion of the name, never simply the newest run."""

from pathlib import Path

import pytest

from flows import model_names
from flows.models.decision import Decision
from flows.models.find import before_champion, champion_evaluation, find_run, names
from flows.models.registry import Registry
from flows.run_records import read_records
from tasks.store.errors import UserError
from tests.helpers.runs import Runs


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def _decide(runs: Runs, name: str, outcome: str, run: str, to: str = "") -> None:
    Registry(runs.store.root, name).append(Decision(run=run, outcome=outcome, to=to, by="gate"))  # type: ignore[arg-type]


def test_a_refused_run_is_not_used_although_it_is_the_newest(runs: Runs) -> None:
    root = runs.store.root
    runs.run()
    runs.run()
    _decide(runs, "demo", "promoted", "001")
    _decide(runs, "demo", "refused", "002")
    assert find_run(root).id == find_run(root, "demo").id == "001"
    assert find_run(root, "002").id == "002"  # named by its ID, any model can be used


def test_with_several_names_one_must_be_given(runs: Runs) -> None:
    root = runs.store.root
    runs.run(preset="glass")
    runs.run(preset="demo")
    with pytest.raises(UserError, match="has models of several names; give one of them: demo, glass"):
        find_run(root)
    assert find_run(root, "glass").id == "001"
    _decide(runs, "demo", "retired", "")
    assert find_run(root).id == "001"
    assert names(root) == ["demo", "glass"]
    with pytest.raises(UserError, match="no model is used under the name 'demo'; `fluke models demo` lists"):
        find_run(root, "demo")
    _decide(runs, "glass", "retired", "001")
    with pytest.raises(UserError, match=r"no model is used under any name \(demo, glass\)"):
        find_run(root)


def test_a_preset_means_the_champion_of_its_name(runs: Runs) -> None:
    root = runs.store.root
    for name in ("windows", "birds"):
        runs.run(preset="default", name=name)
    with pytest.raises(UserError, match="preset default has models of several names; give one of them: birds, windows"):
        find_run(root, "default")
    runs.run(preset="default", name="default")
    assert find_run(root, "default").id == "003"
    assert find_run(root, "windows").id == "001"
    runs.run(preset="animals", name="zoo", preset_file="/a/animals.yaml")
    assert find_run(root, "/a/animals.yaml").id == find_run(root, "animals").id == "004"


def test_files_of_one_name_in_two_folders_are_not_mixed_up(runs: Runs) -> None:
    root = runs.store.root
    for folder in ("cats", "dogs"):
        runs.run(preset="config", preset_file=f"/{folder}/config.yaml")
    assert find_run(root, "/cats/config.yaml").id == "001"
    _decide(runs, "config", "promoted", "002")
    with pytest.raises(
        UserError, match=r"no model of /cats/config.yaml is used: .* run 002 of /dogs/config.yaml; give"
    ):
        find_run(root, "/cats/config.yaml")
    _decide(runs, "config", "promoted", "001")
    assert find_run(root, "/dogs/config.yaml").id == "002"  # the champion before


@pytest.mark.parametrize("called", ["demo", "glass"])
def test_a_name_that_two_things_have_is_not_guessed(runs: Runs, called: str) -> None:
    runs.run(preset="demo", name="glass")
    model_names.add(runs.store.root, called, "001")
    with pytest.raises(UserError, match=f"'{called}' is the name of run 001, and also a preset or another run"):
        find_run(runs.store.root, called)


def test_nothing_to_find_is_said_with_the_remedy(runs: Runs) -> None:
    root = runs.store.root
    for name in (None, "demo"):
        with pytest.raises(UserError, match="no successful run; `fluke run PRESET` trains a model"):
            find_run(root, name)
    runs.run("failed")
    runs.run(until="train")
    with pytest.raises(UserError, match="run 001 has no model: its state is 'failed'"):
        find_run(root, "001")
    with pytest.raises(UserError, match="run 002 has no model: it only went up to train"):
        find_run(root, "002")
    runs.run()
    with pytest.raises(
        UserError,
        match=r"no successful run, preset or model is called 'dmeo' \(did you mean demo\?\); models: demo; `",
    ):
        find_run(root, "dmeo")


def test_a_champion_without_a_record_is_an_error_that_names_the_way_back(runs: Runs) -> None:
    root = runs.store.root
    for run in ("001", "002"):
        runs.run()
        _decide(runs, "demo", "promoted", run)
    (root / "runs" / "002.json").unlink()
    with pytest.raises(UserError, match=r"run 002, .* has no record .*; `fluke rollback demo` goes back to run 001"):
        find_run(root)


def test_a_new_model_is_compared_with_the_champion_of_its_name(runs: Runs) -> None:
    root = runs.store.root
    assert champion_evaluation(root, "demo") is None
    made = runs.run()
    runs.run()
    _decide(runs, "demo", "promoted", "001")
    assert champion_evaluation(root, "demo") == made[-1]
    assert champion_evaluation(root, "glass") is None


def test_a_rollback_goes_to_the_latest_champion_that_is_intact(runs: Runs) -> None:
    made = []
    for run in ("001", "002", "003"):
        made.append(runs.run())
        _decide(runs, "demo", "promoted", run)
    root = runs.store.root
    before = before_champion(root, "demo")
    assert before is not None
    assert before.id == "002"
    runs.store.folder(made[1][-1]).joinpath("manifest.json").unlink()
    assert before_champion(root, "demo") == read_records(root)[-1]
