"""What fluke would see in a folder or a CSV of photos, before anything is crawled."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from configs import no_effect
from configs.load import given_settings, load, replaced_overrides
from configs.schema import Config
from tasks.crawl import photo_csv
from tasks.crawl.folder_listing import list_folder
from tasks.crawl.http.errors import FetchError
from tasks.crawl.http.urls import normalize_url
from tasks.crawl.local_files import LocalFile, read_file, utf8_name
from tasks.crawl.losses import require_few_lost
from tasks.crawl.sources.urls import UrlList, list_urls
from tasks.filter.fixed_test import read_test_list
from tasks.filter.groups import group_names, pattern_notes
from tasks.filter.splits import unseen_classes
from tasks.images import formats, photos
from tasks.names import warn_of_alike
from tasks.store.csv_file import read_csv
from tasks.store.errors import UserError
from tasks.store.progress import Progress
from tasks.text import first_few

_BEGINNING_BYTES = 1 << 18
"""What is read of a file at first: the header of most photos is in it."""


class Photo(NamedTuple):
    """A photo, not decoded."""

    name: str
    label: str
    split: str
    """train, val or test if the source says so, else empty."""
    group: str | None
    file: LocalFile | None
    """None: it is a URL."""


class Header(NamedTuple):
    """What the beginning of a file says."""

    format: str
    """Extension of its content."""
    size_px: tuple[int, int] | None
    problem: str
    """Why it can't be used, or empty."""


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


def config_of(path: Path, overrides: Sequence[str]) -> Config:
    """Return the config to read a path with: that of the preset `default`, with the source that suits the path.

    Args:
        path: A folder with one sub-folder per class, a folder with train.csv, or a CSV of photos or of URLs.
        overrides: Settings to change, such as `crawl.columns.label=species`; crawl.sources, too.
    """
    path_given = f"crawl.path={json.dumps(str(path), ensure_ascii=False)}"  # in quotes: it may be called null
    given = load("default", [path_given, *overrides])
    if any(override.startswith("crawl.sources=") for override in overrides):
        return given
    return load("default", [path_given, f"crawl.sources={_source(path, given)}", *overrides])


def setting_doubts(path: Path, config: Config, overrides: Sequence[str]) -> list[str]:
    """Return a line for each override that changes nothing or is replaced by another one."""
    sources = f"crawl.sources=[{','.join(config.crawl.sources)}]"
    given = given_settings("default", [sources, *overrides])
    return [*no_effect.notes(config, given), *replaced_overrides([f"crawl.path={path}", *overrides])]


def _source(path: Path, config: Config) -> str:
    path = path.expanduser()
    if path.is_dir():
        names = {entry.name.lower() for entry in path.iterdir()}
        return "csv" if "train.csv" in names else "folder"
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        raise UserError(f"{path}: give a folder with one sub-folder of photos per class, or a CSV that lists photos")
    names = {name.strip().lower() for name in read_csv(path).columns}
    return "urls" if config.crawl.columns.url.lower() in names else "csv"


def check(config: Config, *, executor: Executor, progress: Progress) -> Findings:
    """List the photos and read the beginning of each file; nothing is stored, and no request is sent.

    Args:
        config: Its section `crawl` says what to list, see `config_of`; `filter` has the limits.
        executor: Reads the files.
        progress: Reports how many files are read.

    Raises:
        UserError: The crawl would refuse this folder or CSV; the message says why.
    """
    listed, missing, doubts = _list(config)
    files = {photo.file.path: photo.file for photo in listed if photo.file}
    with progress("files", total=len(files)) as advance:

        def read(path: str) -> Header:
            header = read_header(path, most_px=config.crawl.max_photo_mpx * 1e6)
            advance(1)
            return header

        headers = dict(zip(files, executor.map(read, files), strict=True))
    classes: dict[str, Counter[str]] = {}
    for photo in listed:
        classes.setdefault(photo.label, Counter())[photo.split] += 1
    sizes = sorted((h.size_px for h in headers.values() if h.size_px), key=lambda size: size[0] * size[1])
    doubts = [*_too_many_lost(headers, missing, config), *doubts, *_header_doubts(headers, config)]
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


