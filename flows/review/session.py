"""What the page can do: list items, count them, log decisions and undo them. It is independent of HTTP."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from flows.review.items import ReviewItem, ReviewList
from tasks.filter import review_log
from tasks.filter.review_log import ACTIONS, Decision, ReviewKey

ROWS = 200
"""Most rows in one response."""
_PLACES = 3
State = Literal["open", "reviewed", "all"]
Decisions = Mapping[ReviewKey, Decision]


@dataclass(frozen=True)
class ItemFilter:
    """Which items to show."""

    reason: str | None = None
    """None shows all reasons."""
    label: str | None = None
    """None shows all classes."""
    state: State = "open"
    """Items without a decision, with a decision, or all."""


class ReviewSession:
    """A list of photos and the decisions about them.

    The log of decisions is read from the disk for each request, so several pages show the same decisions.
    """

    def __init__(self, root: Path, review_list: ReviewList) -> None:
        """Take the data folder and the photos to review; raises UserError if the log of decisions is damaged."""
        self._root = root
        self._list = review_list
        self._keys = frozenset(item.key for item in review_list.items)
        self._renamed = review_list.renamed
        self._before = self._decisions()

    def changed(self) -> int:
        """Return how many photos have another decision than when the session began."""
        now = self._decisions()
        return sum(now.get(key) != self._before.get(key) for key in self._keys)

    def rows(self, item_filter: ItemFilter, after: int = -1) -> dict[str, Any]:
        """Return the next items that pass a filter, at most ROWS, and the counts.

        Args:
            item_filter: Which items to return.
            after: Number of the item after which to begin.
        """
        decisions = self._decisions()
        passing = (
            (number, item)
            for number, item in enumerate(self._list.items)
            if number > after and _passes(item, item_filter, decisions)
        )
        found = list(islice(passing, ROWS + 1))
        rows = [self._row(number, item, decisions) for number, item in found[:ROWS]]
        return {"rows": rows, "more": len(found) > ROWS, "counts": self._counts(item_filter, decisions)}

    def decide(self, key: ReviewKey, action: str, to: str, item_filter: ItemFilter) -> dict[str, Any]:
        """Log a decision; returns the changed row and the counts. Raises ValueError if the decision isn't valid."""
        known = next((known for known in ACTIONS if known == action), None)
        if known is None:
            raise ValueError(f"unknown action {action!r}")
        if key not in self._keys:
            raise ValueError("this photo is not on this page; reload the page")
        if known == "move" and to not in self._list.classes:
            raise ValueError(f"unknown class {to!r}")
        if (known == "move") == (to in ("", key.label)):
            raise ValueError("a move needs another class than the photo's own; the other actions need none")
        review_log.add(self._root, [Decision(key, known, to)])
        return self._after(key, item_filter)

    def undo(self, key: ReviewKey | None, item_filter: ItemFilter) -> dict[str, Any]:
        """Cancel the last decision about a photo, or about any photo of the list; returns as `decide`."""
        keys = self._keys if key is None else self._keys & {key}
        undone = review_log.undo(self._root, keys.union(old for old, new in self._renamed.items() if new in keys))
        return self._after(self._renamed.get(undone.key, undone.key) if undone else None, item_filter)

    def _decisions(self) -> Decisions:
        return self._list.decisions(self._root)

    def _after(self, key: ReviewKey | None, item_filter: ItemFilter) -> dict[str, Any]:
        decisions = self._decisions()
        number = next((i for i, item in enumerate(self._list.items) if item.key == key), None)
        return {
            "changed": None if number is None else self._row(number, self._list.items[number], decisions),
            "counts": self._counts(item_filter, decisions),
        }

    def _row(self, number: int, item: ReviewItem, decisions: Decisions) -> dict[str, Any]:
        decision = decisions.get(item.key)
        return {
            "number": number,
            "photo": item.key.photo,
            "label": item.key.label,
            "name": item.name,
            "kept": item.kept,
            "reason": item.reason,
            "score": score_text(item),
            "duplicate_of": item.duplicate_of if item.duplicate_of in self._list.files else None,
            "duplicate_places": [list(place) for place in duplicate_places(self._list, item)],
            "suggestion": item.suggestion if item.suggestion != item.key.label else None,
            "decision": {"action": decision.action, "to": decision.to} if decision else None,
        }

    def _counts(self, item_filter: ItemFilter, decisions: Decisions) -> dict[str, Any]:
        reason, label, items = item_filter.reason, item_filter.label, self._list.items
        selected = [item for item in items if label in (None, item.key.label) and reason in (None, item.reason)]
        reviewed = sum(item.key in decisions for item in selected)
        return {
            "reviewed": sum(item.key in decisions for item in items),
            "total": len(items),
            "states": {"open": len(selected) - reviewed, "reviewed": reviewed, "all": len(selected)},
            "reasons": _facet(items, decisions, lambda i: i.reason, lambda i: label in (None, i.key.label)),
            "labels": _facet(items, decisions, lambda i: i.key.label, lambda i: reason in (None, i.reason)),
        }


def duplicate_places(review_list: ReviewList, item: ReviewItem) -> list[tuple[str, str]]:
    """Return classes and names under which the crawl found the photo that an item duplicates.

    If that is the photo itself, only its other classes count.
    """
    own = item.key.label if item.duplicate_of == item.key.photo else None
    places = review_list.places.get(item.duplicate_of, ()) if item.duplicate_of else ()
    return [(label, name) for label, name in places if label != own][:_PLACES]


def score_text(item: ReviewItem) -> str:
    """Return the score and the threshold as text; empty if there is no score."""
    if item.score is None:
        return ""
    return f"{item.score:.4g}" + ("" if item.threshold is None else f", threshold {item.threshold:.4g}")


def parse_state(text: str) -> State:
    """Return a state by its name; raises ValueError if it is unknown."""
    for known in ("open", "reviewed", "all"):
        if text == known:
            return known
    raise ValueError(f"unknown state {text!r}")


def _passes(item: ReviewItem, item_filter: ItemFilter, decisions: Decisions) -> bool:
    return (
        item_filter.reason in (None, item.reason)
        and item_filter.label in (None, item.key.label)
        and (item_filter.state == "all" or (item_filter.state == "reviewed") == (item.key in decisions))
    )


def _facet(
    items: Iterable[ReviewItem],
    decisions: Decisions,
    name: Callable[[ReviewItem], str],
    counts: Callable[[ReviewItem], bool],
) -> list[dict[str, Any]]:
    """Return each name with the number of open items and of all items, of those that `counts` selects."""
    total: Counter[str] = Counter()
    still_open: Counter[str] = Counter()
    for item in items:
        total[name(item)] += counts(item)
        still_open[name(item)] += counts(item) and item.key not in decisions
    return [{"name": key, "open": still_open[key], "total": count} for key, count in total.items()]
