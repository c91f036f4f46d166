"""What an ablation has done so far: artifacts and costs survive, and prune keeps them until it is finished."""

from pathlib import Path

import pytest

from flows.ablate import journal
from flows.ablate.journal import Cost, Journal
from flows.maintenance.needed import find_needed
from flows.maintenance.prune import disk_usage, find_unneeded
from tasks.store.manifest import Artifact, CacheKey, Result
from tasks.store.stage import Outcome
from tasks.store.store import Store
from tests.helpers.runs import Runs


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def outcome(store: Store, artifact: Artifact, *, cached: bool) -> Outcome:
    return Outcome(artifact, cached=cached, why="", manifest=store.manifest(artifact))


def test_what_was_built_keeps_its_cost_when_it_is_found_again(runs: Runs) -> None:
    artifact = runs.run()[0]
    first = Journal(id="x")
    first.measured = Cost(seconds=7, devices=2)
    first.add(outcome(runs.store, artifact, cached=False), seconds=9)
    first.save(runs.store.root)
    again = Journal.read(runs.store.root, "x")
    again.add(outcome(runs.store, artifact, cached=True), seconds=0.1)
    assert again.cost(artifact) == Cost(seconds=7, devices=2)
    assert again.artifacts == [artifact]


def test_what_a_run_has_built_costs_what_its_manifest_says(runs: Runs) -> None:
    artifact = runs.run()[0]
    found = Journal(id="x")
    found.add(outcome(runs.store, artifact, cached=True), seconds=0.1)
    assert found.cost(artifact).seconds == runs.store.manifest(artifact).seconds


def extracted(runs: Runs, kept: str, photos: int, new: int) -> Outcome:
    """Return the outcome of a stage that found most photos in its pool."""
    parents = {name: Artifact(stage="filter", key=key, digest=key) for name, key in (("kept", kept), ("encoder", "e"))}
    key = CacheKey(stage="extract", version=1, config={}, parents=parents)
    made = runs.store.publish(key, "", lambda out: Result({"photos": photos, "new": new}, digest=kept))
    return outcome(runs.store, made, cached=False)


def test_photos_that_another_arm_has_computed_cost_an_arm_as_much_as_its_own(runs: Runs) -> None:
    found = Journal(id="x")
    costs = []
    for kept, photos, new, seconds in (("all", 100, 100, 50.0), ("fewer", 20, 0, 0.5), ("more", 120, 20, 10.0)):
        made = extracted(runs, kept, photos, new)
        found.measured = Cost(seconds=seconds, devices=1)
        found.add(made, seconds)
        costs.append(found.cost(made.artifact).seconds)
    assert costs == [50, 10.5, 60]


def test_a_damaged_journal_begins_anew(tmp_path: Path) -> None:
    Journal(id="x", artifacts=[Artifact(stage="train", key="a", digest="b")]).save(tmp_path)
    (journal.folder(tmp_path, "x") / "progress.json").write_text("{")
    assert Journal.read(tmp_path, "x") == Journal(id="x")
    assert list(journal.under_way(tmp_path)) == []


@pytest.mark.parametrize("finished", [False, True])
def test_prune_keeps_what_an_unfinished_ablation_has_made_and_every_report(runs: Runs, finished: bool) -> None:
    made = runs.run()
    (record,) = (runs.store.root / "runs").glob("*.json")
    record.unlink()
    Journal(id="x", finished=finished, artifacts=made).save(runs.store.root)
    report = journal.folder(runs.store.root, "x") / "report.md"
    report.write_text("# Ablation of demo")
    going = {item.path for item in find_unneeded(runs.store, 1)}
    assert {runs.store.folder(artifact) in going for artifact in made} == {finished}
    assert not any(path.is_relative_to(report.parent) for path in going)
    assert ("the unfinished ablation x" in find_needed(runs.store, 1).text()) is not finished
    assert disk_usage(runs.store.root)["ablations"][0] == 1
