"""What the page can do: list items, count them, log decisions and undo them. It is independent of HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from flows.review.items import Made, ReviewItem, ReviewList
from flows.review.ordered_items import Decisions, OrderedItems
from flows.review.selection import ItemFilter, Mask
from flows.review.words import answer_words, score_words, similarity_words
from tasks.filter import review_log
from tasks.filter.review_log import ACTIONS, Decision, Log, Opinion, ReviewKey

ROWS = 200
"""Most rows in one response."""
_PLACES = 3


@dataclass(frozen=True)
class ShownDecision:
    """The decision about a photo that a page showed when a person changed it."""

    action: str
    to: str


Shown = ShownDecision | None
"""None: the page showed no decision."""


class ConflictError(Exception):
    """The log has another decision than the page showed."""

    def __init__(self, now: dict[str, Any]) -> None:
        """Take the photo's row as it is now, and the counts."""
        super().__init__("decided elsewhere meanwhile")
        self.now = now


class ReviewSession:
    """A list of photos and the decisions about them.

    The log of decisions is read from the disk for each request, so several pages show the same decisions. Each change
    says which decision the page showed; if the log has another one meanwhile, nothing is written.
    """

    def __init__(self, root: Path, review_list: ReviewList, reviewer: str = "") -> None:
        """Take the data folder, the photos to review, and who decides; raises UserError if the log is damaged."""
        self._root = root
        self._list = review_list
        self._reviewer = reviewer
        self._doubts = OrderedItems(review_list.items, review_list.features)
        self._before = self._decisions()

    @cached_property
    def _photos(self) -> OrderedItems:
        return OrderedItems(self._list.photos, self._list.features)

    def changed(self) -> set[str]:
        """Return the photos that have another decision than when the session began."""
        now = self._decisions()
        return {
            key.photo
            for key in now.keys() | self._before.keys()
            if _value(now.get(key)) != _value(self._before.get(key))
        }

    def rows(self, item_filter: ItemFilter, after: int = -1) -> dict[str, Any]:
        """Return the next items that pass a filter, at most ROWS, and the counts.

        Args:
            item_filter: Which items to return.
            after: Number of the item after which to begin.
        """
        decisions = self._decisions()
        of = self._items(item_filter)
        numbers, _ = of.order(item_filter)
        first = max(after, -1) + 1
        passing = of.table.select(item_filter) & _in_state(of, item_filter, decisions)
        places = first + np.flatnonzero(passing[numbers[first:]])[: ROWS + 1]
        cosines = of.cosines(item_filter) if item_filter.order == "similar" and len(places) else {}
        rows = [
            self._row(of.items[numbers[place]], place, item_filter, decisions, cosines)
            for place in places[:ROWS].tolist()
        ]
        return {"rows": rows, "more": len(places) > ROWS, "counts": self._counts(item_filter, decisions)}

    def decisions(self, item_filter: ItemFilter) -> dict[str, Any]:
        """Return the decisions about all items, and the counts, for a page that was in the background."""
        decisions = self._decisions()
        made = [
            {"photo": key.photo, "label": key.label, "decision": _as_json(decision)}
            for key, decision in decisions.items()
            if self._knows(key)
        ]
        return {"decisions": made, "counts": self._counts(item_filter, decisions)}

    def decide(self, key: ReviewKey, action: str, to: str, shown: Shown, item_filter: ItemFilter) -> dict[str, Any]:
        """Log a decision; returns whether a row was written, the photo's row, and the counts.

        Args:
            key: The photo, in its class.
            action: keep, reject or move.
            to: The new class of a move, else empty.
            shown: The decision that the page showed.
            item_filter: Which items to count.

        Raises:
            ValueError: The decision isn't valid.
            ConflictError: The log has another decision than the page showed.
        """
        known = next((known for known in ACTIONS if known == action), None)
        if known is None:
            raise ValueError(f"unknown action {action!r}")
        if not self._knows(key):
            raise ValueError("this photo is not on this page; reload the page")
        if known == "move" and to not in self._list.classes:
            raise ValueError(f"unknown class {to!r}")
        if (known == "move") == (to in ("", key.label)):
            raise ValueError("a move needs another class than the photo's own; the other actions need none")

        def choose(log: Log) -> Decision | None:
            made = self._list.in_effect(log).get(key)
            if _value(made) != (None if shown is None else (shown.action, shown.to)):
                raise ConflictError(self._after(key, item_filter))
            is_agreed = made is not None and self._reviewer not in {opinion.by for opinion in made.differing}
            return None if _value(made) == (known, to) and is_agreed else Decision(key, known, to)

        written = review_log.change(self._root, choose, self._reviewer)
        return {"written": written, **self._after(key, item_filter)}

    def undo(self, key: ReviewKey, row: str, item_filter: ItemFilter) -> dict[str, Any]:
        """Cancel the decision that a row of the log made; returns as `decide`.

        Args:
            key: The photo, in its class.
            row: The row, see `Made`. An older page may have it under another class.
            item_filter: Which items to count.

        Raises:
            ValueError: The photo isn't on the page.
            ConflictError: The log has a later decision about the photo, or that one was cancelled.
        """
        item = key

        def choose(log: Log) -> ReviewKey:
            nonlocal item
            made = self._list.in_effect(log)
            if not self._knows(key):
                item = next((k for k, m in made.items() if k.photo == key.photo and m.row == row), key)
            if not self._knows(item):
                raise ValueError("this photo is not on this page any more")
            if item not in made or made[item].row != row:
                raise ConflictError(self._after(item, item_filter))
            return made[item].key

        written = review_log.change(self._root, choose, self._reviewer)
        return {"written": written, **self._after(item, item_filter)}

    def _decisions(self) -> Decisions:
        return self._list.decisions(self._root)

    def _items(self, item_filter: ItemFilter) -> OrderedItems:
        return self._photos if item_filter.view == "photos" else self._doubts

    def _knows(self, key: ReviewKey) -> bool:
        return key in self._doubts.numbers or key in self._photos.numbers

    def _after(self, key: ReviewKey, item_filter: ItemFilter) -> dict[str, Any]:
        """Return the row of a photo as it is now, and the counts; the page may show the other list meanwhile."""
        decisions = self._decisions()
        of = self._items(item_filter)
        if key in of.numbers:
            place = int(of.order(item_filter)[1][of.numbers[key]])
            changed = self._row(of.items[of.numbers[key]], place, item_filter, decisions)
        else:
            other = self._photos if of is self._doubts else self._doubts
            changed = self._row(other.items[other.numbers[key]], None, item_filter, decisions)
        return {"changed": changed, "counts": self._counts(item_filter, decisions)}

    def _row(
        self,
        item: ReviewItem,
        place: int | None,
        item_filter: ItemFilter,
        decisions: Decisions,
        cosines: Mapping[str, float] | None = None,
    ) -> dict[str, Any]:
        """Return what the page shows of an item; `place` is its place in the list, None if it isn't in it."""
        by_class = item_filter.view == "photos" and item_filter.order == "class"
        return {
            "number": place,
            "section": "" if item_filter.order != "class" else item.key.label if by_class else item.reason,
            "photo": item.key.photo,
            "label": item.key.label,
            "name": item.name,
            "kept": item.kept,
            "reason": item.reason,
            "split": item.split,
            "score": score_words(item),
            "answer": answer_words(item.answer),
            "similarity": similarity_words(cosines.get(item.key.photo)) if cosines else "",
            "has_features": self._list.features is not None and item.key.photo in self._list.features,
            "duplicate_of": item.duplicate_of if item.duplicate_of in self._list.files else None,
            "duplicate_places": [list(place) for place in duplicate_places(self._list, item)],
            "suggestion": item.suggestion if item.suggestion != item.key.label else None,
            "decision": _as_json(decisions.get(item.key)),
        }

    def _counts(self, item_filter: ItemFilter, decisions: Decisions) -> dict[str, Any]:
        of = self._items(item_filter)
        selected, reviewed = of.table.select(item_filter), of.reviewed(decisions)
        states = {
            "open": selected & ~reviewed,
            "reviewed": selected & reviewed,
            "disputed": selected & of.disputed(decisions),
            "all": selected,
        }
        return {
            "reviewed": int(reviewed.sum()),
            "total": len(of.items),
            "states": {name: int(mask.sum()) for name, mask in states.items()},
            "facets": of.table.counts(item_filter, _in_state(of, item_filter, decisions)),
        }


