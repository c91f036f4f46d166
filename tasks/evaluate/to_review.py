"""How many test photos the filter marked for review: it doubts them, but nothing that it doubts leaves the test."""

from pathlib import Path

from tasks.tables import KEPT, REVIEW

TO_REVIEW = "review"
"""The key of the sentence in notes.json."""


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
