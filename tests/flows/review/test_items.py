"""Which artifact is reviewed, and what is read from it."""

import math
from typing import Any

import pytest

from flows.review import items
from tasks.filter import stage as filter
from tasks.store.errors import UserError
from tasks.tables.filter import REVIEW
from tests.helpers.review import ReviewFolder


def test_without_an_artifact_the_message_names_the_command(review_folder: ReviewFolder) -> None:
    with pytest.raises(UserError, match=r"run `fluke stage filter demo a\.b=1` first"):
        items.artifact(review_folder.store, review_folder.config, "demo a.b=1")
    review_folder.crawl()
    with pytest.raises(UserError, match="run `fluke stage filter demo` first"):
        items.artifact(review_folder.store, review_folder.config, "demo")


def test_the_artifact_that_a_run_would_use_is_found(review_folder: ReviewFolder) -> None:
    folder = review_folder.publish([{"photo": 0}])
    found = items.artifact(review_folder.store, review_folder.config, "demo")
    assert review_folder.store.folder(found) == folder
    other = review_folder.config.model_copy(
        update={"filter": review_folder.config.filter.model_copy(update={"seed": 7})}
    )
    with pytest.raises(UserError, match="not been filtered yet"):
        items.artifact(review_folder.store, other, "demo")


def test_an_artifact_from_before_the_latest_decisions_is_found(
    review_folder: ReviewFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = review_folder.publish([{"photo": 0}])

    def external_inputs(config: Any, root: Any) -> dict[str, str | int]:
        return {"moves": 0, "decisions": "others"}

    changed = filter.Stage("filter", filter.VERSION, build=filter.build_kept, external_inputs=external_inputs)
    monkeypatch.setattr(filter, "STAGE", changed)
    assert review_folder.store.folder(items.artifact(review_folder.store, review_folder.config, "demo")) == folder


def test_an_artifact_of_an_older_version_is_refused(review_folder: ReviewFolder) -> None:
    with pytest.raises(UserError, match="--fresh filter"):
        items.read(review_folder.publish(None), "demo")


def test_items_are_sorted_by_reason_and_then_as_in_the_table(review_folder: ReviewFolder) -> None:
    rows = [(1, "dark", 3.0), (0, "blurred", 9.0), (4, "dark", 1.0), (3, "blurred", 2.0)]
    folder = review_folder.publish(
        [{"photo": photo, "reason": reason, "score": score} for photo, reason, score in rows]
    )
    found = items.read(folder, "demo").items
    assert [(item.reason, item.score) for item in found] == [
        ("dark", 3.0),
        ("dark", 1.0),
        ("blurred", 9.0),
        ("blurred", 2.0),
    ]


def test_nan_and_infinity_become_none(review_folder: ReviewFolder) -> None:
    folder = review_folder.publish(
        [{"photo": 0, "score": math.nan, "threshold": None}, {"photo": 1, "score": math.inf, "threshold": 2.0}]
    )
    found = items.read(folder, "demo").items
    assert [(item.score, item.threshold) for item in found] == [(None, None), (None, 2.0)]


def test_duplicates_can_be_shown_and_have_all_their_classes(review_folder: ReviewFolder) -> None:
    (review_folder.photos / "dog" / "same.jpg").write_bytes((review_folder.photos / "cat" / "0.jpg").read_bytes())
    crawled = review_folder.crawl()
    duplicate = next(i for i, name in enumerate(crawled["name"]) if "same" in name)
    read = items.read(review_folder.publish([{"photo": 1, "twin": duplicate}]), "demo")
    photo = crawled["photo"][duplicate]
    assert set(read.files) == {photo, crawled["photo"][1]}
    assert {label for label, _ in read.places[photo]} == {"cat", "dog"}
    assert read.classes == ("cat", "dog")


def test_an_empty_table_is_an_empty_list(review_folder: ReviewFolder) -> None:
    folder = review_folder.publish([{"photo": 0}])
    import pandas as pd

    path = REVIEW.path(folder)
    pd.read_parquet(path)[:0].to_parquet(path)
    assert items.read(folder, "demo").items == ()
