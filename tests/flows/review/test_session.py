"""Rows, counts, decisions and undo, over HTTP."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import pytest

from flows.review import items, session
from tasks.filter import review_log
from tasks.tables.filter import REVIEW
from tests.helpers import stored_tables
from tests.helpers.review import ReviewFolder, outcome


def test_rows_have_reason_score_duplicate_and_suggestion(page: Any) -> None:
    rows = page.rows()
    assert [row["reason"] for row in rows] == ["blurred"] * 2 + ["near duplicate"] + ["wrong label"] * 2 + ["dark"]
    assert [row["score"] for row in rows][:3] == [
        "the sharpness is 0.123; less than 0.5 is blurred",
        "",
        "the fingerprints differ in 4 bits; up to 10 count as a copy",
    ]
    assert rows[2]["duplicate_of"] == rows[1]["photo"]
    assert [place[0] for place in rows[2]["duplicate_places"]] == ["cat"]
    # The class of the photo itself is not suggested.
    assert [row["suggestion"] for row in rows] == [None, None, None, "cat", None, None]
    assert all(row["decision"] is None for row in rows)


def test_the_same_photo_in_two_classes_is_shown_with_the_other_class(
    review_folder: ReviewFolder, open_page: Any
) -> None:
    (review_folder.photos / "dog" / "same.jpg").write_bytes((review_folder.photos / "cat" / "0.jpg").read_bytes())
    both = [i for i, photo in enumerate(review_folder.crawl()["photo"].duplicated(keep=False)) if photo]
    folder = review_folder.publish([{"photo": i, "reason": "two classes", "twin": i} for i in both])
    rows = open_page(review_folder.data, items.read(folder, "demo")).rows()
    assert [(row["label"], [place[0] for place in row["duplicate_places"]]) for row in rows] == [
        ("cat", ["dog"]),
        ("dog", ["cat"]),
    ]


def test_a_copy_in_the_same_class_is_shown_with_the_name_of_the_other_file(
    review_folder: ReviewFolder, open_page: Any
) -> None:
    (review_folder.photos / "cat" / "사본.jpg").write_bytes((review_folder.photos / "cat" / "0.jpg").read_bytes())
    copy = review_folder.crawl()["photo"].duplicated().to_list().index(True)
    folder = review_folder.publish([{"photo": copy, "reason": "duplicate", "twin": copy}])
    [row] = open_page(review_folder.data, items.read(folder, "demo")).rows()
    [[label, name]] = row["duplicate_places"]
    assert label == row["label"] == "cat"
    assert {name, row["name"]} == {"cat/0.jpg", "cat/사본.jpg"}


def test_filters_and_counts_agree(page: Any) -> None:
    assert {row["label"] for row in page.rows("label=cat&state=all")} == {"cat"}
    assert len(page.rows("reason=wrong+label")) == 2
    assert page.rows("reason=wrong+label&label=cat") == []
    page.decide(page.rows()[0], "keep")
    counts = page.get("rows?label=cat").json()["counts"]
    assert (counts["reviewed"], counts["total"]) == (1, 6)
    assert counts["states"] == {"open": 2, "reviewed": 1, "disputed": 0, "all": 3}
    assert {item["name"]: item["count"] for item in counts["facets"]["reason"]} == {
        "blurred": 1,
        "near duplicate": 0,
        "wrong label": 0,
        "dark": 1,
    }
    assert {item["name"]: item["count"] for item in counts["facets"]["label"]} == {"cat": 2, "dog": 3}
    assert [row["number"] for row in page.rows("state=open")] == [1, 2, 3, 4, 5]
    assert [row["number"] for row in page.rows("state=reviewed")] == [0]


def test_rows_are_paged_and_none_is_skipped_when_earlier_ones_are_decided(
    page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "ROWS", 2)
    seen: list[int] = []
    more = True
    while more:
        response = page.get(f"rows?state=open&after={seen[-1] if seen else -1}").json()
        for row in response["rows"]:
            seen.append(row["number"])
            page.decide(row, "keep")
        more = response["more"]
    assert seen == [0, 1, 2, 3, 4, 5]


def test_decisions_are_logged_and_undone_one_by_one(page: Any) -> None:
    rows = page.rows()
    response = page.decide(rows[0], "keep").json()
    (changed,) = response["changed"]
    assert changed["outcome"] == "written"
    assert value(changed["decision"]) == ("keep", "")
    assert response["counts"]["reviewed"] == 1
    page.decide(rows[0], "move", to="dog")
    page.decide(rows[5], "reject")
    assert [decision.action for decision in review_log.read(page.root).values()] == ["move", "reject"]
    undone = [page.undo(rows[number]).json()["changed"][0] for number in (5, 0, 0)]
    assert [(row["number"], value(row["decision"])) for row in undone] == [(5, None), (0, ("keep", "")), (0, None)]
    assert page.undo(rows[0]).status_code == 400  # there is no decision to undo
    assert review_log.read(page.root) == {}
    assert (page.root / review_log.NAME).read_text().count("undo") == 3


def test_many_decisions_are_one_change_of_the_log_and_are_undone_together(page: Any) -> None:
    rows = page.rows()
    review_log.add(page.root, [review_log.Decision(review_log.ReviewKey(rows[2]["photo"], rows[2]["label"]), "keep")])
    page.decide(rows[4], "reject")
    shown = {"shown": None}  # rows 2 and 4 were decided since the page has loaded them
    response = page.change("decide", rows, action="reject", **shown).json()
    assert [row["outcome"] for row in response["changed"]] == [
        "conflict" if number in (2, 4) else "written" for number in range(6)
    ]
    assert [value(row["decision"]) for row in response["changed"]] == [
        ("keep" if number == 2 else "reject", "") for number in range(6)
    ]
    assert response["counts"]["reviewed"] == 6
    mine = [row for row in response["changed"] if row["outcome"] == "written"]
    review_log.add(page.root, [review_log.Decision(review_log.ReviewKey(rows[0]["photo"], rows[0]["label"]), "keep")])
    changes = [{key: row[key] for key in ("photo", "label")} | {"shown": row["decision"]} for row in mine]
    undone = page.post("undo", {"changes": changes}).json()["changed"]
    assert [row["outcome"] for row in undone] == ["conflict", "written", "written", "written"]
    assert [value(row["decision"]) for row in page.rows()] == [
        ("keep", ""), None, ("keep", ""), None, ("reject", ""), None
    ]  # fmt: skip


def test_many_decisions_are_logged_all_or_none(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = page.rows()
    unknown = page.change("decide", [*rows, {"photo": "0" * 64, "label": "cat"}], action="keep", shown=None)
    assert (unknown.status_code, review_log.read(page.root)) == (400, {})

    def fail(_: int) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr("tasks.filter.review_file.os.fsync", fail)
        response = page.change("decide", rows, action="keep")
    assert response.status_code == 409
    assert f"{page.root / review_log.NAME}: no space left on the disk" in response.json()["error"]
    assert not (page.root / review_log.NAME).exists()
    assert len(page.change("decide", rows, action="keep").json()["changed"]) == 6


def value(decision: dict[str, str] | None) -> tuple[str, str] | None:
    return (decision["action"], decision["to"]) if decision else None


def test_concurrent_posts_lose_nothing(page: Any) -> None:
    rows = page.rows()
    with ThreadPoolExecutor(6) as executor:
        responses = list(executor.map(lambda row: page.decide(row, "reject", shown=None), rows * 3))
    assert Counter(map(outcome, responses)) == {"written": 6, "conflict": 12}
    assert len(review_log.read(page.root)) == 6
    assert len((page.root / review_log.NAME).read_text().splitlines()) == 7  # a decision in effect isn't written again


def test_a_log_damaged_during_the_session_is_reported_and_left_unchanged(page: Any) -> None:
    row = page.rows()[0]
    page.decide(row, "keep")
    log = page.root / review_log.NAME
    log.write_text(log.read_text() + "oops\n")
    response = page.decide(row, "reject", shown={"action": "keep", "to": ""})
    assert response.status_code == 409
    assert "line 3" in response.json()["error"]
    assert log.read_text().endswith("oops\n")


@pytest.mark.slow
def test_only_the_rows_of_one_response_are_formatted(
    review_folder: ReviewFolder, open_page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = review_folder.publish([{"photo": 0}])
    one = pd.read_parquet(REVIEW.path(folder))
    table = pd.concat([one] * 5000, ignore_index=True)
    table["label"] = [f"class {i}" for i in range(5000)]
    stored_tables.write(REVIEW, table, folder)
    page = open_page(review_folder.data, items.read(folder, "demo"))
    formatted: list[items.ReviewItem] = []
    monkeypatch.setattr(session, "score_words", lambda item: formatted.append(item) or "")
    response = page.get("rows")
    assert len(formatted) == session.ROWS
    assert (len(response.json()["rows"]), response.json()["more"]) == (session.ROWS, True)


def test_decisions_about_a_renamed_class_are_shown_replaced_and_undone(
    review_folder: ReviewFolder, open_page: Any
) -> None:
    crawled = review_folder.crawl()
    old = review_log.ReviewKey(crawled["photo"][0], "kitten")
    review_log.add(review_folder.data, [review_log.Decision(old, "reject")])
    folder = review_folder.publish([{"photo": 0, "decided_as": "kitten"}, {"photo": 1}])
    page = open_page(review_folder.data, items.read(folder, "demo"))
    assert [value(row["decision"]) for row in page.rows()] == [("reject", ""), None]
    assert page.get("rows").json()["counts"]["reviewed"] == 1
    page.decide(page.rows()[0], "keep")  # under the new name; it is the later one
    assert value(page.rows()[0]["decision"]) == ("keep", "")
    undone = [page.undo(page.rows()[0]).json()["changed"][0] for _ in range(2)]
    assert [value(row["decision"]) for row in undone] == [("reject", ""), None]
    assert review_log.read(page.root) == {}


@pytest.mark.parametrize(("number", "why"), [(28, "no space left on the disk"), (30, "read-only file system")])
def test_a_decision_that_cannot_be_logged_is_reported_and_can_be_made_later(
    page: Any, monkeypatch: pytest.MonkeyPatch, number: int, why: str
) -> None:
    rows = page.rows()
    page.decide(rows[0], "keep")
    before = (page.root / review_log.NAME).read_bytes()

    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr("tasks.filter.review_file.os.fsync", fail)
        response = page.decide(rows[1], "reject")
    assert response.status_code == 409
    assert f"{page.root / review_log.NAME}: {why}" in response.json()["error"]
    assert list(response.json()) == ["error"]
    assert (page.root / review_log.NAME).read_bytes() == before
    assert outcome(page.decide(rows[1], "reject")) == "written"
