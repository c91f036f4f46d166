"""Write what people see of the filter: the rows for review, and the summary for the dashboard."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.filter.review_log import Action
from tasks.filter.rules import BY_HAND, FACES, Ruling, Verdict
from tasks.images import thumbnails
from tasks.names import visible
from tasks.text import markdown, percent

if TYPE_CHECKING:
    import pandas as pd

_EXAMPLE_PX = 112
_LABEL_ISSUES = ("outlier", "wrong label")
_HIGH_IS_WORSE = ("too light", FACES, *_LABEL_ISSUES)


def review_rows(
    table: "pd.DataFrame",
    ruling: Ruling,
    issues: Mapping[int, Sequence[Verdict]],
    decided: Mapping[int, Action],
) -> "pd.DataFrame":
    """Make the table for the review: the photos that a person should check.

    Args:
        table: All rows, with `crawled_label` and the final `reason`.
        ruling: The filter's verdicts, without the decisions of people.
        issues: Label issues of rows that have any.
        decided: Decisions of people, by row.

    Returns:
        A row for each verdict, each doubt and each label issue. Doubtful photos come first; then label issues, the
        worst of each kind first; then the other reasons. Else the scores nearest to the threshold come first.
    """
    import pandas as pd

    verdicts, doubts = ruling.verdicts, ruling.doubts
    doubtful = [(row, verdict) for row, found in doubts.items() if not verdicts[row].reason for verdict in found]
    others = issues.keys() | {row for row, _ in doubtful}
    listed = [(row, verdict) for row, verdict in enumerate(verdicts) if verdict.reason and row not in issues]
    listed += [(row, Verdict()) for row in decided if not verdicts[row].reason and row not in others]
    listed += [(row, verdict) for row, found in issues.items() for verdict in found]
    listed = [*doubtful, *listed]
    rows = [row for row, _ in listed]
    review = table.loc[rows, ["photo", "file", "crawled_label", "name"]].rename(columns={"crawled_label": "label"})
    review["kept"] = table.loc[rows, "reason"].isna()
    shown = [verdict for _, verdict in listed]
    review["reason"] = [verdict.reason or BY_HAND for verdict in shown]
    review["score"] = [verdict.score for verdict in shown]
    review["threshold"] = pd.array([verdict.threshold for verdict in shown], "Float64")
    review["twin"] = [None if v.duplicate_of is None else table["photo"][v.duplicate_of] for v in shown]
    review["suggestion"] = [verdict.suggestion for verdict in shown]
    review["decision"] = [decided.get(row) for row in rows]
    review["decided_as"] = table.loc[rows, "decided_as"]
    review["sure"] = np.arange(len(review)) >= len(doubtful)
    review["by_rules"] = ~review["reason"].isin(_LABEL_ISSUES)
    review["order"] = (
        (review["score"] - review["threshold"].fillna(0)).abs().where(review["by_rules"], -review["score"])
    )
    review = review.sort_values(["sure", "by_rules", "reason", "order", "label", "photo"])
    return review.drop(columns=["sure", "by_rules", "order"]).reset_index(drop=True)


def summary(
    kept: "pd.DataFrame",
    rejected: "pd.DataFrame",
    *,
    doubtful: int,
    doubts: Sequence[str],
    reviewed: int,
    leaks: int,
    root: Path,
) -> str:
    """Write the summary for the dashboard, in Markdown.

    It counts the kept, the doubtful and the rejected photos by class and reason, and shows one photo of each reason.

    Args:
        kept: The kept photos.
        rejected: The rejected photos, with reason and score.
        doubtful: Number of kept rows that are doubtful.
        doubts: What is said about them.
        reviewed: Number of rows that people decided.
        leaks: Number of groups that were in the test and in another split before.
        root: The data folder, for the photos.
    """
    total = len(kept) + len(rejected)
    share = len(rejected) / total if total else 0
    count = f"{len(kept):,} photos kept" + (f", {doubtful:,} of them doubtful" if doubtful else "")
    parts = [f"**{count}, {len(rejected):,} rejected ({percent(share)})**; `fluke review PRESET` shows them."]
    parts += [f"**Doubtful:** {markdown(note)}" for note in doubts]
    if reviewed:
        parts.append(f"{reviewed:,} were reviewed by a person.")
    if leaks:
        parts.append(f"{leaks:,} groups had photos in the test and in another split; now they are only in the test.")
    reasons = sorted(set(rejected["reason"]))
    head = ["class", "kept", *reasons]
    lines = [f"| {' | '.join(map(markdown, head))} |", "|" + "---|" * len(head)]
    counts = rejected.groupby(["label", "reason"]).size()
    for label in sorted({*kept["label"], *rejected["label"]}):
        cells = [
            visible(label),
            (kept["label"] == label).sum(),
            *(counts.get((label, reason), 0) for reason in reasons),
        ]
        lines.append(f"| {' | '.join(markdown(str(cell)) for cell in cells)} |")
    parts.append("\n".join(lines))
    if faces := _faces_found(rejected):
        parts.append(faces)
    examples = [text for reason in reasons if (text := _worst(rejected[rejected["reason"] == reason], reason, root))]
    if examples:
        parts.append("The worst photo of each reason:\n\n" + "\n".join(examples))
    return "\n\n".join(parts) + "\n"


def _faces_found(rejected: "pd.DataFrame") -> str | None:
    """Say how many photos were rejected for each number of faces; None if none was."""
    counts = rejected.loc[rejected["reason"] == FACES, "score"].astype(int).value_counts().sort_index()
    found = ", ".join(f"{count:,} with {number or 'no'} face{'s' * (number != 1)}" for number, count in counts.items())
    return f"Photos rejected for their faces: {found}." if found else None


def _worst(rejected: "pd.DataFrame", reason: str, root: Path) -> str | None:
    """Return a thumbnail of the photo that fails most clearly, or None if it can't be shown."""
    worst = rejected.sort_values("score", ascending=reason not in _HIGH_IS_WORSE).iloc[0]
    uri = thumbnails.of_file(root / str(worst["file"]), _EXAMPLE_PX)
    return uri and f"![{markdown(reason)}]({uri}) {markdown(reason)}"
