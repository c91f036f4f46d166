"""A data folder in which complete runs are made in a moment."""

from pathlib import Path

import pytest

from tests.helpers.decisions import Nights


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    """No runs yet."""
    return Nights(tmp_path)
