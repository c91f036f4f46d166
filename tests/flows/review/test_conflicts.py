"""Several pages, reviewers and processes: nobody replaces or undoes what somebody else has decided meanwhile."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flows.review import items
from tasks.filter import review_log
from tasks.filter.review_log import Action, Decision, ReviewKey
from tests.helpers.review import outcome

SHOWN = {"action": "keep", "to": ""}


def key_of(row: dict[str, Any]) -> ReviewKey:
    return ReviewKey(row["photo"], row["label"])


def actions(page: Any) -> dict[ReviewKey, str]:
    return {key: decision.action for key, decision in review_log.read(page.root).items()}


@pytest.mark.parametrize(
    ("theirs", "shown"),
    [("reject", None), ("move", None), ("reject", SHOWN), ("reject", {"action": "move", "to": "dog"}), (None, SHOWN)],
)
def test_a_decision_made_elsewhere_meanwhile_is_not_replaced(
    page: Any, theirs: Action | None, shown: dict[str, str] | None
) -> None:
    row = page.rows()[0]
    if theirs:
        review_log.add(page.root, [Decision(key_of(row), theirs, "dog" if theirs == "move" else "")])
    before = actions(page)
    response = page.decide(row, "keep", shown=shown)
    assert outcome(response) == "conflict"
    now = response.json()["changed"][0]["decision"]
    assert (now and now["action"]) == theirs
    assert actions(page) == before
    assert outcome(page.decide(row, "keep", shown=now)) == "written"  # pressed again, after the page has shown it


def test_the_same_decision_made_elsewhere_is_shown_and_is_not_this_pages_own(page: Any) -> None:
    row = page.rows()[0]
    review_log.add(page.root, [Decision(key_of(row), "reject")])
    assert outcome(page.decide(row, "reject", shown=None)) == "conflict"
    assert outcome(page.decide(row, "reject")) == "same"


def test_undo_cancels_only_the_row_of_the_log_that_the_page_made(page: Any) -> None:
    row = page.rows()[0]
    mine = page.decide(row, "keep").json()["changed"][0]["decision"]
    review_log.add(page.root, [Decision(key_of(row), "reject")])
    refused = page.undo(row, shown=mine)
    assert (outcome(refused), refused.json()["changed"][0]["decision"]["action"]) == ("conflict", "reject")
    review_log.add(page.root, [Decision(key_of(row), "keep")])  # the same action, but another person's
    assert outcome(page.undo(row, shown=mine)) == "conflict"
    for _ in range(2):
        review_log.undo(page.root, {key_of(row)})
    undone = page.undo(row, shown=mine)  # now the page's own decision is in effect again
    assert (outcome(undone), undone.json()["changed"][0]["decision"]) == ("written", None)
    assert outcome(page.undo(row, shown=mine)) == "conflict"
    assert actions(page) == {}


def test_of_many_that_decide_at_once_one_wins(page: Any) -> None:
    row = page.rows()[0]
    choices = ["keep", "reject"] * 10
    with ThreadPoolExecutor(8) as executor:
        responses = list(executor.map(lambda action: page.decide(row, action, shown=None), choices))
    assert [outcome(response) for response in responses].count("written") == 1
    assert len((page.root / review_log.NAME).read_text().splitlines()) == 2


def test_another_process_decides_in_between(page: Any) -> None:
    row = page.rows()[0]
    code = (
        "import sys; from pathlib import Path; from tasks.filter.review_log import *\n"
        "add(Path(sys.argv[1]), [Decision(ReviewKey(*sys.argv[2:]), 'reject')])"
    )
    subprocess.run([sys.executable, "-c", code, str(page.root), *key_of(row)], check=True)
    assert outcome(page.decide(row, "keep", shown=None)) == "conflict"
    assert actions(page) == {key_of(row): "reject"}


def test_an_earlier_decision_under_another_name_of_the_class_is_replaced_by_the_later_one(
    review_folder: Any, open_page: Any
) -> None:
    """The log has the decision under the present name already, but an older name's decision came after it."""
    photo, label = review_folder.crawl().iloc[0][["photo", "label"]]
    page = open_page(review_folder.data, items.read(review_folder.publish([{"photo": 0}]), "demo"))
    review_log.add(page.root, [Decision(ReviewKey(photo, label), "keep"), Decision(ReviewKey(photo, "old"), "reject")])
    assert page.rows()[0]["decision"]["action"] == "reject"
    assert outcome(page.decide(page.rows()[0], "keep")) == "written"
    assert page.rows()[0]["decision"]["action"] == "keep"


