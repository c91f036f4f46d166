"""The map of features."""

import numpy as np
import pytest

from tasks.evaluate.diagnose.feature_map import _in_unit_square, feature_map


@pytest.mark.slow
def test_photos_with_similar_features_lie_near_each_other() -> None:
    random = np.random.default_rng(0)
    classes = np.repeat(np.arange(4), 25)
    features = (np.eye(4, 40)[classes] * 8 + random.normal(size=(100, 40))).astype(np.float32)
    places = feature_map(features)
    assert (places >= 0).all()
    assert (places <= 1).all()
    distances = np.linalg.norm(places[:, None] - places, axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (classes[distances.argmin(axis=1)] == classes).all()
    assert np.array_equal(places, feature_map(features))


@pytest.mark.parametrize(("photos", "length"), [(1, 5), (2, 5), (4, 1), (6, 1), (40, 3)])
def test_few_photos_and_short_features(photos: int, length: int) -> None:
    features = np.random.default_rng(0).normal(size=(photos, length)).astype(np.float32)
    places = feature_map(features)
    assert places.shape == (photos, 2)
    assert np.isfinite(places).all()


def test_photos_that_are_all_the_same() -> None:
    assert np.isfinite(feature_map(np.ones((30, 4), np.float32))).all()


def test_two_outliers_do_not_press_the_others_into_one_spot() -> None:
    places = np.random.default_rng(0).normal(size=(24, 2))
    places[:2] = [[300, 20], [280, -90]]
    on_map = _in_unit_square(places)
    assert (on_map >= 0).all()
    assert (on_map <= 1).all()
    assert (np.ptp(on_map[2:], axis=0) > 0.5).all()
    assert (on_map[:2, 0] == 1).all()


def test_without_outliers_the_map_ends_where_the_photos_do() -> None:
    on_map = _in_unit_square(np.random.default_rng(0).uniform(size=(200, 2)) * [4, 2])
    assert np.isclose(np.ptp(on_map, axis=0).max(), 1)
    assert len(np.unique(on_map, axis=0)) == 200
