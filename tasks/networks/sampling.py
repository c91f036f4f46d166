"""Which photos a training step uses."""

import numpy as np
from numpy.typing import NDArray


def class_balanced(targets: NDArray[np.integer], random: np.random.Generator) -> NDArray[np.int64]:
    """Draw positions, with replacement, such that every class is equally likely.

    This is for training a classifier again on fixed features (Kang et al., arXiv:1910.09217, "cRT").

    Args:
        targets: class number of each row, `(n,)`.
        random: the source of random numbers.

    Returns:
        Positions in `targets`, `(n,)`.
    """
    share = 1.0 / np.bincount(targets)[targets]
    return random.choice(len(targets), len(targets), p=share / share.sum())
