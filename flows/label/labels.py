"""The answers of people, next to the photos: `labels.csv` (Image, Id) and `unlabelled.csv` (Image, Answer).

`labels.csv` has a row for each photo with a class, in the format that `crawl.labelled` and `crawl.sources=csv` read.
`unlabelled.csv` has the others that somebody has looked at: `none` (it shows no class of ours) or `skipped`. Both are
written again with each answer, as a whole or not at all; a lock keeps several people apart.
"""

import csv
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from tasks.names import nfc, visible
from tasks.store.atomic import atomic_write
from tasks.store.errors import UserError
from tasks.store.formulas import guard, unguard
from tasks.store.permissions import file_lock

NAME, OTHERS = "labels.csv", "unlabelled.csv"
MAX_NAME_LETTERS = 100
Kind = Literal["label", "none", "skipped"]
_COLUMNS, _OTHER_COLUMNS = ["Image", "Id"], ["Image", "Answer"]


class _Reader(Protocol):
    line_num: int


@dataclass(frozen=True)
class Answer:
    """What a person says about a photo."""

    kind: Kind
    label: str = ""
    """The class, if kind is label; else empty."""

    def __post_init__(self) -> None:
        """Raise ValueError if a class is missing, or given without need."""
        if self.kind not in ("label", "none", "skipped"):
            raise ValueError(f"unknown answer {self.kind!r}")
        if (self.kind == "label") != bool(self.label):
            raise ValueError("a label needs a class; the other answers need none")


class ConflictError(Exception):
    """Somebody else has answered meanwhile."""

    def __init__(self, now: Answer | None) -> None:
        """Take the answer in the files."""
        super().__init__("answered elsewhere meanwhile")
        self.now = now


def class_name(text: str, known: Mapping[str, str]) -> str:
    """Return the name of a class that a person typed: without blanks around it, in the form NFC.

    Args:
        text: What was typed.
        known: Names of the classes by `key`; a name that differs only by upper case from one of them is that one.

    Raises:
        ValueError: It is no name.
    """
    name = nfc(text).strip()
    if not name:
        raise ValueError("type the name of a class")
    if len(name) > MAX_NAME_LETTERS:
        raise ValueError(f"the name of a class has at most {MAX_NAME_LETTERS} letters, this one has {len(name)}")
    if not name.isprintable():
        raise ValueError(f"the name contains letters that can't be seen: {visible(name)}")
    return known.get(key(name), name)


def key(name: str) -> str:
    """Return what names that differ only by upper case have in common."""
    return nfc(nfc(name).casefold())


class LabelFiles:
    """Both files; they need not exist."""

    def __init__(self, path: Path) -> None:
        """Take the path of the CSV of labels; the other file is in its folder."""
        self.path = path
        self.others = path.with_name(OTHERS if path.name == NAME else f"{path.stem}-{OTHERS}")
        self._lock = path.with_name(f".{path.name}.lock")

    def read(self) -> dict[str, Answer]:
        """Return the answers by the photos' names, the latest last.

        Raises:
            UserError: A line can't be read, or the file has other columns.
        """
        others: dict[str, Answer] = {}
        for name, kind in _rows(self.others, _OTHER_COLUMNS):
            if kind not in ("none", "skipped"):
                raise UserError(f"{self.others}: {name} has the answer {kind!r}, not none or skipped; fix or delete it")
            others[nfc(name)] = Answer("none" if kind == "none" else "skipped")
        labels = {nfc(name): Answer("label", nfc(label)) for name, label in _rows(self.path, _COLUMNS)}
        return {name: answer for name, answer in others.items() if name not in labels} | labels

    def check_writable(self) -> None:
        """Raise UserError if the labels can't be saved."""
        probe = self.path.with_name(f".{self.path.name}.probe-{os.getpid()}")
        try:
            probe.touch()
            probe.unlink()
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(f"{self.path} can't be written ({reason}); name another file with --labels") from error

    def answer(self, name: str, answer: Answer | None, shown: Answer | None) -> dict[str, Answer]:
        """Write an answer, or take it back; returns all answers, also those that others have given meanwhile.

        Args:
            name: The photo's name, as in the column Image.
            answer: The answer; None takes back the one that there is.
            shown: The answer that the person saw.

        Raises:
            ConflictError: The files have another answer than the person saw; nothing is written.
            UserError: A file can't be read.
            OSError: A file can't be written.
        """
        with file_lock(self._lock):
            answers = self.read()
            if answers.get(name) != shown:
                raise ConflictError(answers.get(name))
            before = answers.pop(name, None)
            if answer is not None:
                answers[name] = answer
            kinds = {each.kind == "label" for each in (before, answer) if each}
            # Labels first: if the second write fails, the label counts, see `read`.
            for is_label in sorted(kinds, reverse=True):
                self._write(answers, is_label=is_label)
            return answers

    def _write(self, answers: Mapping[str, Answer], *, is_label: bool) -> None:
        path, columns = (self.path, _COLUMNS) if is_label else (self.others, _OTHER_COLUMNS)
        rows = [
            (guard(name), guard(answer.label or answer.kind))
            for name, answer in answers.items()
            if (answer.kind == "label") == is_label
        ]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
        atomic_write(path, text.getvalue().encode())


def _rows(path: Path, columns: list[str]) -> Iterator[tuple[str, str]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8; save it as UTF-8, or move it away") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    with _with_line(path, reader):
        for number, row in enumerate(row for row in reader if row):
            if number == 0:
                if row != columns:
                    raise ValueError(
                        f"the first line must be {','.join(columns)}, so that no other column is lost; give another "
                        "file with --labels"
                    )
                continue
            if len(row) != 2 or not all(row):
                raise ValueError(f"a row must have two values ({','.join(columns)}); fix or delete the line")
            yield unguard(row[0]), unguard(row[1])


@contextmanager
def _with_line(path: Path, reader: "_Reader") -> Iterator[None]:
    """Say where an error is."""
    try:
        yield
    except (ValueError, csv.Error) as error:
        raise UserError(f"{path}, line {max(1, reader.line_num)}: {error}") from error
