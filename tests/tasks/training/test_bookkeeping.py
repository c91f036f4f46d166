import itertools
import math

import numpy as np
import pytest

from tasks.training import bookkeeping
from tasks.training.bookkeeping import Bookkeeping
from tasks.training.checkpoint import Checkpoint, TrainingState
from tasks.training.errors import DivergedError
from tasks.training.plan import Examples, Plan

WEIGHTS = [np.ones(2)]


def after(folder, losses, **settings) -> Bookkeeping:
    """Return the bookkeeping after epochs with these validation losses."""
    rows = Examples(np.zeros((4, 1)))
    defaults = {"learning_rate": 0.02, "epochs": 9, "batch_size": 2, "patience": 2, "seed": 0}
    plan = Plan("training", "pretrain", rows, rows, **(defaults | settings))
    found = Bookkeeping(TrainingState(), plan, Checkpoint(folder / "training.npz"), lambda count: None)
    for loss in losses:
        values = {"loss": 0.0, "val_loss": loss}
        best = [np.array([loss])] if found.improves(values) else None
        found.add(values, best, lambda: WEIGHTS)
    return found


def test_the_weights_with_the_lowest_validation_loss_are_kept(tmp_path) -> None:
    state = after(tmp_path, [3, 1, 2]).state
    assert (state.best_epoch, state.best_loss, state.best[0].tolist()) == (2, 1, [1])
    assert state.history == {"loss": [0, 0, 0], "val_loss": [3, 1, 2]}
    assert not state.ended


def test_a_training_stops_when_its_patience_is_over(tmp_path) -> None:
    assert after(tmp_path, [3, 1, 2, 2]).state.ended


def test_after_a_fixed_number_of_epochs_the_last_weights_are_kept(tmp_path) -> None:
    state = after(tmp_path, [1, 2, 3], stop_after=3).state
    assert (state.ended, state.best_epoch) == (True, 3)


def test_the_first_epoch_is_written_at_once(tmp_path) -> None:
    made = after(tmp_path, [1])
    state, variables = Checkpoint(tmp_path / "training.npz").read()
    assert (state.epochs, state.best_loss) == (1, 1)
    np.testing.assert_array_equal(variables, WEIGHTS)
    made.end()
    assert Checkpoint(tmp_path / "training.npz").read()[0].ended


def test_seconds_are_those_of_all_epochs_also_before_an_interruption(tmp_path, monkeypatch) -> None:
    clock = itertools.count(0, 10.0)
    monkeypatch.setattr(bookkeeping.time, "monotonic", lambda: next(clock))
    killed = after(tmp_path, [3, 2])
    before = Checkpoint(tmp_path / "training.npz").read()[0].seconds
    assert 0 < before <= killed.state.seconds
    resumed = Bookkeeping(killed.state, killed._plan, Checkpoint(tmp_path / "training.npz"), lambda count: None)
    resumed.end()
    assert Checkpoint(tmp_path / "training.npz").read()[0].seconds == killed.state.seconds > before


@pytest.mark.parametrize(("step", "where"), [(None, "in epoch 2"), (5, "in step 5 of epoch 2")])
def test_a_diverged_training_names_the_setting_and_a_remedy(tmp_path, step, where) -> None:
    made = after(tmp_path, [1])
    made.check(0.5, step)
    message = rf"^pretrain\.learning_rate: at 0\.02 .* inf {where}; try 0\.002$"
    with pytest.raises(DivergedError, match=message) as caught:
        made.check(math.inf, step)
    assert caught.value.kept
