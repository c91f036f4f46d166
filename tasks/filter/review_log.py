"""The decisions that people made about photos: `DATA/decisions.csv`, an append-only log that can be committed.

Columns: `photo` is the SHA-256 of the photo; `label` is the class under which the crawl found it; `action` is keep,
reject, move or undo; `to` is the new class of a move; `decided_at` is a UTC time; `decided_by` is the name of the
reviewer. For each (photo, label) the last row counts, and undo cancels the row before. The log is not in the folder of
the pools, because that may be deleted at any time.

`tasks.filter.review_file` reads and appends the rows. `tasks.filter.review_keys` applies the decisions to the photos of
a crawl, whose classes may have been renamed.
"""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from string import hexdigits
from typing import Literal, NamedTuple, get_args

from tasks.filter import review_file
from tasks.store import hashing as digests
from tasks.store.manifest import now

NAME = "decisions.csv"
Action = Literal["keep", "reject", "move"]
ACTIONS: tuple[Action, ...] = get_args(Action)
_UNDO = "undo"


class ReviewKey(NamedTuple):
    """What a decision is about: one photo in one class."""

    photo: str
    """SHA-256, 64 lower-case hex digits."""
    label: str
    """The class under which the crawl found it."""


@dataclass(frozen=True)
class Decision:
    """What a person decided about one photo in one class."""

    key: ReviewKey
    action: Action
    to: str = ""
    """The new class of a move; empty for the other actions."""


@dataclass(frozen=True)
class Opinion:
    """What one reviewer decided about a photo."""

    by: str
    """The name of the reviewer; empty if the log doesn't say it."""
    action: Action
    to: str
    """The new class of a move; empty for the other actions."""


@dataclass(frozen=True)
class Entry:
    """A decision in effect, and the row of the log that made it."""

    decision: Decision
    number: int
    """How many rows about the same photo and class come before it in the log; rows are never removed."""
    by: str = ""
    """The name of the reviewer; empty if the log doesn't say it."""
    differing: tuple[Opinion, ...] = ()
    """The last decision of each other reviewer, where it is another one; undone ones don't count."""


class Row(NamedTuple):
    """A row of the log."""

    key: ReviewKey
    decision: Decision | None
    """None: undo."""
    decided_at: str
    by: str = ""
    """The name of the reviewer; empty if the log doesn't say it."""


Log = Mapping[ReviewKey, Entry]
"""The decisions in effect, in the order in which they were made."""


def entries(root: Path) -> dict[ReviewKey, Entry]:
    """Return the decisions in effect with their rows, in the order in which they were made; errors as `read`."""
    return in_effect(root / NAME)


def read(root: Path) -> dict[ReviewKey, Decision]:
    """Return the decisions in effect, in the order in which they were made.

    Args:
        root: The data folder.

    Raises:
        UserError: A line is damaged; the message has the file and the line number.
    """
    return {key: entry.decision for key, entry in entries(root).items()}


def change(root: Path, choose: Callable[[Log], Iterable[Decision | ReviewKey]], by: str = "") -> int:
    """Append rows that depend on what the log has: all of them, or none. Nobody can write in between.

    Args:
        root: The data folder.
        by: The name of the reviewer.
        choose: Called with the decisions in effect. Returns the decisions to log, and the photos and classes whose
            decision to cancel. Its exceptions are passed on, and nothing is written.

    Returns:
        How many rows were written.
    """
    path = root / NAME
    with review_file.lock(path):
        rows = []
        for chosen in choose(in_effect(path)):
            if isinstance(chosen, Decision):
                _check(chosen)
                rows.append(Row(chosen.key, chosen, _now(), by))
            else:
                rows.append(Row(chosen, None, _now(), by))
        append(path, rows)
        return len(rows)


def add(root: Path, decisions: Iterable[Decision], by: str = "") -> list[Decision]:
    """Append decisions of one reviewer; returns those that were written.

    A decision that is already in effect isn't written again.
    """
    path = root / NAME
    with review_file.lock(path):
        known = read(root)
        written: list[Decision] = []
        for decision in decisions:
            if known.get(decision.key) != decision:
                _check(decision)
                known[decision.key] = decision
                written.append(decision)
        append(path, [Row(decision.key, decision, _now(), by) for decision in written])
    return written


