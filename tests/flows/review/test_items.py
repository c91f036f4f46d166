"""Which artifact is looked at, and what is read of it."""

import math
from typing import Any

import pytest

from flows.review import items
from tasks.filter import stage as filter
from tasks.store.errors import UserError
from tasks.tables import REVIEW
from tests.helpers.review import Doubtful


def test_without_a_filter_the_command_that_makes_one_is_named(doubtful: Doubtful) -> None:
    with pytest.raises(UserError, match=r"run `fluke stage filter demo a\.b=1` first"):
        items.artifact(doubtful.store, doubtful.config, "demo a.b=1")
    doubtful.crawl()
    with pytest.raises(UserError, match="run `fluke stage filter demo` first"):
        items.artifact(doubtful.store, doubtful.config, "demo")


def test_the_filter_that_a_run_would_use_is_found(doubtful: Doubtful) -> None:
    folder = doubtful.publish([{"photo": 0}])
    found = items.artifact(doubtful.store, doubtful.config, "demo")
    assert doubtful.store.folder(found) == folder
    other = doubtful.config.model_copy(update={"filter": doubtful.config.filter.model_copy(update={"seed": 7})})
    with pytest.raises(UserError, match="not been filtered yet"):
        items.artifact(doubtful.store, other, "demo")


def test_a_filter_from_before_the_latest_decisions_will_do(doubtful: Doubtful, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = doubtful.publish([{"photo": 0}])

    def external_inputs(config: Any, root: Any) -> dict[str, str | int]:
        return {"moves": 0, "decisions": "others"}

    changed = filter.Stage("filter", filter.VERSION, build=filter.build_kept, external_inputs=external_inputs)
    monkeypatch.setattr(filter, "STAGE", changed)
    assert doubtful.store.folder(items.artifact(doubtful.store, doubtful.config, "demo")) == folder


def test_an_older_filters_artifact_is_refused(doubtful: Doubtful) -> None:
    with pytest.raises(UserError, match="--fresh filter"):
        items.read(doubtful.publish(None), "demo")


def test_doubts_come_by_reason_and_then_as_the_filter_ordered_them(doubtful: Doubtful) -> None:
    rows = [(1, "dark", 3.0), (0, "blurred", 9.0), (4, "dark", 1.0), (3, "blurred", 2.0)]
    folder = doubtful.publish([{"photo": photo, "reason": reason, "score": score} for photo, reason, score in rows])
    doubts = items.read(folder, "demo").doubts
    assert [(doubt.reason, doubt.score) for doubt in doubts] == [
        ("dark", 3.0),
        ("dark", 1.0),
        ("blurred", 9.0),
        ("blurred", 2.0),
    ]


def test_what_is_no_number_is_none(doubtful: Doubtful) -> None:
    folder = doubtful.publish(
        [{"photo": 0, "score": math.nan, "threshold": None}, {"photo": 1, "score": math.inf, "threshold": 2.0}]
    )
    doubts = items.read(folder, "demo").doubts
    assert [(doubt.score, doubt.threshold) for doubt in doubts] == [(None, None), (None, 2.0)]


def test_twins_may_be_shown_and_are_named_by_all_classes_that_have_them(doubtful: Doubtful) -> None:
    (doubtful.photos / "dog" / "same.jpg").write_bytes((doubtful.photos / "cat" / "0.jpg").read_bytes())
    crawled = doubtful.crawl()
    twin = next(i for i, name in enumerate(crawled["name"]) if "same" in name)
    read = items.read(doubtful.publish([{"photo": 1, "twin": twin}]), "demo")
    photo = crawled["photo"][twin]
    assert set(read.files) == {photo, crawled["photo"][1]}
    assert {label for label, _ in read.places[photo]} == {"cat", "dog"}
    assert read.classes == ("cat", "dog")


def test_nothing_doubtful_is_an_empty_sheet(doubtful: Doubtful) -> None:
    folder = doubtful.publish([{"photo": 0}])
    import pandas as pd

    path = REVIEW.path(folder)
    pd.read_parquet(path)[:0].to_parquet(path)
    assert items.read(folder, "demo").doubts == ()
