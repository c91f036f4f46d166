"""A data folder with runs."""

from pathlib import Path

import pytest

from tests.helpers.runs import Runs


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)
