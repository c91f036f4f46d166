"""What is kept: models of each preset, named ones, previous ones, and what they were made from."""

import shutil
from datetime import timedelta

import pytest

from flows import model_names
from flows.maintenance.needed import find_needed
from flows.maintenance.prune import (
    delete_item,
    find_unneeded,
)
from flows.models.decision import Decision
from flows.models.find import find_run
from flows.models.person import promote, roll_back
from flows.models.registry import Registry
from flows.run_records import read_records
from tasks import tables
from tasks.store.errors import UserError
from tasks.store.manifest import now
from tests.helpers.runs import Runs, write


def test_artifacts_of_the_last_good_runs_and_their_parents_are_kept(runs: Runs) -> None:
    made = [runs.run() for _ in range(4)]
    runs.prune(2)
    assert runs.intact([*made[2], *made[3]])
    assert runs.gone([*made[0], *made[1]])
    assert len(list(runs.store.pools("preprocess").glob("*.npy"))) == 2
    assert len(list(runs.store.pools("preprocess").glob("*.json"))) == 2


@pytest.mark.slow
def test_the_newest_good_runs_of_each_preset_are_kept_however_many_others_came_later(runs: Runs) -> None:
    presets = ["animals", "birds", "cats"]
    first = [runs.run(preset=preset) for preset in presets]
    second = [runs.run(preset=preset) for preset in presets]
    for _ in range(6):
        runs.run("failed", preset="animals")
        runs.run(preset="birds", until="train")
        runs.run("interrupted", preset="of another problem")
    runs.prune(1)
    assert all(runs.intact(made) for made in second)
    assert all(runs.gone(made) for made in first)


@pytest.mark.parametrize("keep", [0, 1])
def test_the_newest_good_run_is_always_kept(runs: Runs, keep: int) -> None:
    good = runs.run()
    for _ in range(3):
        runs.run("failed")
    runs.prune(keep)
    assert runs.intact(good)


@pytest.mark.parametrize("state", ["failed", "interrupted", "running"])
def test_the_newest_run_is_kept_so_that_it_can_continue(runs: Runs, state: str) -> None:
    runs.run()
    earlier, last = runs.run(state), runs.run(state)
    runs.run(preset="another")
    under_way = write(runs.store.pools("train") / "under-way" / "0123abcd" / "training.npz").parent
    evaluated_half = write(runs.store.pools("evaluate") / "key" / f"{'a' * 24}.npy")
    unneeded = runs.prune(1)
    assert runs.intact(last)
    assert runs.gone(earlier)
    assert evaluated_half.exists()  # it had stopped in evaluate
    assert not under_way.exists()
    assert "trials and checkpoints of an unfinished training" in {item.reason for item in unneeded}


def test_checkpoints_and_shards_of_the_stage_in_which_the_newest_run_failed_are_kept(runs: Runs) -> None:
    runs.run()
    runs.fail_in_train()
    under_way = write(runs.store.pools("train") / "under-way" / "0123abcd" / "training.npz")
    shard = write(runs.store.pools("train") / "key" / f"{'b' * 24}.npy")
    other = write(runs.store.pools("extract") / "key" / f"{'c' * 24}.npy")
    assert [item.path for item in runs.prune(1)] == [other]
    assert under_way.exists()
    assert shard.exists()
    assert "unfinished work of train" in find_needed(runs.store, 1).text()


def test_two_ways_to_write_a_preset_are_one_and_two_files_of_one_name_are_two(runs: Runs) -> None:
    old = [runs.run(preset="./animals.yaml"), runs.run(preset="config", preset_file="/cats/config.yaml")]
    new = [runs.run(preset="animals.yaml"), runs.run(preset="config", preset_file="/dogs/config.yaml")]
    runs.prune(1)
    assert runs.gone(old[0])
    assert runs.intact([*new[0], *old[1], *new[1]])


def test_runs_of_earlier_versions_are_those_of_the_only_file_of_their_presets_name(runs: Runs) -> None:
    old = [runs.run(preset=preset) for preset in ("birds", "config", "default")]
    for preset, folder in (("birds", "a"), ("config", "b"), ("config", "c"), ("default", "d")):
        runs.run(preset=preset, preset_file=f"/{folder}/{preset}.yaml")
    runs.prune(1)
    assert runs.gone(old[0])
    assert runs.intact([*old[1], *old[2]])  # two files have this name; fluke has a preset of this name


