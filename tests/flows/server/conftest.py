"""A stand-in for a data folder's Prefect server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.server_stand_in import StandIn


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    """A process that looks and answers like the server of the data folder `tmp_path`."""
    made = StandIn(tmp_path)
    yield made
    made.end()
