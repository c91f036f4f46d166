"""The test list of a name: the photos on which its models are compared, run after run.

It is pinned once, to the test photos of the first run, and then it only grows: test photos of a later run that are new
join it, or wait while their labels are doubted, see `flows.models.waiting`. Photos that leave the crawl stay. A label
changes only if a person has decided so in a review: what a source says tonight doesn't change what was pinned.
`fluke testlist NAME --refresh` pins the test photos of the newest run instead.

    DATA/test_lists/<name>/            its generations, see `tasks.store.generations`
    DATA/backups/test_lists/<name>/    the same files
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.filter import review_log
from tasks.names import folder_name, nfc
from tasks.store.generations import Generations
from tasks.store.permissions import file_lock
from tasks.store.table import Column, Table

if TYPE_CHECKING:
    import pandas as pd

FOLDER, COPIES = "test_lists", "backups/test_lists"
_SUFFIX = ".parquet"
COLUMNS = (
    Column("photo", "string", "SHA-256 of the photo's bytes, 64 hex digits."),
    Column("file", "string", "Path of the photo, relative to the data folder.", is_path=True),
    Column("label", "string", "Class of the photo."),
    Column("group", "string", "Its group of near duplicates when it joined."),
    Column("since", "int64", "Number of the run with which it joined; of one that waits, of the run that brought it."),
)
_WAITS = Column("waits", "string", "Why it waits, see `flows.models.waiting`; empty if it is listed.", nullable=True)


class PinnedList:
    """The stored list of one name in a data folder."""

    def __init__(self, root: Path, name: str) -> None:
        """Take the data folder and the name of the models; nothing is read."""
        self.name = nfc(name)
        place = folder_name(self.name)
        self._files = _generations(root, place)
        self._lock = file_lock(root / "locks" / f"{FOLDER}-{place}.lock")

    @property
    def exists(self) -> bool:
        """Whether a list is pinned; raises UserError if no copy can be read."""
        return self._files.newest() is not None

    def read(self) -> "pd.DataFrame | None":
        """Return the list with the columns of `COLUMNS`, sorted by class and photo; None if nothing is pinned.

        Raises:
            UserError: No copy can be read.
        """
        stored = self._stored()
        return None if stored is None else stored[stored["waits"].isna()].drop(columns="waits").reset_index(drop=True)

    def waiting(self) -> "pd.DataFrame":
        """Return the photos that wait: the columns of `COLUMNS`, and `waits`.

        Raises:
            UserError: No copy can be read.
        """
        import pandas as pd

        stored = self._stored()
        if stored is None:
            return pd.DataFrame(columns=[column.name for column in (*COLUMNS, _WAITS)])
        return stored[stored["waits"].notna()].reset_index(drop=True)

    def _stored(self) -> "pd.DataFrame | None":
        newest = self._files.newest()
        return None if newest is None else _decoded(newest.path)

    def write(self, rows: "pd.DataFrame", waiting: "pd.DataFrame | None" = None) -> None:
        """Store the list in both places; the same list again writes nothing.

        Args:
            rows: The list, with the columns of `COLUMNS`.
            waiting: The photos that wait, with the columns of `COLUMNS`, and `waits`.

        Raises:
            UserError: No copy of the present list can be read.
            OSError: The data folder can't be written.
        """
        with self._lock:
            newest = self._files.newest()
            if newest:
                self._files.repair(newest)
            self._files.write(_encoded(_together(rows, waiting)), newest)


@dataclass(frozen=True)
class Growth:
    """A list as it is with the photos of a run, and what is different from before."""

    rows: "pd.DataFrame"
    """The list and the candidates: the columns of `COLUMNS`."""
    number: int
    """The number of the run."""
    candidates: frozenset[str]
    """Test photos of the run that aren't listed."""
    decided: frozenset[str]
    """Candidates whose labels a person has confirmed."""
    gone: frozenset[str]
    """Listed photos that are not in the crawl any more."""
    relabelled: int = 0
    """Photos with another label, because a person has decided so."""
    rejected: int = 0
    """Photos that are listed no more, because a person has rejected them."""
    disputed: int = 0
    """Photos that the source has in another class now; the list keeps the label."""

    @property
    def settled(self) -> "pd.DataFrame":
        """The rows without the candidates."""
        return self.rows[~self.rows["photo"].isin(list(self.candidates))]

    def notes(self) -> Iterator[str]:
        """Say what a user must know about the list."""
        listed = f"of {len(self.rows):,} listed photos"
        if gone := len(self.gone):
            yield f"{gone:,} {listed} {_be(gone)} gone from the crawl; they still count"
        if self.disputed:
            yield (
                f"{self.disputed:,} {listed} {_be(self.disputed)} in another class now; the list keeps their classes, "
                "since no person has decided this in `fluke review`; `fluke testlist --refresh` takes the new ones"
            )
        if self.relabelled:
            yield f"{self.relabelled:,} {listed} {_be(self.relabelled)} in another class, as decided in `fluke review`"
        if self.rejected:
            photos = "photo has" if self.rejected == 1 else "photos have"
            yield f"{self.rejected:,} {photos} left the test list, rejected in `fluke review`"


def pin(kept: "pd.DataFrame", number: int) -> "pd.DataFrame":
    """Return the list of the test photos of a run: the columns of `COLUMNS`.

    Args:
        kept: The columns of kept.parquet.
        number: The number of the run.
    """
    test = kept[kept["split"] == "test"].drop_duplicates("photo")
    return _sorted(test[["photo", "file", "label", "group"]].assign(since=number))


