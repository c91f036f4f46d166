import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tasks.store.context import StageContext
from tasks.store.lazy_rows import LazyRows
from tasks.store.shards import ShardPool
from tasks.training import feed as feeds
from tasks.training.batches import Chunk, make_batches
from tasks.training.feed import BATCHES_AHEAD, Feed, fits
from tasks.training.plan import Examples


class Host:
    """A device whose memory is the host's."""

    def put(self, array: np.ndarray) -> np.ndarray:
        return array

    def put_chunk(self, chunk: Chunk) -> Chunk:
        return chunk


def stored_rows(folder: Path, count: int) -> LazyRows:
    """Row i has the values i."""
    photos = dict.fromkeys(f"{i:02}" for i in range(count))
    context = StageContext(root=folder, out=folder, pools=folder / "pools", photos=folder)
    pool, _ = ShardPool.open(context.pools, context).compute_missing(
        photos, lambda part: np.array([[int(p)] * 3 for p in part], np.uint8), context, label="", shard_photos=4
    )
    return LazyRows(pool.index(photos, folder), folder)


def rows_seen(feed: Feed, order: Sequence[int]) -> list[list[int]]:
    seen = []
    for chunk in feed.chunks(make_batches(np.array(order), 4, 1)):
        for step in range(chunk.steps):
            rows = feed.rows[chunk.numbers[step]] if chunk.rows is None else chunk.rows
            seen.append(rows[:, 0].tolist())
    return seen


@pytest.mark.parametrize("resident", [False, True])
def test_rows_on_the_device_and_rows_that_are_read_ahead_come_in_the_same_order(tmp_path: Path, resident: bool) -> None:
    order = np.random.default_rng(0).permutation(22).tolist()
    feed = Feed(Examples(stored_rows(tmp_path, 22)), Host(), resident=resident, steps_per_call=2)
    assert (feed.rows is None) == (not resident)
    assert rows_seen(feed, order) == [order[start : start + 4] for start in range(0, 22, 4)]


class Watched:
    """Rows that count how often they were read."""

    shape, dtype = (40, 1), np.dtype(np.uint8)

    def __init__(self) -> None:
        self.read = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, chosen: np.ndarray) -> np.ndarray:
        with self._lock:
            self.read += 1
        return np.zeros((len(chosen), 1), np.uint8)


def test_while_a_step_runs_the_next_batches_are_read_and_no_more_than_those() -> None:
    rows = Watched()
    chunks = Feed(Examples(rows), Host(), resident=False, steps_per_call=1).chunks(make_batches(np.arange(40), 4, 1))
    next(chunks)
    until = time.monotonic() + 5
    while rows.read < BATCHES_AHEAD + 1 and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(0.02)
    assert rows.read == BATCHES_AHEAD + 1 >= 3
    assert len(list(chunks)) == 9
    assert rows.read == 10


def test_an_error_of_reading_ends_the_epoch() -> None:
    class Damaged(Watched):
        def __getitem__(self, chosen: np.ndarray) -> np.ndarray:
            raise ValueError("damaged")

    feed = Feed(Examples(Damaged()), Host(), resident=False, steps_per_call=1)
    with pytest.raises(ValueError, match="damaged"):
        list(feed.chunks(make_batches(np.arange(8), 4, 1)))


def test_all_parts_together_must_fit(monkeypatch) -> None:
    monkeypatch.setattr(feeds, "_bytes_for_rows", lambda: 40)
    part = Examples(np.zeros((10, 2), np.uint8))
    assert fits(part, part)
    assert not fits(part, part, Examples(np.zeros((1, 1), np.uint8)))