def test_a_class_renamed_while_the_page_is_open(review_folder: Any, open_page: Any) -> None:
    """Another page has the new name already: what it decides counts for this one, and the reverse."""
    old = open_page(review_folder.data, items.read(review_folder.publish([{"photo": 0}, {"photo": 1}]), "demo"))
    (review_folder.photos / "cat").rename(review_folder.photos / "kitten")
    crawled = review_folder.crawl()
    numbers = [n for n, label in enumerate(crawled["label"]) if label == "kitten"]
    rows = [{"photo": n} for n in numbers[:2]]
    new = open_page(review_folder.data, items.read(review_folder.publish(rows), "demo"))
    theirs = next(row for row in new.rows() if row["photo"] == old.rows()[0]["photo"])
    new.decide(theirs, "reject")
    assert old.rows()[0]["decision"]["action"] == "reject"
    assert outcome(old.decide(old.rows()[0], "keep", shown=None)) == "conflict"
    mine = old.decide(old.rows()[1], "reject").json()["changed"][0]["decision"]
    again = next(row for row in new.rows() if row["photo"] == old.rows()[1]["photo"])
    assert again["decision"]["action"] == "reject"
    # The page was reloaded and has the new name; it can still undo what it decided under the old one.
    undone = new.undo({"photo": again["photo"], "label": "cat"}, shown=mine)
    assert undone.json()["changed"][0]["label"] == "kitten"
    assert [decision.action for decision in review_log.read(new.root).values()] == ["reject"]


def test_a_page_in_the_background_learns_what_was_decided(page: Any) -> None:
    rows = page.rows()
    review_log.add(page.root, [Decision(key_of(rows[2]), "move", "cat")])
    news = page.get("news?state=all").json()
    made = [(each["photo"], each["decision"]["action"], each["decision"]["to"]) for each in news["decisions"]]
    assert made == [(rows[2]["photo"], "move", "cat")]
    assert (news["counts"]["reviewed"], news["outdated"]) == (1, False)


def test_a_filter_that_ran_again_is_said_and_a_reloaded_page_has_its_photos(review_folder: Any, open_page: Any) -> None:
    lists = [items.read(review_folder.publish([{"photo": number}]), "demo") for number in (0, 1)]
    published = lists[:1]
    page = open_page(review_folder.data, lists[0], newer=lambda than: next((x for x in published if x != than), None))
    assert page.get("news?list=0").json()["outdated"] is False
    published[0] = lists[1]
    assert 'data-list="1"' in page.get("").text
    assert page.get("news?list=0").json()["outdated"] is True
    assert page.get("news?list=1").json()["outdated"] is False
    first, second = page.rows("list=0&state=all"), page.rows("list=1&state=all")
    assert first[0]["photo"] != second[0]["photo"]
    assert outcome(page.decide(first[0], "reject", shown=None)) == "written"  # the older page goes on with its photos
    assert page.get(f"picture/{second[0]['photo']}/small").status_code == 200


def test_only_a_later_artifact_is_newer(review_folder: Any) -> None:
    store, config = review_folder.store, review_folder.config
    first = review_folder.publish([{"photo": 0}])
    assert items.newer(store, config, "demo", first) is None
    second = review_folder.publish([{"photo": 1}])
    assert items.newer(store, config, "demo", first) == second
    assert items.newer(store, config, "demo", second) is None
    (review_folder.photos / "cat" / "0.jpg").unlink()  # the filter hasn't run since
    assert items.newer(store, config, "demo", first) is None
