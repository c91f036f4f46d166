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
    assert "the fingerprints differ in 4 bits" in html
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


@pytest.mark.parametrize("name", ["sheet.html", "사진.HTM"])
def test_the_name_of_a_file_is_refused(page: Any, tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=f"not one file; give --export a folder, such as .*/{Path(name).stem}$"):
        export(page.root, page.review_list, tmp_path / name, title="demo")
    assert not (tmp_path / name).exists()
    export(page.root, page.review_list, tmp_path / "2026.11", title="demo")


def test_nothing_is_overwritten(page: Any, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("mine")
    with pytest.raises(UserError, match="give --export a new folder"):
        export(page.root, page.review_list, tmp_path / "mine", title="demo")
    assert (tmp_path / "mine" / "index.html").read_text() == "mine"


@pytest.mark.parametrize("exists", [False, True])
def test_a_full_disk_leaves_nothing_and_names_the_folder(
    page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exists: bool
) -> None:
    sheet = tmp_path / "sheet"
    if exists:
        sheet.mkdir()
    written: list[Path] = []
    write = Path.write_bytes

    def fill(path: Path, data: bytes) -> int:
        written.append(path)
        if len(written) > 3:
            raise OSError(28, "No space left on device", str(path))
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(OSError, match="No space left") as failed:
        export(page.root, page.review_list, sheet, title="demo")
    assert failed.value.filename == str(sheet)
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("data", "photos")] == ["sheet"] * exists
    assert not exists or list(sheet.iterdir()) == []


def test_ctrl_c_leaves_nothing_and_the_other_photos_are_not_encoded(
    page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.review import contact_sheet

    def interrupt(*_: Any) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(contact_sheet, "_page", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export(page.root, page.review_list, tmp_path / "sheet", title="demo")
    assert {path.name for path in tmp_path.iterdir()} == {"data", "photos"}


def test_what_a_killed_export_has_left_is_not_in_the_way(page: Any, tmp_path: Path) -> None:
    (tmp_path / "sheet" / ".partial-files-x" / "pictures").mkdir(parents=True)
    assert export(page.root, page.review_list, tmp_path / "sheet", title="demo").exists()


@pytest.mark.parametrize("below", ["photos", "artifacts/filter/sheet", "runs/sheet"])
def test_the_folders_of_the_data_folder_are_refused(page: Any, below: str) -> None:
    before = sorted(page.root.rglob("*"))
    with pytest.raises(UserError, match="give --export"):
        export(page.root, page.review_list, page.root / below, title="demo")
    assert sorted(page.root.rglob("*")) == before


def test_a_file_is_refused_and_kept(page: Any, tmp_path: Path) -> None:
    (tmp_path / "sheet").write_text("mine")
    with pytest.raises(UserError, match="is a file; give --export a new folder"):
        export(page.root, page.review_list, tmp_path / "sheet", title="demo")
    assert (tmp_path / "sheet").read_text() == "mine"
