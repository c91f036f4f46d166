"""What fluke would see in a folder or a CSV of photos, before anything is crawled."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from configs.schema import Config
from flows.check.headers import Header, header_doubts, read_header, too_many_lost
from flows.check.source import Photo, list_photos
from tasks.filter.fixed_test import read_test_list
from tasks.filter.groups import group_names, pattern_notes
from tasks.filter.splits import unseen_classes
from tasks.images.formats import UNKNOWN
from tasks.names import warn_of_alike
from tasks.store.csv_file import read_csv
from tasks.store.errors import UserError
from tasks.store.progress import Progress
from tasks.text import first_few


@dataclass(frozen=True)
class Findings:
    """What fluke would see."""

    config: Config
    classes: dict[str, Counter[str]]
    """Number of photos of each class, by given split; "" is none."""
    formats: Counter[str]
    """Number of files by the format of their content; empty for URLs."""
    sizes_px: list[tuple[int, int]]
    """Width and height of each file that has them, sorted by number of pixels."""
    groups: Counter[str]
    """Number of photos of each group: those of the source, and those of `filter.group_pattern`."""
    doubts: list[str]
    """One line for each kind of thing that wouldn't be used as it is given, or that may be wrong."""

    @property
    def photos(self) -> int:
        """Number of photos."""
        return sum(counts.total() for counts in self.classes.values())


def check(config: Config, *, executor: Executor, progress: Progress) -> Findings:
    """List the photos and read the beginning of each file; nothing is stored, and no request is sent.

    Args:
        config: Its section `crawl` says what to list, see `config_of`; `filter` has the limits.
        executor: Reads the files.
        progress: Reports how many files are read.

    Raises:
        UserError: The crawl would refuse this folder or CSV; the message says why.
    """
    listed, missing, doubts = list_photos(config)
    files = {photo.file.path: photo.file for photo in listed if photo.file}
    with progress("files", total=len(files)) as advance:

        def read(path: str) -> Header:
            header = read_header(files[path], most_px=config.crawl.max_photo_mpx * 1e6)
            advance(1)
            return header

        headers = dict(zip(files, executor.map(read, files), strict=True))
    classes: dict[str, Counter[str]] = {}
    for photo in listed:
        classes.setdefault(photo.label, Counter())[photo.split] += 1
    sizes = sorted((h.size_px for h in headers.values() if h.size_px), key=lambda size: size[0] * size[1])
    doubts = [*too_many_lost(headers, missing, config), *doubts, *header_doubts(headers, config)]
    if alike := warn_of_alike({label: counts.total() for label, counts in classes.items()}):
        doubts.append(alike)
    groups, pattern_doubts = _groups(listed, config)
    return Findings(
        config,
        classes=dict(sorted(classes.items())),
        formats=Counter(header.format for header in headers.values()),
        sizes_px=sizes,
        groups=groups,
        doubts=[*doubts, *pattern_doubts, *_single_photos(classes), *_filter_doubts(listed, config)],
    )


def _groups(listed: Sequence[Photo], config: Config) -> tuple[Counter[str], list[str]]:
    """Count the photos of each group of the source and of `filter.group_pattern`; also return what is odd with it."""
    import pandas as pd

    table = pd.DataFrame(
        [(photo.name, photo.name, photo.group) for photo in listed], columns=["photo", "name", "group"]
    )
    named = group_names(config.filter, table)
    groups = Counter(name for names in named.values() for name in names.values())
    return groups, pattern_notes(config.filter, table, named)


def _filter_doubts(listed: Sequence[Photo], config: Config) -> Iterator[str]:
    """Yield what the filter would say about, or why it would refuse, its unseen classes and its test list."""
    import pandas as pd

    filters = config.filter
    table = pd.DataFrame([photo[:2] for photo in listed], columns=["name", "label"])
    table["photo"] = table["name"]  # no file is read: a list of SHA-256 can't be compared
    try:
        unseen_classes(table["label"], filters.unseen_classes, filters.seed)
        if filters.test_list and "photo" not in map(str.lower, read_csv(filters.test_list).columns):
            yield from read_test_list(filters, table).notes
    except UserError as refusal:
        yield str(refusal)


def _single_photos(classes: dict[str, Counter[str]]) -> list[str]:
    single = [label for label, counts in classes.items() if counts.total() == 1]
    if not single:
        return []
    return [
        f"{len(single):,} of {len(classes):,} classes have one photo, which is trained on, so these classes are never "
        f"tested: {first_few(single)}"
    ]


def summary(findings: Findings) -> list[str]:
    """Return the totals in sentences: photos, split, formats, sizes, groups."""
    source = findings.config.crawl.sources[0]
    lines = [f"{findings.photos:,} photos in {len(findings.classes):,} classes (crawl.sources={source})"]
    parts: Counter[str] = sum(findings.classes.values(), Counter())
    if set(parts) - {""}:
        counts = ", ".join(f"{parts[part]:,} {part}" for part in ("train", "val", "test") if parts[part])
        free = f"; {parts['']:,} without a part are split by fluke" if parts[""] else ""
        lines.append(f"split: given, {counts}{free}")
    else:
        fractions = findings.config.filter
        lines.append(
            f"split: by fluke, {fractions.test_fraction:.0%} of each class for the test and "
            f"{fractions.val_fraction:.0%} for validation"
        )
    if findings.formats:
        lines.append(f"formats: {', '.join(_formats(findings.formats))}")
    if sizes := findings.sizes_px:
        (w0, h0), (w1, h1), (w2, h2) = sizes[0], sizes[len(sizes) // 2], sizes[-1]
        lines.append(f"sizes: {w0:,} x {h0:,} to {w2:,} x {h2:,} px, median {w1:,} x {h1:,} px")
    if groups := findings.groups:
        name, most = groups.most_common(1)[0]
        lines.append(f"groups: {len(groups):,} with {groups.total():,} photos; the largest, {name!r}, has {most:,}")
    return [*lines, *_looked_at(findings)]


def _formats(counts: Counter[str]) -> Iterator[str]:
    """Yield the number of files of each format, and at the end of those that are no photos."""
    yield from (f"{count:,} {name}" for name, count in counts.most_common() if name != UNKNOWN)
    if others := counts[UNKNOWN]:
        what = "file that is no photo or" if others == 1 else "files that are no photos or"
        yield f"{others:,} {what} can't be read"


def _looked_at(findings: Findings) -> Iterator[str]:
    """Yield what was looked at, and what only a run finds."""
    if findings.formats:
        yield "looked at: names, and the beginning of each file, for its format and its size in pixels"
        yield "not looked at: the pictures; `fluke stage filter` finds those that are damaged, too dark or alike"
    else:
        yield "looked at: the list; no URL was requested, so nothing is known about the photos"
