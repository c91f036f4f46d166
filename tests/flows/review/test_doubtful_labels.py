"""The labels that the newest training doubts, beside what the filter lists."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from configs.schema import Config, EvaluateConfig
from flows.review import contact_sheet, doubtful_labels
from flows.review.current import CurrentList
from flows.review.doubtful_labels import REASON
from flows.review.items import ReviewList
from tasks import tables
from tasks.filter import review_log
from tasks.filter.review_log import Decision, ReviewKey
from tasks.store.manifest import Manifest
from tests.helpers.review import ReviewFolder, outcome

DOUBTS = [(4, "cat", 0.98765), (1, "dog", 0.9), (3, "cat", 0.6)]


def current(folder: ReviewFolder, most: int = 50, **crawl: Any) -> CurrentList:
    update = {"evaluate": EvaluateConfig(label_issues=most)}
    if crawl:
        update["crawl"] = folder.config.crawl.model_copy(update=crawl)
    config: Config = folder.config.model_copy(update=update)
    return CurrentList(folder.data, config, "demo")


def shown(listed: ReviewList) -> list[tuple[str, str, str | None]]:
    return [(item.reason, item.name, item.suggestion) for item in listed.items]


def key_of(folder: ReviewFolder, number: int) -> ReviewKey:
    row = folder.crawl().iloc[number]
    return ReviewKey(row["photo"], row["label"])


def test_doubtful_labels_come_first_with_their_suggestions(review_folder: ReviewFolder, open_page: Any) -> None:
    review_folder.train(review_folder.publish([{"photo": 0}]), DOUBTS)
    listed = current(review_folder).read()
    names = review_folder.crawl()["name"]
    assert shown(listed) == [
        (REASON, names[4], "cat"),
        (REASON, names[1], "dog"),
        (REASON, names[3], "cat"),
        ("blurred", names[0], None),
    ]
    page = open_page(review_folder.data, listed)
    rows = page.rows("state=open")
    assert [row["score"] for row in rows] == [
        "judged by other photos, it is “dog” with 1\u00a0%",
        "judged by other photos, it is “cat” with 10\u00a0%",
        "judged by other photos, it is “dog” with 40\u00a0%",
        "the sharpness is 0.5; less than 1 is blurred",
    ]
    assert page.get(f"picture/{rows[0]['photo']}/small").status_code == 200  # only the training lists it
    assert outcome(page.decide(rows[0], "move", to="cat")) == "written"
    assert review_log.read(review_folder.data) == {
        key_of(review_folder, 4): Decision(key_of(review_folder, 4), "move", "cat")
    }
    assert "photos of the test are not judged" in page.get("").text


def test_a_photo_that_the_filter_lists_is_not_listed_twice(review_folder: ReviewFolder) -> None:
    published = review_folder.publish(
        [{"photo": 1, "kept": True}, {"photo": 4, "kept": True, "reason": "wrong label", "suggestion": "bird"}]
    )
    review_folder.train(published, DOUBTS)
    names = review_folder.crawl()["name"]
    assert shown(current(review_folder).read()) == [
        (REASON, names[3], "cat"),
        ("blurred", names[1], "dog"),
        ("wrong label", names[4], "bird"),
    ]


@pytest.mark.parametrize("action", ["keep", "reject", "move"])
def test_a_decided_photo_is_not_shown_again_and_makes_room_for_another(
    review_folder: ReviewFolder, open_page: Any, action: Any
) -> None:
    review_folder.train(review_folder.publish([]), DOUBTS)
    first = current(review_folder, 1).read()
    assert [item.key for item in first.items] == [key_of(review_folder, 4)]
    made = Decision(key_of(review_folder, 4), action, "cat" if action == "move" else "")
    review_log.add(review_folder.data, [made])
    page = open_page(review_folder.data, current(review_folder, 1).read())
    assert [row["photo"] for row in page.rows("state=open")] == [key_of(review_folder, 1).photo]
    assert [row["photo"] for row in page.rows("state=reviewed")] == [key_of(review_folder, 4).photo]


def test_only_so_many_are_listed(review_folder: ReviewFolder) -> None:
    published = review_folder.publish([{"photo": 0}])
    review_folder.train(published, DOUBTS)
    assert len(current(review_folder, 2).read().items) == 3
    assert [item.reason for item in current(review_folder, 0).read().items] == ["blurred"]


def test_without_a_finished_training_the_filter_alone_lists(review_folder: ReviewFolder) -> None:
    review_folder.publish([{"photo": 0}])
    listed = current(review_folder).read()
    assert [item.reason for item in listed.items] == ["blurred"]
    assert listed.training is None


def test_a_training_of_an_earlier_version_lists_nothing(review_folder: ReviewFolder) -> None:
    training = review_folder.train(review_folder.publish([{"photo": 0}]), DOUBTS)
    tables.train.LABEL_ISSUES.path(training).unlink()
    assert [item.reason for item in current(review_folder).read().items] == ["blurred"]


def test_photos_of_the_test_and_photos_that_are_no_longer_kept_are_not_listed(review_folder: ReviewFolder) -> None:
    published = review_folder.publish([])
    training = review_folder.train(published, DOUBTS)
    by_filter = current(review_folder, 0).read()
    kept = tables.filter.KEPT.read(published)
    kept.loc[kept["photo"] == key_of(review_folder, 4).photo, "split"] = "test"
    tables.filter.KEPT.write(kept[kept["photo"] != key_of(review_folder, 1).photo], published)
    listed = doubtful_labels.add(by_filter, training, 50, ())
    assert [item.key for item in listed.items] == [key_of(review_folder, 3)]


def test_a_training_on_other_photos_is_ignored(review_folder: ReviewFolder, tmp_path: Path) -> None:
    published = review_folder.publish([{"photo": 0}])
    review_folder.train(published, DOUBTS)
    elsewhere = ReviewFolder(review_folder.data, tmp_path / "others")
    (tmp_path / "others").symlink_to(review_folder.photos)
    other = elsewhere.publish([{"photo": 2}])
    found = doubtful_labels.newest_training(review_folder.store, Manifest.read(other).artifact)
    assert found is None
    assert doubtful_labels.newest_training(review_folder.store, Manifest.read(published).artifact)


def test_the_newest_training_counts_and_an_open_page_is_told(review_folder: ReviewFolder, open_page: Any) -> None:
    published = review_folder.publish([])
    review_folder.train(published, DOUBTS)
    now = current(review_folder)
    page = open_page(review_folder.data, now.read(), newer=now.newer)
    assert now.newer(now.read()) is None
    review_folder.train(published, [(5, "cat", 0.7)])
    newer = now.newer(page.review_list)
    assert newer is not None
    assert [item.key for item in newer.items] == [key_of(review_folder, 5)]
    assert page.get("news?list=0").json()["outdated"]


def test_the_first_training_is_news_for_a_page_without_one(review_folder: ReviewFolder) -> None:
    published = review_folder.publish([])
    now = current(review_folder)
    before = now.read()
    review_folder.train(published, DOUBTS)
    newer = now.newer(before)
    assert newer is not None
    assert len(newer.items) == 3


def test_the_contact_sheet_has_them(review_folder: ReviewFolder, tmp_path: Path) -> None:
    review_folder.train(review_folder.publish([]), DOUBTS[:1])
    listed = current(review_folder).read()
    page = contact_sheet.export(review_folder.data, listed, tmp_path / "sheet", title="demo").read_text()
    assert REASON in page
    assert "suggestion: <bdi>cat</bdi>" in page
    assert "photos of the test are not judged" in page
    assert page.count("<img ") == 1


@pytest.mark.slow
def test_the_next_filter_applies_the_decision_and_the_doubt_is_gone(
    review_folder: ReviewFolder, open_page: Any
) -> None:
    for number, path in enumerate(sorted(review_folder.photos.glob("*/*"))):  # sharp, so that the filter lists none
        cells = np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)
        cv2.imwrite(str(path), np.repeat(np.repeat(cells, 8, axis=0), 8, axis=1))
    kept_folder = review_folder.filter()
    labels = review_folder.crawl()["label"]
    review_folder.train(kept_folder, [(i, "cat" if label == "dog" else "dog", 0.9) for i, label in enumerate(labels)])
    page = open_page(review_folder.data, current(review_folder).read())
    moved, rejected, kept, *others = page.rows("state=open")
    page.decide(moved, "move", to=moved["suggestion"])
    page.decide(rejected, "reject")
    page.decide(kept, "keep")
    now = tables.filter.KEPT.read(review_folder.filter()).set_index("photo")["label"]
    assert now[moved["photo"]] == moved["suggestion"]
    assert now[kept["photo"]] == kept["label"]
    assert rejected["photo"] not in now
    again = open_page(review_folder.data, current(review_folder).read())
    assert [row["photo"] for row in again.rows("state=open")] == [row["photo"] for row in others]
    assert others
