"""The mistakes of the model in use, and the photos that it is unsure of, beside what the filter lists."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from configs.schema import EvaluateConfig
from flows.review.current import CurrentList
from flows.review.doubtful_labels import REASON
from flows.review.model_doubts import MISTAKE, UNSURE
from tasks import tables
from tasks.filter import review_log
from tasks.filter.review_log import Decision, ReviewKey
from tasks.store.manifest import Manifest
from tests.helpers.review import ReviewFolder, write_classes

ANSWERS = [(0, "bird", 0.7), (1, "dog", 0.99), (2, None, 0.4), (3, "bird", 0.9), (4, None, 0.95), (5, None, 0.5)]


def current(folder: ReviewFolder, most: int = 50) -> CurrentList:
    config = folder.config.model_copy(update={"evaluate": EvaluateConfig(label_issues=most)})
    return CurrentList(folder.data, config, "demo 'crawl.path=a b'")


def shown(folder: ReviewFolder, most: int = 50) -> list[tuple[str, int, str | None]]:
    """The listed photos: reason, row of the crawl, suggestion."""
    rows = {key: number for number, key in enumerate(folder.crawl()["photo"])}
    return [(item.reason, rows[item.key.photo], item.suggestion) for item in current(folder, most).read().items]


def test_confident_mistakes_and_then_unsure_photos_come_last(review_folder: ReviewFolder) -> None:
    review_folder.publish([{"photo": 4}], tested=range(6))
    review_folder.evaluate(ANSWERS)
    assert shown(review_folder, 2) == [
        ("blurred", 4, None),
        (MISTAKE, 1, "dog"),
        (MISTAKE, 3, "bird"),
        (UNSURE, 2, None),
    ]


def test_of_a_small_test_only_the_least_sure_tenth_is_listed(tmp_path: Path) -> None:
    write_classes(tmp_path / "photos", {"cat": 11, "dog": 10})
    folder = ReviewFolder(tmp_path / "data", tmp_path / "photos")
    folder.publish([], tested=range(21))
    folder.evaluate([(number, None, 0.99 - number / 100) for number in range(21)])
    assert shown(folder) == [(UNSURE, 20, None), (UNSURE, 19, None), (UNSURE, 18, None)]


def test_photos_that_are_listed_already_or_learned_from_now_are_left_out(review_folder: ReviewFolder) -> None:
    kept = review_folder.publish([{"photo": 0}], tested={0, 3})
    review_folder.train(kept, [(1, "dog", 0.9)])
    review_folder.evaluate(ANSWERS[:4])
    assert shown(review_folder) == [(REASON, 1, "dog"), ("blurred", 0, None), (MISTAKE, 3, "bird")]


def test_the_evaluation_of_the_model_in_use_counts(review_folder: ReviewFolder) -> None:
    review_folder.publish([], tested=range(6))
    review_folder.evaluate([(0, "bird", 0.9)])
    review_folder.evaluate([(1, "bird", 0.9)])
    assert [number for _, number, _ in shown(review_folder)] == [1]


@pytest.mark.parametrize("most", [0, 50])
def test_without_a_model_or_with_0_the_filter_alone_lists(review_folder: ReviewFolder, most: int) -> None:
    review_folder.publish([{"photo": 4}], tested=range(6))
    if not most:
        review_folder.evaluate(ANSWERS)
    assert shown(review_folder, most) == [("blurred", 4, None)]


def test_a_decided_photo_makes_room_for_the_next_one(review_folder: ReviewFolder, open_page: Any) -> None:
    review_folder.publish([], tested=range(6))
    review_folder.evaluate(ANSWERS)
    [first, *_] = current(review_folder, 1).read().items
    review_log.add(review_folder.data, [Decision(first.key, "keep")])
    page = open_page(review_folder.data, current(review_folder, 1).read())
    assert [row["reason"] for row in page.rows("state=open")] == [MISTAKE, UNSURE]
    assert [row["photo"] for row in page.rows("state=reviewed")] == [first.key.photo]
    assert "the test would flatter the model" in page.get("").text


def test_the_next_night_has_the_corrected_class_and_the_photo_stays_in_the_test(review_folder: ReviewFolder) -> None:
    for number, path in enumerate(sorted(review_folder.photos.glob("*/*"))):  # sharp, so that the filter lists none
        cells = np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)
        cv2.imwrite(str(path), np.repeat(np.repeat(cells, 8, axis=0), 8, axis=1))
    before = tables.filter.KEPT.read(review_folder.filter())
    tested = before[before["split"] == "test"].iloc[0]
    other = next(label for label in before["label"] if label != tested["label"])
    number = list(review_folder.crawl()["photo"]).index(tested["photo"])
    review_folder.evaluate([(number, other, 0.99)])
    [item] = current(review_folder).read().items
    assert (item.reason, item.suggestion) == (MISTAKE, other)
    review_log.add(review_folder.data, [Decision(ReviewKey(*item.key), "move", other)])
    after = tables.filter.KEPT.read(review_folder.filter()).set_index("photo").loc[tested["photo"]]
    assert (after["label"], after["split"]) == (other, "test")
    assert Manifest.read(review_folder.filter()).counts["reviewed"] == 1
