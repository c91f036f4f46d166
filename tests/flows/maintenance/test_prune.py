"""Pruning: what a kept run needs is kept, and the rest is listed before it is deleted."""

import errno
import json
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from configs.schema import Config
from flows import error_messages, model_names, preflight
from flows.cli import app
from flows.maintenance.needed import find_needed
from flows.maintenance.prune import (
    Unneeded,
    by_reason,
    delete,
    delete_item,
    disk_usage,
    find_unneeded,
    pruned_models,
)
from flows.run_records import RunRecord, find_run, read_records
from tasks import tables
from tasks.store import counter
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact, CacheKey, Result
from tasks.store.shards import ShardPool
from tasks.store.stage import Outcome
from tasks.store.store import Store

DAY_S = 86400
STAGES = ("preprocess", "train", "evaluate")


class Runs:
    """Runs of three stages, each with a shard, a classifier and an evaluation of its own."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root)
        self.count = 0

    def run(
        self,
        state: str = "done",
        preset: str = "demo",
        *,
        until: str = "evaluate",
        preset_file: str = "",
        previous: list[Artifact] | None = None,
        previous_key: str = "",
        days_ahead: int = 0,
    ) -> list[Artifact]:
        """Add a run; a run that isn't done stops before the last stage. Returns its artifacts."""
        self.count += 1
        record = RunRecord.start(
            preset, until, Config(), number=counter.next_number(self.store.root), preset_file=preset_file
        )  # type: ignore[arg-type]
        record.id = f"{self.count:03d}"
        record.started_at += timedelta(days=days_ahead)
        made = [self._tiles()]
        made.append(self._publish("train", {"tiles": made[0]}))
        if state == "done" and until == "evaluate":
            key = previous[-1].key if previous else previous_key
            measured = {"champion": {"key": key}} if key else {}
            made.append(self._publish("evaluate", {"classifier": made[1]}, measured))
        for artifact in made[1:] if self.count % 2 else made:
            record.add(Outcome(artifact, cached=False, why="", manifest=self.store.manifest(artifact)), 1.0)
        record.end(state)  # type: ignore[arg-type]
        record.save(self.store.root)
        return made

    def prune(self, keep: int) -> list[Unneeded]:
        """Delete what is not needed; returns it."""
        unneeded = find_unneeded(self.store, keep)
        delete(self.store, unneeded, keep)
        assert find_unneeded(self.store, keep) == []
        return unneeded

    def intact(self, artifacts: list[Artifact]) -> bool:
        """Whether all artifacts are there, with their shards."""
        folders = [self.store.folder(artifact) for artifact in artifacts]
        return all(folder.exists() and self.store.valid(folder, verify=True) for folder in folders)

    def gone(self, artifacts: list[Artifact]) -> bool:
        """Whether all artifacts are gone."""
        return not any(self.store.folder(artifact).exists() for artifact in artifacts)

    def _tiles(self) -> Artifact:
        context = StageContext(self.store.root, self.store.root, self.store.pools("preprocess"), self.store.photos)
        photo = str(self.count)
        pool, _ = ShardPool.open(context.pools, context).compute_missing(
            [photo], lambda chunk: np.full((1, 3), self.count), context, label="x"
        )
        index = pool.index([photo], context.root)

        def build(out: Path) -> Result:
            index.to_parquet(tables.INDEX.path(out))
            return Result({"tiles": 1}, refs=pool.refs(index, context.root))

        return self.store.publish(CacheKey(stage="preprocess", version=1, config={"run": self.count}), "", build)

    def _publish(self, stage: str, parents: dict[str, Artifact], measured: dict[str, Any] | None = None) -> Artifact:
        def build(out: Path) -> Result:
            (out / tables.METRICS.name).write_text(json.dumps(measured or {}))
            return Result({"accuracy": 0.9}, digest=f"{stage} {self.count}")

        return self.store.publish(CacheKey(stage=stage, version=1, config={}, parents=parents), "", build)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def age(path: Path, days: float) -> None:
    """Set the time of the last change of a file, or of a folder and of everything in it, to some days ago."""
    for each in [path, *path.rglob("*")]:
        changed = each.lstat().st_mtime - days * DAY_S
        os.utime(each, (changed, changed), follow_symlinks=False)


