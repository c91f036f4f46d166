"""What people decided about photos: `DATA/decisions.csv`, a log that is only ever appended to, to read and to commit.

Columns `photo,label,action,to,decided_at`: the photo's SHA-256; the class under which the crawl had it; keep, reject,
move or undo; the class that it moves to. For each (photo, label) the last row counts, and undo takes back the one
before. It is beside the pools, not in them, since pools may be deleted at any time.
"""

import csv
import errno
import io
import os
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from string import hexdigits
from typing import Literal, NamedTuple, get_args

from filelock import FileLock

from tasks.store import hashing as digests
from tasks.store.atomic import sync
from tasks.store.errors import UserError
from tasks.store.manifest import now

NAME = "decisions.csv"
Action = Literal["keep", "reject", "move"]
ACTIONS: tuple[Action, ...] = get_args(Action)
_COLUMNS = ["photo", "label", "action", "to", "decided_at"]
_UNDO = "undo"


class Subject(NamedTuple):
    """What is decided about: one photo as one class's."""

    photo: str
    """SHA-256, 64 lower-case hex digits."""
    label: str
    """The class under which the crawl had it."""


@dataclass(frozen=True)
class Decision:
    """What a person wants done with a subject."""

    subject: Subject
    action: Action
    to: str = ""
    """The class that it moves to; empty unless it moves."""


def read(root: Path) -> dict[Subject, Decision]:
    """The decisions that stand in a data folder, by subject, in the order in which they were made.

    Raises UserError with file and line if a line is damaged.
    """
    return {decision.subject: decision for decision in _standing(root / NAME)}


def add(root: Path, decisions: Iterable[Decision]) -> list[Decision]:
    """Append decisions; returns those that were news: one that stands already isn't written again."""
    path = root / NAME
    with _locked(path):
        standing = read(root)
        news: list[Decision] = []
        for decision in decisions:
            if standing.get(decision.subject) != decision:
                _check(decision)
                standing[decision.subject] = decision
                news.append(decision)
        _append(path, [(*decision.subject, decision.action, decision.to) for decision in news])
    return news


def undo(root: Path, among: Container[Subject]) -> Decision | None:
    """Take back the last decision that stands about one of these subjects; returns it, or None if there is none."""
    path = root / NAME
    with _locked(path):
        last = next((decision for decision in reversed(_standing(path)) if decision.subject in among), None)
        if last:
            _append(path, [(*last.subject, _UNDO, "")])
    return last


def digest(root: Path) -> str:
    """SHA-256 (64 hex digits) of the decisions that stand; how and when they came about doesn't count."""
    return digests.of_value(sorted([*subject, made.action, made.to] for subject, made in read(root).items()))


def _standing(path: Path) -> list[Decision]:
    """The decisions that stand, in the order in which they were made."""
    stacks: dict[Subject, list[tuple[int, Decision]]] = {}
    for place, (subject, decision) in enumerate(_log(path)):
        stack = stacks.setdefault(subject, [])
        if decision:
            stack.append((place, decision))
        elif stack:  # an undo of nothing is harmless: two logs may have been merged
            stack.pop()
    tops = sorted((stack[-1] for stack in stacks.values() if stack), key=lambda top: top[0])
    return [decision for _, decision in tops]


def _log(path: Path) -> Iterator[tuple[Subject, Decision | None]]:
    """Each row of the log; None is an undo."""
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")  # a class's name need not be UTF-8
    except FileNotFoundError:
        return
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for number, row in enumerate(row for row in reader if row):
            if number:
                yield _parsed(row)
            elif row != _COLUMNS:
                raise ValueError(f"the first line must be {','.join(_COLUMNS)}")
    except (ValueError, csv.Error) as error:
        raise UserError(f"{path}, line {max(1, reader.line_num)}: {error}; mend or delete the line") from error


def _parsed(row: list[str]) -> tuple[Subject, Decision | None]:
    if len(row) != len(_COLUMNS):
        raise ValueError(f"{len(row)} values instead of {len(_COLUMNS)} ({','.join(_COLUMNS)})")
    photo, label, action, to, decided_at = row
    subject = Subject(photo, label)
    try:
        datetime.fromisoformat(decided_at)
    except ValueError:
        raise ValueError(f"decided_at is {decided_at!r}, no time such as 2026-01-31T12:00:00Z") from None
    if action == _UNDO:
        return subject, None
    for known in ACTIONS:
        if action == known:
            decision = Decision(subject, known, to)
            _check(decision)
            return subject, decision
    raise ValueError(f"action is {action!r}, not one of {', '.join((*ACTIONS, _UNDO))}")


def _check(decision: Decision) -> None:
    photo, label = decision.subject
    if len(photo) != 64 or not set(photo) <= set(hexdigits.lower()):
        raise ValueError(f"photo is {photo!r}, no SHA-256 (64 lower-case hex digits)")
    if (decision.action == "move") != bool(decision.to):
        raise ValueError("move needs the class in `to`, and nothing else has one")
    if decision.to == label:
        raise ValueError(f"to is {decision.to!r}, the class that the photo has already")


def _locked(path: Path) -> FileLock:
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path.with_name(f".{NAME}.lock"))


def _append(path: Path, rows: list[tuple[str, ...]]) -> None:
    """Append rows and force them to the disk, or leave the file as it was. The caller holds the lock."""
    if not rows:
        return
    is_new = not path.exists() or path.stat().st_size == 0
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if is_new:
        writer.writerow(_COLUMNS)
    writer.writerows((*row, f"{now():%Y-%m-%dT%H:%M:%SZ}") for row in rows)
    data = text.getvalue().encode(errors="surrogateescape")
    with path.open("a+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            data = data if file.read() in (b"\r", b"\n") else b"\n" + data  # an editor left the last line open
        try:
            if file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            os.fsync(file.fileno())
        except BaseException:
            os.truncate(path, size)  # half a line would be refused from then on
            raise
    if is_new:
        sync(path.parent)
