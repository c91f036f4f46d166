"""What `fluke testlist` shows and does."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from flows import preflight
from flows.console import shown
from flows.models.registry import registries
from flows.models.test_list import PinnedList, pin
from flows.models.waiting import DOUBTED, NIGHT, WHY
from flows.run_records import RunRecord, read_records
from tasks import tables
from tasks.names import nfc, visible
from tasks.store.errors import UserError
from tasks.store.store import Store
from tasks.text import first_few

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ListReport:
    """A list, and the runs that its numbers mean."""

    name: str
    rows: "pd.DataFrame"
    """The columns of `flows.models.test_list.COLUMNS`, and `is_gone`: whether the newest crawl lacks the photo."""
    runs: dict[int, str]
    """IDs of runs by their numbers."""
    newest: RunRecord | None
    """The newest complete run of this name."""
    waiting: "pd.DataFrame"
    """Photos that are not listed yet: the columns of the list, `waits` (why), and `name` at their source."""


def read(root: Path, name: str) -> ListReport:
    """Read the list of a name, and what has become of its photos.

    Args:
        root: The data folder.
        name: The name of the models.

    Raises:
        UserError: There is no list of this name, or no copy of it can be read.
    """
    pinned = PinnedList(root, name)
    rows, waiting = pinned.read(), pinned.waiting()
    if rows is None:
        raise _no_list(root, name)
    records = read_records(root)
    newest = next(_complete(records, name), None)
    crawled: set[str] | None = None
    if newest:
        try:
            crawled = set(tables.crawl.PHOTOS.read(_folder(root, newest, "crawl"), columns=["photo"])["photo"])
        except (OSError, ValueError):  # pruned: then nobody knows
            crawled = None
    is_gone = False if crawled is None else ~rows["photo"].isin(crawled)
    return ListReport(
        nfc(name),
        rows.assign(is_gone=is_gone),
        {run.number: run.id for run in records},
        newest,
        _named(root, waiting, newest),
    )


def _named(root: Path, waiting: "pd.DataFrame", newest: RunRecord | None) -> "pd.DataFrame":
    """Add the names that photos have at their source, as far as the newest run knows them."""
    known: dict[str, str] = {}
    if newest and len(waiting):
        try:
            kept = tables.filter.KEPT.read(_folder(root, newest, "filter"), ["photo", "name"])
            known = dict(zip(kept["photo"], kept["name"], strict=True))
        except (OSError, ValueError):  # pruned
            known = {}
    return waiting.assign(name=[known.get(photo, photo) for photo in waiting["photo"]])


def refresh(root: Path, name: str) -> str:
    """Pin the test photos of the newest complete run of a name; returns what has changed, in one sentence.

    Raises:
        UserError: There is no such run, or its photos are not on the disk any more.
    """
    newest = next(_complete(read_records(root), name), None)
    if newest is None:
        raise _no_list(root, name)
    with preflight.in_use(root):  # so that it isn't being pruned
        try:
            kept = tables.filter.KEPT.read(_folder(root, newest, "filter"))
        except (OSError, ValueError) as error:
            raise UserError(
                f"the photos of run {newest.id} can't be read ({error}); run {newest.preset} again"
            ) from error
        pinned = PinnedList(root, name)
        before, rows = pinned.read(), pin(kept, newest.number)
        pinned.write(rows)
    old = set() if before is None else set(before["photo"])
    left, joined = len(old - set(rows["photo"])), len(set(rows["photo"]) - old)
    return (
        f"pinned the {len(rows):,} test photos of run {newest.id}: {joined:,} are new to the list of {nfc(name)}, "
        f"{left:,} have left it\n"
    )


def table(found: ListReport) -> Table:
    """Return a table with one row per class: its photos, its groups, those that are gone, and those that joined."""
    shown_table = Table(box=None, pad_edge=False, header_style="dim")
    shown_table.add_column("class")
    for column in ("photos", "groups", "gone", "joined later", "waiting"):
        shown_table.add_column(column, justify="right")
    first = found.rows["since"].min()
    for label in sorted({*found.rows["label"], *found.waiting["label"]}):
        rows = found.rows[found.rows["label"] == label]
        joined = int((rows["since"] > first).sum())
        waits = int((found.waiting["label"] == label).sum())
        numbers = (len(rows), rows["group"].nunique(), int(rows["is_gone"].sum()), joined, waits)
        shown_table.add_row(shown(visible(str(label))), *(f"{number:,}" for number in numbers))
    return shown_table


def lines(found: ListReport) -> Iterator[str]:
    """Yield how the list has come about, and what is to be known about it."""
    counts = found.rows["since"].value_counts().sort_index()
    for position, (number, count) in enumerate(counts.items()):
        run = found.runs.get(int(str(number)), "that is gone")
        yield f"{count:,} photos {'joined' if position else 'pinned'} with run {run}"
    for reason, rows in found.waiting.groupby("waits", sort=True):
        photos = "1 photo waits" if len(rows) == 1 else f"{len(rows):,} photos wait"
        named = first_few(
            [f"{visible(name)} ({visible(label)})" for name, label in zip(rows["name"], rows["label"], strict=True)], 5
        )
        yield f"{photos} to join, since {WHY.get(str(reason), reason)}: {named}"
    if found.waiting["waits"].isin([DOUBTED, NIGHT]).any():
        yield "confirm or correct their labels in `fluke review`, and they join with the next run"
    gone = int(found.rows["is_gone"].sum())
    if gone and found.newest:
        yield (
            f"{gone:,} of {len(found.rows):,} listed photos are gone from the crawl of run {found.newest.id}; they "
            "still count while their files are in the data folder; "
            f"`fluke testlist {found.name} --refresh` drops them"
        )


def _complete(records: list[RunRecord], name: str) -> Iterator[RunRecord]:
    yield from (run for run in records if run.is_good and nfc(run.model_name) == nfc(name))


def _folder(root: Path, run: RunRecord, stage: str) -> Path:
    return next(Store(root).folder(each.artifact) for each in run.stages if each.artifact.stage == stage)


def _no_list(root: Path, name: str) -> UserError:
    known = registries(root)
    others = f"; names: {', '.join(known)}" if known else ""
    return UserError(f"{root}: there is no complete run of {name!r}, so it has no test list{others}")
