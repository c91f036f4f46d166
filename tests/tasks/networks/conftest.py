"""Untrained networks."""

from collections.abc import Callable
from functools import cache

import keras
import pytest

from tasks.networks import BACKBONES
from tasks.store import plugins


@pytest.fixture(scope="session")
def untrained() -> Callable[[str], keras.Model]:
    """Keras' own networks for 64 px, without a head, with random weights; each is built once."""

    @cache
    def network(name: str) -> keras.Model:
        module = plugins.load(BACKBONES, name)
        side = max(64, module.MIN_SIDE_PX)
        return module.APPLICATION(include_top=False, weights=None, input_shape=(side, side, 3))

    return network