def grow(
    listed: "pd.DataFrame",
    kept: "pd.DataFrame",
    crawled: Collection[str],
    decisions: Mapping[review_log.ReviewKey, review_log.Decision],
    number: int,
    *,
    waiting: "pd.DataFrame | None" = None,
) -> Growth:
    """Add the test photos of a run to a list, and apply the decisions of people.

    Args:
        listed: The list.
        kept: The columns of kept.parquet of the run.
        crawled: The photos of its crawl, by SHA-256.
        decisions: The decisions in effect.
        number: The number of the run.
        waiting: The photos that wait. Those that are no test photos of the run any more are dropped; with another label
            they are new.
    """
    import pandas as pd

    endorsed: dict[str, set[str]] = {}
    rejected: set[str] = set()
    for key, decision in decisions.items():
        if decision.action == "reject":
            rejected.add(key.photo)
        else:
            endorsed.setdefault(key.photo, set()).add(nfc(decision.to or key.label))
    present = kept.drop_duplicates("photo").set_index("photo")["label"]
    dropped = listed["photo"].isin(rejected - set(present.index))
    stays = listed[~dropped]
    now = stays["photo"].map(present)
    differs = now.notna() & (now != stays["label"])
    by_person = differs & pd.Series(
        [label in endorsed.get(photo, ()) for photo, label in zip(stays["photo"], now, strict=True)], stays.index, bool
    )
    stays = stays.assign(label=stays["label"].where(~by_person, now))
    tests = pin(kept, number)
    new = tests[~tests["photo"].isin(listed["photo"])]
    if waiting is not None and len(waiting):
        brought = waiting.set_index(["photo", "label"])["since"].to_dict()
        keys = zip(new["photo"], new["label"], strict=True)
        new = new.assign(since=[brought.get(key, number) for key in keys])
    named = zip(new["photo"], new["label"], strict=True)
    return Growth(
        _sorted(pd.concat([stays, new])),
        number,
        candidates=frozenset(new["photo"]),
        decided=frozenset(photo for photo, label in named if label in endorsed.get(photo, ())),
        gone=frozenset(set(stays["photo"]) - set(crawled)),
        relabelled=int(by_person.sum()),
        rejected=int(dropped.sum()),
        disputed=int((differs & ~by_person).sum()),
    )


def files(root: Path) -> set[Path]:
    """Return the photos of all lists of a data folder, so that nothing deletes them.

    Raises:
        UserError: No copy of a list can be read.
    """
    newest = (_generations(root, place).newest() for place in _places(root))
    return {root / file for found in newest if found for file in _decoded(found.path)["file"]}


def forget(root: Path, photos: Collection[str]) -> int:
    """Remove photos from all lists of a data folder, and from all copies of these.

    Returns:
        The number of lists that had one of them.

    Raises:
        UserError: No copy of a list can be read.
    """
    changed = 0
    for place in _places(root):
        stored = _generations(root, place)
        if (newest := stored.newest()) is None:
            continue
        rows = _decoded(newest.path)
        is_forgotten = rows["photo"].isin(list(photos))
        if is_forgotten.any():
            stored.replace_all(_encoded(rows[~is_forgotten]), newest)
            changed += 1
        else:
            stored.delete_earlier(newest)  # a killed call may have left one that has them
    return changed


def _be(count: int) -> str:
    return "is" if count == 1 else "are"


def _places(root: Path) -> list[str]:
    """Return the names of the folders of all lists."""
    return sorted({path.name for home in (FOLDER, COPIES) for path in (root / home).glob("*") if path.is_dir()})


def _generations(root: Path, place: str) -> Generations:
    folder, copies = root / FOLDER / place, root / COPIES / place
    remedy = (
        f"restore one of them from a backup, or delete {folder} and {copies}: the next run pins its test photos anew"
    )
    return Generations(folder, copies, suffix=_SUFFIX, remedy=remedy)


def _sorted(rows: "pd.DataFrame") -> "pd.DataFrame":
    return rows[[column.name for column in COLUMNS]].sort_values(["label", "photo"], ignore_index=True)


def _together(rows: "pd.DataFrame", waiting: "pd.DataFrame | None") -> "pd.DataFrame":
    """Return what is stored: the list, sorted, and then the photos that wait, sorted."""
    import pandas as pd

    listed = _sorted(rows).assign(waits=None)
    if waiting is None or waiting.empty:
        return listed
    return pd.concat([listed, _sorted(waiting).assign(waits=waiting.sort_values(["label", "photo"])["waits"].tolist())])


def _encoded(rows: "pd.DataFrame") -> bytes:
    """Return what is stored as Parquet; the same rows always give the same bytes."""
    import pyarrow.parquet as pq

    out = BytesIO()
    rows = rows.assign(waits=rows["waits"].astype(object).where(rows["waits"].notna(), None))
    records = [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
    pq.write_table(_table("").to_arrow(records), out)
    return out.getvalue()


def _decoded(path: Path) -> "pd.DataFrame":
    import pyarrow.parquet as pq

    if _WAITS.name not in pq.read_schema(path).names:  # no photo waited in earlier versions
        return Table(path.name, (), "The test list.", COLUMNS).read(path.parent).assign(waits=None)
    return _table(path.name).read(path.parent)


def _table(name: str) -> Table:
    return Table(name, (), "The test list.", (*COLUMNS, _WAITS))
