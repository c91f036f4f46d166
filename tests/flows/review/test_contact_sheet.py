"""The contact sheet on the disk."""

from pathlib import Path
from typing import Any

import pytest

from flows.review import items
from flows.review.contact_sheet import export
from tasks.store.errors import UserError
from tests.helpers.review import Doubtful


def test_a_contact_sheet_has_every_doubt_and_its_picture_beside_it(page: Any, tmp_path: Path) -> None:
    page.decide(page.rows()[5], "move", to="dog")
    written = export(page.root, page.sheet, tmp_path / "sheet", title="demo")
    html = written.read_text()
    assert html.count('<li class="card">') == 6
    assert html.count("<img") == 7  # and a twin
    assert all((tmp_path / "sheet" / f"pictures/{photo}.jpg").exists() for photo in page.sheet.files)
    assert "moved to dog" in html
    assert "4, threshold 10" in html
    assert "<script" not in html
    assert "1 of 6 settled" in html


def test_hostile_names_stay_text(doubtful: Doubtful, tmp_path: Path) -> None:
    text = "<script>alert(1)</script>"
    folder = doubtful.publish([{"photo": 0, "label": text, "name": text, "reason": text, "suggestion": text + "!"}])
    html = export(doubtful.data, items.read(folder, "demo"), tmp_path / "sheet", title=text).read_text()
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_photos_that_are_gone_are_said_to_be(page: Any, tmp_path: Path) -> None:
    (page.root / page.sheet.files[page.rows()[0]["photo"]]).unlink()
    assert "can't be shown" in export(page.root, page.sheet, tmp_path / "sheet", title="demo").read_text()


def test_nothing_is_overwritten(page: Any, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("mine")
    with pytest.raises(UserError, match="give --export a new folder"):
        export(page.root, page.sheet, tmp_path / "mine", title="demo")
    assert (tmp_path / "mine" / "index.html").read_text() == "mine"
