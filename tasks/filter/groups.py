"""Groups of photos that must be in the same split."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from configs.schema import FilterConfig
from tasks.names import nfc

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 3
BURST = "burst"
"""The kind of a group of photos that one camera took within a few seconds."""


def connected_groups(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the connected groups of `count` items that are linked by `pairs` `(m, 2)`; returns `(count,)`."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    group: NDArray[np.int64] = connected_components(links, directed=False)[1].astype(np.int64)
    return group


class Components:
    """The connected groups of items, to which links are added batch by batch; the links themselves are not kept."""

    def __init__(self, count: int) -> None:
        """Take the number of items; each is a group of its own."""
        self._first = np.arange(count)
        """The first item of each item's group, `(count,)`."""

    def apart(self, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the pairs `(m, 2)` whose items are in different groups."""
        first = self._first[pairs]
        return np.asarray(pairs[first[:, 0] != first[:, 1]])

    def join(self, pairs: NDArray[np.int64]) -> None:
        """Join the groups of the items of each pair `(m, 2)`."""
        if not len(pairs):
            return
        firsts, place = np.unique(self._first[pairs], return_inverse=True)
        part = connected_groups(len(firsts), place.reshape(-1, 2))
        least = np.full(len(firsts), len(self._first))
        np.minimum.at(least, part, firsts)
        renamed = np.arange(len(self._first))
        renamed[firsts] = least[part]
        self._first = renamed[self._first]

    def numbers(self) -> NDArray[np.int64]:
        """Number the groups in the order of their first items; returns `(count,)`."""
        return np.unique(self._first, return_inverse=True)[1].astype(np.int64)


def split_groups(
    config: FilterConfig,
    table: "pd.DataFrame",
    duplicate_groups: Sequence[int],
    absent: Sequence[str] = (),
    remembered: Iterable[tuple[str, str, str]] = (),
    *,
    bursts: Mapping[int, str] | None = None,
) -> list[int]:
    """Join groups of near duplicates that have a page, a `group` of the CSV, a part of their name or a burst in common.

    Args:
        config: Says whether pages count, and which part of a name counts.
        table: The crawl's table; the columns `group` and `page` are optional.
        duplicate_groups: Group of near duplicates of each row, and of the absent photos after them.
        absent: The photos of earlier runs that are not in the table, or whose file is damaged now.
        remembered: (kind, name of a group, photo) of the photos of earlier runs, see `Remembered.links`.
        bursts: The name of the burst of elements of `duplicate_groups`, see `bursts.burst_names`.

    Returns:
        The joined group of each element of `duplicate_groups`.
    """
    place = {photo: row for row, photo in enumerate(table["photo"])}
    place |= {photo: len(table) + number for number, photo in enumerate(absent)}
    named = [(kind, name, row) for kind, names in group_names(config, table).items() for row, name in names.items()]
    named += [(kind, name, place[photo]) for kind, name, photo in remembered]
    named += [(BURST, name, item) for item, name in (bursts or {}).items()]
    first: dict[tuple[str, str], int] = {}
    links = [
        (duplicate_groups[first.setdefault((kind, nfc(name)), item)], duplicate_groups[item])
        for kind, name, item in named
    ]
    joined = connected_groups(max(duplicate_groups, default=-1) + 1, np.array(links, np.int64).reshape(-1, 2))
    return [int(joined[group]) for group in duplicate_groups]


def group_names(config: FilterConfig, table: "pd.DataFrame") -> dict[str, dict[int, str]]:
    """Return the names of the groups that each row belongs to, besides near duplicates.

    Args:
        config: Says whether pages count, and which part of a name counts.
        table: The crawl's table; the columns `group` and `page` are optional.

    Returns:
        A name per row that has one, for `group`, `page` and `pattern`.
    """
    columns = ["group"] + ["page"] * config.group_pages
    named = {column: dict(table[column].dropna()) for column in columns if column in table}
    if config.group_pattern:
        found = {row: match_name(config.group_pattern, name) for row, name in table["name"].items()}
        named["pattern"] = {row: text for row, text in found.items() if text is not None}
    return named


def match_name(pattern: str, name: str) -> str | None:
    """Return the part of a name that names its group: the match of the pattern's first group, or of all of it."""
    match = re.search(pattern, name)
    return match[min(1, match.re.groups)] if match else None  # also None if the pattern's group is optional


def pattern_notes(config: FilterConfig, table: "pd.DataFrame", named: Mapping[str, Mapping[int, str]]) -> list[str]:
    """Return a line if `group_pattern` doesn't group the photos: no match, not all match, or all or none are alike.

    Args:
        config: Has the pattern.
        table: The crawl's table.
        named: The result of `group_names`.
    """
    if not config.group_pattern or table.empty:
        return []
    matches = named["pattern"]
    others = [name for row, name in table["name"].items() if row not in matches]
    where = f"filter.group_pattern={config.group_pattern}"
    if others:
        effect = "so it groups nothing" if not matches else "the others are not grouped by it"
        shown = ", ".join(dict.fromkeys(others[:_SHOWN]))
        return [
            f"{where} matches {len(matches):,} of {len(table):,} names, {effect}, such as {shown}; check the pattern"
        ]
    groups = set(matches.values())
    if len(groups) == 1 < len(matches):
        return [f"{where} puts all {len(table):,} photos in one group, {groups.pop()!r}; check the pattern"]
    if len(groups) == len(set(table["photo"])) > 1:
        name = table["name"].iloc[0]
        return [f"{where} puts each photo in a group of its own: of {name} it takes {matches[0]!r}; check the pattern"]
    return []