def test_an_artifact_made_later_under_the_same_key_is_not_the_model_of_an_earlier_run(runs: Runs) -> None:
    made = [runs.run() for _ in range(2)]
    record = read_records(runs.store.root)[0]
    assert record.model_state(runs.store.root) == "intact"
    record.stages = [
        stage.model_copy(update={"artifact": stage.artifact.model_copy(update={"digest": "another"})})
        for stage in record.stages
    ]
    record.save(runs.store.root)
    assert record.model_state(runs.store.root) == "gone"
    runs.prune(1)
    assert runs.intact(made[0])


def test_the_run_after_a_night_with_a_clock_a_year_ahead_is_the_newest(runs: Runs) -> None:
    ahead, after = runs.run(days_ahead=365), runs.run()
    runs.prune(1)
    assert runs.intact(after)
    assert runs.gone(ahead)


def test_the_champion_and_the_one_before_it_are_kept_after_a_night_with_a_clock_a_year_ahead(runs: Runs) -> None:
    registry = Registry(runs.store.root, "demo")
    made = [runs.run(), runs.run(), runs.run(days_ahead=365), runs.run(), runs.run()]
    ahead = now() + timedelta(days=365)
    for run, outcome, at in (
        ("001", "promoted", now()),
        ("002", "promoted", now()),
        ("003", "refused", ahead),
        ("004", "refused", now()),
        ("005", "refused", now()),
    ):
        registry.append(Decision(run=run, outcome=outcome, by="gate", made_at=at))  # type: ignore[arg-type]
    text = find_needed(runs.store, 1).text()
    assert "the models that are used: demo (run 002)" in text
    assert "before it, for `fluke rollback demo`: run 001" in text
    runs.prune(1)
    assert runs.intact([*made[0], *made[1], *made[4]])
    assert runs.gone([*made[2], *made[3]])


def test_a_champion_of_the_night_with_the_wrong_clock_is_replaced_by_the_one_of_the_next_night(runs: Runs) -> None:
    registry = Registry(runs.store.root, "demo")
    made = []
    for days, run in ((0, "001"), (365, "002"), (0, "003")):
        made.append(runs.run(days_ahead=days))
        registry.append(Decision(run=run, outcome="promoted", by="gate", made_at=now() + timedelta(days=days)))
    runs.prune(1)
    assert find_run(runs.store.root).id == "003"
    assert runs.intact([*made[1], *made[2]])
    assert runs.gone(made[0])


def test_a_rolled_back_model_may_go_but_not_the_one_that_a_rollback_would_go_to_now(runs: Runs) -> None:
    made = [runs.run() for _ in range(4)]
    for run in ("001", "002", "003"):
        promote(runs.store.root, run)
    roll_back(runs.store.root)
    runs.prune(1)
    assert runs.intact([*made[0], *made[1], *made[3]])
    assert runs.gone(made[2])
    roll_back(runs.store.root)
    assert runs.intact(made[0])


def test_runs_of_one_preset_with_different_names_do_not_displace_each_other(runs: Runs) -> None:
    glass = [runs.run(preset="default", name="glass") for _ in range(2)]
    whales = [runs.run(preset="default", name="whales") for _ in range(3)]
    runs.prune(2)
    assert runs.intact([*glass[0], *glass[1], *whales[1], *whales[2]])
    assert runs.gone(whales[0])


def test_nothing_is_deleted_while_a_history_cannot_be_read(runs: Runs) -> None:
    runs.run()
    Registry(runs.store.root, "demo").append(Decision(run="001", outcome="promoted", by="gate"))
    for path in runs.store.root.glob("**/models/demo/*.json"):
        path.write_text("{")
    with pytest.raises(UserError, match=r"models/demo/\S+\.json is damaged, .* they say which model of 'demo' is used"):
        find_unneeded(runs.store, 0)


