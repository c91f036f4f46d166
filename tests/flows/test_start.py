"""What is said while the server starts."""

import time
from pathlib import Path

import pytest

from flows import start


def test_a_slow_start_is_announced_again_and_again_until_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLUKE_DATA", str(tmp_path))
    said: list[str] = []
    with start.announced_start("about 15 s", said.append, every_s=0.01):
        while len(said) < 3:
            time.sleep(0.01)
    assert said[0] == "starting the Prefect server for the dashboard (about 15 s) ..."
    assert all(line.startswith("still waiting for the Prefect server, for ") for line in said[1:])
