"""What a person should review: test photos that the filter doubts, and labels that the training doubts.

Nothing that is only doubted leaves the test.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.store.json_file import read_json
from tasks.tables import KEPT, LABEL_ISSUES, NOTES, REVIEW

if TYPE_CHECKING:
    import pandas as pd

TO_REVIEW = "review"
"""The key of the sentences in notes.json."""
DOUBTED = "doubted"
"""The key of the photos with a doubtful label in notes.json, the most doubtful first."""


def review_note(kept: Path) -> str:
    """Say how many test photos are marked for review and not decided yet; empty if none is.

    Args:
        kept: The folder of the filter stage.
    """
    photos = KEPT.read(kept, ["photo", "label", "split"])
    test = photos.loc[photos["split"] == "test", ["photo", "label"]].drop_duplicates()
    listed = REVIEW.read(kept, ["photo", "label", "kept", "reason", "decision"])
    marked = listed[listed["kept"] & listed["decision"].isna()].merge(test, on=["photo", "label"])
    if marked.empty:
        return ""
    count = len(marked.drop_duplicates(["photo", "label"]))
    reasons = marked.drop_duplicates(["photo", "label", "reason"])["reason"].value_counts()
    parts = ", ".join(f"{reasons[reason]:,} {reason}" for reason in sorted(reasons.index))
    return (
        f"{count:,} of the test photos {'is' if count == 1 else 'are'} marked for review ({parts}); fluke review shows "
        "them. They count in all scores until a person rejects them."
    )


def doubted_labels(kept: Path, classifier: Path, most: int) -> "pd.DataFrame":
    """Return the labels of train and validation photos that the training doubts most and that no person has decided.

    Args:
        kept: The folder of the filter stage.
        classifier: The folder of the train stage.
        most: The largest number of them.

    Returns:
        Rows of label_issues.parquet, the most doubtful first.
    """
    listed = REVIEW.read(kept, ["photo", "decision"])
    decided = set(listed.loc[listed["decision"].notna(), "photo"])
    found = LABEL_ISSUES.read(classifier)
    chosen: pd.DataFrame = found[~found["photo"].isin(decided)].head(most)
    return chosen


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
