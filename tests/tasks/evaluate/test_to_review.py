"""What the notes say about photos to review."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tasks import tables
from tasks.evaluate import to_review
from tests.helpers import stored_tables


def write(folder: Path, doubted: list[str], decided: dict[str, str]) -> None:
    rows = [{"photo": photo, "label": "cat", "suggestion": "dog", "doubt": 0.9} for photo in doubted]
    tables.train.LABEL_ISSUES.write(pd.DataFrame(rows, columns=tables.train.LABEL_ISSUES.names), folder)
    listed = pd.DataFrame([{"photo": photo, "decision": decided.get(photo)} for photo in "abcx"])
    stored_tables.write(tables.filter.REVIEW, listed, folder)


@pytest.mark.parametrize(("most", "expected"), [(0, []), (1, ["b"]), (2, ["b", "d"]), (9, ["b", "d"])])
def test_the_most_doubtful_labels_without_a_decision_are_chosen(tmp_path: Path, most: int, expected: list[str]) -> None:
    write(tmp_path, ["a", "b", "c", "d"], {"a": "keep", "c": "move"})
    assert to_review.doubted_labels(tmp_path, tmp_path, most) == expected


def test_a_training_that_doubts_nothing_gives_no_photo(tmp_path: Path) -> None:
    write(tmp_path, [], {})
    assert to_review.doubted_labels(tmp_path, tmp_path, 50) == []


def test_the_sentence_counts_and_says_that_the_test_is_not_judged() -> None:
    assert to_review.label_note(0) == ""
    assert to_review.label_note(1).startswith("1 label of a train or validation photo may be wrong")
    assert to_review.label_note(1234).startswith("1,234 labels of train and validation photos may be wrong")
    assert to_review.label_note(2).endswith("The labels of the test photos are not judged.")


def test_the_notes_keep_the_photos_in_order(tmp_path: Path) -> None:
    assert to_review.doubted_photos(tmp_path) == []
    tables.evaluate.NOTES.path(tmp_path).write_text(json.dumps({to_review.DOUBTED: ["b", "a"]}))
    assert to_review.doubted_photos(tmp_path) == ["b", "a"]
