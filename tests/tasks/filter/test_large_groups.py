"""A group that has most photos of a class is named, with what connects it."""

import pytest

from configs.schema import FilterConfig
from tasks.store.errors import UserError
from tests.helpers.filtering import CrawledPhotos, jpeg
from tests.helpers.unusual_photos import bursts

CONNECTIONS = {
    "page": ("page", {}, "photos of one web page (filter.group_pages=false"),
    "group": ("group", {}, "the same value in the column Group of the CSV"),
    "pattern": ("name", {"group_pattern": r"^(burst\d+)-"}, "filter.group_pattern=null"),
}


@pytest.mark.parametrize("case", CONNECTIONS)
def test_a_test_without_photos_names_the_groups(crawled: CrawledPhotos, case: str) -> None:
    column, settings, why = CONNECTIONS[case]
    for number, row in enumerate(crawled.rows):
        row[column] = f"burst0-{number}.jpg" if column == "name" else "one for all"
    with pytest.raises(UserError) as error:
        crawled.filter(FilterConfig(**settings))
    assert "no photo is left for the test: 20 photos are one group (10 of 10 of class a, 10 of 10 of class b)" in str(
        error.value
    )
    assert why in str(error.value)
    assert "near duplicates" not in str(error.value)


def test_a_group_with_most_photos_of_one_class_is_named_in_a_warning(crawled: CrawledPhotos) -> None:
    for row in crawled.rows:
        row["page"] = "album" if row["label"] == "a" and row["rank"] > 4 else None
    kept, _, _ = crawled.filter()
    assert (kept["split"] == "test").any()
    assert len(crawled.notes) == 1
    assert crawled.notes[0].startswith("7 photos are one group (7 of 10 of class a); a group is never divided")
    assert "filter.group_pages=false" in crawled.notes[0]


def test_a_burst_is_named_as_near_duplicates(tmp_path) -> None:
    crawled = CrawledPhotos(tmp_path)
    for label, data in bursts():
        crawled.add(label, data)
    crawled.filter(FilterConfig(drop_near_duplicates=False))
    assert "5 photos are one group (5 of 8 of class a)" in crawled.notes[0]
    assert "near duplicates (filter.duplicate_bits=null" in crawled.notes[0]


def test_small_and_ordinary_groups_are_not_named(crawled: CrawledPhotos) -> None:
    for number, row in enumerate(crawled.rows):
        row["page"] = f"page {number // 4}"
    crawled.add("c", jpeg(70), "x.jpg")
    crawled.add("c", jpeg(70, quality=50), "y.jpg")
    crawled.filter(FilterConfig(drop_near_duplicates=False))
    assert crawled.notes == []


def test_few_photos_without_groups_still_ask_for_more(tmp_path) -> None:
    crawled = CrawledPhotos(tmp_path)
    for seed, label in enumerate("ab"):
        crawled.add(label, jpeg(seed))
    with pytest.raises(UserError, match="add photos to each class"):
        crawled.filter()
