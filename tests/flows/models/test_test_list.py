"""The pinned list of test photos."""

from pathlib import Path

import pandas as pd
import pytest

from flows.models import test_list as lists
from tasks.filter.review_log import Decision, ReviewKey


def kept(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """Kept photos: photo, label, split."""
    frame = pd.DataFrame(rows, columns=["photo", "label", "split"])
    return frame.assign(file="photos/" + frame["photo"] + ".jpg", group=frame["photo"], name=frame["photo"])


FIRST = kept(("a", "cat", "test"), ("b", "dog", "test"), ("c", "dog", "train"))


def test_the_first_run_pins_its_test_photos() -> None:
    pinned = lists.pin(FIRST, 3)
    assert pinned[["photo", "label", "since"]].to_numpy().tolist() == [["a", "cat", 3], ["b", "dog", 3]]


def test_new_test_photos_and_classes_join_and_gone_photos_stay() -> None:
    later = kept(("b", "dog", "test"), ("d", "fox", "test"), ("e", "fox", "val"))
    growth = lists.grow(lists.pin(FIRST, 3), later, ["b", "c", "d", "e"], {}, 7)
    assert growth.rows[["photo", "since"]].to_numpy().tolist() == [["a", 3], ["b", 3], ["d", 7]]
    assert growth.settled["photo"].tolist() == ["a", "b"]
    assert (growth.candidates, growth.gone) == ({"d"}, {"a"})
    assert [*growth.notes()] == ["1 of 3 listed photos is gone from the crawl; they still count"]


def test_a_label_follows_a_person_but_not_the_source() -> None:
    later = kept(("a", "dog", "test"), ("b", "cat", "test"))
    decisions = [Decision(ReviewKey("a", "cat"), "move", "dog"), Decision(ReviewKey("b", "dog"), "keep")]
    growth = lists.grow(lists.pin(FIRST, 3), later, ["a", "b"], {each.key: each for each in decisions}, 7)
    assert dict(zip(growth.rows["photo"], growth.rows["label"], strict=True)) == {"a": "dog", "b": "dog"}
    assert (growth.relabelled, growth.disputed) == (1, 1)
    disputed, relabelled = growth.notes()
    assert disputed.startswith("1 of 2 listed photos is in another class now; the list keeps their classes")
    assert relabelled == "1 of 2 listed photos is in another class, as decided in `fluke review`"


def test_a_photo_that_a_person_rejects_leaves() -> None:
    decision = Decision(ReviewKey("a", "cat"), "reject")
    growth = lists.grow(lists.pin(FIRST, 3), kept(("b", "dog", "test")), ["a", "b"], {decision.key: decision}, 7)
    assert growth.rows["photo"].tolist() == ["b"]
    assert [*growth.notes()] == ["1 photo has left the test list, rejected in `fluke review`"]


def test_a_list_is_stored_twice_and_restored(tmp_path: Path) -> None:
    pinned = lists.PinnedList(tmp_path, "my whales")
    assert pinned.read() is None
    rows = lists.pin(FIRST, 3)
    pinned.write(rows)
    (stored,) = (tmp_path / lists.FOLDER).rglob("*.parquet")
    stored.write_bytes(b"damaged")
    found = lists.PinnedList(tmp_path, "my whales").read()
    assert found is not None
    pd.testing.assert_frame_equal(found, rows, check_dtype=False)
    pinned.write(lists.grow(rows, kept(("d", "fox", "test")), [], {}, 7).rows)
    assert len(lists.PinnedList(tmp_path, "my whales").read()) == 3  # type: ignore[arg-type]


def test_files_of_all_lists_are_known(tmp_path: Path) -> None:
    lists.PinnedList(tmp_path, "whales").write(lists.pin(FIRST, 3))
    lists.PinnedList(tmp_path, "birds").write(lists.pin(kept(("d", "owl", "test")), 5))
    assert lists.files(tmp_path) == {tmp_path / f"photos/{name}.jpg" for name in "abd"}


@pytest.mark.parametrize(("photo", "changed"), [("a", 1), ("z", 0)])
def test_a_forgotten_photo_is_in_no_copy_of_a_list(photo: str, changed: int, tmp_path: Path) -> None:
    pinned = lists.PinnedList(tmp_path, "whales")
    rows = lists.pin(FIRST, 3)
    pinned.write(rows)
    pinned.write(rows.assign(since=4))
    assert lists.forget(tmp_path, [photo]) == changed
    copies = [pd.read_parquet(path) for path in tmp_path.rglob("*.parquet")]
    assert len(copies) == 2
    assert all(photo not in set(copy["photo"]) for copy in copies)
