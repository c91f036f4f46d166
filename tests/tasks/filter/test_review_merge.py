"""Two copies of the log of decisions that have grown at the same time."""

import shutil
from pathlib import Path

import pytest

from tasks.filter import review_log
from tasks.filter.review_log import Decision, ReviewKey
from tasks.filter.review_merge import merge

A, B, C = (ReviewKey(letter * 64, "cat") for letter in "abc")


@pytest.fixture
def both(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with the same log."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    review_log.add(here, [Decision(A, "keep"), Decision(B, "reject")])
    shutil.copytree(here, there)
    return here, there


def in_effect(root: Path) -> dict[str, str]:
    return {key.photo[0]: made.action for key, made in review_log.read(root).items()}


def test_decisions_of_both_are_kept(both: tuple[Path, Path]) -> None:
    here, there = both
    review_log.add(here, [Decision(A, "reject")])
    review_log.add(there, [Decision(C, "move", "dog")])
    review_log.undo(there, {B})
    for _ in range(2):  # the second time, nothing is new
        merge(here, there / review_log.NAME)
        assert in_effect(here) == {"a": "reject", "c": "move"}
    assert len((here / review_log.NAME).read_text().splitlines()) == 1 + 5


def test_if_both_decided_about_a_photo_undo_brings_the_first_back(both: tuple[Path, Path]) -> None:
    here, there = both
    review_log.add(here, [Decision(A, "reject")])
    review_log.add(there, [Decision(A, "move", "dog")])
    for _ in range(2):
        merge(here, there / review_log.NAME)
    assert in_effect(here)["a"] == "move"
    review_log.undo(here, {A})
    assert in_effect(here)["a"] == "reject"
    review_log.undo(here, {A})
    assert in_effect(here)["a"] == "keep"


def test_an_undo_does_not_cancel_what_it_has_not_seen(both: tuple[Path, Path]) -> None:
    here, there = both
    review_log.add(here, [Decision(A, "reject")])
    review_log.undo(here, {B})
    review_log.undo(there, {A})
    review_log.undo(there, {B})
    merge(here, there / review_log.NAME)
    assert in_effect(here) == {"a": "reject"}


def test_without_a_log_here_the_other_one_is_taken(both: tuple[Path, Path], tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    merge(empty, both[1] / review_log.NAME)
    assert (empty / review_log.NAME).read_bytes() == (both[1] / review_log.NAME).read_bytes()
