"""The photos that a check of their content removes from the test: they are predicted apart.

Who sets a stricter threshold chooses an easier test. The evaluation gives the scores with and without these photos.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from tasks.filter.checks import CHECKS
from tasks.filter.rules import FACES

if TYPE_CHECKING:
    import pandas as pd

CONTENT_REASONS = (*(check.reason for check in CHECKS), FACES)
"""The reasons that depend on what a photo shows. Copies don't count: another photo is tested in their place. Photos in
two classes don't count: no answer is right for them."""


def is_removable(table: "pd.DataFrame") -> "pd.Series[bool]":
    """Return for each row whether a check of its content rejected it; `table` has the column reason."""
    return table["reason"].isin(CONTENT_REASONS)


def removed_from_test(rejected: "pd.DataFrame", labels: Collection[str]) -> "pd.DataFrame":
    """Return the rejected rows that would be in the test without the check, once per photo and class.

    Args:
        rejected: The rejected rows, with photo, label, reason and split.
        labels: The classes that have kept photos. No classifier knows the others.
    """
    found = rejected[is_removable(rejected) & (rejected["split"] == "test") & rejected["label"].isin(labels)]
    return found.drop_duplicates(["photo", "label"])


def name_groups(kept: "pd.DataFrame", removed: "pd.DataFrame") -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Name each group by its first kept photo, or else by its first removed one; sort both by class and photo.

    The names of the kept photos don't depend on the removed ones, so a stricter check builds no group anew.
    """
    named = kept.assign(group=kept.groupby("group")["photo"].transform("min"))
    names = dict(zip(kept["group"], named["group"], strict=True))
    own = removed.groupby("group")["photo"].transform("min")
    others = removed.assign(group=removed["group"].map(names).fillna(own))
    return named.sort_values(["label", "photo"]), others.sort_values(["label", "photo"])
