from pathlib import Path

import numpy as np
import pytest

from tasks.networks.batches import Batches, LabelledBatches, load_if_fits
from tasks.store.context import StageContext
from tasks.store.shards import LazyRows, ShardPool


def epoch(batches: Batches) -> list[int]:
    """Read the rows of one epoch as Keras does."""
    seen = [int(row) for i in range(len(batches)) for row in batches[i][0]]
    batches.on_epoch_end()
    return seen


def test_rows_targets_and_weights_stay_together() -> None:
    rows = np.arange(7)
    batches = Batches(rows, rows * 10, (rows * 0.5).astype(np.float32), batch_size=3, seed=1)
    assert [len(batches[i][0]) for i in range(len(batches))] == [3, 3, 1]
    for i in range(len(batches)):
        x, y, weight = batches[i]
        np.testing.assert_array_equal(y, x * 10)
        np.testing.assert_array_equal(weight, x * 0.5)


def test_every_epoch_has_all_rows_in_a_new_order_that_the_seed_determines() -> None:
    rows = np.arange(50)
    first, again = (Batches(rows, batch_size=8, seed=3) for _ in range(2))
    orders = [epoch(first) for _ in range(3)]
    assert orders == [epoch(again) for _ in range(3)]
    assert [sorted(order) for order in orders] == [list(rows)] * 3
    assert len(set(map(tuple, orders))) == 3
    assert epoch(Batches(rows, batch_size=8, seed=4)) != orders[0]


def test_without_a_seed_rows_keep_their_order() -> None:
    batches = Batches(np.arange(5), batch_size=2)
    assert epoch(batches) == epoch(batches) == [0, 1, 2, 3, 4]


def test_without_targets_a_batch_is_its_own_target() -> None:
    x, y = Batches(np.arange(4), batch_size=4, seed=0)[0]
    np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("memory_bytes", [0, 1 << 20])
def test_rows_in_memory_equal_rows_on_disk(tmp_path: Path, memory_bytes: int) -> None:
    photos = [f"{i:02}" for i in range(10)]
    context = StageContext(root=tmp_path, out=tmp_path, pools=tmp_path / "pools", photos=tmp_path)
    pool, _ = ShardPool.open(context.pools, context).compute_missing(
        photos, lambda part: np.array([[int(p)] * 3 for p in part], np.uint8), context, label="", shard_photos=4
    )
    rows = load_if_fits(LazyRows(pool.index(photos[::-1], tmp_path), tmp_path), memory_bytes)
    assert isinstance(rows, LazyRows) == (memory_bytes == 0)
    x, _ = Batches(rows, batch_size=4)[1]
    np.testing.assert_array_equal(x, [[5] * 3, [4] * 3, [3] * 3, [2] * 3])


@pytest.mark.parametrize(("count", "batch_size", "sizes"), [(7, 3, [4, 4]), (8, 4, [4, 4]), (1, 1, [2])])
def test_each_of_two_devices_gets_rows(count: int, batch_size: int, sizes: list[int]) -> None:
    targets, weights = np.zeros(count, np.int32), np.ones(count, np.float32)
    batches = LabelledBatches(np.arange(count), targets, weights, batch_size=batch_size, devices=2, seed=0)
    rows = [batches[i][0]["rows"] for i in range(len(batches))]
    assert [len(part) for part in rows] == sizes
    assert set(np.concatenate(rows)) == set(range(count))
