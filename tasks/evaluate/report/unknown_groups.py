"""The report's part about the proposed groups of photos that are answered as unknown."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.report.data import EvaluationFiles
from tasks.evaluate.report.style import short_name
from tasks.evaluate.report.text import decimals
from tasks.text import percent

_ROWS, _COLUMNS = 12, 10
"""Most groups that are drawn, and most photos of each."""
_CLASSES = 3
"""Most true classes that are named of each."""


def largest_groups(files: EvaluationFiles) -> list[tuple[str, NDArray[np.uint8]]]:
    """Return the largest groups of two or more photos: a name, and the tiles of the photos near its centre."""
    if files.unknown_groups is None:
        return []
    rows: list[tuple[str, NDArray[np.uint8]]] = []
    for number, members in files.unknown_groups.groupby("group"):
        if len(members) > 1 and len(rows) < _ROWS:
            nearest = members.sort_values(["distance", "photo"])["photo"].tolist()[:_COLUMNS]
            counts = Counter(members["label"]).most_common()
            classes = [f"{short_name(label, 20)} ({count:,})" for label, count in counts[:_CLASSES]]
            more = [f"{len(counts) - _CLASSES:,} more"] if len(counts) > _CLASSES else []
            name = f"group {number}, {len(members):,} photos; true: {', '.join(classes + more)}"
            rows.append((name, np.stack([files.tile(photo) for photo in nearest])))
    return rows


def unknown_groups_text(metrics: Mapping[str, Any]) -> list[str]:
    """Say how many groups are proposed, and how far they agree with the true classes; empty if there are none.

    Args:
        metrics: The content of metrics.json.
    """
    found = metrics.get("unknown", {}).get("groups")
    if not found:
        return []
    photos, groups, alone = found["photos"], found["groups"], found["alone"]
    sentences = [
        f"{photos:,} test photos are answered as unknown. {groups:,} {'group' if groups == 1 else 'groups'} of two or "
        f"more of them {'is' if groups == 1 else 'are'} proposed, and {alone:,} "
        f"{'photo resembles' if alone == 1 else 'photos resemble'} no other one.",
        f"Photos of one group may show the same individual: groups are joined while the mean cosine distance of their "
        f"photos is at most {found['limit']:.2f}, the limit at which groups of train photos agree best with their "
        "classes.",
    ]
    if "purity" in found:
        sentences.append(
            f"{percent(found['purity'])} of the photos have the most frequent true class of their group, of "
            f"{found['classes']:,} classes; the adjusted Rand index is {decimals(found['adjusted_rand'])} "
            "(0: by chance; 1: the groups are the classes)."
        )
    return sentences
