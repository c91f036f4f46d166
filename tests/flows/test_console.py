"""The terminal: counts, warnings, epochs, and the output of native libraries."""

import logging
import os
import sys
from pathlib import Path

import pytest

from flows import console
from flows.run_records import StageRecord
from tasks.store.manifest import Artifact


def test_counts_are_printed_before_their_name_and_scores_after_it() -> None:
    artifact = Artifact(stage="evaluate", key="k", digest="d")
    counts = {"test photos": 1234, "accuracy": 0.98712, "error": 0.00100145}
    stage = StageRecord(artifact=artifact, cached=False, why="", seconds=1, counts=counts)
    assert console.counts_text(stage) == "1,234 test photos, accuracy 0.987, error 0.001"


def test_only_epochs_and_warnings_are_printed_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
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


def test_native_output_goes_to_the_log_and_python_output_to_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "logs" / "native.log"
    with console.native_output(log):
        os.write(2, b"greetings from C++\n")
        print("from Python", file=sys.stderr)
    os.write(2, b"afterwards\n")
    assert log.read_text() == "greetings from C++\n"
    assert capfd.readouterr().err == "from Python\nafterwards\n"


def test_stderr_is_restored_after_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), console.native_output(tmp_path / "native.log"):
        raise KeyboardInterrupt
    os.write(2, b"here\n")
    print("and here", file=sys.stderr)
    assert capfd.readouterr().err == "here\nand here\n"
