"""The list of photos that are always in the test."""

from pathlib import Path

import pytest

from configs.schema import FilterConfig
from tasks.filter.stage import external_inputs
from tasks.store.errors import UserError
from tests.helpers.filtering import CrawledPhotos


def test_listed_photos_are_always_in_the_test(crawled: CrawledPhotos, tmp_path: Path) -> None:
    first, _, _ = crawled.filter()
    test_list = first[first["split"] == "train"]["photo"].tolist()[:4]
    (tmp_path / "test_list.csv").write_text("photo\n" + "\n".join(test_list))
    config = FilterConfig(test_list=tmp_path / "test_list.csv")
    assert external_inputs(config, tmp_path)["test_list"]
    second, _, _ = crawled.filter(config)
    assert set(second.set_index("photo")["split"][test_list]) == {"test"}
    only = FilterConfig(test_list=tmp_path / "test_list.csv", test_fraction=0)
    third, _, _ = crawled.filter(only)
    assert set(third[third["split"] == "test"]["photo"]) == set(test_list)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file\nx\n", "has no column photo and no column name"),
        ("photo\nx\n", "none of its 1 photos was crawled"),
    ],
)
def test_an_invalid_test_list_is_refused(crawled: CrawledPhotos, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "test_list.csv").write_text(text)
    with pytest.raises(UserError, match=says):
        crawled.filter(FilterConfig(test_list=tmp_path / "test_list.csv"))
    with pytest.raises(UserError, match=r"filter\.test_list: cannot read .*gone\.csv"):
        external_inputs(FilterConfig(test_list=tmp_path / "gone.csv"), tmp_path)
