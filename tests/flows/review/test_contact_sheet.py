"""The contact sheet in a folder."""

from pathlib import Path
from typing import Any

import pytest

from flows.review import items
from flows.review.contact_sheet import export
from tasks.store.errors import UserError
from tests.helpers.review import ReviewFolder


def test_a_contact_sheet_has_all_photos_and_their_images(page: Any, tmp_path: Path) -> None:
    page.decide(page.rows()[5], "move", to="dog")
    written = export(page.root, page.review_list, tmp_path / "sheet", title="demo")
    html = written.read_text()
    assert html.count('<li class="card">') == 6
    assert html.count("<img") == 7  # with one duplicate
    assert all((tmp_path / "sheet" / f"pictures/{photo}.jpg").exists() for photo in page.review_list.files)
    assert "moved to dog" in html
    assert "4, threshold 10" in html
    assert "<script" not in html
    assert "1 of 6 reviewed" in html


def test_hostile_names_stay_text(review_folder: ReviewFolder, tmp_path: Path) -> None:
    text = "<script>alert(1)</script>"
    folder = review_folder.publish(
        [{"photo": 0, "label": text, "name": text, "reason": text, "suggestion": text + "!"}]
    )
    html = export(review_folder.data, items.read(folder, "demo"), tmp_path / "sheet", title=text).read_text()
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_missing_photos_are_marked(page: Any, tmp_path: Path) -> None:
    (page.root / page.review_list.files[page.rows()[0]["photo"]]).unlink()
    assert "can't be shown" in export(page.root, page.review_list, tmp_path / "sheet", title="demo").read_text()


def test_nothing_is_overwritten(page: Any, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("mine")
    with pytest.raises(UserError, match="give --export a new folder"):
        export(page.root, page.review_list, tmp_path / "mine", title="demo")
    assert (tmp_path / "mine" / "index.html").read_text() == "mine"
