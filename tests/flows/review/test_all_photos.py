"""All photos: browsed by class, split, answer, confidence, name and similarity, by several reviewers."""

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.review import all_photos, app, items
from flows.review.lists import ReviewLists
from flows.review.reviewer import reviewer_name
from flows.review.similar import StoredFeatures, cosines
from tasks import tables
from tasks.filter.review_log import ReviewKey
from tasks.store.errors import UserError
from tests.helpers.review import ReviewFolder, outcome

ANSWERS = [(0, "bird", 0.7), (1, None, 0.995), (2, "dog", 0.4)]


@pytest.fixture
def listed(review_folder: ReviewFolder, tmp_path: Path) -> items.ReviewList:
    """Six photos, one of them doubtful; the cats are in the test, and have answers and features."""
    kept = review_folder.publish([{"photo": 4}], tested={0, 1, 2})
    run = review_folder.evaluate(ANSWERS)
    crawled = review_folder.crawl()
    np.save(tables.evaluate.FEATURES.path(tmp_path), np.array([[1, 0], [0, 1], [2, 1]], np.float32))
    features = StoredFeatures(tables.evaluate.FEATURES.path(tmp_path), tuple(crawled["photo"][:3]))
    return all_photos.add(items.read(kept, "demo"), review_folder.store.folder(run.stages[-1].artifact), features)


def names(page: Any, query: str) -> list[str]:
    return [row["name"] for row in page.rows(f"view=photos&state=all&{query}")]


def test_all_photos_are_browsed_by_class_split_answer_confidence_and_text(
    review_folder: ReviewFolder, listed: items.ReviewList, open_page: Any
) -> None:
    page = open_page(review_folder.data, listed)
    everything = [f"{label}/{i}.jpg" for label in ("cat", "dog") for i in range(3)]
    assert names(page, "") == everything
    assert names(page, "label=dog") == names(page, "text=DOG") == everything[3:]
    assert names(page, "text=2.jpg") == ["cat/2.jpg", "dog/2.jpg"]
    assert names(page, "split=test") == everything[:3]
    assert names(page, "answer=wrong") == ["cat/0.jpg", "cat/2.jpg"]
    assert names(page, "confidence=over+99+%25") == ["cat/1.jpg"]
    assert names(page, "order=unsure")[:3] == ["cat/2.jpg", "cat/0.jpg", "cat/1.jpg"]
    assert names(page, "order=sure")[:3] == ["cat/1.jpg", "cat/0.jpg", "cat/2.jpg"]
    assert names(page, "label=nothing") == []
    counts = page.get("rows?view=photos&state=all&label=cat").json()["counts"]["facets"]
    assert counts["answer"] == [{"name": "wrong", "count": 2}, {"name": "right", "count": 1}]
    assert counts["label"] == [{"name": "cat", "count": 3}, {"name": "dog", "count": 3}]
    assert page.rows("view=photos&state=all")[0]["answer"] == "the model is 70\u00a0% sure that this is “bird”"
    assert [row["name"] for row in page.rows()] == ["dog/1.jpg"]  # the doubts are a list of their own
    for bad in ("view=x", "order=x", "state=x"):
        assert page.get(f"rows?{bad}").status_code == 400


@pytest.mark.slow
def test_a_changed_photo_says_whether_the_list_of_the_page_has_it(
    review_folder: ReviewFolder, listed: items.ReviewList, open_page: Any
) -> None:
    page = open_page(review_folder.data, listed)
    everything = page.rows("view=photos&state=all")
    mistake, doubt = everything[0], everything[4]
    filters = ["label=dog", "split=test", "answer=wrong", "confidence=over+99+%25", "text=0.jpg", "reason=blurred"]
    for view, state, wanted in product(("doubts", "photos"), ("open", "reviewed", "disputed", "all"), ["", *filters]):
        query = f"view={view}&state={state}&{wanted}"
        for photo in (mistake, doubt):
            (decided,) = page.change("decide", [photo], query, action="reject", shown=None).json()["changed"]
            assert decided["is_listed"] == has(page, query, photo), query
            (undone,) = page.change("undo", [photo], query, shown=decided["decision"]).json()["changed"]
            assert undone["is_listed"] == has(page, query, photo), query


