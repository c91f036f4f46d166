"""Suggest the name that a user probably meant."""

import difflib
import unicodedata
from collections.abc import Sequence


def did_you_mean(name: str, known: Sequence[str], cutoff: float = 0.4, *, several: bool = False) -> str:
    """Return ` (did you mean NAME?)` for the closest known name, or an empty string if none is similar.

    It is in brackets, so that a message can go on after the question. Names are compared letter by letter, and a Korean
    syllable counts as its letters: else one wrong letter would be half of a name of two syllables.

    Args:
        name: What the user typed.
        known: All valid names.
        cutoff: Least similarity, 0..1, see `difflib.get_close_matches`.
        several: Whether the setting takes several names; then known names with commas between them may be meant.
    """
    parts = [part.strip() for part in name.split(",")]
    if several and len(parts) > 1 and set(parts) <= set(known):
        return f" (for several, write [{','.join(parts)}])"
    letters = {unicodedata.normalize("NFD", each): each for each in known}
    closest = difflib.get_close_matches(unicodedata.normalize("NFD", name), letters, n=1, cutoff=cutoff)
    return f" (did you mean {letters[closest[0]]}?)" if closest else ""
