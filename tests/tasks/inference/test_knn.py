from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import KNeighborsClassifier

from tasks.inference.knn import References, descriptors

RANDOM = np.random.default_rng(0)


def references(count: int = 30, classes: int = 5) -> tuple[References, np.ndarray, np.ndarray]:
    features, labels = RANDOM.normal(size=(count, 8)), RANDOM.integers(0, classes, count)
    return References.of(features, labels, np.array([f"p{i}" for i in range(count)])), features, labels


def test_class_similarity_is_the_highest_cosine_with_a_photo_of_the_class() -> None:
    known, features, labels = references()
    queries = RANDOM.normal(size=(7, 8))
    cosines = cosine_similarity(queries, features)
    expected = np.stack([cosines[:, labels == label].max(axis=1) for label in range(5)], axis=1)
    np.testing.assert_allclose(known.class_similarity(queries, 5), expected, atol=1e-6)


def test_the_most_similar_class_agrees_with_scikit_learn() -> None:
    known, features, labels = references(200, 6)
    queries = RANDOM.normal(size=(3000, 8))  # more than one block
    theirs = KNeighborsClassifier(1, metric="cosine").fit(features, labels).predict(queries)
    assert known.class_similarity(queries, 6).argmax(axis=1).tolist() == theirs.tolist()


def test_a_class_without_references_has_similarity_minus_1() -> None:
    known = References.of(np.eye(2), np.array([2, 0]), np.array(["a", "b"]))
    np.testing.assert_allclose(known.class_similarity(np.array([[3.0, 0]]), 4), [[0, -1, 1, -1]], atol=1e-6)


def test_nearest_returns_positions_and_cosines() -> None:
    known = References.of(np.array([[0, 1.0], [1, 0], [1, 1]]), np.array([1, 1, 0]), np.array(["up", "right", "both"]))
    places, cosines = known.nearest(np.array([[2.0, 0.1]]), 2)
    assert known.photos[places].tolist() == [["right", "both"]]
    assert cosines[0] == pytest.approx(cosine_similarity([[2.0, 0.1]], [[1, 0], [1, 1]])[0], abs=1e-6)


def test_references_can_be_written_and_read(tmp_path: Path) -> None:
    known, _, _ = references()
    known.write(tmp_path / "known.npz")
    again = References.read(tmp_path / "known.npz")
    np.testing.assert_allclose(again.features, known.features, atol=1e-3)
    assert again.classes.tolist() == known.classes.tolist()
    assert again.photos.tolist() == known.photos.tolist()


@pytest.mark.parametrize(("side", "cells"), [(4, 4), (16, 16), (40, 16), (64, 16)])
def test_descriptors_are_means_of_grid_cells(side: int, cells: int) -> None:
    rows = RANDOM.integers(0, 255, (3, side, side, 2), np.uint8)
    found = descriptors(rows).reshape(3, cells, cells, 2)
    if side % cells == 0:
        size = side // cells
        expected = rows.reshape(3, cells, size, cells, size, 2).mean(axis=(2, 4))
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found[0].mean() == pytest.approx(rows[0].mean(), rel=0.02)
