"""What the filter shows of what it did: the rows for review, and a page for the dashboard."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.filter.review_log import Action
from tasks.filter.rules import Verdict
from tasks.images import thumbnails
from tasks.text import markdown

if TYPE_CHECKING:
    import pandas as pd

_WORST_PX = 112
_SUSPICIONS = ("outlier", "wrong label")
_HIGH_IS_BAD = ("too light", "faces", *_SUSPICIONS)


def review_rows(
    table: "pd.DataFrame",
    judged: Sequence[Verdict],
    suspects: Mapping[int, Sequence[Verdict]],
    decided: Mapping[int, Action],
) -> "pd.DataFrame":
    """A row for each photo that somebody may want to look at, the closest calls of each reason first.

    table: all rows, with `subject` (the crawl's class) and the final `reason`; judged: what the machine alone thinks;
    suspects: what else it suspects; decided: what a person said already.
    """
    import pandas as pd

    listed = [(row, verdict) for row, verdict in enumerate(judged) if verdict.reason and row not in suspects]
    listed += [(row, Verdict()) for row in decided if not judged[row].reason and row not in suspects]
    listed += [(row, verdict) for row, verdicts in suspects.items() for verdict in verdicts]
    rows = [row for row, _ in listed]
    found = table.loc[rows, ["photo", "file", "subject", "name"]].rename(columns={"subject": "label"})
    found["kept"] = table.loc[rows, "reason"].isna()
    verdicts = [verdict for _, verdict in listed]
    found["reason"] = [verdict.reason or "by hand" for verdict in verdicts]
    found["score"] = [verdict.score for verdict in verdicts]
    found["threshold"] = pd.array([verdict.threshold for verdict in verdicts], "Float64")
    found["twin"] = [None if verdict.twin is None else table["photo"][verdict.twin] for verdict in verdicts]
    found["suggestion"] = [verdict.suggestion for verdict in verdicts]
    found["decision"] = [decided.get(row) for row in rows]
    found["late"] = ~found["reason"].isin(_SUSPICIONS)
    found["margin"] = (found["score"] - found["threshold"].fillna(0)).abs().where(found["late"], -found["score"])
    found = found.sort_values(["late", "reason", "margin", "label", "photo"])
    return found.drop(columns=["late", "margin"]).reset_index(drop=True)


def summary(kept: "pd.DataFrame", rejected: "pd.DataFrame", *, decided: int, leaks: int, root: Path) -> str:
    """The filter in Markdown, for the dashboard: what was kept and rejected, by reason and class, with pictures."""
    total = len(kept) + len(rejected)
    share = len(rejected) / total if total else 0
    parts = [f"**{len(kept):,} photos kept, {len(rejected):,} rejected ({share:.1%})**; `fluke review` shows them."]
    if decided:
        parts.append(f"{decided:,} were decided by hand.")
    if leaks:
        parts.append(f"{leaks:,} groups had photos in the test and elsewhere; all of them are in the test now.")
    reasons = sorted(set(rejected["reason"]))
    head = ["class", "kept", *reasons]
    lines = [f"| {' | '.join(map(markdown, head))} |", "|" + "---|" * len(head)]
    counts = rejected.groupby(["label", "reason"]).size()
    for label in sorted({*kept["label"], *rejected["label"]}):
        cells = [label, (kept["label"] == label).sum(), *(counts.get((label, reason), 0) for reason in reasons)]
        lines.append(f"| {' | '.join(markdown(str(cell)) for cell in cells)} |")
    parts.append("\n".join(lines))
    pictures = [text for reason in reasons if (text := _worst(rejected[rejected["reason"] == reason], reason, root))]
    if pictures:
        parts.append("The worst of each reason:\n\n" + "\n".join(pictures))
    return "\n\n".join(parts) + "\n"


def _worst(rejected: "pd.DataFrame", reason: str, root: Path) -> str | None:
    """A picture of the photo that is furthest from passing, if it can be shown."""
    worst = rejected.sort_values("score", ascending=reason not in _HIGH_IS_BAD).iloc[0]
    uri = thumbnails.of_file(root / str(worst["file"]), _WORST_PX)
    return uri and f"![{markdown(reason)}]({uri}) {markdown(reason)}"
