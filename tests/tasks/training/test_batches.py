import numpy as np
import pytest

from tasks.training.batches import make_batches, make_chunks


@pytest.mark.parametrize(
    ("count", "size", "multiple", "sizes"),
    [(7, 3, 1, [3, 3, 1]), (7, 3, 3, [3, 3, 3]), (7, 4, 2, [4, 4]), (1, 2, 2, [2]), (3, 8, 8, [8])],
)
def test_every_row_counts_once_and_fillers_not_at_all(count, size, multiple, sizes) -> None:
    order = np.random.default_rng(0).permutation(count)
    batches = make_batches(order, size, multiple)
    assert [len(batch.numbers) for batch in batches] == sizes
    assert all(len(batch.shares) == len(batch.numbers) for batch in batches)
    counted = np.concatenate([batch.numbers[batch.shares > 0] for batch in batches])
    np.testing.assert_array_equal(counted, order)
    assert [batch.shares.sum() for batch in batches] == pytest.approx([1] * len(sizes))
    assert set(np.concatenate([batch.numbers for batch in batches])) == set(range(count))


@pytest.mark.parametrize(("count", "multiple", "shapes"), [(10, 1, [(2, 3), (2, 3), (2, 1)]), (10, 3, [(2, 3)] * 2)])
def test_batches_of_one_size_are_joined_to_chunks(count: int, multiple: int, shapes: list[tuple[int, int]]) -> None:
    order = np.arange(count)
    chunks = list(make_chunks(make_batches(order, 3, multiple), 2))
    assert [chunk.numbers.shape for chunk in chunks] == [chunk.shares.shape for chunk in chunks] == shapes
    steps = [(chunk.numbers[i], chunk.shares[i]) for chunk in chunks for i in range(chunk.steps)]
    assert len(steps) == 4
    np.testing.assert_array_equal(np.concatenate([numbers[shares > 0] for numbers, shares in steps]), order)
