"""Mean and variance of channels, batch by batch."""

import numpy as np

from tasks.networks.moments import channel_moments


def test_moments_are_those_of_all_batches() -> None:
    codes = np.random.default_rng(0).normal(3, 2, (600, 2, 2, 3)).astype(np.float16)
    codes[..., 2] = 5
    mean, variance = channel_moments(codes[start : start + 256] for start in range(0, 600, 256))
    wide = codes.astype(np.float64)
    np.testing.assert_allclose(mean, wide.mean((0, 1, 2)))
    np.testing.assert_allclose(variance, wide.var((0, 1, 2)), atol=1e-12)
