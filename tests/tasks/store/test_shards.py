"""Pools: only new photos are computed, shards are complete, and rows are read in the requested order."""

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tasks.store.context import StageContext
from tasks.store.lazy_rows import LazyRows
from tasks.store.shards import Shard, ShardPool, index_digest


@pytest.fixture
def context(tmp_path: Path) -> StageContext:
    return StageContext(root=tmp_path, out=tmp_path / "out", pools=tmp_path / "pools", photos=tmp_path / "photos")


def compute(chunk: Iterable[str]) -> np.ndarray:
    return np.array([[int(photo), -int(photo)] for photo in chunk], np.int32)


def names(*numbers: int) -> dict[str, None]:
    return {str(number): None for number in numbers}


def test_only_new_photos_are_computed(context: StageContext) -> None:
    requested: list[str] = []

    def spy(chunk: Iterable[str]) -> np.ndarray:
        requested.extend(chunk)
        return compute(chunk)

    _, new = ShardPool.open(context.pools, context).compute_missing(
        names(*range(100)), spy, context, label="x", shard_photos=32
    )
    assert new == 100
    requested.clear()
    pool, new = ShardPool.open(context.pools, context).compute_missing(names(*range(5, 110)), spy, context, label="x")
    assert (new, requested) == (10, list(names(*range(100, 110))))
    index = pool.index(["3", "107", "3"], context.root)
    assert LazyRows(index, context.root)[:].tolist() == [[3, -3], [107, -107], [3, -3]]


def test_a_crash_loses_only_the_shards_that_are_being_computed(context: StageContext) -> None:
    def crash(chunk: Iterable[str]) -> np.ndarray:
        if "40" in chunk:
            raise KeyboardInterrupt
        return compute(chunk)

    context = replace(context, executor=ThreadPoolExecutor(1))
    with pytest.raises(KeyboardInterrupt):
        ShardPool.open(context.pools, context).compute_missing(
            names(*range(60)), crash, context, label="x", shard_photos=10
        )
    context.executor.shutdown(wait=True)
    context = replace(context, executor=ThreadPoolExecutor(1))
    load_if_fits = {photo for shard in ShardPool.open(context.pools, context).shards for photo in shard.photos}
    assert set(names(*range(40))) <= load_if_fits
    _, new = ShardPool.open(context.pools, context).compute_missing(names(*range(60)), compute, context, label="x")
    assert new == 60 - len(load_if_fits)
    assert 10 <= new <= 20


@pytest.mark.parametrize("damage", ["no list", "shortened", "torn list"])
def test_an_incomplete_shard_is_computed_again(context: StageContext, damage: str) -> None:
    pool, _ = ShardPool.open(context.pools, context).compute_missing(
        names(*range(10)), compute, context, label="x", shard_photos=5
    )
    path = pool.shards[0].path
    if damage == "no list":
        path.with_suffix(".json").unlink()
    elif damage == "shortened":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        path.with_suffix(".json").write_text('{"photos": [')
    pool, new = ShardPool.open(context.pools, context).compute_missing(names(*range(10)), compute, context, label="x")
    assert new == 5
    assert LazyRows(pool.index(names(*range(10)), context.root), context.root)[:][:, 0].tolist() == list(range(10))


def test_the_digest_does_not_depend_on_the_division_into_shards(context: StageContext, tmp_path: Path) -> None:
    digests = []
    for shard_photos in (3, 100):
        pool, _ = ShardPool.open(tmp_path / f"pool{shard_photos}", context).compute_missing(
            names(*range(20)), compute, context, label="x", shard_photos=shard_photos
        )
        # compute_missing writes into the pool's own folder
        digests.append(index_digest(pool.index(names(*range(20)), tmp_path)))
    assert digests[0] == digests[1]
    other = [Shard.write(tmp_path / "other", list(names(*range(20))), compute(names(*range(20))) + 1)]
    changed = ShardPool(tmp_path / "other", tuple(other)).index(names(*range(20)), tmp_path)
    assert index_digest(changed) != digests[0]


def test_progress_is_reported_in_photos(context: StageContext) -> None:
    from contextlib import contextmanager

    seen: list[object] = []

    @contextmanager
    def progress(label: str, total: int):
        seen.append((label, total))
        yield seen.append

    ShardPool.open(context.pools, context).compute_missing(
        names(*range(25)),
        compute,
        StageContext(context.root, context.out, context.pools, context.photos, progress=progress),
        label="tiles",
        shard_photos=10,
    )
    assert seen == [("tiles", 25), 10, 10, 5]


def test_fresh_computes_all_rows_again_and_the_new_rows_are_used(context: StageContext) -> None:
    ShardPool.open(context.pools, context).compute_missing(
        names(*range(20)), compute, context, label="x", shard_photos=8
    )
    fresh = replace(context, fresh=True, source="new code")
    pool, new = ShardPool.open(context.pools, fresh).compute_missing(
        names(*range(20)), lambda c: compute(c) + 1, fresh, label="x"
    )
    assert new == 20
    later = replace(context, source="new code")
    for seen in (pool, ShardPool.open(context.pools, later)):  # in this run, and in the next
        assert LazyRows(seen.index(names(4, 9), context.root), context.root)[:][:, 0].tolist() == [5, 10]


def test_rows_computed_by_other_code_are_reused_with_a_warning(
    context: StageContext, caplog: pytest.LogCaptureFixture
) -> None:
    ShardPool.open(context.pools, context).compute_missing(names(1, 2), compute, context, label="tiles")
    edited = replace(context, source="new code")
    with caplog.at_level(logging.WARNING):
        _, new = ShardPool.open(context.pools, edited).compute_missing(names(1, 2, 3), compute, edited, label="tiles")
    assert new == 1
    assert "2 tiles" in caplog.text
    assert "--fresh" in caplog.text


def test_a_changed_byte_is_found_with_verify_and_computed_again(context: StageContext) -> None:
    pool, _ = ShardPool.open(context.pools, context).compute_missing(names(1, 2), compute, context, label="x")
    array = np.load(pool.shards[0].path, mmap_mode="r+")
    array[0, 0] = 99
    array.flush()
    verifying = replace(context, verify=True)
    pool, new = ShardPool.open(context.pools, verifying).compute_missing(names(1, 2), compute, verifying, label="x")
    assert new == 2
    assert pool.shards[0].record.problem(pool.shards[0].path, verify=True) is None
