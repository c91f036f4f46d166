"""The items of a list in the orders in which pages show them, and which of them have a decision."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from flows.review.items import Made, ReviewItem
from flows.review.selection import (
    ItemFilter,
    ItemTable,
    Mask,
    Numbers,
    order_by_confidence,
    order_by_similarity,
)
from flows.review.similar import StoredFeatures
from tasks.filter.review_log import ReviewKey

Decisions = Mapping[ReviewKey, Made]
_KEPT_ORDERS = 4


class OrderedItems:
    """The doubtful photos or all photos, in the orders in which pages show them."""

    def __init__(self, items: tuple[ReviewItem, ...], features: StoredFeatures | None) -> None:
        """Take the items, in the order of the list, and what photos are compared by; None before the first model."""
        self._features = features
        self.items = items
        self.numbers: dict[ReviewKey, int] = {}
        for number, item in enumerate(items):
            self.numbers.setdefault(item.key, number)
        self._sorted: dict[str, tuple[Numbers, Numbers]] = {}

    @cached_property
    def table(self) -> ItemTable:
        """What can be asked about the items."""
        return ItemTable(self.items)

    def order(self, wanted: ItemFilter) -> tuple[Numbers, Numbers]:
        """Return the number of the item at each place, and the place of each item; `(n,)` both."""
        key = f"{wanted.order} {wanted.like}"
        if key not in self._sorted:
            numbers = self._order(wanted)
            places = np.empty(len(numbers), np.intp)
            places[numbers] = np.arange(len(numbers))
            while len(self._sorted) >= _KEPT_ORDERS:
                self._sorted.pop(next(iter(self._sorted)), None)
            self._sorted[key] = numbers, places
            return numbers, places
        return self._sorted[key]

    def cosines(self, wanted: ItemFilter) -> Mapping[str, float]:
        """Return the similarity of each photo to the chosen one, -1..1, by SHA-256.

        Raises:
            ValueError: The features of the chosen photo aren't stored.
        """
        features = self._features
        if features is None or wanted.like not in features:
            raise ValueError("the features of this photo are not stored: only photos that the model's run has kept are")
        return features.cosines(wanted.like)

    def reviewed(self, decisions: Decisions) -> Mask:
        """Return which items have a decision, `(n,)`."""
        return np.fromiter((item.key in decisions for item in self.items), bool, len(self.items))

    def disputed(self, decisions: Decisions) -> Mask:
        """Return of which items reviewers have different opinions, `(n,)`."""
        keys = {key for key, made in decisions.items() if made.differing}
        return np.fromiter((item.key in keys for item in self.items), bool, len(self.items))

    def _order(self, wanted: ItemFilter) -> Numbers:
        if wanted.order == "similar":
            return order_by_similarity(self.items, self.cosines(wanted))
        if wanted.order != "class":
            return order_by_confidence(self.items, sure_first=wanted.order == "sure")
        return np.arange(len(self.items))
