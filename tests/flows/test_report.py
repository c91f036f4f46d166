"""`fluke report` writes the report of a run again."""

import pytest

from flows.run_records import find_run
from tasks import tables
from tasks.evaluate.view_record import ViewRecord
from tests.helpers.pipeline import Fluke

pytestmark = pytest.mark.slow


def test_the_report_of_the_last_run_is_written_again(copy: Fluke) -> None:
    folder = next((copy.data / "artifacts" / "evaluate").iterdir())
    report = tables.REPORT.path(folder)
    page = report.read_bytes()
    report.unlink()
    assert str(report) in copy("report")
    assert report.read_bytes() == page
    report.unlink()
    copy("report", find_run(copy.data).id)
    assert report.read_bytes() == page


def test_a_report_without_its_files_says_what_to_do(copy: Fluke) -> None:
    assert "no successful run or preset is called 'nothing'" in copy("report", "nothing", code=2)
    folder = next((copy.data / "artifacts" / "evaluate").iterdir())
    tables.EXPLAINED.path(folder).unlink()
    assert "no explanations for the report; run its preset again" in copy("report", code=2)
    tables.PHOTOS.path(next((copy.data / "artifacts" / "crawl").iterdir())).unlink()
    ViewRecord.of(folder, [], {"gallery": 1, "layer_images": 0}).write(tables.EXPLAINED.path(folder))
    assert tables.PHOTOS.name in (said := copy("report", code=2))
    assert "run default again" in said
