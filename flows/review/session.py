"""What the page can do: list items, count them, log decisions and undo them. It is independent of HTTP."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from flows.review.items import Made, ReviewItem, ReviewList
from tasks.filter import review_log
from tasks.filter.review_log import ACTIONS, Decision, Log, ReviewKey

ROWS = 200
"""Most rows in one response."""
_PLACES = 3
State = Literal["open", "reviewed", "all"]
Decisions = Mapping[ReviewKey, Made]


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

    The log of decisions is read from the disk for each request, so several pages show the same decisions. Each change
    says which decision the page showed; if the log has another one meanwhile, nothing is written.
    """

    def __init__(self, root: Path, review_list: ReviewList) -> None:
        """Take the data folder and the photos to review; raises UserError if the log of decisions is damaged."""
        self._root = root
        self._list = review_list
        self._numbers: dict[ReviewKey, int] = {}
        for number, item in enumerate(review_list.items):
            self._numbers.setdefault(item.key, number)
        self._before = self._decisions()

    def changed(self) -> set[str]:
        """Return the photos that have another decision than when the session began."""
        now = self._decisions()
        return {key.photo for key in self._list.keys if _value(now.get(key)) != _value(self._before.get(key))}

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

    def decisions(self, item_filter: ItemFilter) -> dict[str, Any]:
        """Return the decisions about all items, and the counts, for a page that was in the background."""
        decisions = self._decisions()
        made = [
            {"number": number, "decision": _as_json(decisions[item.key])}
            for number, item in enumerate(self._list.items)
            if item.key in decisions
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
        if key not in self._numbers:
            raise ValueError("this photo is not on this page; reload the page")
        if known == "move" and to not in self._list.classes:
            raise ValueError(f"unknown class {to!r}")
        if (known == "move") == (to in ("", key.label)):
            raise ValueError("a move needs another class than the photo's own; the other actions need none")

        def choose(log: Log) -> Decision | None:
            made = self._list.in_effect(log).get(key)
            if _value(made) != (None if shown is None else (shown.action, shown.to)):
                raise ConflictError(self._after(key, item_filter))
            return None if _value(made) == (known, to) else Decision(key, known, to)

        written = review_log.change(self._root, choose)
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
            if key not in self._numbers:
                item = next((k for k, m in made.items() if k.photo == key.photo and m.row == row), key)
            if item not in self._numbers:
                raise ValueError("this photo is not on this page any more")
            if item not in made or made[item].row != row:
                raise ConflictError(self._after(item, item_filter))
            return made[item].key

        written = review_log.change(self._root, choose)
        return {"written": written, **self._after(item, item_filter)}

    def _decisions(self) -> Decisions:
        return self._list.decisions(self._root)

    def _after(self, key: ReviewKey, item_filter: ItemFilter) -> dict[str, Any]:
        decisions = self._decisions()
        number = self._numbers[key]
        return {
            "changed": self._row(number, self._list.items[number], decisions),
            "counts": self._counts(item_filter, decisions),
        }

    def _row(self, number: int, item: ReviewItem, decisions: Decisions) -> dict[str, Any]:
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
            "decision": _as_json(decisions.get(item.key)),
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
    if item.reason == "faces":
        return f"{item.score:.0f} found, {item.threshold:.0f} allowed" if item.threshold is not None else ""
    return f"{item.score:.4g}" + ("" if item.threshold is None else f", threshold {item.threshold:.4g}")


def parse_state(text: str) -> State:
    """Return a state by its name; raises ValueError if it is unknown."""
    for known in ("open", "reviewed", "all"):
        if text == known:
            return known
    raise ValueError(f"unknown state {text!r}")


def _value(made: Made | None) -> tuple[str, str] | None:
    return (made.action, made.to) if made else None


def _as_json(made: Made | None) -> dict[str, str] | None:
    return {"action": made.action, "to": made.to, "row": made.row} if made else None


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
