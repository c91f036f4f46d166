"""Which photos a training step sees."""

import numpy as np
from numpy.typing import NDArray


def evenly(targets: NDArray[np.integer], random: np.random.Generator) -> NDArray[np.int64]:
    """As many positions as there are targets, such that each class is as likely as any other.

    For learning a classifier anew on features of all classes (Kang et al., arXiv:1910.09217, "cRT").
    """
    share = 1.0 / np.bincount(targets)[targets]
    return random.choice(len(targets), len(targets), p=share / share.sum())