def test_named_models_are_kept_until_the_name_is_removed(runs: Runs) -> None:
    made = [runs.run() for _ in range(3)]
    model_names.add(runs.store.root, "champion", "001")
    runs.prune(1)
    assert runs.intact([*made[0], *made[2]])
    assert runs.gone(made[1])
    assert "named champion: run 001" in find_needed(runs.store, 1).text()
    model_names.delete(runs.store.root, "champion")
    runs.prune(1)
    assert runs.gone(made[0])


def test_nothing_is_deleted_while_the_names_cannot_be_read(runs: Runs) -> None:
    runs.run()
    (runs.store.root / model_names.FILE).write_text('{"champion": ')
    with pytest.raises(UserError, match=r"names\.json: damaged, and it says which models must be kept"):
        find_unneeded(runs.store, 0)


def test_the_champion_of_a_kept_evaluation_is_kept_but_not_the_one_before_that(runs: Runs) -> None:
    first = runs.run(preset="another")
    second = runs.run(preset="another", previous=first)
    third = runs.run(preset="another", previous=second)
    runs.run("failed", preset="another")
    last = runs.run(previous=second)
    runs.prune(1)
    assert runs.intact([*second, *third, *last])
    assert runs.gone(first)
    assert "the champion that it was compared with, run 002" in find_needed(runs.store, 1).text()


@pytest.mark.parametrize("content", ["{", "[]", '{"champion": 1}', "[" * 100_000])
def test_any_model_may_be_the_previous_one_of_an_evaluation_that_is_damaged(runs: Runs, content: str) -> None:
    first = runs.run(preset="another")
    second = runs.run(preset="another")
    last = runs.run(previous=first)
    tables.evaluate.METRICS.path(runs.store.folder(last[-1])).write_text(content)
    runs.prune(1)
    assert runs.intact([*first, *second])


def test_a_compared_champion_without_a_record_is_kept_and_an_unknown_one_is_ignored(runs: Runs) -> None:
    first = runs.run()
    (runs.store.root / "runs" / "001.json").unlink()
    second = runs.run(previous=first)
    third = runs.run(preset="another", previous_key="../../../etc")
    runs.prune(1)
    assert runs.intact([*first, *second, *third])


def test_runs_whose_model_is_gone_do_not_count(runs: Runs) -> None:
    made = [runs.run() for _ in range(4)]
    for artifact in made[3][1:]:
        shutil.rmtree(runs.store.folder(artifact))
    runs.prune(2)
    assert runs.intact([*made[1], *made[2]])
    assert runs.gone(made[0])


@pytest.mark.parametrize("damage", ["manifest", "file"])
def test_a_damaged_model_does_not_take_the_place_of_an_intact_one(runs: Runs, damage: str) -> None:
    made = [runs.run() for _ in range(3)]
    folder = runs.store.folder(made[2][1])
    (folder / {"manifest": "manifest.json", "file": tables.evaluate.METRICS.name}[damage]).write_text("{")
    runs.prune(1)
    assert runs.intact(made[1])
    assert folder.exists()
    assert runs.gone(made[0])


def test_what_a_kept_run_refers_to_is_kept_even_if_its_manifest_is_damaged(runs: Runs) -> None:
    runs.run()
    tiles, *rest = runs.run()
    folder = runs.store.folder(tiles)
    manifest = (folder / "manifest.json").read_bytes()
    (folder / "manifest.json").write_bytes(manifest[:100])
    runs.prune(1)
    assert len(list(runs.store.pools("preprocess").glob("*.npy"))) == 2  # nobody knows which of them it needs
    assert "all shards of preprocess: a kept artifact has a damaged manifest" in find_needed(runs.store, 1).text()
    (folder / "manifest.json").write_bytes(manifest)
    assert runs.intact([tiles, *rest])


def test_records_of_artifacts_that_are_gone_do_not_matter(runs: Runs) -> None:
    made = runs.run()
    for artifact in made:
        delete_item(runs.store.root, runs.store.folder(artifact))
    assert {item.reason for item in runs.prune(5)} == {"shard that no kept artifact uses"}
    with pytest.raises(UserError, match="no successful run, preset or model is called"):
        find_run(runs.store.root, "birds")
