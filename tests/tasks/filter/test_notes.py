"""What the filter says about photos and classes that it doesn't use as given."""

from pathlib import Path

import pytest

from configs.schema import FilterConfig
from tasks.filter import faces
from tasks.filter.notes import listed
from tasks.store.errors import UserError
from tasks.text import percent
from tests.helpers.filtering import CrawledPhotos, jpeg
from tests.helpers.unusual_photos import encode, scene


def test_a_class_without_a_readable_photo_is_named(crawled: CrawledPhotos) -> None:
    crawled.add("c", b"nothing")
    crawled.filter()
    why = "1 unreadable (their files are damaged, or no photos)"
    assert crawled.notes == [f"class c has no photo left ({why}), and the model will not know it"]


def test_many_vanished_classes_are_counted_and_the_first_ones_named(crawled: CrawledPhotos) -> None:
    for number in range(9):
        crawled.add(f"rare{number}", b"nothing %d" % number)
    crawled.filter()
    assert len(crawled.notes) == 1
    assert crawled.notes[0].startswith(
        "9 classes have no photo left, and the model will not know them: rare0 (1 unreadable"
    )
    assert crawled.notes[0].endswith("; and 4 more")


def test_a_class_with_nothing_to_train_on_is_named(crawled: CrawledPhotos) -> None:
    first, _, _ = crawled.filter()
    tested = first[(first["label"] == "a") & (first["split"] == "test")]["photo"].tolist()
    crawled.rows = [row for row in crawled.rows if row["label"] == "b" or row["photo"] in tested]
    for seed in range(100, 110):
        crawled.add("c", jpeg(seed))
    _, rejected, _ = crawled.filter()
    assert set(rejected["reason"]) == {"nothing to train on"}
    assert f"class a has no photo left ({len(tested)} nothing to train on" in crawled.notes[0]


def test_losses_for_several_reasons_are_named_if_they_are_many_together(crawled: CrawledPhotos) -> None:
    for number in range(3):
        crawled.add("a", b"nothing %d" % number)
    for number in range(4):
        crawled.add("a", encode(scene(number).point(lambda level: level // 6)))
    crawled.filter()
    assert crawled.notes == [
        f"more than {percent(1 / 3, 0)} of the photos of a class or of all photos are rejected: a (7 of 17: "
        "4 too dark (filter.dark_level=null keeps them), 3 unreadable (their files are damaged, or no photos))"
    ]


def test_checks_that_the_user_switched_on_reject_all_that_fail_and_say_so(
    crawled: CrawledPhotos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faces, "count", lambda pixels, model: int(pixels[..., 0].mean()) % 2)
    _, rejected, _ = crawled.filter(FilterConfig(faces=(1, 1)))
    assert set(rejected["reason"]) == {"faces"}
    assert "faces (filter.faces=null keeps them)" in crawled.notes[0]


def test_exact_copies_in_a_class_are_rejected_without_a_warning(crawled: CrawledPhotos) -> None:
    for seed in range(20):
        crawled.add("ab"[seed % 2], jpeg(seed), f"copy {seed}.jpg")
    kept, rejected, _ = crawled.filter()
    assert len(kept) == 20
    assert set(rejected["reason"]) == {"duplicate"}
    assert crawled.notes == []


def test_without_two_classes_the_error_says_what_each_class_lost(tmp_path: Path) -> None:
    crawled = CrawledPhotos(tmp_path)
    for seed in range(8):
        crawled.add("good", jpeg(seed))
    for seed in range(3):
        crawled.add("dark", encode(scene(seed).point(lambda level: level // 6)))
    with pytest.raises(UserError, match=r"dark lost 3 too dark \(filter\.dark_level=null keeps them\)"):
        crawled.filter(FilterConfig(max_rejected=1))


def test_without_a_test_photo_the_error_says_what_was_rejected(tmp_path: Path) -> None:
    crawled = CrawledPhotos(tmp_path)
    for label, seed in (("a", 1), ("b", 2)):
        for quality in range(60, 70):
            crawled.add(label, jpeg(seed, quality=quality))
    with pytest.raises(
        UserError, match=r"of 20 photos the filter rejected 18: 18 near duplicate \(filter\.duplicate_bits=null keeps"
    ):
        crawled.filter(FilterConfig(max_rejected=1))


def test_names_are_listed_up_to_five() -> None:
    assert listed("abc") == "a, b, c"
    assert listed("abcdefg") == "a, b, c, d, e, and 2 more"
    assert listed("abcde", 9) == "a, b, c, d, e, and 4 more"


def test_names_are_shown_as_they_can_be_printed(crawled: CrawledPhotos) -> None:
    crawled.add("a\x1b[2J", b"nothing")
    crawled.filter()
    assert crawled.notes[0].startswith(r"class a\x1b[2J has no photo left")
