"""Say which photos and classes the filter did not use as given, and which settings would."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from configs.schema import FilterConfig
from tasks.filter.limits import RejectionLimit
from tasks.filter.near_duplicates import NearDuplicates
from tasks.filter.remedies import explained, setting, switches
from tasks.filter.rules import BY_HAND, DUPLICATE, Verdict
from tasks.names import visible
from tasks.text import percent

if TYPE_CHECKING:
    import pandas as pd

_NAMED = 5
"""Most classes that a message names."""


def doubt_notes(
    config: FilterConfig,
    table: "pd.DataFrame",
    doubts: Mapping[int, Sequence[Verdict]],
    failed: Mapping[str, Mapping[str, int]],
    near_duplicates: NearDuplicates,
) -> list[str]:
    """Return a message for each reason for which photos are doubtful, that with the most photos first.

    Args:
        config: The settings of the filter.
        table: All rows, with photo and label.
        doubts: What the doubtful rows fail, see `rules.Ruling`.
        failed: How many photos of each class fail each check, those that others rejected and people decided included.
        near_duplicates: Those among the rows.
    """
    failing: dict[str, list[tuple[int, Verdict]]] = {}
    for row, verdicts in doubts.items():
        for verdict in verdicts:
            failing.setdefault(str(verdict.reason), []).append((row, verdict))
    total = _photos_by_class(table)
    photos = table["photo"].tolist()
    notes = []
    for reason, rows in sorted(failing.items(), key=lambda item: (-len(item[1]), item[0])):
        counts = _photos_by_class(table.loc[[row for row, _ in rows]])
        worst = sorted(counts.items(), key=lambda item: (-item[1] / total[item[0]], item[0]))
        fail = failed.get(reason, {})
        classes = listed(
            f"{visible(label)} ({count:,} of {total[label]:,}{_others(count, fail.get(label, 0))})"
            for label, count in worst
        )
        options = [*switches(reason, rows, photos, near_duplicates), "filter.max_rejected=1 rejects them"]
        how_many, are = ("1 photo", "is") if len(rows) == 1 else (f"{len(rows):,} photos", "are")
        notes.append(
            f"{how_many} with the reason {reason!r}{setting(reason, config)} {are} kept as doubtful, because rejecting "
            f"all that fail would take more than {percent(config.max_rejected, 0)} of a class or of all photos: "
            f"{classes}; `fluke review` shows them first; {'; '.join(options)}"
        )
    return notes


def _others(doubtful: int, failing: int) -> str:
    """Say that more photos fail than are doubtful: the others are rejected by another check, or a person decided."""
    return f"; {failing:,} fail" if failing > doubtful else ""


def loss_notes(config: FilterConfig, table: "pd.DataFrame") -> list[str]:
    """Return a message about the classes that have no photo left, and one about those that lost many.

    Args:
        config: Says what is too much.
        table: All rows, with photo, crawled_label, label, reason (empty for kept rows), and `is_mirrored`, which says
            whether the row is rejected only because it is a mirror image.
    """
    kept = set(table.loc[table["reason"].isna(), "label"])
    vanished = sorted(set(table["crawled_label"]) - kept)
    notes = []
    if len(vanished) == 1:
        why = losses_of(table, vanished[0])
        notes.append(f"class {visible(vanished[0])} has no photo left ({why}), and the model will not know it")
    elif vanished:
        why = _losses(table, vanished, "{label} ({why})")
        notes.append(f"{len(vanished):,} classes have no photo left, and the model will not know them: {why}")
    lost = table["reason"].notna() & ~table["reason"].isin([DUPLICATE, BY_HAND])
    photos, labels = table["photo"].tolist(), table["crawled_label"].tolist()
    limit = RejectionLimit(range(len(table)), photos, labels, config.max_rejected)
    if heavy := sorted(limit.classes_beyond(np.flatnonzero(lost).tolist()) & kept):
        notes.append(
            f"more than {percent(config.max_rejected, 0)} of the photos of a class or of all photos are rejected: "
            f"{_losses(table, heavy, '{label} ({lost:,} of {total:,}: {why})')}"
        )
    return notes


def _photos_by_class(table: "pd.DataFrame") -> dict[str, int]:
    counts = table.groupby("label")["photo"].nunique()
    return dict(zip(counts.index.astype(str), counts.tolist(), strict=True))


def _losses(table: "pd.DataFrame", labels: Sequence[str], form: str) -> str:
    texts = []
    for label in labels[:_NAMED]:
        rows = table[table["crawled_label"] == label]
        lost, total = int(rows["reason"].notna().sum()), len(rows)
        texts.append(form.format(label=visible(label), lost=lost, total=total, why=losses_of(table, label)))
    return listed(texts, len(labels), separator="; ")


def losses_of(table: "pd.DataFrame", label: str) -> str:
    """Return why photos that the crawl found in a class aren't used in it: `12 too dark (...), 1 unreadable (...)`."""
    rows = table[table["crawled_label"] == label]
    moved = int((rows["reason"].isna() & (rows["label"] != label)).sum())
    return ", ".join([*reasons(rows), *([f"{moved:,} moved by hand"] if moved else [])])


def reasons(rows: "pd.DataFrame") -> list[str]:
    """Return how many of the rows were rejected for each reason, and what keeps them; see `loss_notes` for the rows."""
    counts, mirrored = Counter(rows["reason"].dropna()), Counter(rows.loc[rows["is_mirrored"], "reason"].dropna())
    by_count = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [explained(reason, count, mirrored[reason]) for reason, count in by_count]


def listed(names: Iterable[str], count: int | None = None, *, separator: str = ", ") -> str:
    """Return the first names as one text, and how many more there are.

    Args:
        names: The names.
        count: How many there are in all; None: as many as are given.
        separator: The text between them.
    """
    every = list(names)
    more = (len(every) if count is None else count) - len(every[:_NAMED])
    return separator.join([*every[:_NAMED], *([f"and {more:,} more"] if more else [])])
