"""`fluke ablate` from the command line: it continues after kill -9, and leaves models, runs and splits alone."""

import json
import signal
from pathlib import Path

import pytest

from flows.ablate.journal import FOLDER
from flows.run_records import read_records
from tests.helpers.pipeline import TINY, Fluke

pytestmark = pytest.mark.slow


def others(data: Path) -> dict[str, bytes]:
    """Everything about runs, models and their splits."""
    folders = ("runs", "models", "splits", "test_lists")
    paths = [path for folder in folders for path in (data / folder).rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in paths if "ablation-" not in str(path)}


@pytest.mark.slow
def test_a_killed_ablation_continues_and_changes_no_model_run_or_split(copy: Fluke) -> None:
    command = [
        "ablate",
        "default",
        f"crawl.path={copy.photos}",
        *TINY,
        "--arm",
        "short: train.epochs=1",
        "--seeds",
        "1",
    ]
    before, records = others(copy.data), read_records(copy.data)
    process = copy.start(*command)
    assert process.stderr is not None
    for line in process.stderr:
        if "2 of 2: short, seed 0 ..." in line:
            process.send_signal(signal.SIGKILL)
            break
    process.communicate()
    out = copy(*command)
    assert "1 of 2: default, seed 0: accuracy" in out
    assert out.count(", cached") == 1
    assert "short: " in out
    assert "points" in out
    (results,) = (copy.data / FOLDER).glob("*/ablation.json")
    stored = json.loads(results.read_text())
    assert [row["arm"] for row in stored["rows"]] == ["default", "short"]
    assert all(seconds > 0 for row in stored["rows"] for seconds in (row["seconds"], row["stages"]["train"]))
    assert others(copy.data) == before
    assert read_records(copy.data) == records
