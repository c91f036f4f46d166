"""What the page asks for and does: rows of doubts, counts, decisions and their undoing. Knows nothing of HTTP."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from flows.review.items import Doubt, Sheet
from tasks.filter import review_log
from tasks.filter.review_log import ACTIONS, Decision, Subject

ROWS = 200
"""Rows that are handed out at once."""
_PLACES = 3
State = Literal["open", "settled", "all"]
Standing = Mapping[Subject, Decision]


@dataclass(frozen=True)
class Filters:
    """Which doubts to show; None is all."""

    reason: str | None = None
    label: str | None = None
    state: State = "open"


class Desk:
    """A sheet and the decisions about it; the log on the disk is read each time, so that several pages agree."""

    def __init__(self, root: Path, sheet: Sheet) -> None:
        """Take a data folder and a sheet; raises UserError if the log of decisions is damaged."""
        self._root = root
        self._sheet = sheet
        self._subjects = frozenset(doubt.subject for doubt in sheet.doubts)
        self._before = self._standing()

    def changed(self) -> int:
        """About how many photos the decision is another one than when the page was opened."""
        now = self._standing()
        return sum(now.get(subject) != self._before.get(subject) for subject in self._subjects)

    def rows(self, filters: Filters, after: int = -1) -> dict[str, Any]:
        """The next ROWS doubts that pass the filters, of those behind number `after`; and the counts."""
        standing = self._standing()
        passing = (
            (number, doubt)
            for number, doubt in enumerate(self._sheet.doubts)
            if number > after and _passes(doubt, filters, standing)
        )
        found = list(islice(passing, ROWS + 1))
        rows = [self._row(number, doubt, standing) for number, doubt in found[:ROWS]]
        return {"rows": rows, "more": len(found) > ROWS, "counts": self._counts(filters, standing)}

    def decide(self, subject: Subject, action: str, to: str, filters: Filters) -> dict[str, Any]:
        """Log a decision; raises ValueError if it is none about a doubt of this sheet."""
        known = next((known for known in ACTIONS if known == action), None)
        if known is None:
            raise ValueError(f"there is no action {action!r}")
        if subject not in self._subjects:
            raise ValueError("this photo is not on this page; reload it")
        if known == "move" and to not in self._sheet.classes:
            raise ValueError(f"there is no class {to!r}")
        if (known == "move") == (to in ("", subject.label)):
            raise ValueError("a photo moves to another class than its own, and nothing else has one")
        review_log.add(self._root, [Decision(subject, known, to)])
        return self._after(subject, filters)

    def undo(self, subject: Subject | None, filters: Filters) -> dict[str, Any]:
        """Take back the last decision about a photo, or the last about any on this sheet."""
        undone = review_log.undo(self._root, self._subjects if subject is None else self._subjects & {subject})
        return self._after(undone.subject if undone else None, filters)

    def _standing(self) -> Standing:
        return review_log.read(self._root)

    def _after(self, subject: Subject | None, filters: Filters) -> dict[str, Any]:
        standing = self._standing()
        number = next((i for i, doubt in enumerate(self._sheet.doubts) if doubt.subject == subject), None)
        return {
            "changed": None if number is None else self._row(number, self._sheet.doubts[number], standing),
            "counts": self._counts(filters, standing),
        }

    def _row(self, number: int, doubt: Doubt, standing: Standing) -> dict[str, Any]:
        decision = standing.get(doubt.subject)
        return {
            "number": number,
            "photo": doubt.subject.photo,
            "label": doubt.subject.label,
            "name": doubt.name,
            "kept": doubt.kept,
            "reason": doubt.reason,
            "why": why(doubt),
            "twin": doubt.twin if doubt.twin in self._sheet.files else None,
            "twin_places": [list(place) for place in twin_places(self._sheet, doubt)],
            "suggestion": doubt.suggestion if doubt.suggestion != doubt.subject.label else None,
            "decision": {"action": decision.action, "to": decision.to} if decision else None,
        }

    def _counts(self, filters: Filters, standing: Standing) -> dict[str, Any]:
        doubts = self._sheet.doubts
        ours = [d for d in doubts if filters.label in (None, d.subject.label) and filters.reason in (None, d.reason)]
        settled = sum(doubt.subject in standing for doubt in ours)
        return {
            "settled": sum(doubt.subject in standing for doubt in doubts),
            "total": len(doubts),
            "states": {"open": len(ours) - settled, "settled": settled, "all": len(ours)},
            "reasons": _facet(doubts, standing, lambda d: d.reason, lambda d: filters.label in (None, d.subject.label)),
            "labels": _facet(doubts, standing, lambda d: d.subject.label, lambda d: filters.reason in (None, d.reason)),
        }


def twin_places(sheet: Sheet, doubt: Doubt) -> list[tuple[str, str]]:
    """Classes and names under which a doubt's twin was found; if the twin is the photo itself, under other classes."""
    own = doubt.subject.label if doubt.twin == doubt.subject.photo else None
    places = sheet.places.get(doubt.twin, ()) if doubt.twin else ()
    return [(label, name) for label, name in places if label != own][:_PLACES]


def why(doubt: Doubt) -> str:
    """The score against the threshold, for people."""
    if doubt.score is None:
        return ""
    return f"{doubt.score:.4g}" + ("" if doubt.threshold is None else f", threshold {doubt.threshold:.4g}")


def state(text: str) -> State:
    """A state by its name; raises ValueError if there is none."""
    for known in ("open", "settled", "all"):
        if text == known:
            return known
    raise ValueError(f"there is no state {text!r}")


def _passes(doubt: Doubt, filters: Filters, standing: Standing) -> bool:
    return (
        filters.reason in (None, doubt.reason)
        and filters.label in (None, doubt.subject.label)
        and (filters.state == "all" or (filters.state == "settled") == (doubt.subject in standing))
    )


def _facet(
    doubts: Iterable[Doubt], standing: Standing, name: Callable[[Doubt], str], counts: Callable[[Doubt], bool]
) -> list[dict[str, Any]]:
    """Every name that there is, with how many doubts of those that count are open, and how many there are."""
    total: Counter[str] = Counter()
    still_open: Counter[str] = Counter()
    for doubt in doubts:
        total[name(doubt)] += counts(doubt)
        still_open[name(doubt)] += counts(doubt) and doubt.subject not in standing
    return [{"name": key, "open": still_open[key], "total": count} for key, count in total.items()]
