"""The filter doesn't choose its own exam: what a model doubts stays in it, and what a check removes is listed."""

import numpy as np
import pandas as pd
import pytest

from configs.schema import FilterConfig
from tasks import tables
from tasks.filter.removed import CONTENT_REASONS, name_groups, removed_from_test
from tests.helpers.filtering import FAILING, CrawledPhotos, png


def _shade(value: int, seed: int) -> bytes:
    """Encode a noisy photo of about one colour."""
    noise = np.random.default_rng(seed).integers(0, 60, (96, 96, 3))
    colour = np.array([value, 255 - value, 128])
    return png(np.clip(colour + noise, 0, 255))


@pytest.fixture
def coloured(crawled: CrawledPhotos) -> CrawledPhotos:
    """Two classes of 30 photos that differ in colour; 10 of each have the other class's colour."""
    crawled.rows.clear()
    for seed in range(60):
        wrong = seed % 30 < 10
        first = (seed < 30) != wrong
        crawled.add("a" if seed < 30 else "b", _shade(20 if first else 200, seed))
    return crawled


@pytest.mark.slow
def test_label_issues_remove_no_photo_from_validation_and_test(coloured: CrawledPhotos) -> None:
    everything, _, _ = coloured.filter(FilterConfig(label_issues=60, duplicate_bits=None))
    exam = everything[everything["split"] != "train"]
    for reason, limit in (("wrong label", {"max_label_doubt": 0.5}), ("outlier", {"max_outlier": 0.5})):
        kept, rejected, _ = coloured.filter(FilterConfig(label_issues=60, duplicate_bits=None, **limit))
        assert kept[kept["split"] != "train"].to_dict("records") == exam.to_dict("records")
        assert set(rejected["split"]) == {"train"}
        assert set(rejected["reason"]) == {reason}
    assert any("no model's doubt removes photos" in note for note in coloured.notes)


@pytest.mark.slow
def test_a_class_whose_train_photos_are_all_doubted_stays_in_the_test(coloured: CrawledPhotos) -> None:
    hard = {coloured.add("hard", _shade(20, seed)) for seed in range(100, 106)}
    config = FilterConfig(max_label_doubt=0.6, duplicate_bits=None)
    kept, rejected, _ = coloured.filter(config)
    assert hard <= set(kept["photo"])
    assert set(rejected["split"]) == {"train"}
    assert any("all train photos of these classes" in note and note.count("hard") == 1 for note in coloured.notes)


def test_doubted_photos_of_the_test_are_listed_for_review_as_kept(coloured: CrawledPhotos) -> None:
    config = FilterConfig(max_label_doubt=0.5, duplicate_bits=None)
    kept, rejected, _ = coloured.filter(config)
    review = tables.filter.REVIEW.read(sorted(coloured.root.glob("out*"))[-1])
    issues = review[review["reason"] == "wrong label"]
    doubted = set(issues.loc[issues["kept"], "photo"])
    assert doubted
    assert doubted <= set(kept.loc[kept["split"] != "train", "photo"])
    assert set(issues.loc[~issues["kept"], "photo"]) <= set(rejected["photo"])


@pytest.mark.parametrize("reason", sorted(FAILING))
def test_what_a_check_removes_from_the_test_is_listed(crawled: CrawledPhotos, reason: str) -> None:
    data, setting = FAILING[reason]
    photo = crawled.add("a", data)
    off, _, _ = crawled.filter(FilterConfig(**{setting: None}))
    _, _, counts = crawled.filter()
    removed = tables.filter.REMOVED.read(sorted(crawled.root.glob("out*"))[-1])
    tested = off.set_index("photo").at[photo, "split"] == "test"
    assert removed["photo"].tolist() == [photo] * tested
    assert counts.get("removed from test", 0) == tested


@pytest.mark.slow
def test_a_check_on_many_photos_removes_them_from_the_test_in_its_share(crawled: CrawledPhotos) -> None:
    rng = np.random.default_rng(1)
    dark = [crawled.add("a", png(rng.integers(0, 256, (96, 96, 3)) / 8)) for _ in range(40)]
    config = FilterConfig(max_rejected=1, test_fraction=0.25)
    kept, rejected, counts = crawled.filter(config)
    removed = tables.filter.REMOVED.read(sorted(crawled.root.glob("out*"))[-1])
    assert 5 <= len(removed) == counts["removed from test"] <= 15
    assert set(removed["photo"]) <= set(dark)
    assert set(removed["reason"]) == {"too dark"}
    assert set(removed["split"]) == {"test"}
    assert not set(removed["photo"]) & set(kept["photo"])
    assert set(rejected.loc[rejected["reason"] == "too dark", "split"]) == {"train", "val", "test"}
    again, _, _ = crawled.filter(config.model_copy(update={"dark_level": None}))
    split = again.set_index("photo")["split"]
    assert (split[removed["photo"]] == "test").all()  # it stays an exam photo when the check is switched off
    assert (split[kept["photo"]].tolist()) == kept["split"].tolist()


def test_copies_contradictions_and_unknown_classes_are_not_scored_apart() -> None:
    rows = [
        ("1" * 64, "a", "too dark", "test"),
        ("1" * 64, "a", "too dark", "test"),
        ("2" * 64, "a", "too dark", "train"),
        ("3" * 64, "a", "near duplicate", "test"),
        ("4" * 64, "a", "two classes", "test"),
        ("5" * 64, "c", "too dark", "test"),
        ("6" * 64, "b", "faces", "test"),
        ("7" * 64, "b", "by hand", "test"),
    ]
    rejected = pd.DataFrame(rows, columns=["photo", "label", "reason", "split"])
    found = removed_from_test(rejected, {"a", "b"})
    assert [photo[0] for photo in found["photo"]] == ["1", "6"]
    assert set(found["reason"]) <= set(CONTENT_REASONS)


def test_removed_photos_do_not_change_the_names_of_kept_groups() -> None:
    kept = pd.DataFrame({"photo": ["b", "c"], "label": ["x", "x"], "group": [1, 2]})
    removed = pd.DataFrame({"photo": ["a", "d"], "label": ["x", "x"], "group": [1, 3]})
    named, others = name_groups(kept, removed)
    assert named["group"].tolist() == ["b", "c"]
    assert others["group"].tolist() == ["b", "d"]
