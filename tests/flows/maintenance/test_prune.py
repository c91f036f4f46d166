"""Pruning: nothing that a kept run needs goes, and it says before what it frees."""

from pathlib import Path

import numpy as np
import pytest

from configs.schema import Config
from flows import preflight
from flows.maintenance.prune import by_why, delete, find_spare
from flows.run_records import RunRecord, read_records
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact, CacheKey, Result
from tasks.store.shards import ShardPool
from tasks.store.stage import Outcome
from tasks.store.store import Store


class Nights:
    """Runs of two stages, the second below the first, each with a shard of its own."""

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
            index.to_parquet(out / "index.parquet")
            return Result({"tiles": 1}, refs=pool.refs(index, context.root))

        above = CacheKey(stage="preprocess", version=1, config={"night": self.count})
        tiles = self.store.publish(above, "", build)
        below = CacheKey(stage="evaluate", version=1, config={}, parents={"tiles": tiles})
        report = self.store.publish(below, "", lambda out: Result({}, digest=photo))
        record = RunRecord.begin("demo", "evaluate", Config())
        record.id = f"{self.count:03d}"
        for artifact in [report] if self.count % 2 else [tiles, report]:
            record.add(Outcome(artifact, cached=False, why="", manifest=self.store.manifest(artifact)), 1.0)
        record.end(state)  # type: ignore[arg-type]
        record.save(self.store.root)
        return [tiles, report]


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path)


def test_what_the_last_runs_need_is_kept_with_all_above_it(nights: Nights) -> None:
    made = [nights.run() for _ in range(4)]
    delete(nights.store, find_spare(nights.store, 2), 2)
    for artifact in [*made[2], *made[3]]:
        assert nights.store.valid(nights.store.folder(artifact), verify=True) == artifact
    for artifact in [*made[0], *made[1]]:
        assert not nights.store.folder(artifact).exists()
    assert len(list(nights.store.pools("preprocess").glob("*.npy"))) == 2
    assert len(list(nights.store.pools("preprocess").glob("*.json"))) == 2
    assert find_spare(nights.store, 2) == []


def test_the_last_run_that_ended_well_is_kept(nights: Nights) -> None:
    good = nights.run()
    for _ in range(3):
        nights.run("failed")
    delete(nights.store, find_spare(nights.store, 1), 1)
    assert all(nights.store.valid(nights.store.folder(artifact)) for artifact in good)


def test_left_overs_go_and_photos_stay_unless_asked(nights: Nights) -> None:
    nights.run()
    left_over = nights.store.root / "artifacts" / "train" / ".partial-abc"
    left_over.mkdir(parents=True)
    (left_over / "half").write_bytes(b"x" * 100)
    photo = nights.store.photos / "ab" / "abc.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"x" * 50)
    assert list(by_why(find_spare(nights.store, 1))) == [("left behind by a killed run", 1, 100)]
    assert ("no kept crawl holds this photo", 1, 50) in list(by_why(find_spare(nights.store, 1, photos=True)))


def test_checkpoints_of_a_training_that_did_not_end_go(nights: Nights) -> None:
    nights.run()
    under_way = nights.store.pools("train") / "under-way" / "0123abcd"
    under_way.mkdir(parents=True)
    (under_way / "training.npz").write_bytes(b"weights")
    spare = find_spare(nights.store, 1)
    assert [(item.path, item.why, item.bytes) for item in spare] == [
        (under_way, "checkpoints of a training that did not end", 7)
    ]
    delete(nights.store, spare, 1)
    assert not under_way.exists()


def test_nothing_is_deleted_during_a_run(nights: Nights) -> None:
    made = nights.run()
    nights.run()
    spare = find_spare(nights.store, 1)
    with preflight.in_use(nights.store.root), pytest.raises(UserError, match="a run is under way"):
        delete(nights.store, spare, 1)
    assert all(nights.store.folder(artifact).exists() for artifact in made)


def test_what_a_run_came_to_need_meanwhile_is_kept(nights: Nights) -> None:
    made = nights.run()
    nights.run()
    agreed = find_spare(nights.store, 1)
    assert agreed
    reused = RunRecord.begin("demo", "evaluate", Config())  # while the question stood open
    reused.id = "999"
    for artifact in made:
        reused.add(Outcome(artifact, cached=True, why="", manifest=nights.store.manifest(artifact)), 0.1)
    reused.end("done")
    reused.save(nights.store.root)
    assert delete(nights.store, agreed, 1) == 0
    assert all(nights.store.valid(nights.store.folder(artifact)) for artifact in made)


def test_records_are_read_back_newest_first(nights: Nights) -> None:
    for _ in range(3):
        nights.run()
    assert [record.id for record in read_records(nights.store.root)] == ["003", "002", "001"]


def test_nothing_is_spare_while_a_record_cannot_be_read(nights: Nights) -> None:
    nights.run()
    (nights.store.root / "runs" / "torn.json").write_text('{"id": ')
    with pytest.raises(UserError, match=r"torn\.json can't be read"):
        find_spare(nights.store, 0)


def test_a_record_outlives_the_knobs_that_it_names(nights: Nights) -> None:
    record = RunRecord.begin("demo", "evaluate", Config())
    record.config["train"]["a_setting_of_long_ago"] = 1
    record.save(nights.store.root)
    assert read_records(nights.store.root)[0].config == record.config


def test_a_killed_run_is_told_from_one_that_goes_on(nights: Nights) -> None:
    record = RunRecord.begin("demo", "evaluate", Config())
    with record.under_way(nights.store.root):
        assert record.fate(nights.store.root) == "running"
    assert record.fate(nights.store.root) == "died"
    record.end("done")
    assert record.fate(nights.store.root) == "done"
