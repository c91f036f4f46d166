"""Tiles of many requests are computed together."""

import threading

import numpy as np
import pytest

from flows.api.batching import Batcher


def tile(value: int) -> np.ndarray:
    return np.full((2, 2, 1), value, np.uint8)


def test_what_waits_while_a_batch_is_computed_is_the_next_batch() -> None:
    sizes: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    def compute(tiles: np.ndarray) -> np.ndarray:
        sizes.append(len(tiles))
        begun.set()
        assert go_on.wait(10)
        return tiles[:, 0, 0].astype(np.float64)

    batcher = Batcher(compute, most=4)
    first = batcher.submit(tile(7))
    assert begun.wait(10)
    others = [batcher.submit(tile(value)) for value in range(6)]
    hung_up = batcher.submit(tile(0))
    assert hung_up.cancel()
    go_on.set()
    assert [future.result(10)[0] for future in (first, *others)] == [7, 0, 1, 2, 3, 4, 5]
    assert sizes == [1, 4, 2]
    batcher.close()


def test_an_error_reaches_everybody_in_the_batch_and_the_next_batch_is_computed() -> None:
    def compute(tiles: np.ndarray) -> np.ndarray:
        if tiles.max() == 9:
            raise ValueError("diverged")
        return tiles[:, 0, 0].astype(np.float64)

    batcher = Batcher(compute, most=4)
    with pytest.raises(ValueError, match="diverged"):
        batcher.submit(tile(9)).result(10)
    assert batcher.submit(tile(1)).result(10)[0] == 1
    batcher.close()


def test_a_closed_batcher_answers_what_was_asked_before() -> None:
    batcher = Batcher(lambda tiles: tiles[:, 0, 0].astype(np.float64), most=4)
    futures = [batcher.submit(tile(value)) for value in range(9)]
    batcher.close()
    assert [future.result(10)[0] for future in futures] == list(range(9))
    batcher._thread.join(10)
    assert not batcher._thread.is_alive()


def test_a_batcher_that_lingers_answers_what_comes_after_it_was_closed() -> None:
    batcher = Batcher(lambda tiles: tiles[:, 0, 0].astype(np.float64), most=4)
    batcher.close(linger_s=30)
    assert batcher.submit(tile(3)).result(10)[0] == 3
    batcher.close()
    batcher._thread.join(10)
    assert not batcher._thread.is_alive()
