"""Splits that the source of the photos gives: they count more than what the filter assigned earlier.

With one exception: a photo that was ever in the test is never trained on. The parts of a split that the source doesn't
give are dealt from the photos of the train part.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from configs.schema import FilterConfig
from tasks.filter.splits import PARTS, Split, assign, unseen_classes
from tasks.names import visible
from tasks.text import first_few, photos_are

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class GivenSplits:
    """The given split of each row of the crawl's table."""

    rows: Sequence[Split | None]
    present: frozenset[Split] = field(init=False)
    """The parts that the source gives."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "present", frozenset(split for split in self.rows if split))

    @classmethod
    def of(cls, table: "pd.DataFrame") -> "GivenSplits":
        """Read them from the crawl's table."""
        if "given_split" not in table:
            return cls([None] * len(table))
        return cls([cast("Split", split) if isinstance(split, str) else None for split in table["given_split"]])

    @property
    def pool(self) -> Split:
        """The part whose photos the missing parts are dealt from."""
        return "val" if "train" not in self.present and "val" in self.present else "train"

    @property
    def missing(self) -> frozenset[Split]:
        """The parts that the source doesn't give, if it gives any."""
        return frozenset(PARTS) - self.present if self.present else frozenset()

    def preference(self) -> list[int]:
        """Return for each row its place among copies of one photo: that of the test stays, that of train goes."""
        return [PARTS[::-1].index(split) if split else len(PARTS) for split in self.rows]

    def combine(
        self, photos: Sequence[str], earlier: Mapping[str, Split], listed: Iterable[str] = ()
    ) -> list[Split | None]:
        """Return the split of each photo that has one before photos are dealt.

        Args:
            photos: Photo of each row, followed by other photos.
            earlier: Splits of earlier runs, by photo.
            listed: Photos that the user lists for the test.
        """
        tests = set(listed)
        given = [*self.rows, *[None] * (len(photos) - len(self.rows))]
        return [
            "test" if photo in tests else self._combined(split, earlier.get(photo))
            for photo, split in zip(photos, given, strict=True)
        ]

    def _combined(self, given: Split | None, earlier: Split | None) -> Split | None:
        if given is None:
            return earlier
        if given == self.pool and self.missing:
            return earlier if earlier in self.missing or earlier == given else _tested(earlier)
        return "test" if given == "train" and earlier == "test" else given

    def deal(
        self,
        table: "pd.DataFrame",
        known: Mapping[int, Split],
        *,
        val_fraction: float,
        test_fraction: float,
        seed: int,
    ) -> dict[int, Split]:
        """Return the split of each group: the missing parts are dealt from `pool`, and photos without a split as usual.

        Args:
            table: The kept rows, with label, group and photo; their index is the row of the crawl's table.
            known: Splits of groups that have one.
            val_fraction: Share of a class's photos for validation.
            test_fraction: Share of a class's photos for the test.
            seed: See `assign`.
        """
        dealt = dict(known)
        if self.missing:
            dealt |= _assign(
                table[[self.rows[row] == self.pool for row in table.index]],
                dealt,
                val_fraction=val_fraction if "val" in {*self.missing, self.pool} else 0,
                test_fraction=test_fraction if "test" in self.missing else 0,
                seed=seed,
            )
        return dealt | _assign(table, dealt, val_fraction=val_fraction, test_fraction=test_fraction, seed=seed)

    def summary(self) -> str:
        """Return a paragraph for the summary: how many photos have a given split; empty if none has."""
        if not self.present:
            return ""
        counts = Counter(self.rows)
        parts = ", ".join(f"{part} {counts[part]:,}" for part in PARTS if part in self.present)
        text = f"The split was given with the photos: {parts}"
        if counts[None]:
            text += f"; {counts[None]:,} without one were assigned by the filter"
        if dealt := sorted(self.missing - {"train"} if self.pool == "train" else self.missing):
            text += f"; {' and '.join(dealt)} were dealt from the {self.pool} photos"
        return f"\n{text}.\n"

    def notes(
        self, config: FilterConfig, table: "pd.DataFrame", groups: Sequence[int], listed: Collection[str] = ()
    ) -> Iterator[str]:
        """Say where the given split is not used as it is given, one line each.

        Args:
            config: The fractions, the unseen classes and the seed.
            table: All rows, with photo, label, name and split; rows without a split resemble no other photo.
            groups: Group of each row.
            listed: Photos that the user lists for the test.
        """
        if not self.present:
            return
        unseen = unseen_classes(table["label"], config.unseen_classes, config.seed) if config.unseen_classes else {}
        listed = set(listed)
        wished = {group for group, photo in zip(groups, table["photo"], strict=True) if photo in listed}
        moved = [row for row in self._moved(table) if groups[row] not in wished and table["label"][row] not in unseen]
        leaks = [rows for group, rows in self._leaks(table, groups).items() if group not in wished]
        if leaks:
            leaking = [row for rows in leaks for row in rows]
            firsts = [
                [next(row for row in rows if self.rows[row] == part) for part in self._parts(rows)] for rows in leaks
            ]
            shown = [" = ".join(visible(table["name"][row]) for row in rows) for rows in firsts]
            yield (
                f"{len(leaks):,} groups of photos that show the same, or that belong together, are in several parts of "
                f"the given split: {_few(shown)}; each group is now in the test only, or else in validation only, and "
                f"{photos_are(len(set(moved).intersection(leaking)))} not used as given"
            )
            moved = sorted(set(moved).difference(leaking))
        if moved:
            yield (
                f"{photos_are(len(moved))} not used as given, but in the test or validation, because they or photos "
                f"like them were there in an earlier run: {_few(table['name'][moved])}; set another filter.seed to "
                "begin anew"
            )
        for part in ("val", "test") if None not in self.rows else ():
            setting = f"{part}_fraction"
            value = getattr(config, setting)
            if part in self.present and value != FilterConfig.model_fields[setting].default:
                yield f"filter.{setting}={value:g} is not used, because the {part} photos are given (crawl.split)"

    def _moved(self, table: "pd.DataFrame") -> list[int]:
        """Return the rows that are in another split than the given one, except those that were dealt."""
        splits = [split if isinstance(split, str) else None for split in table["split"]]
        return [
            row
            for row, (given, split) in enumerate(zip(self.rows, splits, strict=True))
            if given and split and split != given and not (given == self.pool and split in self.missing)
        ]

    def _leaks(self, table: "pd.DataFrame", groups: Sequence[int]) -> dict[int, list[int]]:
        """Return the rows of each group that is in several parts of the given split."""
        members: dict[int, list[int]] = {}
        for row, (group, split) in enumerate(zip(groups, table["split"], strict=True)):
            if self.rows[row] and isinstance(split, str):
                members.setdefault(group, []).append(row)
        return {group: rows for group, rows in members.items() if len(self._parts(rows)) > 1}

    def _parts(self, rows: Sequence[int]) -> list[Split]:
        found = {self.rows[row] for row in rows}
        return [part for part in PARTS if part in found]


def _tested(earlier: Split | None) -> Split | None:
    """Return the test for a photo that was in it, else nothing: it is dealt."""
    return "test" if earlier == "test" else None


def _assign(
    table: "pd.DataFrame", known: Mapping[int, Split], *, val_fraction: float, test_fraction: float, seed: int
) -> dict[int, Split]:
    labels, groups, names = (table[column].tolist() for column in ("label", "group", "photo"))
    return assign(labels, groups, names, known, val_fraction=val_fraction, test_fraction=test_fraction, seed=seed)


def _few(names: Iterable[str]) -> str:
    return first_few([visible(name) for name in names])