def write(path: Path, data: bytes = b"half a file", days: float = 0) -> Path:
    """Write a file that was last changed some days ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    age(path, days)
    return path


def test_artifacts_of_the_last_good_runs_and_their_parents_are_kept(runs: Runs) -> None:
    made = [runs.run() for _ in range(4)]
    runs.prune(2)
    assert runs.intact([*made[2], *made[3]])
    assert runs.gone([*made[0], *made[1]])
    assert len(list(runs.store.pools("preprocess").glob("*.npy"))) == 2
    assert len(list(runs.store.pools("preprocess").glob("*.json"))) == 2


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
    assert "checkpoints of an unfinished training" in {item.reason for item in unneeded}


def test_checkpoints_and_shards_of_the_stage_in_which_the_newest_run_failed_are_kept(runs: Runs) -> None:
    runs.run()
    record = RunRecord.start("demo", "evaluate", Config(), number=counter.next_number(runs.store.root))
    record.add(Outcome(runs._tiles(), cached=False, why="", manifest=runs.store.manifests("preprocess")[0]), 1.0)
    record.config["train"]["input"] = "tiles"
    record.end("failed")
    record.save(runs.store.root)
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


def test_the_previous_model_of_a_kept_evaluation_is_kept_but_not_that_ones_previous_model(runs: Runs) -> None:
    first = runs.run(preset="another")
    second = runs.run(preset="another", previous=first)
    third = runs.run(preset="another", previous=second)
    runs.run("failed", preset="another")
    last = runs.run(previous=second)
    runs.prune(1)
    assert runs.intact([*second, *third, *last])
    assert runs.gone(first)
    assert "the previous model, run 002" in find_needed(runs.store, 1).text()


def test_a_previous_model_without_a_record_is_kept_and_an_unknown_one_is_ignored(runs: Runs) -> None:
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
    (folder / {"manifest": "manifest.json", "file": tables.METRICS.name}[damage]).write_text("{")
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


def test_the_runs_whose_model_goes_are_named(runs: Runs) -> None:
    first, _ = runs.run(), runs.run(preset="birds")
    record = read_records(runs.store.root)[1].model_copy(update={"id": "002b", "number": 99})
    record.stages = [stage for stage in record.stages if stage.artifact.stage != "preprocess"]
    record.save(runs.store.root)  # the same model again, from the store
    for _ in range(2):
        runs.run()
    unneeded = find_unneeded(runs.store, 1)
    assert [(run.id, others) for run, others in pruned_models(runs.store, unneeded)] == [("003", 0), ("002b", 1)]
    assert runs.intact(first)


def test_the_command_says_what_goes_and_what_stays(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUKE_DATA", str(runs.store.root))
    for preset in ("demo", "birds", "demo", "demo"):
        runs.run(preset=preset)
    printed = CliRunner().invoke(app, ["prune", "--keep", "2", "--yes"]).stdout
    assert "3 x artifact that no kept run needs" in printed
    started = read_records(runs.store.root)[-1].started_at
    assert f"the model of run 001 (demo, {started:%Y-%m-%d %H:%M} UTC, accuracy 90.0%)\n" in printed
    assert "kept: the newest good run of demo, birds; earlier good runs of demo\n" in printed
    assert "freed" in printed
    assert CliRunner().invoke(app, ["prune", "--keep", "2"]).stdout == "nothing to delete\n"


def test_records_of_artifacts_that_are_gone_do_not_matter(runs: Runs) -> None:
    made = runs.run()
    for artifact in made:
        delete_item(runs.store.root, runs.store.folder(artifact))
    assert {item.reason for item in runs.prune(5)} == {"shard that no kept artifact uses"}
    with pytest.raises(UserError, match="no successful run or preset"):
        find_run(runs.store.root, "birds")


def test_partial_folders_are_deleted_and_photos_only_on_request(runs: Runs) -> None:
    runs.run()
    left_over = runs.store.root / "artifacts" / "train" / ".partial-abc"
    left_over.mkdir(parents=True)
    (left_over / "half").write_bytes(b"x" * 100)
    photo = runs.store.photos / "ab" / "abc.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"x" * 50)
    assert list(by_reason(find_unneeded(runs.store, 1))) == [("left by a killed run", 1, 100)]
    assert ("photo that no kept crawl contains", 1, 50) in list(by_reason(find_unneeded(runs.store, 1, photos=True)))


def test_partial_files_in_a_kept_artifact_are_deleted(runs: Runs) -> None:
    artifact = runs.run()[2]
    folder = runs.store.folder(artifact)
    left_over = [folder / ".partial-abc.html", folder / "figures" / ".partial-def.png"]
    for path in left_over:
        write(path, b"half a report")
    unneeded = runs.prune(1)
    assert [(item.path, item.reason) for item in unneeded] == [(path, "left by a killed run") for path in left_over]
    assert not any(path.exists() for path in left_over)
    assert runs.store.valid(folder) == artifact


PLACES = ["", "runs", "splits", "server", "backups", "exports/whales", "photos/ab", "pools/crawl", "artifacts/gone"]


@pytest.mark.parametrize("place", PLACES)
def test_partial_files_and_folders_older_than_a_day_are_deleted_everywhere(runs: Runs, place: str) -> None:
    runs.run()
    folder = runs.store.root / place
    old = write(folder / ".partial-abc.json", days=1.1)
    old_folder = write(folder / ".partial-def" / "deep" / "file", days=2).parents[1]
    age(old_folder, 2)
    of_a_clock_ahead = write(folder / ".partial-ghi", days=-365)
    young = [write(folder / ".partial-jkl"), write(folder / ".partial-mno" / "deep" / "file").parents[1]]
    age(young[1], 2)
    write(young[1] / "deep" / "file")  # somebody still writes into it
    kept = write(folder / "partial-of-a-user.txt", days=400)
    locked = place.startswith(("artifacts", "pools", "photos"))
    expected = {old, old_folder, of_a_clock_ahead, *(young if locked else ())}
    assert {item.path for item in runs.prune(1)} == expected
    assert not any(path.exists() for path in expected)
    assert kept.exists()
    assert all(path.exists() is not locked for path in young)


def test_damaged_files_older_than_a_day_are_deleted(runs: Runs) -> None:
    runs.run()
    root = runs.store.root
    old = [write(root / place / ".damaged-x.npy", b"123", days=2) for place in ("photos/ab", "pools/filter/key")]
    young = write(root / "pools" / "filter" / ".damaged-y.npy")
    never = [write(root / place / ".damaged-z", days=400) for place in ("splits", "backups", "")]
    assert [(item.path, item.reason, item.bytes) for item in runs.prune(1)] == [
        (path, "damaged file that was replaced", 3) for path in old
    ]
    assert all(path.exists() for path in (young, *never))


def test_links_are_not_followed_in_search_of_partial_and_damaged_files(
    runs: Runs, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = runs.run()
    outside = tmp_path_factory.mktemp("outside")
    theirs = [write(outside / "ab" / name, days=9) for name in (".partial-abc", ".damaged-abc.jpg")]
    for place in ("link", "pools/train/link", "artifacts/evaluate/link", "exports"):
        (runs.store.root / place).parent.mkdir(parents=True, exist_ok=True)
        (runs.store.root / place).symlink_to(outside)
    shutil.rmtree(runs.store.photos, ignore_errors=True)
    runs.store.photos.symlink_to(outside)
    (partial := runs.store.root / ".partial-link").symlink_to(outside)
    os.utime(partial, (1e9, 1e9), follow_symlinks=False)
    size = partial.lstat().st_size
    assert [(item.path, item.bytes) for item in runs.prune(1)] == [(partial, size)]
    assert not partial.is_symlink()
    assert all(path.exists() for path in theirs)
    assert runs.intact(made)


def test_what_people_decided_is_never_deleted(runs: Runs) -> None:
    runs.run()
    names = ["decisions.csv", "forgotten.csv", "splits/a.parquet", "backups/1/splits.parquet", "names.json", "counter"]
    paths = [write(runs.store.root / name, b"{}", days=400) for name in names]
    paths.append(write(runs.store.root / "artifacts" / "train" / "notes.txt", days=400))
    paths.append(write(runs.store.root / "artifacts" / "train" / "mine" / "notes.txt", days=400))
    paths.append(write(runs.store.pools("filter") / "mine.npy", days=400))
    paths.append(write(runs.store.pools("filter") / "splits-abc.parquet", days=400))
    (runs.store.root / "names.json").write_text("{}")
    unneeded = find_unneeded(runs.store, 0, photos=True)
    assert unneeded == []
    assert all(path.exists() for path in paths)


def test_checkpoints_of_an_unfinished_training_are_deleted(runs: Runs) -> None:
    runs.run()
    under_way = runs.store.pools("train") / "under-way" / "0123abcd"
    under_way.mkdir(parents=True)
    (under_way / "training.npz").write_bytes(b"weights")
    unneeded = find_unneeded(runs.store, 1)
    assert [(item.path, item.reason, item.bytes) for item in unneeded] == [
        (under_way, "checkpoints of an unfinished training", 7)
    ]
    delete(runs.store, unneeded, 1)
    assert not under_way.exists()


@pytest.mark.parametrize("after", range(1, 9))
def test_a_prune_that_is_killed_half_way_is_completed_by_the_same_command(
    runs: Runs, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [runs.run() for _ in range(3)]
    write(runs.store.root / ".partial-abc", days=2)
    calls = 0

    class KilledError(BaseException):
        pass

    def counted(unlink: Any) -> Any:
        def kill_at(*args: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == after:
                raise KilledError
            return unlink(*args, **options)

        return kill_at

    unneeded = find_unneeded(runs.store, 1)
    with monkeypatch.context() as patch:
        for module, name in ((os, "unlink"), (os, "rmdir")):
            patch.setattr(module, name, counted(getattr(module, name)))
        with pytest.raises(KilledError):
            delete(runs.store, unneeded, 1)
    runs.prune(1)
    assert runs.intact(made[2])
    assert runs.gone([*made[0], *made[1]])
    assert len(list(runs.store.pools("preprocess").iterdir())) == 2


@pytest.mark.parametrize("error", [errno.EACCES, errno.EROFS])
def test_a_folder_that_is_read_only_is_named(runs: Runs, error: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [runs.run() for _ in range(2)]
    unneeded = find_unneeded(runs.store, 1)

    def refuse(path: Any, *_: Any, **__: Any) -> None:
        raise OSError(error, os.strerror(error), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        with pytest.raises(OSError, match=made[0][2].key) as caught:
            delete(runs.store, unneeded, 1)
    message, code = error_messages.explain(caught.value, runs.store.root)
    assert code == error_messages.USER_ERROR
    assert message.startswith(f"{runs.store.folder(made[0][2])}/manifest.json: {os.strerror(error).lower()}")
    assert runs.intact([artifact for each in made for artifact in each])


def test_a_folder_that_cannot_be_read_is_named(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.run()
    scandir = os.scandir
    secret = runs.store.root / "secret"
    secret.mkdir()

    def refuse(path: Any) -> Any:
        if Path(path) == secret:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match=r"/secret'"):
        find_unneeded(runs.store, 1)


def test_of_two_prunes_at_once_the_second_waits_for_nothing_and_says_so(runs: Runs) -> None:
    made = [runs.run() for _ in range(2)]
    unneeded = find_unneeded(runs.store, 1)
    with (
        preflight.in_use(runs.store.root, exclusive=True),
        pytest.raises(UserError, match="is using this data folder"),
    ):
        delete(runs.store, unneeded, 1)
    delete(runs.store, unneeded, 1)
    assert delete(runs.store, unneeded, 1) == 0  # the other was faster
    assert runs.intact(made[1])


def test_nothing_is_deleted_during_a_run(runs: Runs) -> None:
    made = runs.run()
    runs.run()
    unneeded = find_unneeded(runs.store, 1)
    with preflight.in_use(runs.store.root), pytest.raises(UserError, match="a run is using this data folder"):
        delete(runs.store, unneeded, 1)
    assert all(runs.store.folder(artifact).exists() for artifact in made)


def test_artifacts_that_a_run_reused_meanwhile_are_kept(runs: Runs) -> None:
    made = runs.run()
    runs.run()
    agreed = find_unneeded(runs.store, 1)
    assert agreed
    reused = RunRecord.start(
        "demo", "evaluate", Config(), number=counter.next_number(runs.store.root)
    )  # while the user was deciding
    reused.id = "999"
    for artifact in made:
        reused.add(Outcome(artifact, cached=True, why="", manifest=runs.store.manifest(artifact)), 0.1)
    reused.end("done")
    reused.save(runs.store.root)
    assert delete(runs.store, agreed, 1) == 0
    assert all(runs.store.valid(runs.store.folder(artifact)) for artifact in made)


def test_records_are_read_back_newest_first(runs: Runs) -> None:
    for _ in range(3):
        runs.run()
    assert [record.id for record in read_records(runs.store.root)] == ["003", "002", "001"]


def test_nothing_is_deleted_while_a_record_cannot_be_read(runs: Runs) -> None:
    runs.run()
    (runs.store.root / "runs" / "torn.json").write_text('{"id": ')
    with pytest.raises(UserError, match=r"torn\.json can't be read"):
        find_unneeded(runs.store, 0)


def test_a_record_with_unknown_settings_can_be_read(runs: Runs) -> None:
    record = RunRecord.start("demo", "evaluate", Config())
    record.config["train"]["a_removed_setting"] = 1
    record.save(runs.store.root)
    assert read_records(runs.store.root)[0].config == record.config


def test_a_killed_run_is_distinguished_from_a_running_one(runs: Runs) -> None:
    record = RunRecord.start("demo", "evaluate", Config())
    with record.lock(runs.store.root):
        assert record.current_state(runs.store.root) == "running"
    assert record.current_state(runs.store.root) == "died"
    record.end("done")
    assert record.current_state(runs.store.root) == "done"


def test_the_state_of_a_run_is_found_in_a_read_only_folder(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    record = RunRecord.start("demo", "evaluate", Config())
    root, os_open = runs.store.root, os.open

    def read_only(path: str, flags: int, *args: Any, **options: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return os_open(path, flags, *args, **options)

    with record.lock(root), monkeypatch.context() as patch:
        patch.setattr(os, "open", read_only)
        assert record.current_state(root) == "running"
    (root / "locks" / f"run-{record.id}.lock").touch()  # as a killed run leaves it
    monkeypatch.setattr(os, "open", read_only)
    assert record.current_state(root) == "died"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """The user's other files, with names that the store could have chosen."""
    home = tmp_path.parent / f"{tmp_path.name}-home"
    (home / "ab").mkdir(parents=True)
    for name in ("letter.txt", "manifest.json", f"{'0' * 24}.npy", f"{'0' * 24}.json", ".partial-x", "ab/holiday.jpg"):
        (home / name).write_text("mine")
    (home / f"{'1' * 24}").mkdir()
    (home / f"{'1' * 24}" / "letter.txt").write_text("mine")
    return home


