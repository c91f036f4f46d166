import numpy as np
import pytest

from tasks.inference.arrays import l2_normalize


def test_l2_normalize_keeps_the_direction() -> None:
    np.testing.assert_allclose(l2_normalize(np.float32([[3, 4], [-1e-12, 0], [3e4, 0]])), [[0.6, 0.8], [-1, 0], [1, 0]])


def test_l2_normalize_does_not_overflow_with_float16() -> None:
    vectors = np.full((1, 1280), np.finfo(np.float16).max)
    assert np.linalg.norm(l2_normalize(vectors)) == pytest.approx(1)


def test_l2_normalize_makes_short_vectors_zero() -> None:
    assert l2_normalize(np.float32([[0, 0]])).tolist() == [[0, 0]]
    assert l2_normalize(np.float32([[1e-6, 0], [1, 0]]), shortest=1e-5).tolist() == [[0, 0], [1, 0]]
    assert l2_normalize(np.zeros((0, 3), np.float16)).shape == (0, 3)
