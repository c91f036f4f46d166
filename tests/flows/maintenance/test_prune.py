"""Pruning: what a kept run needs is kept, and the rest is listed before it is deleted."""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.schema import Config
from flows import preflight
from flows.maintenance.prune import by_reason, delete, disk_usage, find_unneeded
from flows.run_records import RunRecord, read_records
from tasks import tables
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact, CacheKey, Result
from tasks.store.shards import ShardPool
from tasks.store.stage import Outcome
from tasks.store.store import Store


class Runs:
    """Runs of two stages, the second below the first, each with its own shard."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root)
        self.count = 0

    def run(self, state: str = "done") -> list[Artifact]:
        self.count += 1
        context = StageContext(self.store.root, self.store.root, self.store.pools("preprocess"), self.store.photos)
        photo = str(self.count)
        pool, _ = ShardPool.open(context.pools, context).compute_missing(
            [photo], lambda chunk: np.full((1, 3), self.count), context, label="x"
        )
        index = pool.index([photo], context.root)

        def build(out: Path) -> Result:
            index.to_parquet(tables.INDEX.path(out))
            return Result({"tiles": 1}, refs=pool.refs(index, context.root))

        above = CacheKey(stage="preprocess", version=1, config={"run": self.count})
        tiles = self.store.publish(above, "", build)
        below = CacheKey(stage="evaluate", version=1, config={}, parents={"tiles": tiles})
        report = self.store.publish(below, "", lambda out: Result({}, digest=photo))
        record = RunRecord.start("demo", "evaluate", Config())
        record.id = f"{self.count:03d}"
        for artifact in [report] if self.count % 2 else [tiles, report]:
            record.add(Outcome(artifact, cached=False, why="", manifest=self.store.manifest(artifact)), 1.0)
        record.end(state)  # type: ignore[arg-type]
        record.save(self.store.root)
        return [tiles, report]


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def test_artifacts_of_the_last_runs_and_their_parents_are_kept(runs: Runs) -> None:
    made = [runs.run() for _ in range(4)]
    delete(runs.store, find_unneeded(runs.store, 2), 2)
    for artifact in [*made[2], *made[3]]:
        assert runs.store.valid(runs.store.folder(artifact), verify=True) == artifact
    for artifact in [*made[0], *made[1]]:
        assert not runs.store.folder(artifact).exists()
    assert len(list(runs.store.pools("preprocess").glob("*.npy"))) == 2
    assert len(list(runs.store.pools("preprocess").glob("*.json"))) == 2
    assert find_unneeded(runs.store, 2) == []


def test_the_last_successful_run_is_kept(runs: Runs) -> None:
    good = runs.run()
    for _ in range(3):
        runs.run("failed")
    delete(runs.store, find_unneeded(runs.store, 1), 1)
    assert all(runs.store.valid(runs.store.folder(artifact)) for artifact in good)


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
    artifact = runs.run()[1]
    folder = runs.store.folder(artifact)
    left_over = [folder / ".partial-abc.html", folder / "figures" / ".partial-def.png"]
    (folder / "figures").mkdir()
    for path in left_over:
        path.write_bytes(b"half a report")
    unneeded = find_unneeded(runs.store, 1)
    assert [(item.path, item.reason) for item in unneeded] == [(path, "left by a killed run") for path in left_over]
    delete(runs.store, unneeded, 1)
    assert not any(path.exists() for path in left_over)
    assert runs.store.valid(folder) == artifact


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
    reused = RunRecord.start("demo", "evaluate", Config())  # while the user was deciding
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
    if path.is_dir():  # the store has made it, and it is empty
        path.rmdir()
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
