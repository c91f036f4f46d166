"""Untrained networks."""

from collections.abc import Callable
from functools import cache

import keras
import pytest

from tasks.networks import backbones


@pytest.fixture(scope="session")
def untrained() -> Callable[[str], keras.Model]:
    """Keras' own networks for 64 px, without a head, with random weights; each is built once."""

    @cache
    def network(name: str) -> keras.Model:
        backbone = backbones.load(name)
        side = max(64, backbone.min_side_px)
        assert backbone.application is not None
        return backbone.application(include_top=False, weights=None, input_shape=(side, side, 3))

    return network
