"""The items of a list in the orders in which pages show them, and which of them have a decision."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class ItemOrder:
    """An order of n items."""

    numbers: Numbers
    """The number of the item at each place, `(n,)`."""
    places: Numbers
    """The place of each item, `(n,)`."""
    cosines: Mapping[str, float] = field(default_factory=dict)
    """The similarity of each photo to the chosen one, -1..1, by SHA-256; empty in other orders."""


class OrderedItems:
    """The doubtful photos or all photos, in the orders in which pages show them."""

    def __init__(self, items: tuple[ReviewItem, ...], features: StoredFeatures | None) -> None:
        """Take the items, in the order of the list, and what photos are compared by; None before the first model."""
        self._features = features
        self.items = items
        self.numbers: dict[ReviewKey, int] = {}
        for number, item in enumerate(items):
            self.numbers.setdefault(item.key, number)
        self._orders: dict[str, ItemOrder] = {}

    @cached_property
    def table(self) -> ItemTable:
        """What can be asked about the items."""
        return ItemTable(self.items)

    def order(self, wanted: ItemFilter) -> ItemOrder:
        """Return the order of the items.

        Raises:
            ValueError: The items are ordered by similarity, and the features of the chosen photo aren't stored.
        """
        key = f"{wanted.order} {wanted.like}"
        found = self._orders.get(key)
        if found is None:
            found = self._order(wanted)
            while len(self._orders) >= _KEPT_ORDERS:
                self._orders.pop(next(iter(self._orders)), None)
            self._orders[key] = found
        return found

    def reviewed(self, decisions: Decisions) -> Mask:
        """Return which items have a decision, `(n,)`."""
        return np.fromiter((item.key in decisions for item in self.items), bool, len(self.items))

    def disputed(self, decisions: Decisions) -> Mask:
        """Return of which items reviewers have different opinions, `(n,)`."""
        keys = {key for key, made in decisions.items() if made.differing}
        return np.fromiter((item.key in keys for item in self.items), bool, len(self.items))

    def _order(self, wanted: ItemFilter) -> ItemOrder:
        cosines: Mapping[str, float] = {}
        if wanted.order == "similar":
            cosines = self._cosines(wanted.like)
            numbers = order_by_similarity(self.items, wanted.like, cosines)
        elif wanted.order == "class":
            numbers = np.arange(len(self.items))
        else:
            numbers = order_by_confidence(self.items, sure_first=wanted.order == "sure")
        places = np.empty(len(numbers), np.intp)
        places[numbers] = np.arange(len(numbers))
        return ItemOrder(numbers, places, cosines)

    def _cosines(self, photo: str) -> Mapping[str, float]:
        if self._features is None or photo not in self._features:
            raise ValueError("the features of this photo are not stored: only photos that the model's run has kept are")
        return self._features.cosines(photo)