def has(page: Any, query: str, photo: dict[str, Any]) -> bool:
    return photo["photo"] in {row["photo"] for row in page.rows(query)}


def test_the_most_similar_photos_come_first_and_pages_keep_the_order(
    review_folder: ReviewFolder, listed: items.ReviewList, open_page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.review.session.ROWS", 2)
    page = open_page(review_folder.data, listed)
    first = page.rows("view=photos&state=all")[0]
    query = f"view=photos&state=all&order=similar&like={first['photo']}"
    found = page.rows(query)
    assert [row["name"] for row in found] == ["cat/0.jpg", "cat/2.jpg"]
    assert [row["similarity"] for row in found] == ["similarity 1.00 of 1", "similarity 0.89 of 1"]
    assert [row["name"] for row in page.rows(f"{query}&after=1")] == ["cat/1.jpg", "dog/0.jpg"]
    (kept,) = page.change("decide", found[1:], query, action="keep", shown=None).json()["changed"]
    assert (kept["number"], kept["similarity"]) == (1, "similarity 0.89 of 1")  # its place in this order
    (undone,) = page.undo(found[1], shown=kept["decision"]).json()["changed"]
    assert (undone["number"], undone["is_listed"]) == (None, False)  # not in the doubts
    assert page.get(f"rows?view=photos&order=similar&like={'0' * 64}").status_code == 400
    without = open_page(review_folder.data, replace(listed, features=None))
    assert without.get(f"rows?{query}").status_code == 400


def test_cosines_of_a_row_of_zeros_are_0() -> None:
    found = cosines(np.array([[3, 4], [0, 0], [-3, -4], [4, -3]], np.float32), 0)
    np.testing.assert_allclose(found, [1, 0, -1, 0], atol=1e-6)


def test_reviewers_that_decide_differently_are_shown_until_they_agree(
    review_folder: ReviewFolder, listed: items.ReviewList, open_page: Any
) -> None:
    pages = {}
    for name in ("anna", "bob"):
        page = open_page(review_folder.data, listed)
        lists = ReviewLists(review_folder.data, listed, reviewer=name)
        page.client.app = app.build(review_folder.data, lists, title="demo", token="secret", port=8000)
        page.client._transport.app = page.client.app
        pages[name] = page
    row = pages["anna"].rows()[0]
    pages["anna"].decide(row, "keep")
    pages["bob"].decide(row, "move", to="cat")
    (seen,) = pages["anna"].rows("state=disputed")
    assert seen["decision"]["by"] == "bob"
    assert seen["decision"]["differing"] == [{"by": "anna", "action": "keep", "to": ""}]
    assert outcome(pages["anna"].decide(row, "move", to="cat")) == "written"  # anna agrees
    assert pages["bob"].rows("state=disputed") == []
    assert outcome(pages["bob"].decide(row, "move", to="cat")) == "same"


def test_the_reviewer_is_the_login_name_unless_one_is_given() -> None:
    assert reviewer_name(" 김하나 ") == "김하나"
    for bad in ("a\nb", "x" * 61):
        with pytest.raises(UserError, match="--as"):
            reviewer_name(bad)


def test_each_photo_is_listed_once_with_its_split(review_folder: ReviewFolder, listed: items.ReviewList) -> None:
    assert {item.split for item in listed.photos} == {"train", "test", "rejected"}
    assert (
        len(listed.photos) == len(tables.filter.KEPT.read(listed.folder)) == len({item.key for item in listed.photos})
    )
    assert all(isinstance(item.key, ReviewKey) and item.key.photo in listed.photo_files for item in listed.photos)
