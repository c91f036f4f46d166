"""The page by HTTP: photos, answers, undo, restarts, other people, and wrong input."""

from pathlib import Path
from typing import Any

import pytest

from flows.label.labels import Answer, LabelFiles
from flows.label.photos import require_folder
from tasks.store.errors import UserError
from tests.flows.label.conftest import KINDS, TOKEN, LabelPage


def kind_of(row: dict[str, Any]) -> str:
    return str(row["name"].split()[0])


def test_after_some_labels_the_right_class_is_proposed(page: LabelPage) -> None:
    state = page.state()
    assert len(state["next"]) == 3
    assert state["next"][0]["proposals"] == []
    right = []
    for _ in range(12):
        row = state["next"][0]
        if row["proposals"]:
            right.append(row["proposals"][0]["label"] == kind_of(row))
        state = page.answer(row, label=kind_of(row)).json()
    assert right
    assert all(right)
    assert state["next"] == []
    assert state["counts"]["label"] == 12
    assert sorted(state["classes"]) == sorted(KINDS)


def test_a_second_start_goes_on_and_skipped_photos_come_last(page: LabelPage, open_page: Any) -> None:
    rows = []
    for kind in ("label", "none", "skipped"):
        rows.append(page.state()["next"][0])
        assert page.answer(rows[-1], kind, "dog" if kind == "label" else "").status_code == 200
    again = open_page(page.folder, looked=False)
    state = again.state()
    assert state["counts"] | {"known": 0} == {
        "total": 12,
        "unreadable": 0,
        "known": 0,
        "label": 1,
        "none": 1,
        "skipped": 1,
    }
    assert not state["undoable"]
    seen = []
    while state["next"]:
        seen.append(state["next"][0])
        state = again.answer(seen[-1], label="dog").json()
    assert len(seen) == 10
    assert (seen[-1]["photo"], seen[-1]["answer"]) == (rows[2]["photo"], {"kind": "skipped", "label": ""})
    assert again.files.read()[rows[1]["name"]] == Answer("none")


def test_undo_brings_photos_back_the_last_first(page: LabelPage) -> None:
    rows = []
    for label in ("dog", "cat"):
        rows.append(page.state()["next"][0])
        page.answer(rows[-1], label=label)
    for row in reversed(rows):
        assert page.post("undo").json()["next"][0]["photo"] == row["photo"]
    assert page.files.read() == {}
    assert page.post("undo").status_code == 400


def test_what_somebody_else_answered_is_not_replaced_and_not_asked_again(page: LabelPage) -> None:
    first, second, _ = page.state()["next"]
    others = LabelFiles(page.files.path)
    others.answer(first["name"], Answer("label", "새"), None)
    others.answer(second["name"], Answer("none"), None)
    response = page.answer(first, label="dog")
    assert response.status_code == 409
    assert response.json()["error"] == "answered elsewhere meanwhile: 새"
    state = response.json()["state"]
    assert not {first["photo"], second["photo"]} & {row["photo"] for row in state["next"]}
    assert state["classes"] == ["새"]
    assert page.files.read()[first["name"]] == Answer("label", "새")


def test_a_photo_that_was_deleted_can_be_skipped(page: LabelPage) -> None:
    row = page.state()["next"][0]
    (page.folder / row["name"]).unlink()
    assert page.client.get(f"/{TOKEN}/picture/{row['photo']}/large").status_code == 404
    assert page.answer(row, "skipped").status_code == 200


def test_pictures_are_encoded_again(page: LabelPage) -> None:
    row = page.state()["next"][0]
    response = page.client.get(f"/{TOKEN}/picture/{row['photo']}/large")
    assert response.headers["content-type"].startswith("image/")
    assert page.client.get(f"/{TOKEN}/picture/{'0' * 64}/large").status_code == 404


def test_wrong_requests(page: LabelPage) -> None:
    row = page.state()["next"][0]
    good = {"photo": row["photo"], "kind": "label", "label": "dog", "shown": None}
    for bad in [
        {},
        good | {"photo": "0" * 64},
        good | {"kind": "keep"},
        good | {"kind": "none", "label": 3},
        good | {"label": " "},
        good | {"label": "a\nb"},
        good | {"shown": "no"},
        good | {"shown": {"kind": "label", "label": ""}},
        {name: value for name, value in good.items() if name != "shown"},
    ]:
        assert page.post("answer", bad).status_code == 400, bad
    assert page.post("answer", good, Origin="http://evil.example").status_code == 403
    assert page.client.get("/other/state").status_code == 404
    assert page.files.read() == {}


def test_a_damaged_file_is_said_and_left_as_it_is(page: LabelPage) -> None:
    row = page.state()["next"][0]
    page.files.path.write_text("Image,Id\nbroken\n")
    response = page.answer(row, label="dog")
    assert response.status_code == 409
    assert "line 2" in response.json()["error"]
    assert page.files.path.read_text() == "Image,Id\nbroken\n"


def test_markup_in_names_stays_text(folder: Path, open_page: Any) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    page = open_page(folder.rename(folder.with_name("<b>")), classes=(hostile,))
    assert "<b>" not in page.client.get(f"/{TOKEN}/").text
    assert page.state()["classes"] == [hostile]
    for name in ("label.js", "label.css", "dom.js", "http.js", "keys.js", "picker.js", "page.css", "icon.svg"):
        assert page.client.get(f"/{TOKEN}/{name}").status_code == 200


def test_copies_are_asked_for_once_and_an_empty_folder_is_an_error(folder: Path, open_page: Any) -> None:
    (folder / "copy.png").write_bytes((folder / f"{KINDS[0]} 0.png").read_bytes())
    assert len(open_page(folder).photos) == 12
    empty = folder / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match="no photos"):
        open_page(empty)
    for wrong, message in ((folder / "copy.png", "is a file"), (folder / "gone", "no such file or folder")):
        with pytest.raises(UserError, match=message):
            require_folder(wrong)
