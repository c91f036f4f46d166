"""What people read in the terminal."""

import logging
import os
import sys
from pathlib import Path

import pytest

from flows import console
from flows.run_records import StageRecord
from tasks.store.manifest import Artifact


def test_counts_come_first_and_figures_after_their_name() -> None:
    artifact = Artifact(stage="evaluate", key="k", digest="d")
    counts = {"test photos": 1234, "accuracy": 0.98712, "error": 0.00100145}
    stage = StageRecord(artifact=artifact, cached=False, why="", seconds=1, counts=counts)
    assert console.counts_text(stage) == "1,234 test photos, accuracy 0.987, error 0.001"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 KB"), (2_500_000, "2 MB"), (7 * 10**9, "7 GB"), (10**13, "10.0 TB")],
)
def test_sizes(count: int, text: str) -> None:
    assert console.size(count) == text


def test_each_epoch_and_each_warning_is_a_line_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("fluke")
    before = list(logger.handlers)
    console.show_messages()
    try:
        logging.getLogger("fluke.epochs").info("training 3/40: loss 0.5, val loss 0.6")
        logging.getLogger("fluke.train").info("begins from abc")
        logging.getLogger("fluke.train").warning("no photo to validate on")
    finally:
        logger.handlers = before
    assert capsys.readouterr().err.splitlines() == [
        "training 3/40: loss 0.5, val loss 0.6",
        "warning: no photo to validate on",
    ]


def test_what_native_libraries_print_goes_to_the_log_and_ours_to_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "logs" / "native.log"
    with console.native_output(log):
        os.write(2, b"greetings from C++\n")
        print("from Python", file=sys.stderr)
    os.write(2, b"afterwards\n")
    assert log.read_text() == "greetings from C++\n"
    assert capfd.readouterr().err == "from Python\nafterwards\n"


def test_stderr_is_put_back_after_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), console.native_output(tmp_path / "native.log"):
        raise KeyboardInterrupt
    os.write(2, b"here\n")
    print("and here", file=sys.stderr)
    assert capfd.readouterr().err == "here\nand here\n"
