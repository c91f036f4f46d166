import numpy as np

from tasks.training.plan import TARGETS, Examples, Plan


def plan(count: int, seed: int = 3, **settings) -> Plan:
    targets = (np.arange(count) == 0).astype(np.int32)
    train = Examples(np.arange(count), {TARGETS: targets})
    defaults = {"learning_rate": 1e-3, "epochs": 3, "batch_size": 8, "patience": 9, "seed": seed}
    return Plan("training", "train", train, None, **defaults, **settings)


def test_every_epoch_has_all_rows_in_a_new_order_that_the_seed_determines() -> None:
    orders = [plan(50).order(epoch).tolist() for epoch in range(3)]
    assert orders == [plan(50).order(epoch).tolist() for epoch in range(3)]
    assert [sorted(order) for order in orders] == [list(range(50))] * 3
    assert len(set(map(tuple, orders))) == 3
    assert plan(50, seed=4).order(0).tolist() != orders[0]


def test_with_class_balance_a_rare_class_is_drawn_as_often() -> None:
    order = plan(400, class_balanced=True).order(0)
    assert len(order) == 400
    assert 150 < np.sum(order == 0) < 250


def test_batches_are_split_from_the_beginning_if_fewer_rows_may_be_computed_at_once() -> None:
    assert [plan(9, rows_at_once=rows).split for rows in (None, 8, 9, 7, 4, 3, 1)] == [1, 1, 1, 2, 2, 4, 8]
