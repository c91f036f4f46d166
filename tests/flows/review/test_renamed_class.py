"""A review, then the folder of a class is renamed: the decisions hold for the same photos."""

from pathlib import Path
from typing import Any

import pytest

from flows.review import items
from tasks.filter import review_log
from tasks.tables.filter import KEPT, REJECTED
from tests.helpers.pipeline import write_photos
from tests.helpers.review import ReviewFolder


@pytest.mark.slow
@pytest.mark.parametrize("new", ["bottle", "Black", "black (old)"])
def test_rejected_and_moved_photos_stay_so(tmp_path: Path, open_page: Any, new: str) -> None:
    write_photos(tmp_path / "photos", 30)
    folder = ReviewFolder(tmp_path / "data", tmp_path / "photos")
    crawled = folder.crawl()
    photos = crawled[crawled["label"] == "black"]["photo"].tolist()[:4]
    keys = [review_log.ReviewKey(photo, "black") for photo in photos]
    review_log.add(folder.data, [review_log.Decision(key, "keep") for key in keys])  # so that the page lists them
    page = open_page(folder.data, items.read(folder.filter(), "default"))
    rows = [row for row in page.rows() if row["photo"] in photos]
    for row in rows[:3]:
        page.decide(row, "reject")
    page.decide(rows[3], "move", to="white")

    def outcome() -> tuple[set[str], str]:
        out = folder.filter()
        rejected, kept = REJECTED.read(out), KEPT.read(out).set_index("photo")
        return set(rejected[rejected["reason"] == "by hand"]["photo"]), kept["label"].get(rows[3]["photo"], "")

    by_hand = {row["photo"] for row in rows[:3]}
    assert outcome() == (by_hand, "white")
    (folder.photos / "black").rename(folder.photos / new)
    assert outcome() == (by_hand, "white")
    page = open_page(folder.data, items.read(folder.filter(), "default"))
    decided = {row["photo"]: (row["label"], row["decision"]) for row in page.rows() if row["photo"] in photos}
    assert {label for label, _ in decided.values()} == {new}
    assert [made["action"] for _, made in (decided[row["photo"]] for row in rows)] == ["reject"] * 3 + ["move"]
    page.undo({"photo": rows[0]["photo"], "label": new})
    page.decide({"photo": rows[1]["photo"], "label": new}, "keep")
    assert outcome() == ({rows[2]["photo"]}, "white")
