import numpy as np

from tasks.networks.sampling import class_balanced


def test_classes_are_drawn_equally_often() -> None:
    targets = np.array([0] * 990 + [1] * 10)
    drawn = targets[class_balanced(targets, np.random.default_rng(0))]
    assert len(drawn) == 1000
    assert 0.45 < drawn.mean() < 0.55
