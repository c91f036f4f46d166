"""The gallery of photos whose label may be wrong."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate import explain
from tasks.evaluate.present import present
from tasks.evaluate.report import page
from tasks.evaluate.report.data import EvaluationFiles
from tasks.evaluate.report.doubted import doubted_gallery
from tasks.evaluate.to_review import DOUBTED, doubted_photos
from tasks.evaluate.view_record import ViewRecord
from tasks.store import hashing
from tasks.store.atomic import write_json
from tasks.store.context import StageContext
from tasks.text import percent
from tests.helpers import stored_tables
from tests.helpers.report import HOSTILE, NAMES, report_files


def doubt(files: EvaluationFiles, photos: list[str]) -> None:
    """Write that the training doubts the labels of photos, and takes the second class for right."""
    rows = [{"photo": photo, "label": NAMES[0], "suggestion": NAMES[1], "doubt": 0.987} for photo in photos]
    tables.train.LABEL_ISSUES.write(
        pd.DataFrame(rows, columns=tables.train.LABEL_ISSUES.names), files.parent("classifier")
    )
    write_json(tables.evaluate.NOTES.path(files.folder), {DOUBTED: photos})


def test_the_photos_of_the_notes_are_shown_in_their_order(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    doubt(files, ["0003", "0001", "0002"])
    shown = doubted_gallery(files, 2)
    assert [row["name"] for row in shown] == [f"{NAMES[0]}/3", f"{NAMES[0]}/1"]
    values = {(row["label"], row["suggestion"], row["doubt"]) for row in shown}
    assert values == {(NAMES[0], NAMES[1], percent(0.987, 0))}
    assert all(row["picture"].startswith("data:image/") for row in shown)
    assert doubted_gallery(files, 0) == []


@pytest.mark.slow
def test_the_page_has_the_gallery_and_escapes_its_names(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    assert 'id="doubted"' not in page.html(files, {})
    doubt(files, ["0003"])
    html = page.html(EvaluationFiles(files.folder, files.root), {})
    gallery = html[html.index('id="doubted"') :]
    assert "1 shown" in gallery
    assert HOSTILE not in html
    assert "&lt;script&gt;" in gallery


@pytest.mark.slow
def test_another_number_of_labels_writes_only_the_report_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = report_files(tmp_path)
    doubt(files, ["0003", "0001", "0002"])
    names = ("photos", "kept", "tiles", "encoder", "classifier")
    folders = {name: files.parent(name) for name in names} | {"features": files.parent("tiles")}
    stored_tables.write(tables.filter.REVIEW, pd.DataFrame([{"photo": "0001", "decision": "keep"}]), folders["kept"])
    made_from = {"gallery": 5, "layer_images": 0, "seed": 0, "source": hashing.of_source("tasks.evaluate.explain")}
    ViewRecord.of(files.folder, [], made_from).write(tables.evaluate.EXPLAINED.path(files.folder))
    made_from = {"abstain": None, "set_coverage": 0.9, "robustness": 0, "seed": 0}
    made_from |= {"source": hashing.of_source("tasks.evaluate.diagnose.diagnose")}
    ViewRecord.of(files.folder, [], made_from).write(tables.evaluate.DIAGNOSED.path(files.folder))
    monkeypatch.setattr(explain, "explain", lambda *_, **__: pytest.fail("the explanations are made again"))
    context = StageContext(
        root=files.root,
        out=files.folder,
        pools=files.root,
        photos=files.root,
        source="",
        executor=ThreadPoolExecutor(1),
    )
    for most, expected in ((1, ["0003"]), (5, ["0003", "0002"]), (0, [])):
        config = EvaluateConfig(gallery=5, layer_images=0, label_issues=most)
        present(config, files.folder, **folders, context=context)
        assert doubted_photos(files.folder) == expected
        assert tables.evaluate.REPORT.path(files.folder).read_text().count(", rather <b>") == len(expected)
