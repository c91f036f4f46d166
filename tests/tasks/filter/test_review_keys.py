"""Decisions follow their photos when classes are renamed; what is not applied is said."""

from pathlib import Path

import pytest

from tasks.filter import review_log
from tasks.filter.review_keys import AppliedDecisions, apply_decisions
from tasks.filter.review_log import Action, Decision, ReviewKey
from tests.helpers.filtering import CrawledPhotos

SHAS = {name: name * 64 for name in "abcdef"}


def applied(crawled: str, *made: str) -> AppliedDecisions:
    """Apply decisions such as `a glass move metal` to photos such as `a bottle`, given in one text with commas."""
    decisions: dict[ReviewKey, Decision] = {}
    for photo, label, action, *to in (text.split() for text in made):
        key = ReviewKey(SHAS[photo], label)
        decisions.pop(key, None)
        decisions[key] = Decision(key, _action(action), "".join(to))
    keys = [ReviewKey(SHAS[photo], label) for photo, label in (text.split() for text in crawled.split(", "))]
    return apply_decisions(decisions, keys)


def _action(text: str) -> Action:
    return next(action for action in review_log.ACTIONS if action == text)


def shown(result: AppliedDecisions) -> list[str]:
    """Return the decisions as `a bottle move metal`."""
    return [f"{key.photo[0]} {key.label} {made.action} {made.to}".strip() for key, made in result.by_key.items()]


def test_decisions_about_photos_of_the_crawl_are_applied_without_a_word() -> None:
    result = applied("a glass, b glass, c metal", "a glass reject", "b glass move metal", "c metal keep")
    assert shown(result) == ["a glass reject", "b glass move metal", "c metal keep"]
    assert not result.notes
    assert not result.decided_as


@pytest.mark.parametrize("new", ["bottle", "Glass", "glass_", "유리"])
def test_a_renamed_class_keeps_its_decisions(new: str) -> None:
    crawled = f"a {new}, b {new}, c {new}, d {new}, e metal"
    result = applied(crawled, "a glass reject", "b glass keep", "c glass move metal")
    assert shown(result) == [f"a {new} reject", f"b {new} keep", f"c {new} move metal"]
    assert result.decided_as[ReviewKey(SHAS["a"], new)].label == "glass"
    assert result.notes == [
        "decisions.csv: 3 decisions about classes that have another name now are applied to their photos there: "
        f"'glass' is {new!r} now (3)"
    ]


def test_a_class_in_another_unicode_form_is_the_same_class() -> None:
    result = applied("a caf\u00e9, b x", "a cafe\u0301 reject", "b x move cafe\u0301")
    assert shown(result) == ["a caf\u00e9 reject", "b x move caf\u00e9"]
    assert not result.notes


def test_a_move_to_a_renamed_class_goes_to_its_new_name() -> None:
    result = applied("a glass, b steel, c glass", "b metal keep", "a glass move metal")
    assert shown(result) == ["b steel keep", "a glass move steel"]


def test_a_move_is_done_if_the_photo_is_in_its_class_now() -> None:
    assert not applied("a metal, b glass, c metal", "a glass move metal").by_key
    assert not applied("a steel, b glass, c steel", "c metal keep", "a glass move metal").by_key.keys() - {
        ReviewKey(SHAS["c"], "steel")
    }


def test_a_photo_that_was_sorted_into_another_class_is_reviewed_again() -> None:
    result = applied("a metal, b glass", "a glass reject")
    assert not result.by_key
    assert (
        "1 decisions are not applied, because their photos are in other classes now: aaaaaaaaaaaa in 'glass', now metal"
        in result.notes[0]
    )


def test_a_photo_in_two_classes_stays_with_its_pairs() -> None:
    result = applied("a glass, a metal, b glass, b metal", "a glass reject", "b wood keep")
    assert shown(result) == ["a glass reject"]
    assert "bbbbbbbbbbbb in 'wood', now glass and metal" in result.notes[0]


def test_the_latest_decision_about_a_photo_counts() -> None:
    assert shown(applied("a bottle, b x", "a glass reject", "a bottle keep")) == ["a bottle keep"]
    assert shown(applied("a bottle, b x", "a bottle keep", "a glass reject")) == ["a bottle reject"]


def test_decisions_about_photos_that_are_gone_are_counted() -> None:
    result = applied("a glass, b metal", "c glass reject", "d glass keep", "e wood reject", "f wood reject")
    (note,) = result.notes
    assert note.startswith(
        "decisions.csv: 4 decisions are about photos that the crawl doesn't have: cccccccccccc in 'glass'"
    )
    assert "eeeeeeeeeeee in 'wood' ...; if these photos were changed, review them again" in note


def test_photos_moved_to_a_class_that_is_gone_are_said() -> None:
    result = applied("a glass, b metal", "a glass move plastic")
    assert shown(result) == ["a glass move plastic"]
    assert "1 photos are moved to classes of which the crawl has no photo: 'plastic' (1)" in result.notes[0]


def test_the_filter_applies_the_decisions_of_a_renamed_class(crawled: CrawledPhotos) -> None:
    photos = [str(row["photo"]) for row in crawled.rows if row["label"] == "a"][:3]
    crawled.decide(photos[0], "a", "reject")
    crawled.decide(photos[1], "a", "move", "b")
    for row in crawled.rows:
        row["label"] = {"a": "renamed"}.get(str(row["label"]), row["label"])
    kept, rejected, counts = crawled.filter()
    assert rejected.set_index("photo")["reason"].to_dict() == {photos[0]: "by hand"}
    assert kept.set_index("photo")["label"][photos[1]] == "b"
    assert counts["reviewed"] == 2


def test_the_digest_depends_on_the_order_of_decisions_about_one_photo(tmp_path: Path) -> None:
    a, b, c = (ReviewKey(SHAS[photo], label) for photo, label in (("a", "x"), ("a", "y"), ("b", "x")))
    digests = []
    for number, keys in enumerate([(a, b, c), (b, a, c), (c, a, b)]):
        root = tmp_path / str(number)
        root.mkdir()
        for key in keys:
            review_log.add(root, [Decision(key, "reject")])
        digests.append(review_log.digest(root))
    assert digests[0] == digests[2] != digests[1]


def test_a_class_that_a_spreadsheet_would_run_is_guarded_in_the_log(tmp_path: Path) -> None:
    decision = Decision(ReviewKey(SHAS["a"], "=1+1"), "move", "@x")
    review_log.add(tmp_path, [decision])
    assert f"{SHAS['a']},'=1+1,move,'@x," in (tmp_path / review_log.NAME).read_text()
    assert list(review_log.read(tmp_path).values()) == [decision]


def test_a_decision_that_another_one_contradicts_since_two_classes_became_one_is_said() -> None:
    result = applied("a glass", "a bottle keep", "a jar reject")
    assert shown(result) == ["a glass reject"]
    assert any(
        "1 decisions are not applied, because their class is one with another now, and a later decision about the same "
        "photo is different: aaaaaaaaaaaa in 'bottle'" in note
        for note in result.notes
    )
    assert not any("not applied" in note for note in applied("a glass", "a bottle keep", "a jar keep").notes)
