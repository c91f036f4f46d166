"""Groups of photos that must be in the same split."""

import unicodedata

import numpy as np
import pandas as pd
import pytest

from configs.schema import FilterConfig
from tasks.filter.groups import Components, connected_groups, group_names, pattern_notes, split_groups
from tasks.store.errors import UserError
from tests.helpers.filtering import CrawledPhotos, jpeg


def test_linked_items_are_in_one_group() -> None:
    group = connected_groups(6, np.array([[0, 3], [3, 5], [1, 2]]))
    assert group[0] == group[3] == group[5]
    assert group[1] == group[2]
    assert len(set(group.tolist())) == 3
    assert len(set(connected_groups(3, np.empty((0, 2), np.int64)).tolist())) == 3


def test_groups_that_grow_batch_by_batch_are_those_of_all_links() -> None:
    links = np.random.default_rng(0).integers(0, 60, (40, 2))
    grown = Components(60)
    for batch in np.array_split(links, 8):
        grown.join(batch)
    np.testing.assert_array_equal(grown.numbers(), connected_groups(60, links))
    assert len(grown.apart(links)) == 0
    assert grown.apart(np.array([[0, 0], *links[:2]])).shape == (0, 2)


def test_near_duplicates_can_be_kept_as_one_group_in_one_split(crawled: CrawledPhotos) -> None:
    for seed in range(0, 20, 2):
        crawled.add("a", jpeg(seed, quality=70))
    kept, _, counts = crawled.filter(FilterConfig(drop_near_duplicates=False))
    assert "near duplicate" not in counts
    groups = kept.groupby("group")
    assert sorted(groups.size().unique()) == [1, 2]
    assert groups["split"].nunique().max() == 1


@pytest.mark.parametrize(
    ("column", "settings"), [("page", {}), ("group", {}), ("name", {"group_pattern": r"^(burst\d+)-"})]
)
def test_photos_with_a_common_page_group_or_name_stay_together(
    crawled: CrawledPhotos, column: str, settings: dict
) -> None:
    for number in range(40):
        crawled.add("ab"[number % 2], jpeg(100 + number))
    for number, row in enumerate(crawled.rows):
        row[column] = f"burst{number // 8}-{number}.jpg" if column == "name" else f"encounter {number // 8}"
    kept, _, _ = crawled.filter(FilterConfig(**settings))
    assert len(kept) == 60  # grouping rejects nothing
    bursts = {row["photo"]: number // 8 for number, row in enumerate(crawled.rows)}
    assert kept.groupby(kept["photo"].map(bursts))["split"].nunique().max() == 1
    assert kept["split"].nunique() == 3


def test_pages_can_be_ignored(crawled: CrawledPhotos) -> None:
    for row in crawled.rows:
        row["page"] = "one page for all"
    with pytest.raises(UserError, match="no photo is left for the test"):
        crawled.filter()
    assert (crawled.filter(FilterConfig(group_pages=False))[0]["split"] == "test").any()


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        (r"^g(\d)", "matches 0 of 20 names, so it groups nothing, such as glass/g0_1.jpg, "),
        (r"^glass/(g\d)", "matches 10 of 20 names, the others are not grouped by it, such as metal/m0_1.jpg"),
        (r"^.*(\.jpg)$", "puts all 20 photos in one group, '.jpg'"),
        (r"^(.*)\.jpg$", "puts each photo in a group of its own: of glass/g0_1.jpg it takes 'glass/g0_1'"),
        (r"^(.*)_\d", None),
        (None, None),
    ],
)
def test_a_pattern_that_does_not_group_the_names_is_said(pattern: str | None, says: str | None) -> None:
    names = [f"{label}/{label[0]}{i // 5}_{i}.jpg" for label in ("glass", "metal") for i in range(1, 11)]
    table = pd.DataFrame({"name": names, "photo": [f"{i:064x}" for i in range(20)]})
    config = FilterConfig(group_pattern=pattern)
    notes = pattern_notes(config, table, group_names(config, table))
    assert len(notes) == (says is not None)
    assert not says or says in notes[0]


def test_names_in_which_the_group_of_a_pattern_is_missing_are_not_one_group() -> None:
    table = pd.DataFrame({"name": ["a1.jpg", "b.jpg", "c.jpg"], "photo": list("xyz")})
    assert group_names(FilterConfig(group_pattern=r"^.(\d)?"), table)["pattern"] == {0: "1"}


def test_a_group_in_another_unicode_form_is_the_same_group() -> None:
    table = pd.DataFrame({"photo": ["p", "q"], "name": ["1.jpg", "2.jpg"], "group": ["caf\u00e9", "cafe\u0301"]})
    first, second, absent = split_groups(
        FilterConfig(), table, [0, 1, 2], ["r"], [("group", unicodedata.normalize("NFD", "caf\u00e9"), "r")]
    )
    assert first == second == absent
