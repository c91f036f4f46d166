"""The log of decisions: which are in effect, and which lines are refused."""

from pathlib import Path

import pytest

from tasks.filter import review_log
from tasks.filter.review_log import Decision, Entry, Opinion, ReviewKey
from tasks.store.errors import UserError

A, B = ReviewKey("a" * 64, "cat"), ReviewKey("b" * 64, "dog")
HEADER = "photo,label,action,to,decided_at\n"
AT = "2026-01-31T12:00:00Z"
EVERYTHING = {A, B}


def in_effect(root: Path) -> dict[ReviewKey, tuple[str, str]]:
    return {key: (decision.action, decision.to) for key, decision in review_log.read(root).items()}


def test_without_a_log_there_are_no_decisions(tmp_path: Path) -> None:
    assert review_log.read(tmp_path) == {}
    assert review_log.undo(tmp_path, EVERYTHING) is None
    assert not (tmp_path / review_log.NAME).exists()


def test_the_last_row_about_a_photo_in_a_class_counts(tmp_path: Path) -> None:
    review_log.add(tmp_path, [Decision(A, "keep"), Decision(B, "reject"), Decision(A, "move", "dog")])
    assert in_effect(tmp_path) == {A: ("move", "dog"), B: ("reject", "")}
    lines = (tmp_path / review_log.NAME).read_text().splitlines()
    assert [line.rsplit(",", 2)[0] for line in lines] == [
        "photo,label,action,to",
        f"{'a' * 64},cat,keep,",
        f"{'b' * 64},dog,reject,",
        f"{'a' * 64},cat,move,dog",
    ]


def test_a_decision_in_effect_is_not_written_again(tmp_path: Path) -> None:
    assert review_log.add(tmp_path, [Decision(A, "keep")]) == [Decision(A, "keep")]
    before = (tmp_path / review_log.NAME).read_bytes()
    assert review_log.add(tmp_path, [Decision(A, "keep")]) == []
    assert (tmp_path / review_log.NAME).read_bytes() == before


def test_undo_cancels_decisions_one_by_one(tmp_path: Path) -> None:
    review_log.add(tmp_path, [Decision(A, "keep"), Decision(B, "reject"), Decision(A, "reject")])
    assert review_log.undo(tmp_path, EVERYTHING) == Decision(A, "reject")
    assert in_effect(tmp_path) == {A: ("keep", ""), B: ("reject", "")}
    assert review_log.undo(tmp_path, EVERYTHING) == Decision(B, "reject")
    assert review_log.undo(tmp_path, EVERYTHING) == Decision(A, "keep")
    assert review_log.undo(tmp_path, EVERYTHING) is None
    assert in_effect(tmp_path) == {}


def test_undo_leaves_other_keys_alone(tmp_path: Path) -> None:
    review_log.add(tmp_path, [Decision(A, "keep"), Decision(B, "reject")])
    assert review_log.undo(tmp_path, {A}) == Decision(A, "keep")
    assert in_effect(tmp_path) == {B: ("reject", "")}


def test_the_digest_depends_only_on_the_decisions_in_effect(tmp_path: Path) -> None:
    empty = review_log.digest(tmp_path)
    review_log.add(tmp_path, [Decision(A, "keep"), Decision(B, "reject")])
    both = review_log.digest(tmp_path)
    assert both != empty
    review_log.add(tmp_path, [Decision(A, "reject")])
    assert review_log.digest(tmp_path) not in (both, empty)
    review_log.undo(tmp_path, EVERYTHING)
    assert review_log.digest(tmp_path) == both
    review_log.add(tmp_path / "other", [Decision(B, "reject"), Decision(A, "keep")])
    assert review_log.digest(tmp_path / "other") == both


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"{'a' * 64},cat,delete,,{AT}", "action is 'delete'"),
        (f"{'a' * 63},cat,keep,,{AT}", "not a SHA-256"),
        (f"{'A' * 64},cat,keep,,{AT}", "not a SHA-256"),
        (f"{'a' * 64},cat,move,,{AT}", "move needs a class"),
        (f"{'a' * 64},cat,keep,dog,{AT}", "move needs a class"),
        (f"{'a' * 64},cat,move,cat,{AT}", "already the class"),
        (f"{'a' * 64},cat,keep,,yesterday", "decided_at is 'yesterday'"),
        (f"{'a' * 64},cat,kee", "3 values instead of 6"),
        (f'{"a" * 64},"cat,keep,,{AT}', "unexpected end of data"),
        ("<<<<<<< HEAD", "1 values instead of 6"),
    ],
)
def test_a_damaged_line_is_refused_with_file_and_line(tmp_path: Path, line: str, why: str) -> None:
    path = tmp_path / review_log.NAME
    path.write_text(f"{HEADER}{'b' * 64},dog,keep,,{AT}\n{line}\n")
    before = path.read_bytes()
    for attempt in (
        lambda: review_log.read(tmp_path),
        lambda: review_log.add(tmp_path, [Decision(A, "keep")]),
        lambda: review_log.undo(tmp_path, EVERYTHING),
    ):
        with pytest.raises(UserError, match=why) as refused:
            attempt()
        assert f"{path}, line 3: " in str(refused.value)
    assert path.read_bytes() == before


def test_a_log_without_its_first_line_is_refused(tmp_path: Path) -> None:
    (tmp_path / review_log.NAME).write_text(f"{'b' * 64},dog,keep,,{AT}\n")
    with pytest.raises(UserError, match="line 1: the first line must be photo,label"):
        review_log.read(tmp_path)


def test_who_decided_is_logged_and_another_opinion_stays_known(tmp_path: Path) -> None:
    review_log.add(tmp_path, [Decision(A, "keep"), Decision(B, "keep")], "anna")
    review_log.add(tmp_path, [Decision(A, "move", "dog"), Decision(B, "keep")], "=bob")  # about B they agree
    entries = review_log.entries(tmp_path)
    assert (entries[A].by, entries[A].differing) == ("=bob", (Opinion("anna", "keep", ""),))
    assert (entries[B].by, entries[B].differing) == ("anna", ())
    review_log.add(tmp_path, [Decision(A, "reject")], "anna")
    assert review_log.entries(tmp_path)[A].differing == (Opinion("=bob", "move", "dog"),)
    review_log.change(tmp_path, lambda log: [A], "anna")
    review_log.change(tmp_path, lambda log: [A], "anna")
    assert review_log.entries(tmp_path)[A] == Entry(Decision(A, "keep"), 0, "anna")


@pytest.mark.parametrize("label", ['a "b", c', "two\nlines", "nul\0", "\udcff", "=1+1", " cat ", "كلب"])
def test_a_class_may_have_any_name(tmp_path: Path, label: str) -> None:
    key = ReviewKey("c" * 64, label)
    review_log.add(tmp_path, [Decision(key, "keep"), Decision(A, "move", label)])
    assert in_effect(tmp_path) == {key: ("keep", ""), A: ("move", label)}
