"""Suggest the name that a user probably meant."""

import difflib
from collections.abc import Sequence


def did_you_mean(name: str, known: Sequence[str], cutoff: float = 0.4) -> str:
    """Return `; did you mean NAME?` for the closest known name, or an empty string if none is similar.

    Args:
        name: What the user typed.
        known: All valid names.
        cutoff: Least similarity, 0..1, see `difflib.get_close_matches`.
    """
    closest = difflib.get_close_matches(name, known, n=1, cutoff=cutoff)
    return f"; did you mean {closest[0]}?" if closest else ""
