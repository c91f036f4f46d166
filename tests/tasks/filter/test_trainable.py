"""Photos that no classifier can be trained or tested on are refused."""

import logging
from pathlib import Path

import pytest

from configs.schema import FilterConfig
from tasks.store.errors import UserError
from tests.helpers.filtering import CrawledPhotos, jpeg


def test_one_class_is_refused_with_the_reasons(tmp_path: Path) -> None:
    crawled = CrawledPhotos(tmp_path)
    for seed in range(5):
        crawled.add("a", jpeg(seed))
    crawled.add("b", b"nothing")
    with pytest.raises(UserError, match=r"only the class 'a'.*two classes.*1 unreadable"):
        crawled.filter()


def test_a_single_class_to_train_on_is_refused(crawled: CrawledPhotos) -> None:
    with pytest.raises(UserError, match=r"only the class 'b' is left to train on.*filter\.unseen_classes"):
        crawled.filter(FilterConfig(unseen_classes=("a",)))


def test_no_readable_photo_is_refused(tmp_path: Path) -> None:
    crawled = CrawledPhotos(tmp_path)
    crawled.add("a", b"nothing")
    crawled.add("b", b"at all")
    with pytest.raises(UserError, match=r"no class has photos left.*a lost 1 unreadable.*b lost 1 unreadable"):
        crawled.filter()


def test_an_empty_test_split_is_refused(tmp_path: Path) -> None:
    crawled = CrawledPhotos(tmp_path)
    crawled.add("a", jpeg(1))
    crawled.add("b", jpeg(2))
    with pytest.raises(UserError, match=r"no photo is left for the test.*filter\.test_fraction"):
        crawled.filter()


def test_classes_with_one_photo_are_named_in_a_warning(
    crawled: CrawledPhotos, caplog: pytest.LogCaptureFixture
) -> None:
    rare = crawled.add("rare", jpeg(99))
    with caplog.at_level(logging.WARNING):
        kept, _, _ = crawled.filter()
    assert "1 of 3 classes have one photo" in caplog.text
    assert "rare" in caplog.text
    assert kept.set_index("photo")["split"][rare] == "train"


def test_a_photo_of_an_unseen_class_in_a_train_group_is_rejected(crawled: CrawledPhotos) -> None:
    """Otherwise the classifier would be trained on a class that it must not know."""
    for seed in range(100, 140):
        crawled.add("ab"[seed % 2], jpeg(seed), f"burst{seed // 4}-{seed}.jpg")
    single = [crawled.add("new", jpeg(seed), f"burst{seed // 4}-{seed}x.jpg") for seed in range(200, 208)]
    mixed = [crawled.add("new", jpeg(seed + 200), f"burst{seed // 4}-{seed}x.jpg") for seed in range(100, 140, 4)]
    kept, rejected, _ = crawled.filter(FilterConfig(unseen_classes=("new",), group_pattern=r"^(burst\d+)-"))
    new = kept[kept["label"] == "new"]
    assert set(new["split"]) == {"val", "test"}
    assert set(single) <= set(new["photo"])
    assert set(rejected["reason"]) == {"unseen class"}
    assert set(rejected["photo"]) == set(mixed) - set(new["photo"]) != set()
