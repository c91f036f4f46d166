"""Point out photos that seem to belong together but are in different splits, and the setting that would group them."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from configs.schema import FilterConfig
from tasks.filter.bursts import burst_names
from tasks.names import visible

if TYPE_CHECKING:
    import pandas as pd

BURST_S = 10
"""Photos that one camera took within this many seconds are assumed to show the same scene."""
_MOST_PHOTOS = 30
"""Larger groups are no bursts: a camera that never pauses says nothing about what belongs together."""
_MOST_NUMBERS = 4
"""A pattern has at most so many numbers."""
_MIN_NAMED = 0.95
"""Least share of the names that must have the numbers of the pattern."""
_MIN_SHARED = 0.3
"""Least share of the photos that must have the same beginning of their names as another one."""
_MIN_DIVIDED = 0.5
"""Least share of the photos whose class must have several such beginnings: otherwise they name the class."""
_MIN_AGREEMENT = 0.9
"""How much likelier than chance photos with the same beginning must have the same class: 0 is chance, 1 is always."""


class _Beginnings(NamedTuple):
    """The beginnings of names up to one of their numbers."""

    pattern: str
    of_row: dict[int, str]


def group_hints(
    config: FilterConfig, table: "pd.DataFrame", names: Mapping[str, Mapping[int, str]], taken: NDArray[np.void]
) -> list[str]:
    """Return up to two lines: the names or the times of photos say that a scene is in train and in another split.

    Nothing is said if the user groups the photos.

    Args:
        config: Has `group_pattern` and `burst_s`.
        table: All rows, with photo, name, label, split and reason (empty for kept rows), and page where it is given.
        names: The names of the groups that rows belong to, see `groups.group_names`.
        taken: When and by which camera the photo of each row was taken, of TAKEN_DTYPE.
    """
    if config.group_pattern or config.burst_s is not None or names.get("group"):
        return []
    hints = []
    if divided := _divided(table, burst_names(taken, BURST_S)):
        hints.append(
            f"{_shared(table, divided)} were taken within {BURST_S} s of train photos by the same camera, as EXIF data "
            f"says; one scene in both makes the test too easy: filter.burst_s={BURST_S} puts it in one split"
        )
    is_listed = "page" not in table or table["page"].isna().all()
    beginnings = suggested_groups(table) if is_listed else None
    if beginnings and (divided := _divided(table, beginnings.of_row)):
        hints.append(
            f"{_shared(table, divided)} have the same beginning of the name as train photos; if that means the same "
            f"scene, the test is too easy: filter.group_pattern='{beginnings.pattern}' puts it in one split"
        )
    return hints


def suggested_groups(table: "pd.DataFrame") -> _Beginnings | None:
    """Return the shortest beginning of the names, up to a number, that seems to name a scene; None if none does.

    It names a scene if many photos share it, with few others each, nearly always of the same class, and if most classes
    have several. The beginning of `glass123.jpg` is unique, and that of `100_124_left.jpg` up to its first number is
    the same in the whole class 100.

    Args:
        table: The rows, numbered from 0, with photo, name and label.
    """
    rows = table.drop_duplicates("photo")
    stems = [str(PurePosixPath(name).with_suffix("")) for name in rows["name"]]
    parts = [re.findall(r"\D+|\d+", stem) for stem in stems]
    for numbers in range(1, _MOST_NUMBERS + 1):
        ends = [_end(part, numbers) for part in parts]
        of_row = {
            row: "".join(part[:end]) for row, part, end in zip(rows.index, parts, ends, strict=True) if end is not None
        }
        if len(of_row) < _MIN_NAMED * len(rows):
            return None
        if _names_scenes(rows["label"][list(of_row)].tolist(), list(of_row.values())):
            heads = [part[:end] for part, end in zip(parts, ends, strict=True) if end is not None]
            return _Beginnings(_pattern(heads, numbers), _with_copies(table, of_row))
    return None


def _with_copies(table: "pd.DataFrame", of_row: dict[int, str]) -> dict[int, str]:
    """Return the beginnings of all rows whose photo has one."""
    photos = table["photo"].tolist()
    of_photo = {photos[row]: beginning for row, beginning in of_row.items()}
    return {row: of_photo[photo] for row, photo in enumerate(photos) if photo in of_photo}


def _end(part: list[str], numbers: int) -> int | None:
    """Return the position after the nth number of a name in parts; None if it has fewer."""
    places = [place for place, text in enumerate(part) if text[0].isdigit()]
    return places[numbers - 1] + 1 if len(places) >= numbers else None


def _names_scenes(labels: list[str], beginnings: list[str]) -> bool:
    """Whether beginnings of names seem to name scenes, see `suggested_groups`."""
    _, label = np.unique(np.array(labels, object).astype(str), return_inverse=True)
    _, group, sizes = np.unique(np.array(beginnings), return_inverse=True, return_counts=True)
    shared = sizes > 1
    if sizes[shared].sum() < _MIN_SHARED * len(labels) or sizes[shared].mean() > _MOST_PHOTOS:
        return False
    cells, in_cell = np.unique(np.stack([label, group]), axis=1, return_counts=True)
    classes = np.bincount(label)
    by_chance = _pairs(classes) / _pairs(np.array([len(labels)]))
    agreement = _pairs(in_cell) / _pairs(sizes)
    groups_of_class = np.bincount(cells[0], minlength=len(classes))
    divided = classes[groups_of_class > 1].sum() / len(labels)
    return bool(
        by_chance < 1 and (agreement - by_chance) / (1 - by_chance) >= _MIN_AGREEMENT and divided >= _MIN_DIVIDED
    )


def _pairs(sizes: NDArray[np.int64]) -> float:
    return float((sizes * (sizes - 1)).sum())


def _pattern(heads: list[list[str]], numbers: int) -> str:
    """Return a regular expression for these beginnings; what is between the numbers is spelt out if it is always so."""
    texts = [["", *head] if head[0][0].isdigit() else head for head in heads]
    parts = []
    for number in range(numbers):
        between = {text[2 * number] for text in texts}
        parts.append(re.escape(between.pop()) if len(between) == 1 else r"\D*")
    return "^(" + "".join(part + r"\d+" for part in parts) + ")"


def _divided(table: "pd.DataFrame", names: dict[int, str]) -> list[int]:
    """Return the kept rows of validation and test in a small group with photos of train, see `_MOST_PHOTOS`."""
    kept = table[table["reason"].isna() & table["split"].notna()]
    kept = kept[kept.index.isin(list(names))]
    group = kept.index.map(names)
    in_train = (kept["split"] == "train").groupby(group).transform("any")
    is_small = kept["photo"].groupby(group).transform("nunique") <= _MOST_PHOTOS
    return kept.index[in_train & is_small & (kept["split"] != "train")].tolist()


def _shared(table: "pd.DataFrame", rows: list[int]) -> str:
    photos = table.loc[rows].drop_duplicates("photo")
    return f"photos of the test or validation ({len(photos):,}, such as {visible(photos['name'].iloc[0])})"