def _in_state(of: OrderedItems, item_filter: ItemFilter, decisions: Decisions) -> Mask:
    """Return which items have the state of a filter, `(n,)`."""
    if item_filter.state == "all":
        return np.full(len(of.items), True)
    if item_filter.state == "disputed":
        return of.disputed(decisions)
    reviewed = of.reviewed(decisions)
    return reviewed if item_filter.state == "reviewed" else ~reviewed


def duplicate_places(review_list: ReviewList, item: ReviewItem) -> list[tuple[str, str]]:
    """Return classes and names under which the crawl found the photo that an item duplicates.

    If that is the photo itself, only its other classes count.
    """
    own = item.key.label if item.duplicate_of == item.key.photo else None
    places = review_list.places.get(item.duplicate_of, ()) if item.duplicate_of else ()
    return [(label, name) for label, name in places if label != own][:_PLACES]


def _value(made: Made | None) -> tuple[str, str] | None:
    return (made.action, made.to) if made else None


def _as_json(made: Made | None) -> dict[str, Any] | None:
    if made is None:
        return None
    differing = [_opinion(opinion) for opinion in made.differing]
    return {"action": made.action, "to": made.to, "row": made.row, "by": made.by, "differing": differing}


def _opinion(opinion: Opinion) -> dict[str, str]:
    return {"by": opinion.by, "action": opinion.action, "to": opinion.to}
