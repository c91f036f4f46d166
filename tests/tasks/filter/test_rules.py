"""The rules: copies, contradictions, and the decisions of a person."""

from io import BytesIO

import numpy as np
import pandas as pd
from PIL import Image

from configs.schema import FilterConfig
from tasks import tables
from tasks.filter import image_stats, review_log
from tasks.filter.near_duplicates import NearDuplicates
from tasks.filter.rules import apply_rules
from tasks.filter.stage import external_inputs
from tests.helpers.filtering import FAILING, CrawledPhotos, jpeg, valid_stats


def reasons(hashes: list[int], labels: str, names: str = "", max_rejected: float = 1) -> list[str | None]:
    """Return the reasons of rows with these first bytes of the hash, classes and photos (a letter each)."""
    config = FilterConfig(max_rejected=max_rejected)
    stats = np.array([valid_stats() for _ in hashes], image_stats.STATS_DTYPE)
    stats["hash"][:, 0] = hashes
    near_duplicates = NearDuplicates.find(stats, 32, mirrored=True)
    names = names or "abcdefgh"[: len(hashes)]
    ruling = apply_rules(stats, list(names), list(labels), near_duplicates, config)
    return [verdict.reason for verdict in ruling.verdicts]


def test_the_first_of_equal_rows_is_preferred() -> None:
    assert reasons([0, 0], "cc", "pp") == [None, "duplicate"]
    assert reasons([0, 1], "cc") == [None, "near duplicate"]


def test_all_copies_of_a_photo_in_two_classes_are_rejected() -> None:
    assert reasons([0, 0, 0, 0], "cccd", "pppp") == ["two classes"] * 4
    assert reasons([0, 0, 1], "ccd") == ["two classes"] * 3
    assert reasons([0, 0, 1, 1], "ccdc") == ["two classes"] * 4


def test_the_larger_of_two_near_duplicates_is_kept(crawled: CrawledPhotos) -> None:
    large = crawled.add("a", jpeg(0, (200, 200)))
    kept, rejected, _ = crawled.filter()
    assert large in set(kept["photo"])
    duplicate = rejected[rejected["reason"] == "near duplicate"].iloc[0]
    assert duplicate["twin"] == large
    assert 0 <= duplicate["score"] <= FilterConfig().duplicate_bits


def test_copies_and_contradictions_can_be_kept(crawled: CrawledPhotos) -> None:
    both = crawled.add("a", jpeg(60))
    near_b, _ = crawled.add("b", jpeg(60, quality=70)), crawled.add("b", jpeg(60))
    again = crawled.add("a", jpeg(61), "first.jpg")
    crawled.add("a", jpeg(61), "second.jpg")
    kept, rejected, _ = crawled.filter(FilterConfig(drop_contradictions=False))
    assert dict(zip(rejected["reason"], rejected["label"], strict=True)) == {"duplicate": "a", "near duplicate": "b"}
    assert sorted(kept.loc[kept["photo"].isin([both, near_b]), "label"]) == ["a", "b"]
    assert kept.loc[kept["photo"].isin([both, near_b]), "split"].nunique() == 1
    kept, rejected, _ = crawled.filter(FilterConfig(drop_duplicates=False))
    assert set(rejected["reason"]) == {"two classes"}
    assert (kept["photo"] == again).sum() == 2


def test_a_mirror_image_is_a_near_duplicate_unless_mirrored_is_false(crawled: CrawledPhotos) -> None:
    mirrored = Image.open(BytesIO(jpeg(4))).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    out = BytesIO()
    mirrored.save(out, "JPEG", quality=80)
    crawled.add("a", out.getvalue())
    _, rejected, _ = crawled.filter()
    assert rejected["reason"].tolist() == ["near duplicate"]
    assert len(crawled.filter(FilterConfig(mirrored=False))[0]) == 21


def test_decisions_of_a_person_override_the_checks(crawled: CrawledPhotos) -> None:
    dark = crawled.add("a", FAILING["too dark"][0])
    broken = crawled.add("a", b"nothing")
    good, wrong = (str(crawled.rows[number]["photo"]) for number in (2, 4))
    before = external_inputs(FilterConfig(), crawled.root)
    crawled.decide(dark, "a", "keep")
    crawled.decide(broken, "a", "keep")
    crawled.decide(good, "a", "reject")
    crawled.decide(wrong, "a", "move", "b")
    assert external_inputs(FilterConfig(), crawled.root) != before
    kept, rejected, counts = crawled.filter()
    labels = kept.set_index("photo")["label"]
    assert (labels[dark], labels[wrong]) == ("a", "b")
    assert rejected.set_index("photo")["reason"].to_dict() == {good: "by hand", broken: "unreadable"}
    assert counts["reviewed"] == 4
    review = tables.filter.REVIEW.read(crawled.root / "out0").set_index("photo")
    assert review["decision"].to_dict() == {dark: "keep", broken: "keep", good: "reject", wrong: "move"}
    assert review.loc[dark, "reason"] == "too dark"
    assert review["kept"].to_dict() == {dark: True, broken: False, good: False, wrong: True}
    assert review.loc[wrong, "label"] == "a"
    review_log.undo(crawled.root, {review_log.ReviewKey(wrong, "a")})
    assert crawled.filter()[0].set_index("photo")["label"][wrong] == "a"


def test_a_photo_in_two_classes_is_kept_where_a_person_doesnt_reject_it(crawled: CrawledPhotos) -> None:
    photo = crawled.add("a", jpeg(60))
    crawled.add("b", jpeg(60))
    crawled.decide(photo, "b", "reject")
    kept, rejected, _ = crawled.filter()
    assert kept.set_index("photo")["label"][photo] == "a"
    assert rejected["reason"].tolist() == ["by hand"]


def test_decisions_about_other_photos_change_nothing(crawled: CrawledPhotos) -> None:
    first, _, _ = crawled.filter()
    crawled.decide("0" * 64, "a", "reject")
    second, _, counts = crawled.filter()
    pd.testing.assert_frame_equal(first, second)
    assert "reviewed" not in counts
