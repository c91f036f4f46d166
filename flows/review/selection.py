"""Which items of a list are shown, how many there are of each kind, and in which order they come.

A list may have tens of thousands of items, so each question is answered by arrays, not item by item.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from flows.review.items import ReviewItem
from tasks.names import nfc

View = Literal["doubts", "photos"]
"""The doubtful photos, or all photos."""
State = Literal["open", "reviewed", "disputed", "all"]
"""Without a decision, with one, with different ones of several reviewers, or all."""
Order = Literal["class", "unsure", "sure", "similar"]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.intp]

SPLITS = ("train", "val", "test", "rejected")
RIGHT, WRONG = "right", "wrong"
_CONFIDENCES = {0.99: "over 99 %", 0.9: "90 to 99 %", 0.7: "70 to 90 %", 0.5: "50 to 70 %", 0.0: "under 50 %"}


@dataclass(frozen=True)
class ItemFilter:
    """Which items to show, and in which order; None or an empty text shows all."""

    reason: str | None = None
    label: str | None = None
    split: str | None = None
    """One of SPLITS."""
    answer: str | None = None
    """Whether the model in use is RIGHT or WRONG."""
    confidence: str | None = None
    """A range of the probability of the model's answer."""
    text: str = ""
    """A part of the class or of the name; case doesn't matter."""
    state: State = "open"
    view: View = "doubts"
    order: Order = "class"
    """`class` keeps the order of the list: the doubts by reason, all photos by class."""
    like: str = ""
    """SHA-256 of the photo to which the first ones are similar, for the order `similar`."""


def confidence(probability: float) -> str:
    """Return the range of a probability, 0..1."""
    return next(name for least, name in _CONFIDENCES.items() if probability >= least)


_FACETS: Mapping[str, Callable[[ReviewItem], str | None]] = {
    "reason": lambda item: item.reason or None,
    "label": lambda item: item.key.label,
    "split": lambda item: item.split,
    "answer": lambda item: (WRONG if item.answer.is_wrong else RIGHT) if item.answer else None,
    "confidence": lambda item: confidence(item.answer.probability) if item.answer else None,
}
_ORDERS: Mapping[str, Sequence[str]] = {
    "split": SPLITS,
    "answer": (WRONG, RIGHT),
    "confidence": tuple(_CONFIDENCES.values()),
}


class ItemTable:
    """What can be asked about n items."""

    def __init__(self, items: Sequence[ReviewItem]) -> None:
        """Read the items; their order is kept."""
        self._facets = {name: _codes([of(item) for item in items], name) for name, of in _FACETS.items()}
        self._texts = [_plain(f"{item.key.label}\n{item.name}") for item in items]

    def select(self, wanted: ItemFilter) -> Mask:
        """Return which items pass a filter, whatever their state is, `(n,)`."""
        return self._have_text(wanted.text) & self._have_facets(wanted)

    def _have_text(self, text: str) -> Mask:
        typed = _plain(text.strip())
        if not typed:
            return np.full(len(self._texts), True)
        return np.fromiter((typed in each for each in self._texts), bool, len(self._texts))

    def _have_facets(self, wanted: ItemFilter, *, but: str = "") -> Mask:
        """Return which items have the facets of a filter; `but` names one that doesn't count."""
        mask = np.full(len(self._texts), True)
        for name, (names, codes) in self._facets.items():
            value = getattr(wanted, name)
            if value is not None and name != but:
                mask &= codes == (names.index(value) if value in names else len(names))
        return mask

    def counts(self, wanted: ItemFilter, in_state: Mask) -> dict[str, list[dict[str, Any]]]:
        """Return, for each facet, its values with the number of items that have them and pass the other filters.

        Args:
            wanted: The filter.
            in_state: Which items have the state of the filter, `(n,)`.
        """
        found, others = {}, self._have_text(wanted.text) & in_state
        for name, (names, codes) in self._facets.items():
            passing = codes[self._have_facets(wanted, but=name) & others & (codes >= 0)]
            numbers = np.bincount(passing, minlength=len(names)).tolist()
            found[name] = [{"name": each, "count": count} for each, count in zip(names, numbers, strict=True)]
        return found


def order_by_confidence(items: Sequence[ReviewItem], *, sure_first: bool) -> Numbers:
    """Return the numbers of the items by the probability of the model's answer; those without an answer come last."""
    sure = np.array([item.answer.probability if item.answer else np.nan for item in items])
    return np.argsort(-sure if sure_first else sure, kind="stable")  # NaN comes last


def order_by_similarity(items: Sequence[ReviewItem], photo: str, cosines: Mapping[str, float]) -> Numbers:
    """Return the numbers of the items by their similarity to a photo, which comes first; those without one come last.

    Args:
        items: The items.
        photo: SHA-256 of the chosen photo.
        cosines: Cosine similarity to it by SHA-256.
    """
    own = {photo: np.inf}  # copies of a photo may be more similar by rounding
    near = np.array([own.get(item.key.photo, cosines.get(item.key.photo, np.nan)) for item in items], np.float64)
    return np.argsort(-near, kind="stable")


def parse_choice(name: str, text: str, kind: Any) -> Any:
    """Return one of the texts of a Literal; raises ValueError if it is another one."""
    if text in get_args(kind):
        return text
    raise ValueError(f"unknown {name} {text!r}")


def _codes(values: Sequence[str | None], facet: str) -> tuple[list[str], NDArray[np.int64]]:
    """Return the different values, in the order in which they are shown, and the place of each item's value, or -1."""
    found = list(dict.fromkeys(value for value in values if value is not None))
    if facet == "label":
        found.sort(key=lambda name: (name.casefold(), name))
    elif facet in _ORDERS:
        found.sort(key=_ORDERS[facet].index)
    places: dict[str | None, int] = {name: place for place, name in enumerate(found)}
    return found, np.array([places.get(value, -1) for value in values], np.int64)


def _plain(text: str) -> str:
    return nfc(text).casefold()