def _list(config: Config) -> tuple[list[Photo], list[str], list[str]]:
    """List the photos of the source; also return those of a folder that aren't there, and the notes of the source."""
    crawl = config.crawl
    match crawl.sources:
        case ("folder",):
            assert crawl.path
            folder = list_folder(crawl.path.expanduser().absolute(), crawl.split)
            listed = [
                Photo(photo.name, label, photo.split or "", None, photo.file)
                for label, found in folder.classes.items()
                for photo in found
            ]
            missing = folder.missing
            lost = [f"{len(missing):,} photos aren't there: {first_few(missing)}"] if missing else []
            return listed, missing, [*folder.notes, *lost]
        case ("csv",):
            rows = photo_csv.list_photos(crawl)
            return (
                [Photo(row.name, row.label, row.given_split or "", row.group, row.file) for row in rows.photos],
                [],
                rows.notes,
            )
        case ("urls",):
            urls = list_urls(crawl)
            return (
                [
                    Photo(result.url, label, urls.splits.get((label, result.url)) or "", None, None)
                    for label, results in urls.candidates.items()
                    for result in results
                ],
                [],
                [*urls.notes, *_url_doubts(urls)],
            )
    raise UserError(f"crawl.sources={','.join(crawl.sources)}: check reads folders and CSV files only")


def _url_doubts(urls: UrlList) -> Iterator[str]:
    """Yield a line for each reason for which URLs can't be downloaded."""
    problems: dict[str, list[str]] = {}
    listed = [result.url for results in urls.candidates.values() for result in results]
    for url in listed:
        try:
            normalize_url(url)
        except FetchError as error:
            problems.setdefault(str(error), []).append(url)
    for problem, found in problems.items():
        yield f"{len(found):,} of {len(listed):,} URLs can't be downloaded ({problem}): {first_few(found)}"


def read_header(path: str, *, most_px: float) -> Header:
    """Read the format and the size of a photo from the beginning of its file.

    Args:
        path: The file.
        most_px: Photos with more pixels have a problem.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(_BEGINNING_BYTES)
        if other := formats.foreign(data):
            return Header(formats.extension(data), None, other.description)
        try:
            size = photos.size_px(data)
        except ValueError:
            size = photos.size_px(read_file(path))  # some formats have their header at the end
    except OSError as error:
        return Header(formats.UNKNOWN, None, f"can't be read ({error.strerror or error})")
    except ValueError as problem:
        return Header(formats.extension(data), None, f"is rejected as {str(problem)!r}")
    large = f"has more pixels than crawl.max_photo_mpx={most_px / 1e6:g} (megapixels)"
    return Header(formats.extension(data), size, large if size[0] * size[1] > most_px else "")


def _groups(listed: Sequence[Photo], config: Config) -> tuple[Counter[str], list[str]]:
    """Count the photos of each group of the source and of `filter.group_pattern`; also return what is odd with it."""
    import pandas as pd

    table = pd.DataFrame(
        [(photo.name, photo.name, photo.group) for photo in listed], columns=["photo", "name", "group"]
    )
    named = group_names(config.filter, table)
    groups = Counter(name for names in named.values() for name in names.values())
    return groups, pattern_notes(config.filter, table, named)


def _too_many_lost(headers: dict[str, Header], missing: list[str], config: Config) -> Iterator[str]:
    """Yield the message with which the crawl would stop, if so much is lost."""
    unusable = [f"{utf8_name(path)} {header.problem}" for path, header in headers.items() if header.problem]
    try:
        require_few_lost(
            [*missing, *unusable],
            len(headers) + len(missing),
            max_loss=config.crawl.max_loss,
            what="photos can't be used",
            remedy="replace or remove them",
        )
    except UserError as error:
        yield f"the crawl would stop: {error}"


def _header_doubts(headers: dict[str, Header], config: Config) -> list[str]:
    problems: dict[str, list[str]] = {}
    for path, header in headers.items():
        name = utf8_name(path)
        if header.problem:
            problems.setdefault(header.problem, []).append(name)
        least = config.filter.min_side_px
        if header.size_px and least and min(header.size_px) < least:
            problems.setdefault(f"is rejected as too small (filter.min_side_px={least})", []).append(name)
    return [
        f"{len(names):,} of {len(headers):,} photos: {first_few(names)}; each {problem}"
        for problem, names in problems.items()
    ]


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
        lines.append("formats: " + ", ".join(f"{count:,} {name}" for name, count in findings.formats.most_common()))
    if sizes := findings.sizes_px:
        (w0, h0), (w1, h1), (w2, h2) = sizes[0], sizes[len(sizes) // 2], sizes[-1]
        lines.append(f"sizes: {w0:,} x {h0:,} to {w2:,} x {h2:,} px, median {w1:,} x {h1:,} px")
    if groups := findings.groups:
        name, most = groups.most_common(1)[0]
        lines.append(f"groups: {len(groups):,} with {groups.total():,} photos; the largest, {name!r}, has {most:,}")
    return lines