@pytest.mark.parametrize(
    "link",
    [
        f"artifacts/train/{'0' * 24}",
        "artifacts/train/.partial-x",
        "artifacts/train",
        "pools/extract/key",
        "pools/extract",
        "pools/train/under-way",
        "pools/train/under-way/key",
        "photos/ab",
        "photos",
    ],
)
def test_nothing_behind_a_link_out_of_the_data_folder_is_deleted(runs: Runs, outside: Path, link: str) -> None:
    runs.run()
    path = runs.store.root / link
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():  # the store has made it
        shutil.rmtree(path)
    path.symlink_to(outside, target_is_directory=True)
    before = sorted(outside.rglob("*"))
    delete(runs.store, find_unneeded(runs.store, 0, photos=True), 0, photos=True)
    assert sorted(outside.rglob("*")) == before
    disk_usage(runs.store.root)


def test_a_link_in_place_of_an_artifact_is_deleted_itself(runs: Runs, outside: Path) -> None:
    link = runs.store.root / "artifacts" / "train" / ("0" * 24)
    link.parent.mkdir(parents=True)
    link.symlink_to(outside, target_is_directory=True)
    assert [item.path for item in find_unneeded(runs.store, 1)] == [link]
    delete(runs.store, find_unneeded(runs.store, 1), 1)
    assert not link.is_symlink()
    assert (outside / "manifest.json").exists()


@pytest.mark.parametrize("name", ["artifacts", "artifacts/train", "pools", "photos"])
@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_disk_that_is_not_there_makes_nothing_unneeded(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    if kind == "link":
        path.symlink_to(tmp_path / "not-mounted" / name)
    else:
        path.touch()
    with pytest.raises(NotADirectoryError) as raised:
        find_unneeded(Store(tmp_path), 5)
    message, code = error_messages.explain(raised.value, tmp_path)
    assert (code, message.startswith(f"{path} is a {kind}")) == (2, True)
