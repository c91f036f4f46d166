"""What a person should review: test photos that the filter doubts, and labels that the training doubts.

Nothing that is only doubted leaves the test.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from tasks.store.json_file import read_json
from tasks.store.table import Table
from tasks.tables.evaluate import NOTES
from tasks.tables.filter import KEPT, REVIEW
from tasks.tables.train import LABEL_ISSUES

TO_REVIEW = "review"
"""The key of the sentences in notes.json."""
DOUBTED = "doubted"
"""The key of the photos with a doubtful label in notes.json, the most doubtful first."""


def review_note(kept: Path) -> str:
    """Say how many test photos are marked for review and not decided yet; empty if none is.

    Args:
        kept: The folder of the filter stage.
    """
    photos = _rows(KEPT, kept, "photo", "label", "split")
    test = {(photo, label) for photo, label, split in photos if split == "test"}
    listed = _rows(REVIEW, kept, "photo", "label", "reason", "kept", "decision")
    marked = {
        (photo, label, reason)
        for photo, label, reason, is_kept, decision in listed
        if is_kept and decision is None and (photo, label) in test
    }
    if not marked:
        return ""
    count = len({(photo, label) for photo, label, _ in marked})
    reasons = Counter(reason for *_, reason in marked)
    parts = ", ".join(f"{reasons[reason]:,} {reason}" for reason in sorted(reasons))
    return (
        f"{count:,} of the test photos {'is' if count == 1 else 'are'} marked for review ({parts}); fluke review shows "
        "them. They count in all scores until a person rejects them."
    )


def doubted_labels(kept: Path, classifier: Path, most: int) -> list[str]:
    """Return the photos whose labels the training doubts most and that no person has decided.

    Args:
        kept: The folder of the filter stage.
        classifier: The folder of the train stage.
        most: The largest number of them.

    Returns:
        Train and validation photos, by their SHA-256, the most doubtful first.
    """
    decided = {photo for photo, decision in _rows(REVIEW, kept, "photo", "decision") if decision is not None}
    found = (photo for (photo,) in _rows(LABEL_ISSUES, classifier, "photo"))
    return list(islice((photo for photo in found if photo not in decided), most))


def _rows(table: Table, folder: Path, *columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of some columns. pandas isn't used: a run in which everything is cached doesn't import it."""
    stored = table.read_arrow(folder, columns)
    return zip(*(stored[column].to_pylist() for column in columns), strict=True)


def label_note(count: int) -> str:
    """Say that the labels of so many photos are doubted; empty if none is."""
    if not count:
        return ""
    them = "it" if count == 1 else "them"
    return (
        f"{labels_text(count)} may be wrong: classifiers that have not learned from {them} expect another class; fluke "
        f"review shows {them}. The labels of the test photos are not judged."
    )


def labels_text(count: int) -> str:
    """Name so many labels, at the beginning of a sentence."""
    return (
        "1 label of a train or validation photo" if count == 1 else f"{count:,} labels of train and validation photos"
    )


def doubted_photos(evaluation: Path) -> list[str]:
    """Read the photos with a doubtful label from the notes of an evaluation, the most doubtful first."""
    path = NOTES.path(evaluation)
    notes: dict[str, Any] = read_json(path, dict[str, Any]) if path.exists() else {}
    return list(notes.get(DOUBTED, ()))
