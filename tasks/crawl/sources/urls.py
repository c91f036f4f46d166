"""A list of URLs: a CSV file with the columns url,label and the optional columns split, page, licence and author."""

from dataclasses import dataclass, replace

from configs.redact import strip_login
from configs.schema import CrawlConfig
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.ledger.search_results import Search, SearchResult
from tasks.crawl.listing.files import fingerprint, require_path
from tasks.crawl.listing.given_split import GivenSplit
from tasks.crawl.listing.photo_rows import (
    blanks_after_some_commas,
    given_parts,
    merged_by_blanks,
    require_one_line,
    split_columns,
    unread_splits,
)
from tasks.crawl.losses import require_few_lost
from tasks.crawl.result import CrawlResult, require_two_classes
from tasks.names import nfc
from tasks.store.context import StageContext
from tasks.store.csv_columns import Column, find_columns
from tasks.store.csv_file import CsvRow, read_csv, shown_lines

NAME = "urls"
PATH = "urls.csv"
_FURTHER = ("page", "licence", "author")


@dataclass(frozen=True)
class UrlList:
    """The content of a list of URLs."""

    candidates: dict[str, list[SearchResult]]
    """Per class: its URLs, each once, ranked by their order in the file."""
    splits: dict[tuple[str, str], GivenSplit]
    """Per class and URL: the part of the split that the list gives, if it gives one."""
    notes: list[str]
    """One line for each kind of thing that isn't used as the list has it."""


def external_inputs(config: CrawlConfig) -> dict[str, str | int]:
    """Return a fingerprint of the list."""
    listed = list_urls(config)
    lines = [
        (label, result.url, result.page or "", result.licence or "", result.author or "")
        for label, results in listed.candidates.items()
        for result in results
    ]
    splits = [(*key, part) for key, part in listed.splits.items()]
    notes = [(note,) for note in listed.notes]  # so that a cached crawl doesn't repeat what is no longer so
    return {"urls": len(lines), "listing": fingerprint([*lines, *splits, *notes])}


def collect(config: CrawlConfig, ledger: Ledger, context: StageContext) -> CrawlResult:
    """Download the photos of the list; of each class the first `per_class` that are available, in the list's order."""
    from tasks.crawl.search import download_urls

    listed = list_urls(config)
    result = download_urls(listed.candidates, config, ledger, context)
    for note in listed.notes:
        context.warn(note)
    rows = [replace(row, given_split=listed.splits.get((row.label, row.url or ""))) for row in result.rows]
    return replace(result, rows=rows)


def list_urls(config: CrawlConfig) -> UrlList:
    """Read the list.

    Raises:
        UserError: It can't be used as it is, more than `crawl.max_loss` of its rows have no URL or no label, or it has
            fewer than two classes.
    """
    path = require_path(config.path, "crawl.path", PATH)
    names = config.columns
    columns = [
        Column(names.url, "url", "crawl.columns.url", "required"),
        Column(names.url_label, "label", "crawl.columns.url_label", "required"),
        *split_columns(config, needs_split=config.split == "folders"),
        *(Column(name) for name in _FURTHER),
    ]
    file = read_csv(path, [column.name for column in columns])
    found = find_columns(file, columns)
    incomplete: list[int] = []
    complete: list[CsvRow] = []
    for row in file.rows:
        require_one_line(path, row, found)
        is_complete = found.get(row, names.url) and found.get(row, names.url_label)
        if is_complete:
            complete.append(row)
        else:
            incomplete.append(row.line)
    candidates: dict[str, dict[str, SearchResult]] = {}
    splits: dict[tuple[str, str], GivenSplit] = {}
    repeated: list[int] = []
    for row, part in zip(complete, given_parts(path, complete, found, config), strict=True):
        url, label = strip_login(found.get(row, names.url)), nfc(found.get(row, names.url_label))
        of_class = candidates.setdefault(label, {})
        if url in of_class:
            repeated.append(row.line)
            continue
        page, licence, author = (strip_login(found.get(row, name)) or None for name in _FURTHER)
        of_class[url] = SearchResult(Search(NAME, ""), url, 0, len(of_class) + 1, page, licence, author)
        if part:
            splits[label, url] = part
    notes = [*file.notes, *found.notes, *unread_splits(file, found, config)]
    notes += blanks_after_some_commas(path, complete, found)
    notes += merged_by_blanks(path, complete, found, names.url_label)
    if repeated:
        lines = shown_lines(repeated)
        notes.append(f"{path}: {len(repeated):,} rows repeat a URL of their class and are left out ({lines})")
    lost = require_few_lost(
        [f"line {line:,}" for line in incomplete],
        len(file.rows),
        max_loss=config.max_loss,
        what=f"rows of {path} have no {names.url} or no {names.url_label}",
        remedy="fill them in, or remove these rows",
    )
    notes += [lost] if lost else []
    require_two_classes(candidates, str(path), "list URLs with at least two different labels")
    return UrlList({label: list(results.values()) for label, results in candidates.items()}, splits, notes)
