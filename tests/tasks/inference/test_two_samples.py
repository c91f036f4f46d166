"""Two-sample tests: their statistics against definitions, and their errors against what is promised."""

import numpy as np
import pytest

from tasks.inference import two_samples
from tasks.inference.arrays import Floats

LEVEL = 0.05


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_first_draw_is_what_is_observed_and_all_have_as_many_new_values() -> None:
    is_new = np.array([False, True, True, False, False])
    draws = two_samples.draw(is_new, 200, rng())
    assert draws.shape == (201, 5)
    assert draws[0].tolist() == is_new.tolist()
    assert (draws.sum(axis=1) == 2).all()
    assert (draws[1:].mean(axis=0) > 0.2).all()


@pytest.mark.parametrize("new", [1, 3, 6])
def test_the_energy_distance_is_that_of_its_definition(new: int) -> None:
    values = rng().normal(size=(7, 4))
    distances = two_samples.pairwise(values)
    np.testing.assert_allclose(distances[2, 5], np.linalg.norm(values[2] - values[5]))
    draws = two_samples.draw(np.arange(7) >= 7 - new, 3, rng())
    for found, is_new in zip(two_samples.energies(distances, draws), draws, strict=True):
        between = distances[np.ix_(~is_new, is_new)].mean()
        inside = [
            distances[np.ix_(each, each)].sum() / max(each.sum() * (each.sum() - 1), 1) for each in (~is_new, is_new)
        ]
        expected = (2 * between - sum(inside)) / (2 * distances.sum() / (7 * 6))
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("new", [1, 4, 8])
def test_the_energy_distance_of_numbers_is_that_of_their_distances(new: int) -> None:
    values = rng().integers(0, 6, size=9).astype(np.float64)
    draws = two_samples.draw(np.arange(9) >= 9 - new, 5, rng())
    expected = two_samples.energies(two_samples.pairwise(values[:, None]), draws)
    np.testing.assert_allclose(two_samples.energies_of_numbers(values, draws), expected, rtol=1e-4)
    assert two_samples.energies_of_numbers(np.ones(9), draws).tolist() == [0] * 6


@pytest.mark.parametrize(("old", "new"), [(20, 4), (3, 6), (1, 4)])
def test_the_nearest_old_values_are_those_of_a_direct_search(old: int, new: int) -> None:
    distances = two_samples.pairwise(rng().normal(size=(old + new, 3)))
    draws = two_samples.draw(np.arange(old + new) >= old, 19, rng())
    expected = [np.sort(distances[np.ix_(is_new, ~is_new)], axis=1)[:, :5].mean() for is_new in draws]
    np.testing.assert_allclose(two_samples.nearest(distances, draws), expected / np.mean(expected))


def test_equal_values_have_no_distance() -> None:
    draws = two_samples.draw(np.arange(6) > 3, 9, rng())
    assert two_samples.energies(np.zeros((6, 6)), draws).tolist() == [0] * 10
    assert two_samples.nearest(np.zeros((6, 6)), draws).tolist() == [1] * 10
    [tested] = two_samples.adjust(np.zeros((10, 1)), 0.2)
    assert tested.p == 1


def test_strata_count_by_how_much_they_can_tell() -> None:
    pooled = two_samples.pooled([np.array([1.0, 0.0]), np.array([0.0, 0.0])], [(10, 10), (40, 10)])
    np.testing.assert_allclose(pooled, [5 / 13, 0])


def night(seed: int, shift: float, dimensions: int = 300) -> Floats:
    """The statistics of three classes with 30 old and 8 new values each; the new ones of the first are shifted."""
    values, found = rng(seed), []
    for stratum in range(3):
        sample = values.normal(size=(38, dimensions))
        sample[30:, :30] += shift * (stratum == 0)
        draws = two_samples.draw(np.arange(38) >= 30, 199, values)
        found.append(two_samples.energies(two_samples.pairwise(sample), draws))
    return np.column_stack(found)


def test_false_alarms_are_as_rare_as_promised() -> None:
    alarms = sum(min(each.p for each in two_samples.adjust(night(seed, 0), LEVEL)) <= LEVEL for seed in range(100))
    assert alarms <= 11  # more has a probability of 0.4 % at 5 %


def test_a_shift_is_found_where_it_is_and_its_deviation_exceeds_the_limit() -> None:
    first, *others = two_samples.adjust(night(0, 1.0), LEVEL)
    assert first.p == pytest.approx(1 / 200)
    assert first.deviation > first.limit
    assert all(each.p > LEVEL and each.deviation <= each.limit for each in others)


def test_a_value_is_significant_exactly_if_it_exceeds_its_limit() -> None:
    for seed in range(40):
        for each in two_samples.adjust(rng(seed).normal(size=(100, 4)), 0.3):
            assert (each.p <= 0.3) == (each.deviation > each.limit)


def test_many_tests_need_no_more_permutations() -> None:
    statistics = rng().normal(size=(200, 500))
    statistics[0, 7] = 9
    tested = two_samples.adjust(statistics, 0.01)
    assert [number for number, each in enumerate(tested) if each.p <= 0.01] == [7]


def test_shares_are_compared_with_draws_from_all() -> None:
    same = two_samples.shares([100, 50, 50], [10, 5, 5], 999, rng())
    other = two_samples.shares([100, 50, 50], [0, 0, 20], 999, rng())
    assert same[0] == 0
    assert len(other) == 1000
    assert two_samples.adjust(same[:, None], LEVEL)[0].p > 0.9
    assert two_samples.adjust(other[:, None], LEVEL)[0].p == pytest.approx(1 / 1000)