def undo(root: Path, among: Container[ReviewKey]) -> Decision | None:
    """Cancel the last decision in effect about one of these keys; returns it, or None if there is none."""
    undone: list[Decision] = []

    def choose(log: Log) -> list[ReviewKey]:
        undone.extend(entry.decision for key, entry in log.items() if key in among)
        return [decision.key for decision in undone[-1:]]

    change(root, choose)
    return undone[-1] if undone else None


def digest(root: Path) -> str:
    """Return the SHA-256 (64 hex digits) of the decisions in effect; their time doesn't change it.

    Their order counts only among those about one photo: if its class was renamed, the latest is applied.
    """
    decisions = sorted(read(root).items(), key=lambda item: item[0].photo)
    return digests.of_value([[*key, made.action, made.to] for key, made in decisions])


def in_effect(path: Path) -> dict[ReviewKey, Entry]:
    """Return the decisions in effect, in the order in which they were made."""
    stacks: dict[ReviewKey, list[tuple[int, Entry]]] = {}
    rows: Counter[ReviewKey] = Counter()
    for number, (key, decision, _, by) in enumerate(log(path)):
        stack = stacks.setdefault(key, [])
        if decision:
            stack.append((number, Entry(decision, rows[key], by)))
        elif stack:  # an undo without a decision is ignored: it can result from merging two logs
            stack.pop()
        rows[key] += 1
    tops = sorted(((stack[-1][0], _top(stack)) for stack in stacks.values() if stack), key=lambda top: top[0])
    return {entry.decision.key: entry for _, entry in tops}


def _top(stack: Sequence[tuple[int, Entry]]) -> Entry:
    """Return the last of the decisions about one photo, with what other reviewers decided otherwise."""
    top = stack[-1][1]
    if len(stack) == 1:
        return top
    last = {entry.by: entry.decision for _, entry in stack}
    differing = (Opinion(by, made.action, made.to) for by, made in last.items() if made != top.decision)
    return replace(top, differing=tuple(differing))


def log(path: Path) -> Iterator[Row]:
    """Yield each row of the log; errors as `read`."""
    return review_file.read(path, _parsed)


def _parsed(row: Sequence[str]) -> Row:
    """Parse one row; raises ValueError if it is damaged."""
    photo, label, action, to, decided_at, by = row
    key = ReviewKey(photo, label)
    try:
        datetime.fromisoformat(decided_at)
    except ValueError:
        raise ValueError(f"decided_at is {decided_at!r}, not a time such as 2026-01-31T12:00:00Z") from None
    if action == _UNDO:
        return Row(key, None, decided_at, by)
    for known in ACTIONS:
        if action == known:
            decision = Decision(key, known, to)
            _check(decision)
            return Row(key, decision, decided_at, by)
    raise ValueError(f"action is {action!r}, not one of {', '.join((*ACTIONS, _UNDO))}")


def _check(decision: Decision) -> None:
    """Raise ValueError if a decision is not valid."""
    photo, label = decision.key
    if len(photo) != 64 or not set(photo) <= set(hexdigits.lower()):
        raise ValueError(f"photo is {photo!r}, not a SHA-256 (64 lower-case hex digits)")
    if (decision.action == "move") != bool(decision.to):
        raise ValueError("move needs a class in `to`; the other actions need an empty `to`")
    if decision.to == label:
        raise ValueError(f"to is {decision.to!r}, which is already the class of the photo")


def append(path: Path, rows: Iterable[Row]) -> None:
    """Append rows: all of them, or none. The caller must have the lock, `review_file.lock`."""
    review_file.append(path, [_values(row) for row in rows])


def _values(row: Row) -> tuple[str, ...]:
    action, to = (row.decision.action, row.decision.to) if row.decision else (_UNDO, "")
    return (*row.key, action, to, row.decided_at, row.by)


def _now() -> str:
    return f"{now():%Y-%m-%dT%H:%M:%SZ}"
