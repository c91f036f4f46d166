"""The terminal: counts, warnings, epochs, and the output of native libraries."""

import io
import logging
import os
import sys
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from configs.schema import Config
from flows import console
from flows.run_records import RunRecord, StageRecord
from tasks.store.manifest import Artifact
from tasks.text import SPACE


def test_counts_are_printed_before_their_name_and_scores_after_it() -> None:
    artifact = Artifact(stage="evaluate", key="k", digest="d")
    counts = {"test photos": 1234, "accuracy": 0.98712, "error": 0.00100145}
    stage = StageRecord(artifact=artifact, cached=False, why="", seconds=1, counts=counts)
    assert console.counts_text(stage.counts) == f"1,234 test photos, accuracy 98.7{SPACE}%, error 0.001"


def test_one_photo_is_no_plural_and_an_interval_follows_its_number() -> None:
    artifact = Artifact(stage="evaluate", key="k", digest="d")
    counts = {"test photos": 1, "accuracy": 0.958, "accuracy from": 0.875, "accuracy to": 1.0, "macro F1": 0.95}
    stage = StageRecord(artifact=artifact, cached=False, why="", seconds=1, counts=counts)
    assert console.counts_text(stage.counts) == f"1 test photo, accuracy 95.8{SPACE}% (87.5–100.0), macro F1 0.95"


def test_a_stage_without_counts_has_nothing_to_do() -> None:
    artifact = Artifact(stage="pretrain", key="k", digest="d")
    stage = StageRecord(artifact=artifact, cached=False, why="", seconds=0, counts={})
    assert console.counts_text(stage.counts) == "nothing to do"


@pytest.fixture
def messages_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at the start of a command: without what tests of commands have left in the same process."""
    logger = logging.getLogger("fluke")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "propagate", False)
    console.show_messages()


@pytest.mark.usefixtures("messages_shown")
def test_only_epochs_and_warnings_are_printed_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("fluke.epochs").info("training 3/40: loss 0.5, val loss 0.6")
    logging.getLogger("fluke.train").info("begins from abc")
    logging.getLogger("fluke.train").warning("no photo to validate on")
    assert capsys.readouterr().err.splitlines() == [
        "training 3/40: loss 0.5, val loss 0.6",
        "warning: no photo to validate on",
    ]


@pytest.mark.usefixtures("messages_shown")
@pytest.mark.parametrize(("is_terminal", "lines"), [(False, ["crawl built in 3.1 s: photos 1,200"]), (True, [])])
def test_a_file_has_a_line_for_each_stage_and_a_terminal_a_bar(
    is_terminal: bool, lines: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console.errors, "_force_terminal", is_terminal)
    logging.getLogger("fluke.stages").info("crawl built in 3.1 s: photos 1,200")
    assert capsys.readouterr().err.splitlines() == lines


NASTY = "\x1b[2J[red]x[/red]\u202e\n"
SHOWN = "\\x1b[2J[red]x[/red]\\u202e\\n"


@pytest.mark.usefixtures("messages_shown")
def test_warnings_show_control_characters_and_markup(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("fluke.crawl").warning("%s: skipped", NASTY)
    assert capsys.readouterr().err == f"warning: {SHOWN}: skipped\n"


def test_tables_show_control_characters_and_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"image": f"a{NASTY}", "error": "", "class_1": f"b{NASTY}", "probability_1": 1.0, "class_2": f"c{NASTY}"},
        {"image": "x", "error": f"d{NASTY}", "class_1": "", "probability_1": 0.0, "class_2": ""},
    ]
    predictions = pd.DataFrame(rows).assign(probability_2=0.0)
    record = RunRecord.start("demo", "train", Config())
    artifact = Artifact(stage="crawl", key="k", digest="d")
    record.stages = [StageRecord(artifact=artifact, cached=False, why="", seconds=1, counts={f"g{NASTY}": 2})]
    tables = (
        console.predictions_table(predictions),
        console.stage_table(record),
    )
    for table in tables:
        Console(file=sys.stdout, width=300).print(table)
    printed = capsys.readouterr().out
    assert all(letter + SHOWN in printed for letter in "abcdg")
    assert "\x1b" not in printed


def test_the_label_of_a_bar_shows_control_characters_and_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    monkeypatch.setattr(console, "errors", Console(file=output, force_terminal=True, width=200, color_system=None))
    with console.Bars() as bars, bars.progress(f"h{NASTY}", 2) as advance:
        advance(1)
        bars._bars.refresh()
    assert f"h{SHOWN}" in output.getvalue()
    assert "\x1b[2J" not in output.getvalue()


def test_python_output_beside_native_output_has_any_encoding(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    with console.native_output(tmp_path / "native.log"):
        print("a — b", file=sys.stderr)
    assert capfd.readouterr().err == "a \\u2014 b\n"


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


def test_a_wide_table_has_one_line_for_each_row_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_wide(console.text_table(["arm", "difference"], [["[name] " + "x" * 90, "+0.3 (-1.1 to 1.8)"]]))
    head, row, *rest = capsys.readouterr().out.splitlines()
    assert row.split() == ["[name]", "x" * 90, "+0.3", "(-1.1", "to", "1.8)"]
    assert head.split() == ["arm", "difference"]
    assert not rest
