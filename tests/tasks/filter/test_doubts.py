"""Doubtful photos: for the review, over nights, and with the decisions of a person."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flows.review.items import read
from tasks import tables
from tests.helpers.filtering import FAILING, CrawledPhotos, jpeg, png
from tests.helpers.unusual_photos import Rows, encode, nights, scene, scenes, turns


def crawl(root: Path, rows: Rows) -> CrawledPhotos:
    crawled = CrawledPhotos(root)
    for label, data in rows:
        crawled.add(label, data)
    return crawled


def dark(seed: int) -> bytes:
    return encode(scene(seed).point(lambda level: level // 6))


def test_the_review_shows_doubtful_photos_first(tmp_path: Path) -> None:
    crawled = crawl(tmp_path, [*nights(), *scenes("metal", 6, 700)])
    crawled.add("glass", FAILING["uniform"][0])
    crawled.add("glass", dark(900))
    _, rejected, counts = crawled.filter()
    assert counts["doubtful"] == 12
    assert sorted(rejected["reason"]) == ["too dark", "uniform"]
    items = read(crawled.root / "out0", "default").items
    assert [item.kept for item in items] == [True] * 12 + [False] * 2
    assert {(item.reason, item.key.label, item.threshold) for item in items[:12]} == {("too dark", "night", 60)}
    summary = tables.shared.SUMMARY.path(crawled.root / "out0").read_text()
    assert summary.startswith("**42 photos kept, 12 of them doubtful, 2 rejected (4.5\N{NO-BREAK SPACE}%)**")
    assert "**Doubtful:** 12 photos with the reason 'too dark'" in summary


@pytest.mark.slow
def test_the_result_does_not_depend_on_the_order_of_the_photos(tmp_path: Path) -> None:
    first, second = (crawl(tmp_path / name, rows) for name, rows in (("a", turns()), ("b", turns()[::-1])))
    tables_of = [crawled.filter()[0].drop(columns="name") for crawled in (first, second)]
    pd.testing.assert_frame_equal(*tables_of)
    assert first.notes == second.notes


@pytest.mark.slow
def test_decisions_settle_doubts_and_a_review_that_is_half_done_rejects_nothing_more(tmp_path: Path) -> None:
    crawled = crawl(tmp_path, turns())
    crawled.filter()
    rows = pd.DataFrame(crawled.rows).query("label == 'turn_right'")
    for photo in rows["photo"][:11]:
        crawled.decide(photo, "turn_right", "reject")
    crawled.decide(rows["photo"].iloc[11], "turn_right", "keep")
    kept, rejected, counts = crawled.filter()
    assert rejected["reason"].value_counts().to_dict() == {"by hand": 11}
    assert len(kept) == 56 - 11
    assert counts["doubtful"] == 2 + 3  # their mirror images that aren't decided, the one of the kept photo included
    assert "turn_left (3 of 14; 14 fail)" in crawled.notes[0]
    for photo in rows["photo"][11:]:
        crawled.decide(photo, "turn_right", "reject")
    _, _, counts = crawled.filter()
    assert "doubtful" not in counts
    assert crawled.notes == [
        "class turn_right has no photo left (14 by hand (see data/decisions.csv)), and the model will not know it"
    ]


def test_keeping_photos_by_hand_does_not_reject_the_others(tmp_path: Path) -> None:
    crawled = crawl(tmp_path, nights())
    night = [str(row["photo"]) for row in crawled.rows if row["label"] == "night"]
    for photo in night[:10]:
        crawled.decide(photo, "night", "keep")
    kept, rejected, counts = crawled.filter()
    assert (len(kept), len(rejected), counts["doubtful"]) == (36, 0, 2)


@pytest.mark.slow
def test_splits_hold_when_a_class_crosses_the_limit(tmp_path: Path) -> None:
    """More dark photos make the first ones doubtful, more bright ones make them rejected again."""
    bright = [("night", encode(scene(300 + seed))) for seed in range(9)]
    crawled = crawl(tmp_path, [*nights()[:24], *bright])
    for seed in range(3):
        crawled.add("night", dark(400 + seed))
    first, rejected, _ = crawled.filter()
    assert rejected["reason"].tolist() == ["too dark"] * 3
    for seed in range(10):
        crawled.add("night", dark(500 + seed))
    second, rejected, counts = crawled.filter()
    assert rejected.empty
    assert counts["doubtful"] == 13
    for seed in range(40):
        crawled.add("night", encode(scene(600 + seed)))
    third, rejected, _ = crawled.filter()
    assert rejected["reason"].tolist() == ["too dark"] * 13
    for before, after in ((first, second), (second, third)):
        splits = [table.set_index("photo")["split"] for table in (before, after)]
        both = splits[0].index.intersection(splits[1].index)
        assert splits[0][both].equals(splits[1][both])
    crawled.rows = crawled.rows[:-40]
    fourth, _, _ = crawled.filter()
    assert fourth.set_index("photo")["split"].equals(second.set_index("photo")["split"])


def test_contradicting_photos_are_kept_in_both_classes_or_in_neither(tmp_path: Path) -> None:
    """A small class that is part of a large one by mistake: its copies there are doubtful as well."""
    crawled = CrawledPhotos(tmp_path)
    for seed in range(60):
        crawled.add("large", jpeg(seed))
    for seed in range(6):
        crawled.add("small", jpeg(seed, quality=70))
    kept, rejected, counts = crawled.filter()
    assert rejected.empty
    assert counts["doubtful"] == 12
    assert kept.groupby("group")["split"].nunique().max() == 1
    assert "small (6 of 6), large (6 of 60)" in crawled.notes[0]


def test_a_photo_that_fails_two_checks_is_rejected_for_the_one_that_rejects_few(tmp_path: Path) -> None:
    crawled = crawl(tmp_path, nights())
    black = crawled.add("night", png(np.full((96, 96, 3), 5)))
    kept, rejected, _ = crawled.filter()
    assert rejected[["photo", "reason"]].values.tolist() == [[black, "uniform"]]
    assert (kept["label"] == "night").sum() == 12
    assert "night (12 of 13; 13 fail)" in crawled.notes[0]


def test_the_only_photo_of_a_class_is_doubtful(tmp_path: Path) -> None:
    """A class of individuals that were seen once must not vanish because of a threshold."""
    crawled = crawl(tmp_path, scenes("metal", 6, 700) + scenes("paper", 6, 800))
    once = crawled.add("once", dark(900))
    kept, rejected, counts = crawled.filter()
    assert rejected.empty
    assert counts["doubtful"] == 1
    assert kept.loc[kept["label"] == "once", "photo"].tolist() == [once]
    assert crawled.notes[0].startswith("1 photo with the reason 'too dark' (filter.dark_level=60) is kept as doubtful")
