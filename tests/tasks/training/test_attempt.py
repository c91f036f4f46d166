"""The loop, with steps that compute nothing."""

import keras
import numpy as np
import pytest

from tasks.training import attempt as attempts
from tasks.training.attempt import CHECK_EVERY, Attempt
from tasks.training.checkpoint import Checkpoint
from tasks.training.errors import DivergedError
from tasks.training.objective import Objective
from tasks.training.plan import Examples, Plan


class Steps:
    """The sums after each call are its number; `asked` has the call after which each of them was waited for."""

    def __init__(self) -> None:
        self.calls = 0
        self.asked: list[tuple[int, int]] = []
        self.diverged_at = 10**9

    def put(self, array):
        return array

    def put_chunk(self, chunk):
        return chunk

    def begin(self) -> None:
        pass

    end = begin

    def totals(self) -> int:
        return 0

    def train(self, feed, chunk, totals: int) -> int:
        self.calls += 1
        return totals + 1

    def wait_for(self, totals: int) -> dict[str, float]:
        self.asked.append((totals, self.calls))
        return {"loss": np.nan if totals >= self.diverged_at else 1.0}


@pytest.fixture
def steps(monkeypatch) -> Steps:
    made = Steps()
    monkeypatch.setattr(attempts, "_make_steps", lambda *_, **__: made)
    monkeypatch.setattr(Attempt, "_means", lambda self, totals: made.wait_for(totals))
    return made


def run(tmp_path, batches: int) -> None:
    inputs = keras.Input((1,))
    network = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    rows = Examples(np.zeros((batches, 1, 1), np.uint8))
    plan = Plan("training", "train", rows, None, 1e-3, epochs=1, batch_size=1, patience=1, seed=0)
    Attempt(Objective(network, "nothing"), plan, Checkpoint(tmp_path / "training.npz"), 1).run(None, lambda n: None, ())


def test_within_an_epoch_only_sums_of_earlier_steps_are_waited_for(tmp_path, steps) -> None:
    count = 5 * CHECK_EVERY
    run(tmp_path, count)
    within = [(totals, calls) for totals, calls in steps.asked if calls < count]
    assert [totals for totals, _ in within] == list(range(1, count - CHECK_EVERY, CHECK_EVERY))
    assert {calls - totals for totals, calls in within} == {CHECK_EVERY}


def test_a_loss_that_is_no_number_ends_the_epoch(tmp_path, steps) -> None:
    steps.diverged_at = 3
    with pytest.raises(DivergedError, match=f"in step {1 + CHECK_EVERY} of epoch 1"):
        run(tmp_path, 100)
    assert steps.calls == 1 + 2 * CHECK_EVERY


def test_without_room_on_the_device_every_batch_is_still_trained_on(tmp_path, steps, monkeypatch) -> None:
    monkeypatch.setattr(attempts, "fits", lambda *_: False)
    run(tmp_path, 7)
    assert steps.calls == 7
