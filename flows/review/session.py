"""What the page can do: list items, count them, log decisions and undo them. It is independent of HTTP."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from flows.review.changes import Choice, Outcome, Withdrawal
from flows.review.items import Made, ReviewItem, ReviewList
from flows.review.ordered_items import Decisions, OrderedItems
from flows.review.selection import ItemFilter, Mask
from flows.review.words import answer_words, score_words, similarity_words
from tasks.filter import review_log
from tasks.filter.review_log import ACTIONS, Decision, Log, Opinion, ReviewKey

ROWS = 200
"""Most rows in one response."""
_PLACES = 3


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
        order = of.order(item_filter)
        first = max(after, -1) + 1
        passing = _passing(of, item_filter, decisions)
        places = first + np.flatnonzero(passing[order.numbers[first:]])[: ROWS + 1]
        rows = [
            self._row(of.items[order.numbers[place]], place, item_filter, decisions, order.cosines)
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

    def decide(self, choices: Sequence[Choice], item_filter: ItemFilter) -> dict[str, Any]:
        """Log decisions about different photos, all at once, except conflicts.

        Args:
            choices: The decisions.
            item_filter: Which items the page shows.

        Returns:
            `changed`: the row of each photo with its `outcome`, in the order of the choices; and the counts.

        Raises:
            ValueError: A decision isn't valid; nothing is written.
        """
        decisions = [self._valid(choice) for choice in choices]
        outcomes: list[Outcome] = []

        def choose(log: Log) -> list[Decision]:
            made = self._list.in_effect(log)
            outcomes.extend(self._outcome(choice, made.get(choice.key)) for choice in choices)
            return [wanted for wanted, outcome in zip(decisions, outcomes, strict=True) if outcome == "written"]

        review_log.change(self._root, choose, self._reviewer)
        return self._changed([choice.key for choice in choices], outcomes, item_filter)

    def undo(self, withdrawals: Sequence[Withdrawal], item_filter: ItemFilter) -> dict[str, Any]:
        """Cancel decisions about different photos, all at once, except those that were replaced or cancelled meanwhile.

        Args:
            withdrawals: The decisions.
            item_filter: Which items the page shows.

        Returns:
            As `decide`.

        Raises:
            ValueError: A photo isn't on the page; nothing is written.
        """
        keys: list[ReviewKey] = []
        outcomes: list[Outcome] = []

        def choose(log: Log) -> list[ReviewKey]:
            made = self._list.in_effect(log)
            renamed = {(key.photo, now.row): key for key, now in made.items()}
            for wanted in withdrawals:
                key = wanted.key if self._knows(wanted.key) else renamed.get((wanted.key.photo, wanted.row), wanted.key)
                if not self._knows(key):
                    raise ValueError("this photo is not on this page any more")
                keys.append(key)
                outcomes.append("written" if key in made and made[key].row == wanted.row else "conflict")
            return [made[key].key for key, outcome in zip(keys, outcomes, strict=True) if outcome == "written"]

        review_log.change(self._root, choose, self._reviewer)
        return self._changed(keys, outcomes, item_filter)

    def _valid(self, choice: Choice) -> Decision:
        """Return the decision of a choice; raises ValueError if it isn't valid."""
        known = next((known for known in ACTIONS if known == choice.action), None)
        if known is None:
            raise ValueError(f"unknown action {choice.action!r}")
        if not self._knows(choice.key):
            raise ValueError("this photo is not on this page; reload the page")
        if known == "move" and choice.to not in self._list.classes:
            raise ValueError(f"unknown class {choice.to!r}")
        if (known == "move") == (choice.to in ("", choice.key.label)):
            raise ValueError("a move needs another class than the photo's own; the other actions need none")
        return Decision(choice.key, known, choice.to)

    def _outcome(self, choice: Choice, made: Made | None) -> Outcome:
        """Return what becomes of a choice if a decision, or none, is in effect."""
        if _value(made) != (None if choice.shown is None else (choice.shown.action, choice.shown.to)):
            return "conflict"
        is_agreed = made is not None and self._reviewer not in {opinion.by for opinion in made.differing}
        return "same" if _value(made) == (choice.action, choice.to) and is_agreed else "written"

    def _decisions(self) -> Decisions:
        return self._list.decisions(self._root)

    def _items(self, item_filter: ItemFilter) -> OrderedItems:
        return self._photos if item_filter.view == "photos" else self._doubts

    def _knows(self, key: ReviewKey) -> bool:
        return key in self._doubts.numbers or key in self._photos.numbers

    def _changed(
        self, keys: Sequence[ReviewKey], outcomes: Sequence[Outcome], item_filter: ItemFilter
    ) -> dict[str, Any]:
        """Return the rows of photos as they are now, and the counts; the page may show the other list meanwhile."""
        decisions = self._decisions()
        of = self._items(item_filter)
        other = self._photos if of is self._doubts else self._doubts
        order, listed = of.order(item_filter), _passing(of, item_filter, decisions)
        changed = []
        for key, outcome in zip(keys, outcomes, strict=True):
            number = of.numbers.get(key)
            if number is None:
                row = self._row(other.items[other.numbers[key]], None, item_filter, decisions)
            else:
                row = self._row(of.items[number], int(order.places[number]), item_filter, decisions, order.cosines)
            is_listed = number is not None and bool(listed[number])
            changed.append({**row, "outcome": outcome, "is_listed": is_listed})
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


def _passing(of: OrderedItems, item_filter: ItemFilter, decisions: Decisions) -> Mask:
    """Return which items a page with this filter lists, `(n,)`: no page decides this by itself."""
    return of.table.select(item_filter) & _in_state(of, item_filter, decisions)


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

    If that is the photo itself, its own place doesn't count.
    """
    own = (item.key.label, item.name) if item.duplicate_of == item.key.photo else None
    places = review_list.places.get(item.duplicate_of, ()) if item.duplicate_of else ()
    return [place for place in places if place != own][:_PLACES]


def _value(made: Made | None) -> tuple[str, str] | None:
    return (made.action, made.to) if made else None


def _as_json(made: Made | None) -> dict[str, Any] | None:
    if made is None:
        return None
    differing = [_opinion(opinion) for opinion in made.differing]
    return {"action": made.action, "to": made.to, "row": made.row, "by": made.by, "differing": differing}


def _opinion(opinion: Opinion) -> dict[str, str]:
    return {"by": opinion.by, "action": opinion.action, "to": opinion.to}
