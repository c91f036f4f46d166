"""The heading of the report, and the decision that is filled in later."""

from pathlib import Path

import pytest

from tasks import tables
from tasks.evaluate.findings import RUN
from tasks.evaluate.report.decision import Decided, read_decision, show_decision
from tasks.evaluate.report.heading import heading
from tasks.evaluate.report.write import write_report
from tasks.evaluate.view_record import ViewRecord, report_inputs
from tasks.store.atomic import write_json
from tests.helpers.report import HOSTILE, report_files

CHAMPION = Decided(title="champion", is_champion=True, reason=f"it is better {HOSTILE}")


def test_it_names_the_run_and_shows_wrong_answers_before_right_ones(tmp_path: Path) -> None:
    files = report_files(tmp_path, ["cat", "dog", "eel"])
    write_json(tables.evaluate.NOTES.path(files.folder), {RUN: ["pets", "default"]})
    found = heading(files)
    assert (found["name"], found["preset"]) == ("pets", "default")
    assert [(each["label"], each["predicted"]) for each in found["strip"][:3]] == [
        ("cat", "dog"),
        ("cat", "dog"),
        ("cat", "cat"),
    ]
    assert len(found["strip"]) == 8
    assert [row["name"] for row in found["scores"]][:1] == [files.metrics["headline"]]
    assert len(found["scores"]) == 3


@pytest.mark.slow
def test_a_decision_is_filled_into_the_page_and_the_page_stays_valid(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    report = write_report(files.folder, tmp_path)
    before = report.read_text()
    show_decision(files.folder, CHAMPION)
    after = report.read_text()
    assert '<span class="badge good">champion</span>' not in before
    assert '<span class="badge good">champion</span>' in after
    assert HOSTILE not in after
    record = ViewRecord.read(tables.evaluate.REPORTED.path(files.folder))
    assert record is not None
    assert record.is_valid(files.folder, report_inputs(files.folder), verify=True)
    show_decision(files.folder, Decided(title="not the champion", is_champion=False, reason=""))
    assert "champion</span>" in report.read_text()
    assert "badge good" not in report.read_text()


@pytest.mark.slow
def test_a_report_that_is_written_again_shows_the_decision_again(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    write_report(files.folder, tmp_path)
    show_decision(files.folder, CHAMPION)
    assert "badge good" in write_report(files.folder, tmp_path).read_text()


def test_a_damaged_decision_is_none(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    tables.evaluate.DECISION.path(files.folder).write_bytes(b"{")
    assert read_decision(files.folder) is None
