"""Pools: only new photos are computed, shards are whole, rows come back in the order asked for."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tasks.store.context import Job
from tasks.store.shards import Pool, Rows, Shard, index_digest


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(root=tmp_path, out=tmp_path / "out", pools=tmp_path / "pools", photos=tmp_path / "photos")


def compute(chunk: Sequence[str]) -> np.ndarray:
    return np.array([[int(photo), -int(photo)] for photo in chunk], np.int32)


def names(*numbers: int) -> list[str]:
    return [str(number) for number in numbers]


def test_only_new_photos_are_computed(job: Job) -> None:
    asked: list[str] = []

    def spy(chunk: Sequence[str]) -> np.ndarray:
        asked.extend(chunk)
        return compute(chunk)

    _, new = Pool.open(job.pools, job).fill(names(*range(100)), spy, job, label="x", shard_photos=32)
    assert new == 100
    asked.clear()
    pool, new = Pool.open(job.pools, job).fill(names(*range(5, 110)), spy, job, label="x")
    assert (new, asked) == (10, names(*range(100, 110)))
    index = pool.index(names(3, 107, 3), job.root)
    assert Rows(index, job.root)[:].tolist() == [[3, -3], [107, -107], [3, -3]]


def test_rows_are_read_in_any_order(job: Job) -> None:
    pool, _ = Pool.open(job.pools, job).fill(names(*range(50)), compute, job, label="x", shard_photos=7)
    rows = Rows(pool.index(names(*range(50)), job.root), job.root)
    positions = np.random.default_rng(0).permutation(50)
    assert rows[positions][:, 0].tolist() == positions.tolist()
    assert (len(rows), rows.shape, rows.dtype) == (50, (2,), np.int32)


def test_a_crash_loses_only_the_shards_in_flight(job: Job) -> None:
    def crash(chunk: Sequence[str]) -> np.ndarray:
        if "40" in chunk:
            raise KeyboardInterrupt
        return compute(chunk)

    job = replace(job, executor=ThreadPoolExecutor(1))
    with pytest.raises(KeyboardInterrupt):
        Pool.open(job.pools, job).fill(names(*range(60)), crash, job, label="x", shard_photos=10)
    job.executor.shutdown(wait=True)
    job = replace(job, executor=ThreadPoolExecutor(1))
    held = {photo for shard in Pool.open(job.pools, job).shards for photo in shard.photos}
    assert set(names(*range(40))) <= held
    _, new = Pool.open(job.pools, job).fill(names(*range(60)), compute, job, label="x")
    assert new == 60 - len(held)
    assert 10 <= new <= 20


@pytest.mark.parametrize("damage", ["no list", "shortened", "torn list"])
def test_an_incomplete_shard_is_computed_again(job: Job, damage: str) -> None:
    pool, _ = Pool.open(job.pools, job).fill(names(*range(10)), compute, job, label="x", shard_photos=5)
    path = pool.shards[0].path
    if damage == "no list":
        path.with_suffix(".json").unlink()
    elif damage == "shortened":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        path.with_suffix(".json").write_text('{"photos": [')
    pool, new = Pool.open(job.pools, job).fill(names(*range(10)), compute, job, label="x")
    assert new == 5
    assert Rows(pool.index(names(*range(10)), job.root), job.root)[:][:, 0].tolist() == list(range(10))


def test_digest_does_not_depend_on_how_rows_are_sharded(job: Job, tmp_path: Path) -> None:
    digests = []
    for shard_photos in (3, 100):
        pool, _ = Pool.open(tmp_path / f"pool{shard_photos}", job).fill(
            names(*range(20)), compute, job, label="x", shard_photos=shard_photos
        )
        # fill writes into the pool's own folder
        digests.append(index_digest(pool.index(names(*range(20)), tmp_path)))
    assert digests[0] == digests[1]
    other = [Shard.write(tmp_path / "other", names(*range(20)), compute(names(*range(20))) + 1)]
    changed = Pool(tmp_path / "other", tuple(other)).index(names(*range(20)), tmp_path)
    assert index_digest(changed) != digests[0]


def test_progress_is_reported_in_photos(job: Job) -> None:
    from contextlib import contextmanager

    seen: list[object] = []

    @contextmanager
    def progress(label: str, total: int):
        seen.append((label, total))
        yield seen.append

    Pool.open(job.pools, job).fill(
        names(*range(25)),
        compute,
        Job(job.root, job.out, job.pools, job.photos, progress=progress),
        label="tiles",
        shard_photos=10,
    )
    assert seen == [("tiles", 25), 10, 10, 5]


def test_a_fresh_job_computes_all_again_and_its_rows_count(job: Job) -> None:
    Pool.open(job.pools, job).fill(names(*range(20)), compute, job, label="x", shard_photos=8)
    fresh = replace(job, fresh=True, source="new code")
    pool, new = Pool.open(job.pools, fresh).fill(names(*range(20)), lambda c: compute(c) + 1, fresh, label="x")
    assert new == 20
    later = replace(job, source="new code")
    for seen in (pool, Pool.open(job.pools, later)):  # in this run, and in the next
        assert Rows(seen.index(names(4, 9), job.root), job.root)[:][:, 0].tolist() == [5, 10]


def test_rows_made_by_other_code_are_reused_with_a_warning(job: Job, caplog: pytest.LogCaptureFixture) -> None:
    Pool.open(job.pools, job).fill(names(1, 2), compute, job, label="tiles")
    edited = replace(job, source="new code")
    with caplog.at_level(logging.WARNING):
        _, new = Pool.open(job.pools, edited).fill(names(1, 2, 3), compute, edited, label="tiles")
    assert new == 1
    assert "2 tiles" in caplog.text
    assert "--fresh" in caplog.text


def test_a_flipped_byte_is_computed_again_when_verifying(job: Job) -> None:
    pool, _ = Pool.open(job.pools, job).fill(names(1, 2), compute, job, label="x")
    array = np.load(pool.shards[0].path, mmap_mode="r+")
    array[0, 0] = 99
    array.flush()
    verifying = replace(job, verify=True)
    pool, new = Pool.open(job.pools, verifying).fill(names(1, 2), compute, verifying, label="x")
    assert new == 2
    assert pool.shards[0].record.flaw(pool.shards[0].path, verify=True) is None
