"""Find the columns of a CSV file that a reader needs, by their names; a name that is almost right is pointed out."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tasks.store.csv_file import CsvFile, CsvRow
from tasks.store.errors import UserError

Need = Literal["required", "named", "optional"]

_SHOWN, _LONG = 20, 40
"""Most columns in a message, and most characters of each: the file may be no table at all."""

_OTHER_NAMES = {
    "image": "image file filename file_name filepath file_path path image_id image_name image_path img "
    "photo picture name",
    "label": "class class_name classname species category target id label labels breed individual individual_id tag y",
    "group": "grp groups group_id burst burst_id encounter sequence seq_id event event_id",
    "split": "splits set subset partition data_set dataset is_valid is_val is_validation is_test is_train is_training",
    "time": "date datetime timestamp time taken date_taken capture_date captured_at observed_on event_date eventdate "
    "created_at",
    "url": "link image_url photo_url img_url href uri src",
    "photo": "sha256 sha-256 hash digest",
}
"""Per meaning: what else people call such a column."""


@dataclass(frozen=True)
class Column:
    """A column that a reader looks for."""

    name: str
    """Its name; case doesn't matter."""
    meaning: str = ""
    """image, label, group, split, time, url or photo: what such a column may be called instead."""
    setting: str = ""
    """The setting that names it, such as `crawl.columns.image`; empty if none does."""
    need: Need = "optional"
    """required: the reader needs it; named: it may lack, but the user has named it; optional: it may lack."""


@dataclass(frozen=True)
class Columns:
    """Where the columns are in a file."""

    position: dict[str, int]
    """Per name that was looked for and found: its position in the header."""
    notes: list[str] = field(default_factory=list)
    """A line for each column that was found under another name, or that may be meant and isn't read."""

    def __contains__(self, name: str) -> bool:
        return name in self.position

    def get(self, row: CsvRow, name: str) -> str:
        """Return a row's value without blanks around it; empty if the file lacks the column."""
        return self.raw(row, name).strip()

    def raw(self, row: CsvRow, name: str) -> str:
        """Return a row's value as the file has it; empty if the file lacks the column."""
        return row.values[self.position[name]] if name in self.position else ""


def find_columns(file: CsvFile, columns: Sequence[Column]) -> Columns:
    """Find columns by name: the same name, or else the one that differs only in case.

    Raises:
        UserError: A column that isn't optional is missing, or a name is there twice.
    """
    position: dict[str, int] = {}
    other_case: dict[str, str] = {}
    for column in columns:
        same = [i for i, name in enumerate(file.columns) if name == column.name]
        found = same or [i for i, name in enumerate(file.columns) if name.casefold() == column.name.casefold()]
        if len(found) > 1:
            names = ", ".join(file.columns[i] for i in found)
            raise UserError(
                f"{file.path} has {len(found)} columns that can be {column.name} ({names}); rename or remove all but "
                "one"
            )
        if found:
            position[column.name] = found[0]
            if not same:
                other_case[file.columns[found[0]]] = column.name
    missing = [column for column in columns if column.need != "optional" and column.name not in position]
    if missing:
        raise UserError(_message(file, columns, missing, position))
    required = [column.name for column in columns if column.need == "required"]
    if len({position[name] for name in required}) < len(required):
        settings = " and ".join(column.setting for column in columns if column.need == "required" and column.setting)
        raise UserError(f"{file.path}: {settings} name the same column, {required[0]}; set them to different columns")
    notes = []
    if other_case:
        pairs = ", ".join(f"{name} is read as {column}" for name, column in other_case.items())
        notes.append(f"{file.path}: of its columns, {pairs}; the case of the names differs")
    notes += _near_misses(file, columns, position)
    return Columns(position, notes)


def _message(file: CsvFile, columns: Sequence[Column], missing: Sequence[Column], position: dict[str, int]) -> str:
    """Say which columns are missing, which there are, and which of these may be meant."""
    lacks = " and ".join(f"no column {column.name}" for column in missing)
    shown = [f"{name[:_LONG]}..." if len(name) > _LONG else name or '""' for name in file.columns[:_SHOWN]]
    there = ", ".join(shown + ["..."] * (len(file.columns) > _SHOWN)) or "(none)"
    remedies = []
    position = dict(position)
    if not any(_similar(file, column, position) for column in missing):
        # `id,breed`: id can be the image, although it was taken for the column Id
        missing = [column for column in columns if column.need != "optional" and column.name not in file.columns]
        position = {name: i for name, i in position.items() if name in file.columns}
    for column in missing:
        guess = next(iter(_similar(file, column, position)), None)
        if guess:
            position[column.name] = file.columns.index(guess)
        if guess and column.setting:
            remedies.append(f"{column.setting}={guess}")
        elif guess:
            remedies.append(f"a column {column.name} instead of {guess}")
    needed = ",".join(column.name for column in columns if column.need != "optional")
    hint = f" (did you mean {' '.join(remedies)}?)" if remedies else ""
    settings = " ".join(column.setting for column in missing if column.setting)
    otherwise = f", or set {settings}" if settings else ""
    name_them = f"name them {needed} and separate them by commas{otherwise}"
    return f"{file.path} has {lacks}; its columns are {there}{hint}; {name_them}"


def _near_misses(file: CsvFile, columns: Sequence[Column], position: dict[str, int]) -> Iterator[str]:
    """Yield a line for each optional column that may be there under another name."""
    for column in columns:
        guess = None if column.name in position else next(iter(_similar(file, column, position)), None)
        if guess:
            how = f"set {column.setting}={guess}" if column.setting else f"name it {column.name}"
            yield f"{file.path}: column {guess} is not read; if it is the {column.name} of each row, {how}"


def _similar(file: CsvFile, column: Column, position: dict[str, int]) -> list[str]:
    """Return the columns that may be meant by a missing one, the likeliest first."""
    taken = set(position.values())
    free = {name.casefold(): name for i, name in enumerate(file.columns) if name and i not in taken}
    known = _OTHER_NAMES.get(column.meaning, "").split()
    found = [name for name in known if name in free]
    found += difflib.get_close_matches(column.name.casefold(), free, n=1, cutoff=0.7)
    if column.need == "required":
        found += [name for name in free if any(name.endswith((f"_{other}", f" {other}")) for other in known)]
        found += ["id"] if column.meaning == "image" and "id" in free else []
    return [free[name] for name in found]
