"""Name the groups that have most photos of a class: a group is in one split, so such a class can't be divided."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tasks.filter.groups import BURST
from tasks.filter.near_duplicates import NearDuplicates
from tasks.filter.notes import listed
from tasks.filter.remedies import UNTRAINED
from tasks.names import visible

if TYPE_CHECKING:
    import pandas as pd

_MAX_SHARE = 0.5
_GROUPS = 3
"""Most groups that a message names."""
_NEAR, _MIRROR = "near", "mirror"
_CONNECTIONS = {
    _NEAR: "near duplicates (filter.duplicate_bits=null switches them off, a lower number makes them fewer)",
    _MIRROR: "mirror images (filter.mirrored=false if they differ)",
    "page": "photos of one web page (filter.group_pages=false divides them)",
    "group": "photos with the same value in the column Group of the CSV",
    BURST: "photos that one camera took within seconds of each other, by their EXIF data (filter.burst_s=null divides "
    "them, a lower number links fewer; a clock that stands still, or a camera that never pauses, links all photos)",
    "pattern": "names with the same match of the pattern (filter.group_pattern=null divides them)",
}
"""What makes photos a group, and how to separate them."""


def large_groups(
    table: "pd.DataFrame",
    names: Mapping[str, Mapping[int, str]],
    near_duplicates: NearDuplicates,
    *,
    min_photos: int,
) -> str | None:
    """Say which groups have more than half of a class's kept photos, what connects them, and how to divide them.

    Args:
        table: All rows, with photo, label, the number of the group, and reason, which is empty for kept rows. Rows that
            are only rejected because nothing is left to train on count as kept: their group is the cause.
        names: The names of the groups that rows belong to, see `groups.group_names`, and those of bursts.
        near_duplicates: Those among all rows.
        min_photos: Smaller classes don't count.

    Returns:
        The message, or None if no class has such a group.
    """
    kept = table[table["reason"].isna() | (table["reason"] == UNTRAINED)]
    totals = dict(kept.groupby("label")["photo"].nunique())
    parts = kept.groupby(["group", "label"])["photo"].nunique().reset_index()
    found: dict[int, list[str]] = {}
    for group, label, count in zip(parts["group"], parts["label"], parts["photo"], strict=True):
        if totals[label] >= min_photos and count > max(1, _MAX_SHARE * totals[label]):
            found.setdefault(group, []).append(f"{count:,} of {totals[label]:,} of class {visible(label)}")
    if not found:
        return None
    sizes = kept.groupby("group")["photo"].nunique()
    largest = sorted(found, key=lambda group: (-sizes[group], found[group]))
    named = largest[:_GROUPS]
    texts = [f"{sizes[group]:,} photos are one group ({listed(found[group])})" for group in named]
    if len(largest) > _GROUPS:
        texts.append(f"and {len(largest) - _GROUPS:,} more such groups")
    connected = [_connections(table[table["group"] == group], names, near_duplicates) for group in named]
    reasons = [text for kind, text in _CONNECTIONS.items() if any(kind in kinds for kinds in connected)]
    return (
        f"{'; '.join(texts)}; a group is never divided among train, validation and test; these are groups of "
        f"{', and of '.join(reasons) or 'photos that resemble each other or earlier ones'}"
    )


def _connections(
    members: "pd.DataFrame", names: Mapping[str, Mapping[int, str]], near_duplicates: NearDuplicates
) -> list[str]:
    """Return what connects the rows of a group, as keys of `_CONNECTIONS`."""
    found = []
    if near_duplicates.resemblance:
        resembling = members["photo"].groupby([near_duplicates.group[row] for row in members.index])
        if resembling.nunique().max() > 1:
            found.append(_NEAR)
        if near_duplicates.joins_mirror_images(members.index.to_numpy()):
            found.append(_MIRROR)
    for kind, named in names.items():
        shared = members["photo"].groupby(members.index.map(named)).nunique()
        if (shared > 1).any():
            found.append(kind)
    return found
