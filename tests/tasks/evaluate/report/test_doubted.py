"""The gallery of photos whose label may be wrong."""

from pathlib import Path

import pandas as pd

from tasks import tables
from tasks.evaluate.report import page
from tasks.evaluate.report.data import EvaluationFiles
from tasks.evaluate.report.doubted import doubted_gallery
from tasks.evaluate.to_review import DOUBTED
from tasks.store.atomic import write_json
from tasks.text import percent
from tests.helpers.report import HOSTILE, NAMES, report_files


def doubt(files: EvaluationFiles, photos: list[str]) -> None:
    """Write that the training doubts the labels of photos, and takes the second class for right."""
    rows = [{"photo": photo, "label": NAMES[0], "suggestion": NAMES[1], "doubt": 0.987} for photo in photos]
    tables.LABEL_ISSUES.write(pd.DataFrame(rows, columns=tables.LABEL_ISSUES.names), files.parent("classifier"))
    write_json(tables.NOTES.path(files.folder), {DOUBTED: photos})


def test_the_photos_of_the_notes_are_shown_in_their_order(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    doubt(files, ["0003", "0001", "0002"])
    shown = doubted_gallery(files, 2)
    assert [row["name"] for row in shown] == [f"{NAMES[0]}/3", f"{NAMES[0]}/1"]
    values = {(row["label"], row["suggestion"], row["doubt"]) for row in shown}
    assert values == {(NAMES[0], NAMES[1], percent(0.987, 0))}
    assert all(row["picture"].startswith("data:image/") for row in shown)
    assert doubted_gallery(files, 0) == []


def test_the_page_has_the_gallery_and_escapes_its_names(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    assert 'id="doubted"' not in page.html(files, {})
    doubt(files, ["0003"])
    html = page.html(EvaluationFiles(files.folder, files.root), {})
    gallery = html[html.index('id="doubted"') :]
    assert "1 shown" in gallery
    assert HOSTILE not in html
    assert "&lt;script&gt;" in gallery
